"""Tests of the concurrency limit: slow requests stop themselves, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from servers.processes import eventually
from support.page_with_users import served

from cli.submissions.next_steps import format_step
from hkplates.settings import Settings
from web import services
from web.app import create_app
from web.middleware import concurrency
from web.services import opened_services

SECONDS = 5.0
"""Statement timeout of this test."""
ASKED = 60
"""More pages than there are threads or connections."""


@pytest.fixture
def address(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(services, "STATEMENT_SECONDS", SECONDS)
    settings = Settings(DATABASE_URL=SecretStr(database_url), data=tmp_path)
    with opened_services(settings, format_step) as opened, served(create_app(opened)) as one:
        yield one


def waiting(engine: sa.Engine) -> int:
    """Counts statements that wait for a lock."""
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def test_slow_pages_are_broken_off_and_stop_nothing_else(engine: sa.Engine, address: str) -> None:
    def ask(_: int) -> int:
        return httpx2.get(f"{address}/search?mark=AB1234", timeout=60).status_code

    with engine.connect() as holder, ThreadPoolExecutor(ASKED) as threads:
        holder.execute(sa.text("LOCK TABLE plates IN ACCESS EXCLUSIVE MODE"))
        asked = [threads.submit(ask, number) for number in range(ASKED)]
        eventually(
            lambda: waiting(engine) == concurrency.MAX_CONCURRENT,
            "so many pages wait for plates",
            30,
        )
        for path in ("/healthz", "/static/hkplates.css", "/login"):
            assert httpx2.get(f"{address}{path}", timeout=3).status_code in (200, 303)
        assert not all(one.done() for one in asked)
        assert {one.result() for one in asked} == {503}
    assert httpx2.get(f"{address}/search?mark=AB1234", timeout=60).status_code == 200


def test_what_takes_long_beside_the_pages_has_a_limit_of_its_own(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(DATABASE_URL=SecretStr(database_url), data=tmp_path)
    query = sa.text("SHOW statement_timeout")
    with opened_services(settings, format_step) as opened:
        for engine, limit in ((opened.engine, "12s"), (opened.slow_engine, "10min")):
            with engine.connect() as connection:
                assert connection.execute(query).scalar_one() == limit
