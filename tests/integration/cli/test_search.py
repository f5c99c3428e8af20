"""Tests `hkplates search`: what is printed, at 80 columns and as JSON, and what is refused."""

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from support.seeded_readings import Reading, seed_readings
from typer.testing import CliRunner, Result

from cli.main import app
from hkplates.database.reviews.reviews import record

TAKEN = datetime(2026, 7, 15, 0, 31, tzinfo=UTC)  # 08:31 in Hong Kong


@pytest.fixture(autouse=True)
def archive(engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    seed_readings(
        engine,
        [
            Reading("AB8123", 0.95, key="gate/1.jpg", taken_at=TAKEN),
            Reading("A88123", 0.55, candidates=(("AB 8123", 0.4),), key="gate/2.jpg"),
            Reading("ZZ1"),
        ],
    )


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["search", *arguments])


def test_each_sighting_is_told_with_its_reason_and_photo_in_80_columns() -> None:
    shown = run("ab 8123")
    assert shown.exit_code == 0
    head, first, first_photo, second, second_photo = shown.output.splitlines()
    assert head.split() == ["mark", "score", "read", "taken", "(Hong", "Kong)", "why"]
    words = ["AB8123", "0.912", "0.91", "2026-07-15", "08:31", "read as asked"]
    assert first.split(maxsplit=5) == words
    assert first_photo == "  s3://car-park/gate/1.jpg"
    assert second.split(maxsplit=3) == ["A88123", "0.384", "0.53", "second reading of A88123"]
    assert second_photo == "  s3://car-park/gate/2.jpg"
    assert all(len(line) <= 80 for line in shown.output.splitlines())


def test_json_is_one_document() -> None:
    document = json.loads(run("AB?123", "--json").output)
    assert document["pattern"] == "AB?123"
    assert document["limit"] == 50
    assert document["note"] is None
    exact, misread = document["sightings"]
    assert exact == {
        "plate_id": 1,
        "mark": "AB8123",
        "text": "AB 8123",
        "score": pytest.approx(0.912, abs=1e-4),
        "why": "read as asked",
        "confidence": pytest.approx(0.912, abs=1e-4),
        "uri": "s3://car-park/gate/1.jpg",
        "taken_at": exact["taken_at"],
        "image_id": 1,
        "complete": True,
        "pattern": "AB8123",
    }
    assert datetime.fromisoformat(exact["taken_at"]) == TAKEN
    assert misread["taken_at"] is None


@pytest.mark.parametrize(
    ("options", "marks"),
    [
        (("--exact",), ["AB8123"]),
        (("--limit", "1"), ["AB8123"]),
        (("--since", "2026-07-15"), ["AB8123"]),
        (("--until", "2026-07-14"), []),
        (("--since", "2026-07-15T08:32"), []),  # Hong Kong's
        (("--prefix", "gate/2"), ["A88123"]),
        (("--prefix", "s3://car-park/gate/"), ["AB8123", "A88123"]),
    ],
)
def test_options_narrow(options: tuple[str, ...], marks: list[str]) -> None:
    document = json.loads(run("AB8123", "--json", *options).output)
    assert [sighting["mark"] for sighting in document["sightings"]] == marks


def test_nothing_found_is_said_with_a_hint_and_is_no_failure() -> None:
    shown = run("XY9999")
    assert shown.exit_code == 0
    assert "No plate bears XY9999 or anything like it. You may put ?" in shown.output
    assert "without --since" in run("AB8123", "--until", "2020").output


def test_where_a_person_corrected_what_was_read_as_asked_it_is_said(engine: sa.Engine) -> None:
    read = Reading("DAVYD", key="gate/9.jpg", taken_at=TAKEN)
    [plate, *_] = plates = seed_readings(engine, [read, Reading("DAVYD"), Reading("DAVYD")])
    for one in plates[1:]:
        record(engine, one, "not_a_plate", reviewer="ada")
    record(engine, plate, "corrected", text="K 1", reviewer="ada")
    told = "One was read as DAVYD; a person corrected it to K1."
    for options in (
        (), ("--exact",), ("--since", "2026-07-15"), ("--prefix", "gate/"),
        ("--prefix", "s3://car-park/gate/"),
    ):  # fmt: skip
        shown = run("davyd", *options).output
        assert shown.startswith("No plate bears davyd")
        assert told in shown
    assert told in run("DAV?D").output
    for options in (("--until", "2026-07-14"), ("--prefix", "lane/")):
        assert told not in run("DAVYD", *options).output
    assert told not in run("K1").output


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("*1*", "two characters or more"), ("AB_1", "letters, digits, ?"), ("", "AB1234")],
)
def test_a_pattern_that_is_none_is_wrong_usage(pattern: str, words: str) -> None:
    shown = run(pattern)
    assert shown.exit_code == 2
    assert words in " ".join(shown.output.replace("│", " ").split())


def test_more_than_the_limit_is_said() -> None:
    assert "The first 1; more with --limit." in run("AB8123", "--limit", "1").output


def test_a_key_of_any_characters_stays_on_its_line_and_is_found_by_its_odd_bytes(
    engine: sa.Engine,
) -> None:
    seed_readings(engine, [Reading("KL77", key="a\n\x1b[2J\N{REPLACEMENT CHARACTER}.jpg")])
    assert run("KL77").output.splitlines()[2] == (
        "  s3://car-park/a\\n\\x1b[2J\N{REPLACEMENT CHARACTER}.jpg"
    )
    odd = "a\n\x1b[2J\udcff"  # as the command line hands on a byte that is not UTF-8
    assert run("KL77", "--prefix", odd).output.count("KL77") == 1
    refused = run("KL\udcff")
    assert refused.exit_code == 2
