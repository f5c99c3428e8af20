"""Tests `hkplates submit` on a real Postgres, with a queue that works for itself."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import sqlalchemy as sa
from servers.archive import Archive, plate
from support.working_queue import Clock, Screen, WorkingQueue

from cli.submissions.submit import QUARANTINED_HINT, format_report
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.ledger.intake import Intake
from hkplates.database.ledger.listed_images import Added
from hkplates.database.queries import submissions
from hkplates.database.queries.submissions import Counts, PlateCount
from hkplates.errors import (
    BrokerUnreachable,
    DatabaseUnreachable,
    SourceEmpty,
    StoreUnreachable,
)
from hkplates.storage.base import Entry
from hkplates.storage.folder import FolderStore
from producer.dispatcher import Dispatcher
from producer.listing import Batches
from producer.progress import ProgressSnapshot
from producer.sources import parse_source
from producer.stall import StallWatch
from producer.submission_run import NO_WORKER, NOT_CONNECTED, WORKER_CONNECT_SECONDS
from producer.submit import Report, Submit


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(25):
        (folder / f"{number:02}.jpg").write_text(f"photo {number}")
    (folder / "notes.txt").write_text("not a photo")
    return folder


def submit(
    engine: sa.Engine,
    photos: Path,
    queue: WorkingQueue,
    screen: Screen | None = None,
    store: FolderStore | None = None,
) -> Report:
    clock = Clock()
    source = parse_source(str(photos))
    dispatcher = Dispatcher(Dispatch(engine), queue, 4, 3, 600, 240)
    run = Submit(engine, dispatcher, screen or Screen(), 60, StallWatch(10), clock, clock.sleep)
    place = store or FolderStore()
    return run.run(source, None, lambda after: Batches(place, source, size=10, after=after))


def test_a_folder_is_worked_to_the_end(engine: sa.Engine, photos: Path) -> None:
    (photos / "99.jpg").touch()
    screen, queue = Screen(), WorkingQueue(engine)
    report = submit(engine, photos, queue, screen)
    assert report.added == Added(new=26)
    assert (report.counts.done, report.counts.failed) == (25, 1)
    assert report.reasons == {"empty": 1}
    assert report.exit_code == 1
    assert queue.longest <= 3
    assert screen.shown[-1].counts.done == 25
    row = submissions.find_submission(engine, report.submission)
    assert row is not None
    assert row.state == "finished"
    assert row.finished_at is not None


def test_submitting_again_sends_only_what_is_new_changed_or_failed(
    engine: sa.Engine, photos: Path
) -> None:
    (photos / "bad.jpg").touch()
    first = submit(engine, photos, WorkingQueue(engine))
    (photos / "00.jpg").write_text("another photo")
    (photos / "new.jpg").write_text("a new photo")
    again = submit(engine, photos, WorkingQueue(engine))
    assert again.submission != first.submission
    assert again.added == Added(new=2, retried=1, skipped=24)
    assert (again.counts.done, again.counts.failed) == (2, 1)
    row = submissions.find_submission(engine, again.submission)
    assert row is not None
    assert row.skipped == 24


def test_submitting_again_with_nothing_new_ends_at_once(engine: sa.Engine, photos: Path) -> None:
    submit(engine, photos, WorkingQueue(engine))
    again = submit(engine, photos, WorkingQueue(engine, works=False))
    assert again.added == Added(skipped=25)
    assert again.exit_code == 0


def test_an_interrupted_submission_is_continued(engine: sa.Engine, photos: Path) -> None:
    class Interrupted(Screen):
        def show(self, snapshot: ProgressSnapshot) -> None:
            if snapshot.counts.done >= 8:
                raise KeyboardInterrupt

    queue = WorkingQueue(engine)
    with pytest.raises(KeyboardInterrupt):
        submit(engine, photos, queue, Interrupted())
    report = submit(engine, photos, queue)
    assert report.resumed
    assert report.counts.done == 25
    assert report.added.known > 0
    assert report.added.skipped == 0
    assert len(submissions.latest_submissions(engine)) == 1


def test_a_missing_worker_is_told_once(engine: sa.Engine, photos: Path) -> None:
    class Helper(Screen):
        def print_message(self, message: str) -> None:
            super().print_message(message)
            queue.works = True

    screen, queue = Helper(), WorkingQueue(engine, works=False)
    report = submit(engine, photos, queue, screen)
    assert screen.said == [NO_WORKER]
    assert report.counts.done == 25


@pytest.mark.parametrize("connected", [0, 1, None])
def test_that_no_worker_is_connected_is_told_soon(
    engine: sa.Engine, photos: Path, connected: int | None
) -> None:
    """Lets nobody take anything; somebody cancels after ten seconds."""
    clock = Clock()
    queue = WorkingQueue(engine, works=False, connected=connected)
    dispatcher = Dispatcher(Dispatch(engine), queue, 4, 3, 600, 240)
    screen = Screen()
    run = Submit(engine, dispatcher, screen, 60, StallWatch(10), clock, clock.sleep)
    run.begin()
    number = Intake(engine).open_submission("x").id
    entries = FolderStore().list(str(photos), "")
    Intake(engine).add_images(number, "folder", str(photos), entries)
    while clock() < 10:
        # While listing nothing is counted, so that nobody looks whether something ends.
        run.step(number, Added(), listing=True)
        assert not screen.said or clock() >= WORKER_CONNECT_SECONDS
        clock.sleep(0.5)
    assert screen.said == ([NOT_CONNECTED] if connected == 0 else [])


def test_a_broker_that_comes_back_is_waited_for(engine: sa.Engine, photos: Path) -> None:
    screen = Screen()
    report = submit(engine, photos, WorkingQueue(engine, faults=5), screen)
    assert report.counts.done == 25
    assert screen.said == ["Redis at nowhere does not serve us. Waiting for it to come back ..."]


def test_a_broker_that_stays_away_ends_the_command(engine: sa.Engine, photos: Path) -> None:
    with pytest.raises(BrokerUnreachable):
        submit(engine, photos, WorkingQueue(engine, faults=10_000))


def test_a_cancelled_submission_is_not_waited_for(engine: sa.Engine, photos: Path) -> None:
    class Canceller(Screen):
        def show(self, snapshot: ProgressSnapshot) -> None:
            with engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE submissions SET state = 'cancelled' WHERE state = 'running'")
                )

    report = submit(engine, photos, WorkingQueue(engine, works=False), Canceller())
    assert report.counts.left == 25


def test_a_source_that_cannot_be_listed_leaves_no_submission(
    engine: sa.Engine, tmp_path: Path
) -> None:
    with pytest.raises(SourceEmpty):
        submit(engine, tmp_path, WorkingQueue(engine))
    assert submissions.latest_submissions(engine) == []


def test_status_reads_what_was_done(engine: sa.Engine, photos: Path) -> None:
    (photos / "99.jpg").touch()
    number = submit(engine, photos, WorkingQueue(engine)).submission
    assert submissions.count_images(engine, number).total == 26
    assert submissions.failure_reasons(engine, number) == {"empty": 1}
    assert submissions.count_in_progress(engine) == 0
    assert submissions.count_plates(engine, number) == 0
    assert submissions.find_submission(engine, 999) is None


class Restless(FolderStore):
    """A store that goes away after every eleven entries that it lists."""

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        yield from islice(super().list(bucket, prefix, after=after), 11)
        if len(list(super().list(bucket, prefix, after=after))) > 11:
            raise StoreUnreachable("The store is away")


def test_a_store_that_goes_away_while_listing_is_waited_for_each_time(
    engine: sa.Engine, photos: Path
) -> None:
    screen = Screen()
    report = submit(engine, photos, WorkingQueue(engine), screen, Restless())
    assert report.added == Added(new=25)
    assert report.counts.done == 25
    assert screen.said == ["The store is away. Waiting for it to come back ..."] * 2


@pytest.mark.parametrize("step", ["open_submission", "add_images", "listing_finished"])
def test_a_database_that_is_away_at_any_step_of_the_ledger_is_waited_for(
    engine: sa.Engine, photos: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fail_once(monkeypatch, Intake, step)
    screen = Screen()
    assert submit(engine, photos, WorkingQueue(engine), screen).counts.done == 25
    assert screen.said == ["Postgres is away. Waiting for it to come back ..."]


@pytest.mark.parametrize(
    "read", ["count_images", "failure_reasons", "count_plates", "count_in_progress"]
)
def test_a_database_that_is_away_when_asked_for_numbers_is_waited_for(
    engine: sa.Engine, photos: Path, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    class Helper(Screen):
        def print_message(self, message: str) -> None:
            super().print_message(message)
            queue.works = True

    fail_once(monkeypatch, submissions, read)
    screen, queue = Helper(), WorkingQueue(engine, works=read != "count_in_progress")
    assert submit(engine, photos, queue, screen).counts.done == 25
    assert "Postgres is away. Waiting for it to come back ..." in screen.said


def fail_once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Lets the first call fail as it does where Postgres is away."""
    real, calls = getattr(owner, name), list[int]()

    def fails(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise DatabaseUnreachable("Postgres is away")
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, fails)


def test_a_paused_submission_goes_on_with_a_line_that_says_so(
    engine: sa.Engine, photos: Path
) -> None:
    Intake(engine).open_submission(str(photos))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE submissions SET state = 'paused'"))
    screen = Screen()
    assert submit(engine, photos, WorkingQueue(engine), screen).counts.done == 25
    assert screen.said == ["Submission 1 was paused; it goes on now."]


def test_a_producer_whose_images_were_taken_over_finishes_with_what_is_left(
    engine: sa.Engine, photos: Path
) -> None:
    class Rival(Screen):
        """Another producer asks for the same images, once this one has listed them."""

        def show(self, snapshot: ProgressSnapshot) -> None:
            if not snapshot.listing and not submissions.find_submission(engine, 2):
                rival = Intake(engine)
                taken = rival.open_submission("another")
                entries = list(FolderStore().list(str(photos), ""))[:25]
                rival.add_images(taken.id, "folder", str(photos), entries)
                rival.listing_finished(taken.id)

    report = submit(engine, photos, WorkingQueue(engine), Rival())
    assert report.counts.left == 0
    row = submissions.find_submission(engine, 1)
    assert row is not None
    assert row.state == "finished"
    assert (
        submissions.count_images(engine, 1).total + submissions.count_images(engine, 2).total == 25
    )


def test_what_was_set_aside_is_told_apart_from_what_failed(engine: sa.Engine, photos: Path) -> None:
    report = submit(engine, photos, WorkingQueue(engine)).as_json()
    report["images"] |= {"failed": 2, "quarantined": 1}
    report["reasons"] = {"missing": 2, "crashed": 1}
    report["taken_over"] = 4
    words = format_report(report)
    assert "4 taken over" in words
    assert "2 failed, 1 set aside" in words
    assert "Submit the same source again" in words
    report["images"]["failed"] = 0
    assert "Submit the same source again" not in format_report(report)
    assert QUARANTINED_HINT in format_report(report)


def test_numbers_of_many_submissions_take_one_query_each(
    engine: sa.Engine, photos: Path, tmp_path: Path
) -> None:
    submit(engine, photos, WorkingQueue(engine))
    other = tmp_path / "other"
    other.mkdir()
    (other / "bad.jpg").touch()
    submit(engine, other, WorkingQueue(engine))
    assert submissions.count_images_by_submission(engine, [2, 1, 9]) == {
        2: Counts(failed=1),
        1: Counts(done=25),
        9: Counts(),
    }
    assert submissions.failure_reasons_by_submission(engine, [1, 2]) == {1: {}, 2: {"empty": 1}}
    assert submissions.count_plates_by_submission(engine, [1, 2]) == {1: 0, 2: 0}


def test_plates_of_very_many_images_are_estimated(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(engine)
    version = archive.version("v")
    two = [plate("AA11"), plate("AA12", left=300)]
    large = archive.read_first(version, {f"{number}.jpg": two for number in range(3000)})
    small = archive.read_first(version, {"x.jpg": two})
    counts = submissions.count_images_by_submission(engine, [large, small])
    assert submissions.estimate_plates(engine, counts)[large] == PlateCount(6000)
    monkeypatch.setattr(submissions, "COUNTED_IMAGES", 2000)
    monkeypatch.setattr(submissions, "SAMPLED_IMAGES", 1500)
    assert submissions.estimate_plates(engine, counts) == {
        large: PlateCount(6000, exact=False),
        small: PlateCount(2),
    }


def test_what_takes_long_to_count_is_not_counted_at_every_step(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, asked = Clock(), list[float]()

    def count_for_three_seconds(*_: object) -> Counts:
        asked.append(clock.now)
        clock.now += 3
        return Counts(pending=1)

    monkeypatch.setattr(submissions, "count_images", count_for_three_seconds)
    dispatcher = Dispatcher(Dispatch(engine), WorkingQueue(engine), 4, 3, 600, 240)
    run = Submit(engine, dispatcher, Screen(), 60, StallWatch(10), clock, clock.sleep)
    for _ in range(100):
        assert run.step(1, Added(), listing=False) == Counts(pending=1)
        clock.sleep(0.5)
    assert asked == [0, 33]
