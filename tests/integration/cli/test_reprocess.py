"""Tests `hkplates reprocess` on a real Postgres, with a queue that works for itself."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from pydantic import SecretStr
from servers.archive import Archive, Plates, plate
from servers.ledgers import column

from cli.submissions.reprocess import (
    current_version,
    format_report,
    format_version_warning,
    run_reprocess,
)
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.ledger.reprocess import ReprocessFilter, Reprocessing
from hkplates.database.queries.submissions import count_images, find_submission
from hkplates.database.results.save import ImageDone, ImageFailed
from hkplates.database.reviews.reviews import record
from hkplates.database.sighting_filter import SightingFilter
from hkplates.errors import DatabaseUnreachable
from hkplates.jobs import Chunk
from hkplates.settings import Settings
from producer.dispatcher import Dispatcher
from producer.progress import ProgressSnapshot
from producer.reprocess import Report, Reprocess, as_command
from producer.stall import StallWatch

OLD_PLATES: dict[str, Plates] = {
    "a/1.jpg": [plate("AA11", 0.875)],
    "a/2.jpg": [plate("AA12", 0.5)],
    "b/1.jpg": [plate("BB11", 0.75), plate("CN99", 0.25, left=300, region="CN")],
    "b/2.jpg": [],
}
NEW_PLATES: dict[str, Plates] = {key: [plate("NEW1", 1.0)] for key in OLD_PLATES}


def chosen_by(
    *, model: int | None = None, limit: int | None = None, **sightings: Any
) -> ReprocessFilter:
    """Builds the filter of images whose sightings meet these conditions."""
    return ReprocessFilter(SightingFilter(**sightings), model, limit)


@dataclass
class Screen:
    """Records the messages."""

    said: list[str] = field(default_factory=list)

    def due(self) -> bool:
        return True

    def show(self, snapshot: ProgressSnapshot) -> None:
        """Shows nothing."""

    def print_message(self, message: str) -> None:
        self.said.append(message)

    def wait_at_least(self, seconds: float) -> None:
        """Tests count as often as they like."""

    def close(self) -> None:
        """Holds nothing."""


@dataclass
class ReadingQueue:
    """A broker and a worker of one model version: what is sent is read when the queue is next
    looked at, `before` which something may happen."""

    archive: Archive
    version: int
    plates: dict[str, Plates]
    before: Callable[[], None] = lambda: None
    works: bool = True
    queue: list[Chunk] = field(default_factory=list)
    sent: int = 0

    def image_ids(self) -> set[int]:
        return {image.id for chunk in self.queue for image in chunk.images}

    def count_workers(self) -> int | None:
        return None

    def queue_length(self) -> int:
        while self.works and self.queue:
            self.before()
            chunk = self.queue.pop()
            for image in self.archive.ledger.claims.claim(chunk.images, 60):
                outcome = (
                    ImageDone(image, 10, 10, None, 1, tuple(self.plates[image.key]))
                    if image.key in self.plates
                    else ImageFailed(image, "missing", "it is gone")
                )
                self.archive.results.save(self.version, [outcome])
        return len(self.queue)

    def send(self, chunk: Chunk) -> None:
        self.queue.append(chunk)
        self.sent += len(chunk.images)


@dataclass
class World:
    """Four photographs that version 1 has read, and version 2, which nobody has used."""

    archive: Archive
    old: int
    new: int
    screen: Screen = field(default_factory=Screen)

    def queue(self, plates: dict[str, Plates] | None = None, **more: Any) -> ReadingQueue:
        return ReadingQueue(self.archive, self.new, plates or NEW_PLATES, **more)

    def run(
        self, wanted: ReprocessFilter, queue: ReadingQueue, *, wait: bool = True
    ) -> Report | None:
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds
            if now[0] > 1000:
                raise TimeoutError("the reprocessing never ends")

        engine = self.archive.engine
        dispatcher = Dispatcher(Dispatch(engine), queue, 2, 3, 600, 240)
        run = Reprocess(engine, dispatcher, self.screen, 60, StallWatch(10), lambda: now[0], sleep)
        return run.run(Reprocessing(engine, wanted, self.new), self.new, wait=wait)

    def chosen(self, wanted: ReprocessFilter) -> list[str]:
        """Returns the keys of what would be chosen."""
        choice = Reprocessing(self.archive.engine, wanted, self.new)
        ids = [number for batch in choice.batches(None) for number in batch]
        assert sum(choice.count().values()) == len(ids)
        rows = self.archive.rows("SELECT key FROM images WHERE id = ANY(:ids) ORDER BY 1", ids=ids)
        return [str(key) for (key,) in rows]


@pytest.fixture
def world(engine: sa.Engine) -> World:
    archive = Archive(engine)
    old, new = archive.version("old"), archive.version("new")
    archive.read_first(old, OLD_PLATES)
    return World(archive, old, new)


@pytest.fixture
def settings(database_url: str, broker_url: str) -> Settings:
    urls = {"DATABASE_URL": SecretStr(database_url), "CELERY_BROKER_URL": SecretStr(broker_url)}
    return Settings(**urls)  # type: ignore[arg-type]


def expected(report: Report | None) -> Report:
    assert report is not None
    return report


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        pytest.param(ReprocessFilter(), ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"], id="all"),
        pytest.param(chosen_by(below=0.75), ["a/2.jpg"], id="below, of Hong Kong alone"),
        pytest.param(chosen_by(below=0.8), ["a/2.jpg", "b/1.jpg"], id="below"),
        pytest.param(chosen_by(mark="AA1?"), ["a/1.jpg", "a/2.jpg"], id="a pattern"),
        pytest.param(chosen_by(mark="*99"), ["b/1.jpg"], id="any number"),
        pytest.param(chosen_by(mark="AA11"), ["a/1.jpg"], id="a mark"),
        pytest.param(chosen_by(mark="CN99", below=0.9), [], id="of one plate"),
        pytest.param(
            chosen_by(prefix="b/", model=1),
            ["b/1.jpg", "b/2.jpg"],
            id="a key's prefix",
        ),
        pytest.param(
            chosen_by(prefix="s3://car-park/a"),
            ["a/1.jpg", "a/2.jpg"],
            id="an URI's",
        ),
        pytest.param(chosen_by(prefix="s3://other/"), [], id="another bucket"),
        pytest.param(
            chosen_by(submission=1, below=0.6),
            ["a/2.jpg"],
            id="of a submission",
        ),
        pytest.param(chosen_by(submission=2), [], id="of none"),
        pytest.param(chosen_by(model=2), [], id="those of the version itself"),
    ],
)
def test_what_narrows_narrows_together(
    world: World, wanted: ReprocessFilter, keys: list[str]
) -> None:
    assert world.chosen(wanted) == keys


def test_a_mark_is_the_one_that_a_person_saw_and_what_is_no_plate_is_none(world: World) -> None:
    engine = world.archive.engine
    query = "SELECT plates.id FROM plates JOIN images ON images.id = image_id WHERE key = 'a/2.jpg'"
    [plate] = column(engine, query)
    assert world.chosen(chosen_by(below=0.75)) == ["a/2.jpg"]
    record(engine, int(str(plate)), "corrected", text="ZZ 7", reviewer="ada")
    assert world.chosen(chosen_by(mark="ZZ7")) == ["a/2.jpg"]
    assert world.chosen(chosen_by(mark="AA1?")) == ["a/1.jpg"]
    record(engine, int(str(plate)), "not_a_plate", reviewer="ada")
    assert world.chosen(chosen_by(below=0.75)) == []


def test_a_confidence_is_compared_as_it_is_stored(world: World) -> None:
    world.archive.change("UPDATE plates SET confidence = 0.9 WHERE region = 'HK'")
    assert world.chosen(chosen_by(below=0.9)) == []


def test_what_was_never_read_or_is_replaced_or_set_aside_is_left_alone(world: World) -> None:
    archive = world.archive
    archive.submit("fresh.jpg")
    archive.change("UPDATE images SET superseded = true WHERE key = 'a/1.jpg'")
    archive.change("""
        UPDATE images SET state = 'quarantined', reason = 'crashed' WHERE key = 'a/2.jpg'
    """)
    assert world.chosen(ReprocessFilter()) == ["b/1.jpg", "b/2.jpg"]


def test_one_that_failed_when_it_was_read_again_is_chosen_with_the_others(world: World) -> None:
    world.archive.change("""
        UPDATE images SET state = 'failed', reason = 'missing', detail = 'x' WHERE key = 'a/1.jpg'
    """)
    assert world.chosen(chosen_by(prefix="a/")) == ["a/1.jpg", "a/2.jpg"]
    report = expected(world.run(chosen_by(prefix="a/"), world.queue()))
    assert (report.counts.done, report.exit_code) == (2, 0)


def test_images_are_read_again_and_the_old_plates_stay(world: World) -> None:
    report = expected(world.run(chosen_by(below=0.8), world.queue()))
    assert (report.added.retried, report.counts.done, report.exit_code) == (2, 2, 0)
    assert (report.versions, report.before) == ({world.new: 2}, world.old)
    assert world.archive.seen() == [
        ("a/1.jpg", "AA11", world.old),
        ("a/2.jpg", "NEW1", world.new),
        ("b/1.jpg", "NEW1", world.new),
    ]
    assert world.archive.rows("SELECT count(*) FROM plates") == [(6,)]
    row = find_submission(world.archive.engine, report.submission.id)
    assert row is not None
    assert (row.source, row.state) == ("reprocess --below 0.8", "finished")
    assert row.options == {"command": "reprocess", "below": 0.8, "target": world.new}
    assert "hkplates compare 1 2 --submission 2" in format_report(report)


def test_while_an_image_is_read_again_its_old_reading_is_shown(world: World) -> None:
    before = world.archive.seen()
    seen: list[Any] = []
    queue = world.queue(before=lambda: seen.append(world.archive.seen()))
    world.run(ReprocessFilter(), queue)
    assert seen[0] == before
    assert {version for moment in seen for *_, version in moment} == {world.old, world.new}
    for moment in seen:
        assert {key for key, *_ in before} <= {key for key, *_ in moment}
        versions: dict[str, set[int]] = {}
        for key, _, version in moment:
            versions.setdefault(key, set()).add(version)
        assert all(len(of_image) == 1 for of_image in versions.values())


def test_images_at_the_current_version_are_left_out(world: World) -> None:
    world.run(chosen_by(prefix="a/"), world.queue())
    queue = world.queue()
    report = expected(world.run(ReprocessFilter(), queue))
    assert (report.added.retried, queue.sent) == (2, 2)
    assert world.run(ReprocessFilter(), queue) is None
    assert queue.sent == 2


def test_one_that_fails_keeps_its_old_reading_and_is_told(world: World) -> None:
    query = "SELECT processed_at FROM sightings WHERE key = 'a/2.jpg'"
    [(before,)] = world.archive.rows(query)
    report = expected(world.run(chosen_by(prefix="a/"), world.queue({"a/1.jpg": []})))
    assert (report.counts.failed, report.exit_code) == (1, 1)
    assert world.archive.states()["a/2.jpg"] == ("failed", world.old)
    assert ("a/2.jpg", "AA12", world.old) in world.archive.seen()
    [(after,)] = world.archive.rows(query)
    assert after > before  # type: ignore[operator]  # when it ended last, as docs/sql.md says
    assert "1 missing; what was read on them before stays" in format_report(report)


def test_workers_of_another_version_are_noticed(world: World) -> None:
    queue = world.queue()
    queue.version = world.old
    report = expected(world.run(chosen_by(prefix="a/"), queue))
    assert report.versions == {world.old: 2}
    assert "2 by version 1. Workers of it still run" in format_report(report)
    assert world.chosen(chosen_by(prefix="a/")) == ["a/1.jpg", "a/2.jpg"]
    assert format_version_warning(world.archive.engine, world.old) is None
    assert "last image was read by version 1" in str(
        format_version_warning(world.archive.engine, world.new)
    )


def test_a_sample_is_the_same_one_each_time_and_its_size_counts_over_interruptions(
    world: World,
) -> None:
    wanted = chosen_by(limit=3)
    sample = world.chosen(wanted)
    assert (len(sample), sample) == (3, world.chosen(wanted))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.run(wanted, world.queue(before=interrupt))
    world.archive.change("UPDATE images SET state = 'pending', leased_until = NULL")
    report = expected(world.run(wanted, world.queue()))
    assert (report.submission.resumed, report.added.retried, report.added.known) == (True, 0, 3)
    read = [key for key, (_, version) in world.archive.states().items() if version == world.new]
    assert read == sample


def test_interrupted_in_mid_choice_the_same_command_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hkplates.database.ledger.reprocess.BATCH", 1)
    take, taken = Reprocessing.take, []

    def once(self: Reprocessing, *arguments: Any) -> Any:
        if taken:
            raise KeyboardInterrupt
        taken.append(arguments)
        return take(self, *arguments)

    monkeypatch.setattr(Reprocessing, "take", once)
    with pytest.raises(KeyboardInterrupt):
        world.run(ReprocessFilter(), world.queue())
    monkeypatch.setattr(Reprocessing, "take", take)
    assert world.archive.rows("SELECT id, state FROM submissions ORDER BY id") == [
        (1, "finished"),
        (2, "listing"),
    ]
    report = expected(world.run(ReprocessFilter(), world.queue()))
    assert (report.submission.id, report.added.known, report.added.retried) == (2, 1, 3)
    assert report.counts.done == 4


def test_a_database_that_goes_away_in_mid_choice_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hkplates.database.ledger.reprocess.BATCH", 1)
    batches, faults = Reprocessing.batches, [True]

    def breaking(self: Reprocessing, submission_id: int | None) -> Any:
        for number, batch in enumerate(batches(self, submission_id)):
            if number == 2 and faults and faults.pop():
                raise DatabaseUnreachable("Postgres at nowhere does not serve us")
            yield batch

    monkeypatch.setattr(Reprocessing, "batches", breaking)
    report = expected(world.run(ReprocessFilter(), world.queue()))
    assert (report.added.retried, report.counts.done) == (4, 4)
    assert world.screen.said == [
        "Postgres at nowhere does not serve us. Waiting for it to come back ..."
    ]


def test_without_waiting_the_images_are_left_to_whatever_sends(world: World) -> None:
    queue = world.queue(works=False)
    report = expected(world.run(chosen_by(prefix="a/"), queue, wait=False))
    assert report.counts.left == 2
    assert "hkplates dispatch" in format_report(report)
    queue.works = True
    assert queue.queue_length() == 0
    world.archive.ledger.dispatch.finish_submissions()
    row = find_submission(world.archive.engine, report.submission.id)
    assert row is not None
    assert row.state == "finished"


def test_a_cancelled_reprocessing_gives_the_images_back_as_they_were(world: World) -> None:
    before = world.archive.states(), world.archive.seen()
    times = world.archive.rows("SELECT processed_at FROM images ORDER BY id")
    queue = world.queue(before=lambda: world.archive.ledger.control.cancel(2) and None)
    report = expected(world.run(ReprocessFilter(), queue))
    assert (world.archive.states(), world.archive.seen()) == before
    assert world.archive.rows("SELECT processed_at FROM images ORDER BY id") == times
    assert report.versions == {}
    assert "Submission 2 was cancelled" in world.screen.said
    assert "Workers of it" not in format_report(report)


def test_a_submission_cancelled_in_mid_choice_takes_no_more(world: World) -> None:
    choice = Reprocessing(world.archive.engine, ReprocessFilter(), world.new)
    number = choice.open("reprocess --all", {}).id
    [ids] = choice.batches(number)
    choice.take(number, ids[:1])
    world.archive.ledger.control.cancel(number)
    assert choice.take(number, ids).listed == 0
    assert {state for state, _ in world.archive.states().values()} == {"done"}


def test_images_that_wait_to_be_read_again_elsewhere_are_taken_over(world: World) -> None:
    queue = world.queue(works=False)
    world.run(chosen_by(prefix="a/"), queue, wait=False)
    queue.works = True
    report = expected(world.run(ReprocessFilter(), queue))
    assert (report.added.retried, report.added.taken_over) == (2, 2)
    assert count_images(world.archive.engine, 2).total == 0


def test_two_at_once_choose_each_image_once(world: World) -> None:
    first = Reprocessing(world.archive.engine, ReprocessFilter(), world.new)
    number = first.open("reprocess --all", {}).id
    batches = [batch for _ in range(2) for batch in first.batches(number)]
    assert [first.take(number, batch).retried for batch in batches] == [4, 0]


def test_a_dry_run_changes_nothing(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = ("submissions", "images", "model_versions")
    before = [world.archive.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    options = {"all_images": False, "dry_run": True, "wait": True}
    assert run_reprocess(chosen_by(below=0.8), settings, as_json=True, **options) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": "reprocess --below 0.8",
        "target": None,
        "images": 2,
        "versions": {"1": 2},
    }
    assert run_reprocess(chosen_by(below=0.8), settings, as_json=False, **options) == 0
    assert "2 images would be read again by a version not used yet" in capsys.readouterr().out
    assert [world.archive.rows(f"SELECT * FROM {t}") for t in tables] == before  # noqa: S608


@pytest.mark.parametrize(
    ("wanted", "all_images", "words"),
    [
        (ReprocessFilter(), False, "or --all"),
        (chosen_by(below=0.5), True, "leave it out"),
        (chosen_by(model=99), False, "no model version 99"),
        (chosen_by(submission=99), False, "no submission 99"),
    ],
)
def test_what_chooses_nothing_or_too_much_is_wrong_usage(
    settings: Settings, wanted: ReprocessFilter, all_images: bool, words: str
) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        run_reprocess(
            wanted, settings, all_images=all_images, dry_run=True, wait=True, as_json=False
        )


def test_this_machines_version_is_the_target(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    number = world.archive.results.register_model(current_version(settings))
    world.archive.read_again(number, NEW_PLATES)
    options = {"dry_run": False, "wait": True, "as_json": True}
    assert run_reprocess(ReprocessFilter(), settings, all_images=True, **options) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"submission": None, "source": "reprocess --all", "target": number}


@pytest.mark.parametrize(
    ("wanted", "source"),
    [
        (ReprocessFilter(), "reprocess --all"),
        (chosen_by(limit=500), "reprocess --all --limit 500"),
        (
            chosen_by(below=0.8, mark="AB*"),
            "reprocess --below 0.8 --mark 'AB*'",
        ),
        (
            chosen_by(prefix="s3://b/my photos"),
            "reprocess --prefix 's3://b/my photos'",
        ),
    ],
)
def test_the_source_is_the_command_as_it_can_be_typed(wanted: ReprocessFilter, source: str) -> None:
    assert as_command(wanted) == source
