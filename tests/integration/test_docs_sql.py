"""docs/sql.md promises statements: each one must run."""

import re
from pathlib import Path

import psycopg
import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: " ".join(one.split())[:60])
def test_every_statement_of_the_document_runs(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute(statement).description


def test_the_document_has_statements() -> None:
    assert len(STATEMENTS) >= 8
