"""What integration tests share: an engine and a ledger on a database of the test's own."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

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
