"""A run under faults is compared with what is expected (tests/faults)."""

import json
from pathlib import Path

from faults.expectations import MAX_DIFFERENCES, Outcome, differences, leaks, truncated
from faults.logs import Deliveries, deliveries

NAME = ("2026/a b.jpg", "0123456789abcdef")
READ = Outcome("done", plates=((("confidence", 0.5), ("mark", "AB1234")),))


def test_what_ended_as_expected_makes_no_difference() -> None:
    assert differences({NAME: READ}, [(NAME, READ)]) == []


def test_a_missing_row_a_row_too_many_and_a_foreign_row_are_reported() -> None:
    other = ("b.jpg", "1")
    assert differences({NAME: READ}, []) == ["'2026/a b.jpg' (01234567): no row"]
    assert differences({NAME: READ}, [(NAME, READ)] * 2) == ["'2026/a b.jpg' (01234567): 2 rows"]
    assert "nobody submitted" in differences({}, [(other, READ)])[0]


def test_another_state_or_reason_is_reported() -> None:
    reported = differences(
        {NAME: Outcome("failed", "missing")}, [(NAME, Outcome("failed", "empty"))]
    )
    assert reported == ["'2026/a b.jpg' (01234567): expected failed: missing, found failed: empty"]
    assert (
        "superseded"
        in differences({NAME: READ}, [(NAME, Outcome("done", None, True, READ.plates))])[0]
    )


def test_a_plate_that_differs_in_one_column_is_reported_with_the_column() -> None:
    found = Outcome("done", plates=((("confidence", 0.5000001), ("mark", "AB1234")),))
    assert "('confidence', 0.5)" in differences({NAME: READ}, [(NAME, found)])[0]


def test_a_plate_that_is_missing_or_there_twice_is_reported() -> None:
    for found, number in ((Outcome("done"), 0), (Outcome("done", plates=READ.plates * 2), 2)):
        assert differences({NAME: READ}, [(NAME, found)])[0].endswith(f"1 plates, found {number}")


def test_a_credential_in_a_log_is_reported_without_the_credential() -> None:
    reported = leaks(
        {"the password of Redis": "hunter2"}, {"the log a": "hunter2", "the log b": "-"}
    )
    assert reported == ["the log a holds the password of Redis"]


def test_many_differences_are_cut_short() -> None:
    assert len(truncated(["one"] * 1000)) == MAX_DIFFERENCES + 1
    assert truncated(["one"]) == ["one"]


def test_deliveries_are_counted_from_logs_of_which_some_lines_are_torn(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    events = [
        {"event": "Task hkplates.recognise_chunk[a-1] received"},
        {"event": "Task hkplates.recognise_chunk[a-1] received"},
        {"event": "chunk_done", "images": 4, "skipped": 3, "handed_back": 1},
        {"event": "message_dropped"},
    ]
    log.write_text("\n".join(map(json.dumps, events)) + '\nWarm shutdown\n{"event": "chunk_d')
    assert deliveries([log]) == Deliveries(2, 1, skipped=3, handed_back=1, dropped=1)
