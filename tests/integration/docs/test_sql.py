"""The questions of docs/sql.md, each with the answer that the seeded days give."""

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from cli.sightings import sql as psql
from hkplates.database.libpq import libpq_parameters
from hkplates.database.queries.export import COLUMNS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
PAIRS = re.compile(r"^### (.*?)$.*?```sql\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL | re.MULTILINE)
QUESTIONS = [pytest.param(sql, answer, id=name) for name, sql, answer in PAIRS.findall(DOCUMENT)]
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_every_question_has_the_answer_that_the_document_shows(
    seeded_url: str, question: str, answer: str
) -> None:
    asked = subprocess.run(
        [psql._program(), "--no-psqlrc", "--pset=footer=off", "--command", question],
        env={**os.environ, **libpq_parameters(seeded_url).environment, "PGTZ": "Asia/Hong_Kong"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stderr == ""
    found = [line.rstrip() for line in asked.stdout.rstrip().splitlines()]
    assert found == answer.rstrip().splitlines()
    assert len(found) > 2, "an answer without a row shows nothing"


def test_there_are_many_questions_and_each_has_its_answer() -> None:
    asking = [one for one in STATEMENTS if one.startswith(("SELECT", "WITH"))]
    assert len(QUESTIONS) == len(asking) >= 20


def test_every_other_statement_of_the_document_runs(database_url: str) -> None:
    """Runs such as the lines that make a login, which change what the whole server knows."""
    questions = [sql for _, sql, _ in PAIRS.findall(DOCUMENT)]
    statements = [one for one in STATEMENTS if one not in questions]
    assert statements
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.rollback()


def test_the_document_explains_every_column_of_the_view() -> None:
    table = DOCUMENT.partition("## The view")[2].partition("\n## ")[0]
    explained = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert tuple(explained) == COLUMNS


def test_the_document_names_every_table(seeded_url: str) -> None:
    table = DOCUMENT.partition("## The tables")[2].partition("\n## ")[0]
    with psycopg.connect(seeded_url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname <> 'alembic_version' "
            "AND relnamespace = 'public'::regnamespace"
        )
        assert {name for [name] in found} == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
