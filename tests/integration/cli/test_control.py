"""Tests `hkplates pause`, `resume`, `cancel`, `retry` and `status`, typed, on a real Postgres."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from servers.ledgers import (
    BUCKET,
    SOURCE,
    Ledger,
    execute,
    keys,
    save_done,
    save_failed,
    state_of,
    states,
    submit,
    take,
)

from cli.main import main
from cli.submissions.control import format_change
from hkplates.database.ledger.control import Change
from hkplates.database.queries import submissions

Command = Callable[..., str]


@pytest.fixture
def hkplates(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command that must end with the expected status; returns what it printed."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: object, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["hkplates", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == status, said.err
        return said.err if status else said.out

    return run


def as_json(printed: str) -> dict[str, Any]:
    [line] = printed.splitlines()
    value: dict[str, Any] = json.loads(line)
    return value


def failed(ledger: Ledger, engine: sa.Engine, source: str = SOURCE, first: int = 0) -> int:
    """Makes a finished submission: two images missing, one empty, one done."""
    number = submit(ledger, keys(4, first), source)
    taken = take(ledger)
    save_failed(engine, taken[:2], "missing")
    save_failed(engine, taken[2:3], "empty")
    save_done(engine, taken[3:])
    ledger.dispatch.finish_submissions()
    return number


def test_pausing_and_resuming_say_what_they_did(hkplates: Command, ledger: Ledger) -> None:
    number = submit(ledger, keys(2))
    assert "is paused" in hkplates("pause", number)
    again = hkplates("pause", number)
    assert "is paused already" in again
    assert f"hkplates resume {number}" in again
    assert f"hkplates resume {number}" in hkplates("status", number)
    goes_on = hkplates("resume", number)
    assert "goes on" in goes_on
    assert "hkplates dispatch" in goes_on
    assert "is not paused; it is running already" in hkplates("resume", number)


def test_a_finished_submission_says_that_it_has_finished(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = failed(ledger, engine)
    for verb in ("pause", "resume", "cancel"):
        assert f"has finished; there is nothing to {verb}" in hkplates(verb, number)


def test_resuming_what_had_only_its_end_left_says_so(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(1))
    taken = take(ledger)
    ledger.control.pause(number)
    save_done(engine, taken)
    assert "has finished: nothing was left to do" in hkplates("resume", number)


def test_cancelling_says_how_many_will_not_be_read_and_how_to_read_them(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(3))
    save_done(engine, take(ledger, 1))
    assert "is cancelled: 2 images will not be read" in (said := hkplates("cancel", number))
    assert f"hkplates submit {SOURCE}" in said
    assert "was cancelled already: 2 images will not be read" in hkplates("cancel", number)
    for verb in ("pause", "resume"):
        said = hkplates(verb, number)
        assert "was cancelled" in said
        assert f"hkplates submit {SOURCE}" in said
    assert states(engine) == {"done": 1, "cancelled": 2}


def test_what_was_cancelled_has_no_rate(hkplates: Command, ledger: Ledger) -> None:
    number = submit(ledger, keys(1000))
    ledger.control.cancel(number)
    assert "Rate: 0.0 images/s over all" in hkplates("status", number)


@pytest.mark.parametrize(
    ("cancelled", "kept", "words"),
    [
        (2, 0, "is cancelled: 2 images will not be read. To"),
        (2, 1, "is cancelled: 2 images will not be read, 1 image stays as it was read before. To"),
        (0, 2, "is cancelled: 2 images stay as they were read before. To"),
        (0, 0, "is cancelled: no image was left to read. To"),
    ],
)
def test_cancelling_says_only_what_holds(
    ledger: Ledger, engine: sa.Engine, cancelled: int, kept: int, words: str
) -> None:
    row = submissions.find_submission(engine, submit(ledger, []))
    assert row is not None
    change = Change(row.id, row.source, "running", "cancelled", cancelled, kept)
    assert words in format_change("cancel", change, row, cancelled)


def test_a_submission_is_told_with_its_name(hkplates: Command, ledger: Ledger) -> None:
    number = ledger.intake.open_submission(SOURCE, "july").id
    ledger.intake.add_images(number, "s3", BUCKET, keys(1))
    for verb in ("pause", "resume", "cancel", "retry"):
        assert f"Submission {number} of {SOURCE} (july)" in hkplates(verb, number)


def test_trying_a_cancelled_submission_again_says_how_to_read_it(
    hkplates: Command, ledger: Ledger
) -> None:
    """Holds also where nothing of it had failed."""
    number = submit(ledger, keys(2))
    ledger.control.cancel(number)
    said = hkplates("retry", number)
    assert f"was cancelled; to read its images: hkplates submit {SOURCE}" in said
    assert as_json(hkplates("retry", number, "--json"))["submissions"] == []


def test_what_was_done_is_told_in_json(hkplates: Command, ledger: Ledger) -> None:
    number = submit(ledger, keys(3))
    assert as_json(hkplates("pause", number, "--json")) == {
        "submission": number,
        "source": SOURCE,
        "before": "running",
        "after": "paused",
        "cancelled": 0,
        "kept": 0,
    }
    resumed = as_json(hkplates("resume", number, "--json"))
    assert (resumed["before"], resumed["after"]) == ("paused", "running")
    assert as_json(hkplates("cancel", number, "--json"))["cancelled"] == 3


def test_trying_again_says_how_many_by_reason_and_who_sends_them(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = failed(ledger, engine)
    said = hkplates("retry")
    assert "3 images wait to be tried again: 2 missing, 1 empty." in said
    assert "hkplates dispatch" in said
    assert f"hkplates submit {SOURCE}" in said
    assert states(engine) == {"pending": 3, "done": 1}
    assert state_of(engine, number) == "running"
    assert hkplates("retry") == "No image is to be tried again.\n"


def test_only_a_submission_or_a_reason_is_tried_again(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    first = failed(ledger, engine)
    second = failed(ledger, engine, "s3://other", first=50)
    assert as_json(hkplates("retry", second, "--reason", "empty", "--json")) == {
        "images": 1,
        "reasons": {"empty": 1},
        "submissions": [{"submission": second, "state": "running", "reasons": {"empty": 1}}],
    }
    told = as_json(hkplates("retry", "--reason", "missing", "--json"))
    assert [one["submission"] for one in told["submissions"]] == [first, second]
    assert states(engine) == {"pending": 5, "failed": 1, "done": 2}


def test_trying_again_tells_of_submissions_that_do_not_go_on(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    paused = submit(ledger, keys(2))
    cancelled = submit(ledger, keys(2, first=9), "s3://other")
    save_failed(engine, take(ledger))
    ledger.control.pause(paused)
    ledger.control.cancel(cancelled)
    said = hkplates("retry")
    assert f"hkplates resume {paused}" in said
    assert "was cancelled; to read its images: hkplates submit s3://other" in said
    assert states(engine) == {"pending": 2, "failed": 2}


def test_what_was_no_source_is_never_to_be_submitted(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    """Takes a reprocessing, whose source is the command that was typed."""
    number = failed(ledger, engine, "reprocess --below 0.8")
    execute(engine, """UPDATE submissions SET options = '{"command": "reprocess"}'""")
    told = hkplates("status", number) + hkplates("retry", number) + hkplates("status", number)
    told += hkplates("pause", number) + hkplates("resume", number) + hkplates("cancel", number)
    told += hkplates("cancel", number) + hkplates("status", number)
    assert "hkplates dispatch" in told
    assert "hkplates submit '" not in told
    assert "hkplates reprocess --below 0.8" in told


@pytest.mark.parametrize("command", ["status", "failures", "retry", "pause", "resume", "cancel"])
def test_a_submission_that_is_not_there_is_wrong_usage(
    hkplates: Command, ledger: Ledger, command: str
) -> None:
    assert "nothing was submitted yet" in hkplates(command, 1, status=2)
    submit(ledger, keys(1))
    submit(ledger, keys(1, first=5), "s3://other")
    said = hkplates(command, 99, status=2)
    assert "there is no submission 99" in said
    assert "2, 1" in said
    hkplates(command, 10**30, status=2)


@pytest.mark.parametrize("command", ["failures", "retry"])
def test_a_reason_that_is_not_known_is_wrong_usage(
    hkplates: Command, ledger: Ledger, command: str
) -> None:
    said = " ".join(hkplates(command, "--reason", "tired", status=2).replace("│", "").split())
    assert "there is no reason 'tired'" in said
    for reason in ("archived", "changed", "crashed", "missing", "out_of_memory", "timed_out"):
        assert reason in said


def test_status_tells_states_reasons_and_what_to_do(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = failed(ledger, engine)
    said = hkplates("status", number)
    assert "1 done, 3 failed; 0 skipped" in said
    assert "Not read: 2 missing, 1 empty" in said
    assert f"hkplates failures {number}" in said
    assert f"hkplates retry {number}" in said


def test_status_measures_the_pace_of_the_last_minute(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(300))
    execute(engine, "UPDATE submissions SET opened_at = now() - interval '10 min'")
    save_done(engine, take(ledger, 120))
    execute(engine, "UPDATE images SET processed_at = now() - interval '5 min' WHERE id <= 60")
    told = as_json(hkplates("status", number, "--json"))
    assert told["recent_images_per_second"] == pytest.approx(1.0, rel=0.01)
    assert told["eta_seconds"] == pytest.approx(180, abs=2)
    assert "ETA 0:0" in hkplates("status", number)
    assert "0:0" in hkplates("status")


def test_what_ended_before_the_work_went_on_is_no_pace(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    """Ends an hour's work a moment before the pause: it says nothing of what comes."""
    number = submit(ledger, keys(20))
    save_done(engine, take(ledger, 10))
    ledger.control.pause(number)
    ledger.control.resume(number)
    told = as_json(hkplates("status", number, "--json"))
    assert (told["recent_images_per_second"], told["eta_seconds"]) == (0, None)


def test_status_tells_what_waits_for_a_service(
    hkplates: Command, ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(3))
    ledger.claims.release([image.id for image in take(ledger, 2)], delay=True)
    assert "Waiting until a service is back: 2 of the pending" in hkplates("status", number)
    assert as_json(hkplates("status", number, "--json"))["delayed"] == 2


def test_status_of_all_is_a_table(hkplates: Command, ledger: Ledger, engine: sa.Engine) -> None:
    assert "Nothing was submitted yet" in hkplates("status")
    failed(ledger, engine)
    failed(ledger, engine, "s3://other", first=50)
    lines = hkplates("status").splitlines()
    assert [line.strip() for line in lines[2:5:2]] == ["s3://other", SOURCE]
    told = as_json(hkplates("status", "--json"))["submissions"]
    assert [one["submission"] for one in told] == [2, 1]
    assert told[0]["next"][0]["command"] == "hkplates failures 2"


def test_the_pace_reads_only_what_ended_in_the_last_minute(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """Explains the real statement on a ledger of which most images ended long before."""
    submit(ledger, keys(1))
    save_done(engine, take(ledger))
    execute(
        engine,
        "INSERT INTO submissions (source) SELECT 's3://' || i FROM generate_series(1, 200) i",
    )
    execute(
        engine,
        "INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state, "
        "model_version_id, processed_at) SELECT 2 + i % 200, 's3', 'b', 'k' || i, 'e', 1, "
        "sha256(int4send(i)), 'done', 1, now() - i * interval '1 s' "
        "FROM generate_series(100, 20000) i",
    )
    execute(engine, "ANALYZE images, submissions")
    explain = sa.text("EXPLAIN " + str(submissions._PACE))
    with engine.connect() as connection:
        plan = "\n".join(connection.execute(explain, {"ids": [7], "seconds": 60}).scalars())
    assert "ix_images_processed_at" in plan
