"""Tests `hkplates compare`: what two model versions read on the same images, in a real Postgres."""

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from pydantic import SecretStr
from servers.archive import Archive, plate

from cli.compare.compare import run_compare
from cli.compare.comparison import compare
from hkplates.database.queries.version_pairs import _IMAGE_PAIRS, image_pairs
from hkplates.settings import Settings


@pytest.fixture
def archive(engine: sa.Engine) -> Archive:
    return Archive(engine)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(DATABASE_URL=SecretStr(database_url))


def two_readings(archive: Archive) -> tuple[int, int]:
    """Saves six photographs, read by two versions with a difference of each kind."""
    old, new = archive.version("old"), archive.version("new")
    archive.read_first(
        old,
        {
            "same.jpg": [plate("AA1"), plate("AA2", left=300)],
            "surer.jpg": [plate("BB1", 0.5)],
            "differs.jpg": [plate("CC8", 0.5)],
            "lost.jpg": [plate("DD1", 0.9375)],
            "gained.jpg": [],
            "empty.jpg": [],
        },
    )
    archive.read_again(
        new,
        {
            # The other way round, and a little aside: it is the place that counts.
            "same.jpg": [plate("AA2", left=303), plate("AA1", left=12)],
            "surer.jpg": [plate("BB1", 1.0)],
            "differs.jpg": [plate("CCB", 0.75)],
            "lost.jpg": [],
            "gained.jpg": [plate("EE1", 0.25, region="other", rows=2, colour="yellow")],
            "empty.jpg": [],
        },
    )
    return old, new


def shown(
    capsys: pytest.CaptureFixture[str], settings: Settings, *numbers: int, **more: Any
) -> Any:
    """Returns what `--json` prints."""
    options = {"submission": None, "limit": None, **more}
    old, new = (*numbers, None, None)[:2]
    assert run_compare(old, new, settings, form="json", **options) == 0
    return json.loads(capsys.readouterr().out)


def test_every_plate_is_counted_once(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    report = shown(capsys, settings, *two_readings(archive))
    counts = ("images", "images_changed", "same", "read_differently", "only_in_old", "only_in_new")
    assert {name: report[name] for name in counts} == {
        "images": 6,
        "images_changed": 3,
        "same": 3,
        "read_differently": 1,
        "only_in_old": 1,
        "only_in_new": 1,
    }
    assert report["confidence"] == {"old": 0.6667, "new": 0.8333, "surer": 1, "less_sure": 0}
    assert report["new_surer_of_those_read_differently"] == 1
    regions = report["groups"]["region"]
    assert {name: tally["only_in_new"] for name, tally in regions.items()} == {"HK": 0, "other": 1}
    assert set(report["groups"]["rows"]) == {"1", "2"}


def test_a_plate_that_one_version_does_not_see_whole_is_read_differently(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = archive.version("old"), archive.version("new")
    whole, part = plate("XR746", 0.75), plate("XR746", 0.25, gaps=(5,))
    archive.read_first(old, {"one.jpg": [whole], "two.jpg": [part]})
    archive.read_again(new, {"one.jpg": [part], "two.jpg": [part]})
    report = shown(capsys, settings, old, new)
    assert (report["read_differently"], report["same"]) == (1, 1)
    assert (report["incomplete_in_old"], report["incomplete_in_new"]) == (0, 1)
    [change] = report["changes"]
    assert (change["old"]["pattern"], change["new"]["pattern"]) == ("XR746", "XR746?")
    assert run_compare(old, new, settings, submission=None, limit=None, form="text") == 0
    assert "XR746? 0.25" in capsys.readouterr().out


def test_the_surest_changes_come_first_with_both_readings(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    changes = shown(capsys, settings, old, new)["changes"]
    assert [change["change"] for change in changes] == [
        "read_differently",
        "only_in_old",
        "only_in_new",
    ]
    [first, second, _] = changes
    assert first["uri"] == "s3://car-park/differs.jpg"
    assert [(first[side]["mark"], first[side]["confidence"]) for side in ("old", "new")] == [
        ("CC8", 0.5),
        ("CCB", 0.75),
    ]
    assert (second["old"]["mark"], second["new"]) == ("DD1", None)
    report = shown(capsys, settings, old, new, limit=1)
    assert (len(report["changes"]), report["changes_left_out"]) == (1, 2)
    assert shown(capsys, settings, old, new, limit=0)["images"] == 6


def test_the_other_way_round_lost_is_found(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    report = shown(capsys, settings, new, old)
    assert [c["old"] and c["old"]["mark"] for c in report["changes"]] == ["CCB", None, "EE1"]


def test_images_that_one_version_alone_has_read_do_not_count(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    third = archive.version("third")
    archive.submit("more.jpg")
    archive.read(third, {"more.jpg": [plate("FF1")]})
    assert shown(capsys, settings, old, new)["images"] == 6
    assert shown(capsys, settings, new, third)["images"] == 0


def test_two_earlier_versions_can_be_compared_after_a_third(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    before = shown(capsys, settings, old, new)
    archive.read_again(archive.version("third"), {key: [plate("GG1")] for key in archive.states()})
    assert shown(capsys, settings, old, new) == before


def test_one_submission_alone_is_compared(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    archive.change("UPDATE images SET superseded = true WHERE key = 'lost.jpg'")
    assert shown(capsys, settings, old, new, submission=2)["images"] == 5
    assert shown(capsys, settings, old, new, submission=1)["images"] == 0


def test_in_words_it_says_what_labels_alone_can_tell(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    assert run_compare(old, new, settings, submission=None, limit=None, form="text") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "On 6 images, version 2 reads 1 of 4 plates differently from version 1" in told
    assert "Which version is right it cannot say" in told
    assert "CC8 0.50" in told
    assert "s3://car-park/differs.jpg" in told


def test_as_csv_the_changes_can_be_opened_in_a_spreadsheet(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_readings(archive)
    archive.change("UPDATE plates SET text = '=1+1' WHERE mark = 'CC8'")
    assert run_compare(old, new, settings, submission=None, limit=2, form="csv") == 0
    told = capsys.readouterr()
    first, second = csv.DictReader(io.StringIO(told.out))
    assert (first["old_mark"], first["old_text"], first["new_mark"]) == ("CC8", "'=1+1", "CCB")
    assert (second["change"], second["new_mark"]) == ("only_in_old", "")
    assert "1 more change;" in told.err


def test_without_numbers_it_lists_the_versions(
    archive: Archive, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys, settings) == {"versions": []}
    two_readings(archive)
    archive.version("unused")
    first, second, third = shown(capsys, settings)["versions"]
    assert (first["detector"], first["reader"]) == ("old", "reader of old")
    assert [(v["images"], v["current"]) for v in (first, second, third)] == [(6, 0), (6, 6), (0, 0)]
    assert first["first_used"] <= first["last_used"] <= second["first_used"]
    assert third["last_used"] is None
    assert run_compare(None, None, settings, submission=None, limit=None, form="text") == 0
    told = capsys.readouterr().out
    assert "2  reader of new, detector new\n      6 images read, 6 of them shown" in told


@pytest.mark.parametrize(
    ("numbers", "words"),
    [((1, 1), "same version"), ((1, 9), "no model version 9"), ((1, None), "two versions")],
)
def test_what_cannot_be_compared_is_said(
    archive: Archive, settings: Settings, numbers: tuple[int, int | None], words: str
) -> None:
    archive.version("old")
    with pytest.raises(typer.BadParameter, match=words):
        run_compare(*numbers, settings, submission=None, limit=None, form="text")


def test_many_images_take_no_more_memory_than_some(archive: Archive, engine: sa.Engine) -> None:
    two_readings(archive)
    archive.change("""
        INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state,
                            model_version_id, processed_at)
        SELECT 1, 's3', 'car-park', n || '.jpg', 'e', 9, sha256(n::text::bytea), 'done', 2, now()
          FROM generate_series(1, 4000) AS n
    """)
    archive.change("""
        INSERT INTO earlier_versions
        SELECT id, 1, now() FROM images WHERE id > 6
    """)
    archive.change("""
        INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows,
                            colour, confidence, character_confidences, candidates, box, quad,
                            detector_score, reader)
        SELECT image.id, version, 0, 'AB' || image.id * version, 'AB 1', 'usual', 'HK', 1,
               'white', 0.5, '{}', '[]', box, quad, 1, 'neural'
          FROM plates AS model, images AS image, generate_series(1, 2) AS version
         WHERE model.mark = 'CC8' AND image.id > 6
    """)
    compare(image_pairs(engine, 1, 2), 1, 2, 10)  # what is imported and kept on first use
    tracemalloc.start()
    try:
        counted, surest = compare(image_pairs(engine, 1, 2), 1, 2, 10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (counted.images, len(surest)) == (4006, 10)
    assert peak < 8_000_000


def test_a_sample_is_compared_without_a_look_at_the_whole_archive(
    archive: Archive, engine: sa.Engine
) -> None:
    old, new = two_readings(archive)
    fill = """
        INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state,
                            model_version_id)
        SELECT 1, 's3', 'b', n || '.jpg', '', 1, sha256(n::text::bytea), 'done', :old
          FROM generate_series(1, 20000) AS n
    """
    with engine.begin() as connection:
        connection.execute(sa.text(fill), {"old": old})
        connection.execute(sa.text("ANALYZE images, earlier_versions"))
        plan = connection.execute(
            sa.text(f"EXPLAIN {_IMAGE_PAIRS.text}"), {"old": old, "new": new, "submission": None}
        )
        assert "Seq Scan on images" not in "\n".join(plan.scalars())
    assert len(list(image_pairs(engine, old, new))) == 6
