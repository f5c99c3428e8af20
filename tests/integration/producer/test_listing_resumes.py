"""An interrupted listing goes on after its checkpoint, and the report is that of the whole."""

import json
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from servers.ledgers import execute
from servers.processes import eventually, hkplates, variables
from servers.s3 import S3
from support.working_queue import Clock, Screen, WorkingQueue

from hkplates.database.ledger.control import Control
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.ledger.listed_images import Added
from hkplates.database.queries import submissions
from hkplates.database.results.save import ImageDone, Outcome
from hkplates.jobs import ImageRef
from hkplates.storage.base import Entry, Store
from hkplates.storage.folder import FolderStore
from hkplates.storage.s3 import S3Store
from producer.dispatcher import Dispatcher
from producer.listing import Batches
from producer.progress import ProgressSnapshot
from producer.sources import Source, parse_source
from producer.stall import StallWatch
from producer.submit import Report, Submit


class Counting:
    """A store that records the keys it was listed after and the keys it gave."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked, self.given = store, list[str | None](), list[str]()

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        self.asked.append(after)
        for entry in self.store.list(bucket, prefix, after=after):
            self.given.append(entry.key)
            yield entry

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        return self.store.read(bucket, key, etag, limit=limit)


class Killed(Screen):
    """Ends the command while it lists, once so many images are listed."""

    def __init__(self, listed: int) -> None:
        super().__init__()
        self.at = listed

    def show(self, snapshot: ProgressSnapshot) -> None:
        if snapshot.listing and snapshot.listed >= self.at:
            raise KeyboardInterrupt


class ReadsNothing(WorkingQueue):
    """A queue whose images end without being read, wherever they lie."""

    def outcome(self, image: ImageRef) -> Outcome:
        return ImageDone(image, 10, 10, None, 1, ())


def submit(engine: sa.Engine, source: Source, store: Store, screen: Screen) -> Report:
    clock = Clock()
    queue = ReadsNothing(engine)
    dispatcher = Dispatcher(Dispatch(engine), queue, 4, 3, 600, 240, clock)
    run = Submit(engine, dispatcher, screen, 60, StallWatch(10), clock, clock.sleep)
    return run.run(source, None, lambda after: Batches(store, source, 10, after=after, max_keys=15))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Makes 30 photographs, some in folders whose names sort oddly, and files that are none."""
    folder = tmp_path / "photos"
    for number in range(30):
        path = folder / ("a", "a-b", "a b", "é")[number % 4] / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"photo {number}")
        path.with_suffix(".txt").write_text("not a photo")
    return folder


def test_an_interrupted_listing_goes_on_after_the_last_key_it_recorded(
    engine: sa.Engine, photos: Path
) -> None:
    source, store = parse_source(str(photos)), Counting(FolderStore())
    with pytest.raises(KeyboardInterrupt):
        submit(engine, source, store, Killed(10))
    first, store.given = store.given, []
    screen = Screen()
    report = submit(engine, source, store, screen)
    assert screen.said == [f"Listing goes on after {first[-1]}"]
    assert store.asked == [None, first[-1]]
    assert first + store.given == [entry.key for entry in FolderStore().list(str(photos), "")]
    assert report.resumed
    assert report.added.listed == 30
    assert report.added.known == 30 - report.added.new
    assert (report.counts.done, report.counts.total) == (30, 30)


def test_what_was_skipped_before_the_interruption_counts(engine: sa.Engine, photos: Path) -> None:
    source = parse_source(str(photos))
    submit(engine, source, FolderStore(), Screen())
    with pytest.raises(KeyboardInterrupt):
        submit(engine, source, FolderStore(), Killed(10))
    store = Counting(FolderStore())
    report = submit(engine, source, store, Screen())
    assert len(store.given) < 60
    assert report.added == Added(skipped=30)
    row = submissions.find_submission(engine, report.submission)
    assert row is not None
    assert row.skipped == 30


def test_a_source_that_was_listed_whole_is_listed_from_the_start(
    engine: sa.Engine, photos: Path
) -> None:
    class Gone(Screen):
        def show(self, snapshot: ProgressSnapshot) -> None:
            if not snapshot.listing:
                raise KeyboardInterrupt

    source, store = parse_source(str(photos)), Counting(FolderStore())
    with pytest.raises(KeyboardInterrupt):
        submit(engine, source, store, Gone())
    screen = Screen()
    report = submit(engine, source, store, screen)
    assert report.resumed
    assert screen.said == []
    assert store.asked == [None, None]
    assert report.added == Added(known=30)


def test_a_submission_that_is_paused_while_it_lists_stops_listing_and_goes_on_from_there(
    engine: sa.Engine, photos: Path
) -> None:
    class Pausing(Screen):
        def show(self, snapshot: ProgressSnapshot) -> None:
            Control(engine).pause(1)

    source, store = parse_source(str(photos)), Counting(FolderStore())
    screen = Pausing()
    report = submit(engine, source, store, screen)
    assert screen.said == ["Submission 1 was paused"]
    assert (report.added.listed < 30, report.counts.left > 0) == (True, True)
    whole = submit(engine, source, store, Screen())
    assert store.asked == [None, store.given[report_end(store)]]
    assert whole.added.listed == 30
    assert whole.counts.done == 30


def report_end(store: Counting) -> int:
    """Returns the position after which the second listing began; no key was given twice."""
    assert len(store.given) == len(set(store.given)) == 60
    return store.given.index(str(store.asked[1]))


def test_a_real_s3_server_is_asked_for_what_comes_after_the_checkpoint(
    engine: sa.Engine, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    client, bucket = s3.client(), f"resume-{secrets.token_hex(3)}"
    client.create_bucket(Bucket=bucket)
    for number in range(30):
        client.put_object(Bucket=bucket, Key=f"2026/é {number:02}+a.jpg", Body=b"x")
    client.put_object(Bucket=bucket, Key="2026/é 09+b.txt", Body=b"x")
    source, store = parse_source(f"s3://{bucket}/2026/"), Counting(S3Store())
    with pytest.raises(KeyboardInterrupt):
        submit(engine, source, store, Killed(10))
    report = submit(engine, source, store, Screen())
    assert store.asked == [None, "2026/é 09+a.jpg"]
    assert len(store.given) == len(set(store.given)) == 31
    assert report.added.listed == 30
    assert report.counts.total == 30


STOP_AT = """
CREATE FUNCTION wait_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(300);
    RETURN NEW;
END $$;
CREATE TRIGGER wait_there BEFORE UPDATE ON submissions FOR EACH ROW
    WHEN (NEW.listing_after > 'b') EXECUTE FUNCTION wait_there();
"""
RELEASE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid();
DROP TRIGGER wait_there ON submissions;
"""


def test_killed_while_it_lists_the_same_command_goes_on_after_the_checkpoint(
    engine: sa.Engine, database_url: str, broker_url: str, tmp_path: Path
) -> None:
    for number in range(2500):  # three batches, of which the last two meet the trigger
        (tmp_path / f"{'a' if number < 1000 else 'c'}{number:04}.jpg").write_bytes(b"x")
    execute(engine, STOP_AT)
    environment = variables(database_url, broker_url)
    killed = hkplates(environment, "submit", str(tmp_path))
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    eventually(lambda: column(engine, waits), "the second batch waits")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert column(engine, "SELECT listing_after FROM submissions") == ["a0999.jpg"]
    execute(engine, RELEASE)

    again = hkplates(environment, "submit", str(tmp_path), "--json")
    cancel_when_listed(engine)
    out, said = again.communicate(timeout=60)
    report = json.loads(out)
    assert "Listing goes on after a0999.jpg" in said
    assert (report["resumed"], report["listed"]) == (True, 2500)
    assert (report["known"], report["new"]) == (1000, 1500)


def cancel_when_listed(engine: sa.Engine) -> None:
    eventually(
        lambda: column(engine, "SELECT 1 FROM submissions WHERE state = 'running'"), "all is listed"
    )
    Control(engine).cancel(1)


def column(engine: sa.Engine, query: str) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())
