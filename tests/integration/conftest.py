"""What integration tests share: an engine and a ledger on a database of the test's own, and one
database with something in it that is only read."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from planted import plant

from hkplates.database.ledger import Ledger
from hkplates.database.session import open_engine


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> Ledger:
    return Ledger(engine)


@pytest.fixture(scope="session")
def planted_url(database_server: str, template_database: str) -> Iterator[str]:
    """URL of a database with the two days of planted.py; for tests that change nothing."""
    name = f"hkplates_planted_{secrets.token_hex(4)}"
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    url = sa.make_url(database_server).set(database=name).render_as_string(hide_password=False)
    engine = open_engine(url)
    plant(engine)
    engine.dispose()
    yield url
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
