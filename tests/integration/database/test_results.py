"""Tests that results reach a real Postgres once and whole, also when saved twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger

from hkplates.database.engine import open_engine
from hkplates.database.ledger.claims import Claims
from hkplates.database.results.save import ImageDone, ImageFailed, Results
from hkplates.errors import DatabaseUnreachable
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.recognition.types import Candidate, PlateReading, Quad
from hkplates.storage.base import Entry

VERSION = ModelVersion("d3te", "tesseract 5.3", {"threshold": 0.5, "sizes": (384, 640)})
PLATE = PlateReading(
    mark="AB1234",
    text="AB 1234",
    region="HK",
    series="standard",
    rows=2,
    colour="yellow",
    confidence=0.875,
    character_confidences=(0.5, 0.75, 1, 1, 1, 1),
    candidates=(Candidate("A8 1234", 0.25),),
    quad=Quad((10, 20), (110, 22), (109, 62), (9, 60)),
    detector_score=0.9375,
    reader="tesseract",
)
OTHER = replace(PLATE, mark="AB1235", text="AB 1235")


@pytest.fixture
def results(engine: sa.Engine) -> Results:
    return Results(engine)


@pytest.fixture
def images(engine: sa.Engine) -> list[ImageRef]:
    """Two images that a worker has claimed."""
    ledger = Ledger(engine)
    submission = ledger.intake.open_submission("s3://car-park")
    ledger.intake.add_images(
        submission.id, "s3", "car-park", [Entry(f"{n}.jpg", "e", 9) for n in (1, 2)]
    )
    return ledger.claims.claim(ledger.dispatch.take_pending(5, 60), 60)


def done(image: ImageRef, *plates: PlateReading) -> ImageDone:
    taken = datetime(2026, 7, 1, 8, 30, tzinfo=timezone(timedelta(hours=8)))
    return ImageDone(image, 640, 480, taken, 12, plates)


def rows(engine: sa.Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def versions(results: Results) -> tuple[int, int]:
    """Two model versions."""
    newer = replace(VERSION, detector="n3w")
    return results.register_model(VERSION), results.register_model(newer)


def again(engine: sa.Engine, image: ImageRef, state: str = "pending") -> None:
    """Makes an image wait and be claimed once more."""
    change = sa.text("""
        UPDATE images SET state = :state,
               leased_until = CASE WHEN :state = 'queued' THEN now() END WHERE id = :id
    """)
    with engine.begin() as connection:
        connection.execute(change, {"state": state, "id": image.id})


def marks_seen(engine: sa.Engine) -> list[str]:
    return [row["mark"] for row in rows(engine, "SELECT mark FROM sightings")]


def everything(engine: sa.Engine) -> list[dict[str, Any]]:
    tables = ("images ORDER BY id", "plates ORDER BY id", "earlier_versions ORDER BY 1, 2")
    return [row for table in tables for row in rows(engine, f"SELECT * FROM {table}")]  # noqa: S608


def test_a_plate_is_stored_as_it_was_read(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    results.save(results.register_model(VERSION), [done(images[0], PLATE)])
    [seen] = rows(engine, "SELECT * FROM sightings")
    assert {name: seen[name] for name in ("uri", "mark", "text", "region", "series", "rows")} == {
        "uri": "s3://car-park/1.jpg",
        "mark": "AB1234",
        "text": "AB 1234",
        "region": "HK",
        "series": "standard",
        "rows": 2,
    }
    assert seen["box"] == [9, 20, 101, 42]
    assert seen["quad"] == [[10, 20], [110, 22], [109, 62], [9, 60]]
    assert seen["candidates"] == [{"text": "A8 1234", "confidence": 0.25}]
    assert (seen["confidence"], seen["detector_score"]) == (0.875, 0.9375)
    assert seen["taken_at"] == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)


def test_an_image_with_no_plate_is_done(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    results.save(results.register_model(VERSION), [done(images[0])])
    [image] = rows(engine, "SELECT * FROM images WHERE state = 'done'")
    assert (image["width"], image["height"], image["milliseconds"]) == (640, 480, 12)
    assert image["leased_until"] is None
    assert image["processed_at"] is not None
    assert rows(engine, "SELECT * FROM plates") == []


def test_a_failed_image_keeps_its_reason(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    results.save(
        results.register_model(VERSION),
        [ImageFailed(images[0], "missing", "gone\0 for good"), done(images[1], PLATE)],
    )
    query = "SELECT state, reason, detail FROM images ORDER BY id"
    assert [tuple(row.values()) for row in rows(engine, query)] == [
        ("failed", "missing", "gone\ufffd for good"),
        ("done", None, None),
    ]


def test_saving_twice_leaves_the_same_rows(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    version = results.register_model(VERSION)
    outcomes = [done(images[0], PLATE, PLATE), ImageFailed(images[1], "empty", "no bytes")]
    results.save(version, outcomes)
    before = everything(engine)
    results.save(version, outcomes)
    results.save(version, [ImageFailed(images[0], "missing", "gone"), done(images[1], PLATE)])
    assert everything(engine) == before


def test_a_chunk_delivered_to_two_workers_at_once_leaves_one_set_of_rows(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    version = results.register_model(VERSION)
    ready = threading.Barrier(4)

    def deliver(number: int) -> None:
        order = images if number % 2 else images[::-1]
        ready.wait()
        claimed = Claims(engine).claim(order, 60)
        results.save(version, [done(image, PLATE, PLATE) for image in claimed])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))
    query = "SELECT image_id, position FROM plates ORDER BY 1, 2"
    found = [tuple(row.values()) for row in rows(engine, query)]
    assert found == [(image.id, position) for image in images for position in (0, 1)]


def test_plates_found_after_the_lease_expired_count(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    Claims(engine).release([image.id for image in images])
    version = results.register_model(VERSION)
    results.save(version, [done(images[0], PLATE), ImageFailed(images[1], "missing", "gone")])
    states = [row["state"] for row in rows(engine, "SELECT state FROM images ORDER BY id")]
    assert states == ["done", "pending"]


def test_an_image_that_is_no_row_is_left_out(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    stranger = replace(images[0], id=999_999)
    results.save(results.register_model(VERSION), [done(stranger, PLATE), done(images[0], PLATE)])
    assert len(rows(engine, "SELECT * FROM plates")) == 1


def test_a_transaction_is_whole(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    wrong = replace(PLATE, confidence=7.0)
    with pytest.raises(sa.exc.IntegrityError):
        results.save(
            results.register_model(VERSION), [done(images[0], PLATE), done(images[1], wrong)]
        )
    assert {row["state"] for row in rows(engine, "SELECT state FROM images")} == {"queued"}
    assert rows(engine, "SELECT * FROM plates") == []


@pytest.mark.parametrize("hours", [-23, 23])
@pytest.mark.parametrize("year", [1, 2026, 9999])
def test_a_camera_with_a_strange_clock_stops_nothing(
    engine: sa.Engine, results: Results, images: list[ImageRef], year: int, hours: int
) -> None:
    month = 12 if year == 9999 else 1
    taken = datetime(year, month, 31, 23, 0, tzinfo=timezone(timedelta(hours=hours)))
    first = replace(done(images[0]), taken_at=taken)
    second = replace(done(images[1]), taken_at=taken.replace(day=1, hour=0))
    results.save(results.register_model(VERSION), [first, second])
    assert {row["state"] for row in rows(engine, "SELECT state FROM images")} == {"done"}


def test_a_model_version_is_kept_once(engine: sa.Engine, results: Results) -> None:
    first = results.register_model(VERSION)
    again = results.register_model(replace(VERSION, config={"sizes": [384, 640], "threshold": 0.5}))
    other = results.register_model(replace(VERSION, reader="tesseract 5.4"))
    assert (first, again, other) == (1, 1, 2)
    assert len(rows(engine, "SELECT * FROM model_versions")) == 2


def test_sightings_are_those_of_the_version_that_read_an_image_last(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    first, second = versions(results)
    results.save(first, [done(images[0], PLATE)])
    again(engine, images[0])
    assert marks_seen(engine) == ["AB1234"]
    results.save(second, [done(images[0], OTHER)])
    assert marks_seen(engine) == ["AB1235"]
    assert len(rows(engine, "SELECT * FROM plates")) == 2


def test_what_was_read_before_is_noted_with_its_time(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    first, second = versions(results)
    results.save(first, [done(image, PLATE) for image in images])
    before, _ = rows(engine, "SELECT processed_at FROM images ORDER BY id")
    again(engine, images[0])
    for _ in range(2):
        results.save(second, [done(images[0], OTHER), done(images[1], OTHER)])
    assert rows(engine, "SELECT * FROM earlier_versions") == [
        {"image_id": images[0].id, "model_version_id": first, **before}
    ]


def test_a_version_that_comes_back_is_no_earlier_one(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    first, second = versions(results)
    for version, plate in ((first, PLATE), (second, OTHER), (first, PLATE), (first, PLATE)):
        results.save(version, [done(images[0], plate)])
        again(engine, images[0])
    assert marks_seen(engine) == ["AB1234"]
    query = "SELECT model_version_id FROM earlier_versions"
    assert rows(engine, query) == [{"model_version_id": second}]


def test_an_image_that_fails_when_it_is_read_again_keeps_what_was_read_before(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    first, second = versions(results)
    results.save(first, [done(images[0], PLATE)])
    again(engine, images[0], state="queued")
    results.save(second, [ImageFailed(images[0], "missing", "gone")])
    [image] = rows(engine, "SELECT * FROM images WHERE state = 'failed'")
    assert (image["state"], image["reason"]) == ("failed", "missing")
    assert image["model_version_id"] == first
    assert marks_seen(engine) == ["AB1234"]
    assert rows(engine, "SELECT * FROM earlier_versions") == []


def test_an_image_that_was_never_read_has_no_model_version(
    engine: sa.Engine, results: Results, images: list[ImageRef]
) -> None:
    results.save(results.register_model(VERSION), [ImageFailed(images[0], "missing", "gone")])
    query = "SELECT model_version_id FROM images WHERE state = 'failed'"
    assert rows(engine, query) == [{"model_version_id": None}]


def test_what_broke_an_earlier_attempt_off_is_forgotten_once_it_is_done(
    engine: sa.Engine, ledger: Ledger, results: Results, images: list[ImageRef]
) -> None:
    ledger.claims.record_failure_cause(images[0].id, "timed_out")
    results.save(results.register_model(VERSION), [done(images[0], PLATE)])
    query = "SELECT trouble FROM images WHERE state = 'done'"
    assert rows(engine, query) == [{"trouble": None}]


def test_a_folder_image_has_a_file_uri(engine: sa.Engine, results: Results) -> None:
    ledger = Ledger(engine)
    submission = ledger.intake.open_submission("/photos")
    ledger.intake.add_images(submission.id, "folder", "/photos", [Entry("a b/ñ.jpg", "e", 9)])
    results.save(
        results.register_model(VERSION), [done(ledger.dispatch.take_pending(1, 9)[0], PLATE)]
    )
    assert [row["uri"] for row in rows(engine, "SELECT uri FROM sightings")] == [
        "file:///photos/a b/ñ.jpg"
    ]


def test_a_database_that_is_away_is_a_temporary_fault_without_the_password() -> None:
    engine = open_engine("postgres://someone:s3cret@127.0.0.1:1/plates")
    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:1/plates") as caught:
        Results(engine).register_model(VERSION)
    assert "s3cret" not in str(caught.value)
