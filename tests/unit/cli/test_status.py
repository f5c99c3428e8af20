"""Tests the next steps that are suggested, and the table of `hkplates status`."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cli.submissions.next_steps import format_step, how_to_send
from cli.submissions.status import _print_table, format_status, format_table
from hkplates.database.queries.submissions import Counts, Pace, PlateCount, SubmissionRow
from hkplates.formatting import printable, shell_command
from hkplates.reporting.next_steps import suggest
from hkplates.reporting.status import Status

WHEN = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)
ROW = SubmissionRow(
    7, "s3://car-park/2026", None, "finished", 10, WHEN, WHEN, WHEN, WHEN, {}, seconds=100.0
)


def commands(row: SubmissionRow, counts: Counts, *, moving: bool = False) -> list[str]:
    steps = suggest(row, counts, moving=moving)
    return [format_step(step, row, counts).command for step in steps]


@pytest.mark.parametrize(
    ("state", "counts", "wanted"),
    [
        pytest.param(
            "finished",
            Counts(done=1),
            ['hkplates sql "select mark, uri from sightings where submission_id = 7"'],
            id="all was read",
        ),
        pytest.param(
            "finished",
            Counts(done=1, failed=2),
            ["hkplates failures 7", "hkplates retry 7"],
            id="some failed",
        ),
        pytest.param(
            "finished",
            Counts(quarantined=1),
            ["hkplates failures 7", "hkplates retry 7"],
            id="one was set aside",
        ),
        pytest.param("paused", Counts(pending=1), ["hkplates resume 7"], id="paused"),
        pytest.param(
            "cancelled",
            Counts(failed=1, cancelled=1),
            ["hkplates submit s3://car-park/2026", "hkplates failures 7"],
            id="cancelled",
        ),
        pytest.param(
            "listing",
            Counts(pending=1),
            ["hkplates submit s3://car-park/2026"],
            id="listed, or interrupted",
        ),
        pytest.param(
            "running",
            Counts(pending=1),
            ["celery -A workers.app worker", "hkplates dispatch"],
            id="standing still",
        ),
        pytest.param("running", Counts(done=1), ["hkplates dispatch"], id="nothing ends it"),
        pytest.param("finished", Counts(), [], id="empty"),
    ],
)
def test_the_next_steps_fit_the_submission(state: str, counts: Counts, wanted: list[str]) -> None:
    assert commands(replace(ROW, state=state), counts) == wanted


def test_a_submission_that_moves_needs_no_step() -> None:
    running = replace(ROW, state="running")
    assert commands(running, Counts(pending=5, done=5), moving=True) == []
    assert commands(running, Counts(pending=5, failed=1), moving=True)[0] == "hkplates failures 7"


@pytest.mark.parametrize("state", ["listing", "running", "paused", "cancelled", "finished"])
def test_nobody_is_told_to_submit_what_was_no_source(state: str) -> None:
    choice = {"command": "reprocess", "below": 0.8}
    row = replace(ROW, state=state, source="reprocess --below 0.8", options=choice)
    for counts in (Counts(pending=3, failed=2), Counts(done=3), Counts(cancelled=1)):
        assert not [one for one in commands(row, counts) if "submit " in one]
    assert how_to_send(row).endswith("hkplates dispatch, or: hkplates reprocess --below 0.8")


def test_a_reprocessing_that_was_interrupted_goes_on_with_its_own_command() -> None:
    choice = {"command": "reprocess"}
    row = replace(ROW, state="listing", source="reprocess --mark 'A B'", options=choice)
    assert commands(row, Counts(done=1)) == ["hkplates reprocess --mark 'A B'"]
    unknown = replace(row, options={"command": "something newer"})
    assert commands(unknown, Counts(done=1)) == []


def test_the_same_submission_is_named_by_its_name() -> None:
    row = replace(ROW, state="cancelled", source="/my photos", name="july")
    assert commands(row, Counts()) == ["hkplates submit '/my photos' --name july"]


def statuses(number: int = 1) -> list[Status]:
    counts = Counts(pending=11_000, queued=1_000, done=5_513, failed=3, quarantined=1)
    row = replace(ROW, state="running", name="july")
    moving = Status(row, counts, {"missing": 3}, PlateCount(6_001), Pace(50.0, 24))
    big = Counts(pending=9_999_999, done=8_888_888, failed=77_777, quarantined=999)
    long = replace(ROW, id=1234, state="cancelled", source="s3://b/" + "a/" * 200)
    empty = Status(replace(ROW, id=6), Counts(), {}, PlateCount())
    return [moving, empty, Status(long, big, {}, PlateCount(9_990_000, exact=False))]


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    lines = format_table(statuses(), 80).splitlines()
    numbers = [lines[0], *lines[1::2]]
    assert max(map(len, numbers)) <= 80
    assert len({len(line) for line in numbers}) == 1
    assert " ".join(lines[0].split()) == "number state left done failed set aside plates ETA"
    assert " ".join(lines[1].split()) == "7 running 12,000 5,513 3 1 6,001 0:04:00"
    assert lines[2].strip() == "s3://car-park/2026 (july)"


def test_a_wide_table_has_a_line_for_each_submission() -> None:
    lines = format_table(statuses(), 160).splitlines()
    assert len(lines) == 4
    assert lines[0].split()[-3:] == ["skipped", "images/s", "source"]
    assert lines[1].endswith("0:04:00       10      50.0  s3://car-park/2026 (july)")


def test_one_submission_is_told_in_lines_of_a_terminal() -> None:
    words = format_status(statuses()[0])
    assert words.splitlines() == [
        "Submission 7 of s3://car-park/2026 (july): running",
        "Images: 11,000 pending, 1,000 queued, 5,513 done, 3 failed, 1 set aside; 10 skipped",
        "Waiting until a service is back: 24 of the pending",
        "Not read: 3 missing",
        "Plates: 6,001",
        "Rate: 50.0 images/s in the last minute, 55.2 over all; ETA 0:04:00",
        "Next:",
        "  hkplates failures 7",
        "      which 4 images could not be read, and why",
        "  hkplates retry 7",
        "      tries them again, also those set aside",
    ]


def test_what_was_not_counted_one_by_one_is_told_as_about() -> None:
    large = statuses()[2]
    assert "Plates: about 9,990,000" in format_status(large)
    assert "  ~9,990,000  " in format_table([large], 80)
    assert (
        large.as_json(format_step)["plates"],
        large.as_json(format_step)["plates_is_exact"],
    ) == (9_990_000, False)
    assert statuses()[0].as_json(format_step)["plates_is_exact"]


def test_no_time_is_promised_while_the_source_is_listed_or_nothing_moves() -> None:
    counts = Counts(pending=100, done=50)
    listing = Status(replace(ROW, state="listing"), counts, {}, PlateCount(), Pace(10.0))
    standing = Status(replace(ROW, state="running"), counts, {}, PlateCount(), Pace(0.0))
    for status in (listing, standing):
        assert status.eta_seconds is None
        assert status.as_json(format_step)["eta_seconds"] is None
        assert "ETA" not in format_status(status)


def test_what_would_move_a_terminals_cursor_is_shown_as_text() -> None:
    row = replace(ROW, source="s3://b/\x1b[2J\n車", name="a\rb")
    words = format_table([Status(row, Counts(), {}, PlateCount())], 160)
    assert "s3://b/\\x1b[2J\\n車 (a\\rb)" in words
    assert printable("\u202e") == "\\u202e"
    assert shell_command("hkplates", "submit", "it's") == """hkplates submit 'it'"'"'s'"""


def test_a_wide_terminal_folds_a_long_source_within_its_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _print_table(statuses(), 120)
    lines = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0].split()[-1] == "source"
    assert "".join(line[lines[0].index("source") :].strip() for line in lines[3:]).endswith("a/a/")
