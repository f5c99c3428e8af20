"""Objects that a real S3 API answers with 500 for ever, and a bucket that is away for a while."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from servers.chunks import draw
from servers.fault_proxy import FaultProxy, proxied
from servers.ledgers import Ledger
from servers.processes import Worker, eventually, hkplates, variables, worker
from servers.s3 import S3

from hkplates.database.engine import open_engine
from hkplates.database.ledger.claims import MOST_RETURNS
from hkplates.storage.base import Entry

SERVERS = Path(__file__).parents[2] / "servers"
GOOD = ["a.png", "b.png", "c.png"]
Database = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def proxy(s3: S3) -> Iterator[FaultProxy]:
    with proxied(s3.endpoint, seed=1) as running:
        yield running


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> str:
    """Makes three pictures, and one for whose key the proxy answers 500."""
    name = f"b{secrets.token_hex(4)}"
    client = s3.client()
    client.create_bucket(Bucket=name)
    folder = draw(tmp_path / "p", {"a": 30, "b": 31, "broken": 32, "c": 33})
    for file in folder.iterdir():
        client.put_object(Bucket=name, Key=file.name, Body=file.read_bytes())
    return name


@pytest.fixture
def environment(database_url: str, broker_url: str, s3: S3, proxy: FaultProxy) -> dict[str, str]:
    return variables(
        database_url,
        broker_url,
        PYTHONPATH=str(SERVERS),
        HKPLATES_CHUNK_SECONDS="16",
        **replace(s3, endpoint=proxy.endpoint).environment(),
    )


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def working(environment: dict[str, str], tmp_path: Path) -> Iterator[Worker]:
    with worker(environment, tmp_path / "log", app="slow", concurrency=1) as running:
        yield running


def ends(database: Database) -> dict[object, object]:
    rows = database.execute("SELECT key, coalesce(reason, state) FROM images").fetchall()
    return {row[0]: row[1] for row in rows}


def came_back(database: Database) -> bool:
    """Returns whether all images not ended wait for their store, and have come back before."""
    query = "SELECT bool_and(returns > 0) FROM images WHERE state IN ('pending', 'queued')"
    return database.execute(query).fetchall() == [(True,)]


def let_an_hour_pass(database: Database) -> None:
    """Makes waiting images due, as if they had come back many times."""
    statement = "UPDATE images SET returns = %s, due_at = now() WHERE state = 'pending'"
    database.execute(statement, [MOST_RETURNS])


def test_an_object_that_answers_500_for_ever_ends_as_unavailable(
    environment: dict[str, str], bucket: str, database: Database, working: Worker
) -> None:
    submit = hkplates(environment, "submit", f"s3://{bucket}", "--json")
    eventually(lambda: list(ends(database).values()).count("done") == 3, "the others are done")
    eventually(lambda: came_back(database), "the last one waits")
    assert ends(database)["broken.png"] == "pending"
    let_an_hour_pass(database)
    said, _ = submit.communicate(timeout=120)
    assert submit.returncode == 1
    assert '"reasons": {"unavailable": 1}' in said
    assert ends(database) == {**dict.fromkeys(GOOD, "done"), "broken.png": "unavailable"}
    [(detail,)] = database.execute("SELECT detail FROM images WHERE reason IS NOT NULL").fetchall()
    assert f"serves others of {bucket}, and never this one" in str(detail)
    assert str(detail).endswith("is busy (InternalError)") or "too slow" in str(detail)


def record(database_url: str, s3: S3, bucket: str, keys: list[str]) -> None:
    """Records objects as rows, whatever the proxy lets through."""
    listed = s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    entries = [Entry(one["Key"], one["ETag"].strip('"'), one["Size"]) for one in listed]
    engine = open_engine(database_url)
    ledger = Ledger(engine)
    number = ledger.intake.open_submission(f"s3://{bucket}").id
    ledger.intake.add_images(number, "s3", bucket, [one for one in entries if one.key in keys])
    ledger.intake.listing_finished(number)
    engine.dispose()


@pytest.fixture
def dispatching(environment: dict[str, str]) -> Iterator[None]:
    process = hkplates(environment, "dispatch")
    yield
    process.terminate()
    process.communicate(timeout=60)


@pytest.mark.usefixtures("dispatching")
def test_a_bucket_that_is_away_for_a_while_loses_nothing(
    database_url: str,
    s3: S3,
    bucket: str,
    database: Database,
    proxy: FaultProxy,
    working: Worker,
) -> None:
    """One picture is done, and then the store is away for longer than any retry."""
    record(database_url, s3, bucket, ["a.png"])
    eventually(lambda: ends(database) == {"a.png": "done"}, "the first is done")
    proxy.worsen("busy", 600)
    record(database_url, s3, bucket, GOOD)
    eventually(lambda: came_back(database), "the others wait")
    returned = working.said("images_handed_back")
    let_an_hour_pass(database)
    eventually(lambda: working.said("images_handed_back") > returned, "they came back")
    assert working.said("image_failed") == 0
    proxy.worsen("well", 0)

    def are_done() -> bool:
        let_an_hour_pass(database)
        return ends(database) == dict.fromkeys(GOOD, "done")

    eventually(are_done, "all are done")
