"""Times at the ends of what a database holds: one camera's date must not take a page down."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from support.browserless_client import BrowserlessClient, browserless_client, open_when_counted
from support.seeded_readings import Reading, seed_readings

from cli.submissions.next_steps import format_step
from hkplates.settings import Settings
from web.services import opened_services

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
SHOWN = {FIRST: "0001-01-01 08:00:00", LAST: "9999-12-31 23:59:59 UTC"}


@pytest.fixture
def client(engine: sa.Engine, tmp_path: Path) -> Iterator[BrowserlessClient]:
    with browserless_client(engine, tmp_path) as one:
        yield one


@pytest.mark.parametrize(
    "address",
    ["/search?mark=AB1234", "/marks/AB1234", "/sightings/1", "/sightings/2", "/review?plate=1"],
)
def test_a_camera_may_name_any_date(
    engine: sa.Engine, client: BrowserlessClient, address: str
) -> None:
    seed_readings(
        engine,
        [Reading("AB1234", reader_confidence=0.5, taken_at=moment) for moment in (FIRST, LAST)],
    )
    client.open(address)
    assert client.status == 200
    shown = [words for words in SHOWN.values() if words in client.text]
    assert len(shown) == (1 if "plate" in address else 2)


@pytest.mark.parametrize("address", ["/", "/submissions/1", "/submissions/1/failures", "/audit"])
@pytest.mark.parametrize("moment", [FIRST, LAST], ids=["first", "last"])
def test_so_may_a_clock_that_is_wrong(
    engine: sa.Engine, client: BrowserlessClient, address: str, moment: datetime
) -> None:
    seed_readings(engine, [Reading("AB1234")])
    client.open("/search?mark=AB1234")
    with engine.begin() as connection:
        for change in (
            "UPDATE submissions SET created_at = :at, listed_at = :at, finished_at = :at",
            "UPDATE images SET processed_at = :at, state = 'failed', reason = 'missing'",
            "UPDATE audit SET happened_at = :at",
        ):
            connection.execute(sa.text(change), {"at": moment})
    assert open_when_counted(client, address).status == 200
    assert SHOWN[moment] in client.text


def test_the_zone_of_the_server_does_not_matter(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Hong_Kong")
    url = engine.url.render_as_string(hide_password=False)
    with opened_services(
        Settings(data=tmp_path, DATABASE_URL=SecretStr(url)), format_step
    ) as services:
        with services.engine.connect() as connection:
            found = connection.execute(sa.text("SELECT timestamptz '9999-12-31 23:59:59+00'"))
            assert found.scalar_one() == LAST
            connection.rollback()
        with services.engine.connect() as connection:
            assert connection.execute(sa.text("SHOW TimeZone")).scalar_one() == "UTC"
