"""What integration tests share: an engine and a ledger on a database of the test's own, and one
database with something in it that is only read."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, keys, submit
from support.seeded_rows import seed_rows

from hkplates.database.engine import open_engine

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> Ledger:
    return Ledger(engine)


@pytest.fixture(scope="session")
def seeded_url(database_server: str, template_database: str) -> Iterator[str]:
    """URL of a database with the two days of seeded_rows.py; for tests that change nothing."""
    name = f"hkplates_seeded_{secrets.token_hex(4)}"
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    url = sa.make_url(database_server).set(database=name).render_as_string(hide_password=False)
    engine = open_engine(url)
    seed_rows(engine)
    engine.dispose()
    yield url
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def app(engine: sa.Engine, tmp_path: Path) -> Iterator["FastAPI"]:
    """The page with its users and tokens (guarded.py)."""
    from support.page_with_users import (  # here, so that nobody else waits for it
        app_over,
        security_with_users,
    )

    with app_over(engine, tmp_path, security_with_users()) as made:
        yield made


@pytest.fixture
def local(engine: sa.Engine, tmp_path: Path) -> Iterator["FastAPI"]:
    """The page as `hkplates web` serves it on one's own machine."""
    from support.page_with_users import app_over

    with app_over(engine, tmp_path, None) as made:
        yield made


@pytest.fixture
def submission(ledger: Ledger) -> int:
    """A running submission of two images."""
    return submit(ledger, keys(2))


@pytest.fixture
def seeded(engine: sa.Engine) -> sa.Engine:
    """The two days of seeded_rows.py, for tests that change something."""
    seed_rows(engine)
    return engine


@pytest.fixture
def api(app: "FastAPI") -> "TestClient":
    """A program with a reader's token."""
    from support.page_with_users import READER_TOKEN, token_client

    return token_client(app, READER_TOKEN)


@pytest.fixture
def reviewer(app: "FastAPI") -> "TestClient":
    """A program with a reviewer's token."""
    from support.page_with_users import REVIEWER_TOKEN, token_client

    return token_client(app, REVIEWER_TOKEN)
