"""Tests `hkplates failures`, read by people, by a spreadsheet and by a program."""

import csv
import io
import json
import subprocess

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, column, execute, keys, save_done, save_failed, submit, take
from servers.processes import PROGRAMS, hkplates, variables

from cli.submissions.failures import COLUMNS, format_csv, format_json, format_text
from hkplates.database.queries.failures import BATCH_ROWS, failures
from hkplates.storage.base import Entry

ODD = [
    "plain.jpg",
    "a b+c%20.jpg",
    'quote"d,.jpg',
    "line\nbreak\r\n.jpg",
    "車牌/ñ.jpg",
    "\x1b[2J.jpg",
]


@pytest.fixture
def odd(ledger: Ledger, engine: sa.Engine) -> int:
    number = submit(ledger, [Entry(key, "e", 1) for key in ODD])
    save_failed(engine, take(ledger), "undecodable")
    return number


def text(engine: sa.Engine, **wanted: object) -> str:
    return "".join(format_text(failures(engine, **wanted)))  # type: ignore[arg-type]


def test_each_image_is_told_with_its_reason(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(3))
    taken = take(ledger)
    save_done(engine, taken[:1])
    save_failed(engine, taken[1:2])
    execute(engine, "UPDATE images SET attempts = 3 WHERE id = :id", id=taken[2].id)
    ledger.claims.claim(taken, 600)
    [missing, crashed] = failures(engine)
    assert (missing.submission, missing.image, missing.state) == (number, taken[1].id, "failed")
    assert (missing.reason, missing.detail, missing.attempts) == ("missing", "it is missing", 1)
    assert missing.uri == "s3://car-park/a/00001.jpg"
    assert column(engine, "SELECT processed_at FROM images WHERE id = 2") == [missing.ended_at]
    assert (crashed.state, crashed.reason, crashed.attempts) == ("quarantined", "crashed", 3)


def test_the_uri_is_that_of_sightings(ledger: Ledger, engine: sa.Engine) -> None:
    number = ledger.intake.open_submission("/photos/").id
    ledger.intake.add_images(number, "folder", "/photos/", [Entry("a/b.jpg", "e", 1)])
    save_failed(engine, take(ledger))
    assert [one.uri for one in failures(engine)] == ["file:///photos/a/b.jpg"]


def test_only_what_is_asked_for_is_listed(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    save_failed(engine, take(ledger), "missing")
    submit(ledger, keys(3, first=10), "s3://other")
    save_failed(engine, take(ledger), "empty")
    listed = [(one.submission, one.image) for one in failures(engine)]
    assert listed == [(2, 4), (2, 5), (2, 6), (1, 1), (1, 2), (1, 3)]
    assert [one.image for one in failures(engine, 1)] == [1, 2, 3]
    assert [one.image for one in failures(engine, reason="empty")] == [4, 5, 6]
    assert [one.image for one in failures(engine, 1, "empty")] == []
    assert [one.image for one in failures(engine, limit=4)] == [4, 5, 6, 1]
    assert [one.image for one in failures(engine, limit=0)] == []


@pytest.mark.usefixtures("odd")
def test_csv_holds_odd_keys(engine: sa.Engine) -> None:
    printed = "".join(format_csv(failures(engine)))
    rows = list(csv.DictReader(io.StringIO(printed, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [row["uri"] for row in rows] == [f"s3://car-park/{key}" for key in sorted(ODD)]
    assert {row["reason"] for row in rows} == {"undecodable"}


def test_csv_without_failures_names_its_columns(engine: sa.Engine) -> None:
    assert "".join(format_csv(failures(engine))) == ",".join(COLUMNS) + "\r\n"


@pytest.mark.usefixtures("odd")
def test_json_is_one_object_a_line(engine: sa.Engine) -> None:
    lines = "".join(format_json(failures(engine))).splitlines()
    assert [json.loads(line)["uri"] for line in lines] == [
        f"s3://car-park/{k}" for k in sorted(ODD)
    ]
    assert tuple(json.loads(lines[0])) == COLUMNS


def test_text_is_for_a_terminal(engine: sa.Engine, odd: int) -> None:
    printed = text(engine)
    assert all(line.isprintable() and len(line) <= 80 for line in printed.split("\n"))
    lines = printed.splitlines()
    assert lines[0] == f"Submission {odd}"
    assert "  s3://car-park/line\\nbreak\\r\\n.jpg" in lines
    assert lines[2].startswith("      undecodable (begun 1 time, ")
    assert lines[2].endswith("): it is undecodable")
    assert lines[-1] == "6 images. To try them again: hkplates retry"
    assert text(engine, reason="missing") == "No image failed or was set aside.\n"


def test_a_listing_shows_one_moment_and_leaves_nothing_open(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """Holds however long its reader takes, and though work goes on meanwhile."""
    submit(ledger, keys(3000))
    save_failed(engine, take(ledger, 3000))
    listing = failures(engine)
    first = next(listing)
    ledger.control.retry()
    assert [first, *listing][-1].image == 3000
    assert list(failures(engine)) == []
    interrupted = failures(engine)
    assert next(interrupted, None) is None
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_million_failures_need_no_memory(
    ledger: Ledger, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounds what the driver holds at a time, and so the rows of a larger answer."""
    submit(ledger, keys(BATCH_ROWS * 4))
    save_failed(engine, take(ledger, BATCH_ROWS * 4))
    held: list[int] = []
    import psycopg

    fetch = psycopg.ServerCursor.fetchmany

    def watched(cursor: object, size: int = 0, *more: object) -> object:
        rows = fetch(cursor, size, *more)  # type: ignore[call-overload]
        held.append(len(rows))
        return rows

    monkeypatch.setattr(psycopg.ServerCursor, "fetchmany", watched)
    assert sum(1 for _ in failures(engine)) == BATCH_ROWS * 4
    assert sum(held) == BATCH_ROWS * 4
    assert max(held) <= BATCH_ROWS


@pytest.mark.usefixtures("odd")
def test_the_command_prints_the_bytes_of_every_key(database_url: str) -> None:
    """Holds in a locale without Chinese characters, too."""
    environment = variables(database_url, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    done = subprocess.run(
        [str(PROGRAMS / "hkplates"), "failures", "--csv"],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "s3://car-park/車牌/ñ.jpg".encode() in done.stdout


@pytest.mark.usefixtures("odd")
def test_who_reads_the_command_may_have_enough(database_url: str) -> None:
    process = hkplates(variables(database_url), "failures", "--json", "--limit", "3")
    assert process.stdout is not None
    process.stdout.close()  # as `| head -0` does
    assert process.wait(60) in (0, 141)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_csv_and_json_are_not_printed_at_once(database_url: str) -> None:
    process = hkplates(variables(database_url), "failures", "--json", "--csv")
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, "either --csv or --json" in said) == (2, True)


def test_the_next_step_tries_again_what_was_asked_for(
    database_url: str, ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(2))
    save_failed(engine, take(ledger), "missing")
    told = variables(database_url)
    out, _ = hkplates(told, "failures", str(number), "--reason", "missing").communicate(timeout=60)
    assert out.splitlines()[-1].endswith(f"hkplates retry {number} --reason missing")
    out, _ = hkplates(told, "failures").communicate(timeout=60)
    assert out.splitlines()[-1].endswith(": hkplates retry")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("--limit 1", "1 of 5 images. To try all again: hkplates retry"),
        ("--limit 0", "0 of 5 images. To try all again: hkplates retry"),
        ("--limit 5", "5 images. To try them again: hkplates retry"),
        ("1 --limit 1", "1 of 3 images. To try all again: hkplates retry 1"),
        (
            "--limit 1 --reason empty",
            "1 of 2 images. To try all again: hkplates retry --reason empty",
        ),
        ("--limit 0 --reason forbidden", "No image failed or was set aside."),
    ],
)
def test_listed_in_part_it_says_how_many_would_be_tried_again(
    database_url: str, ledger: Ledger, engine: sa.Engine, asked: str, words: str
) -> None:
    submit(ledger, keys(3))
    save_failed(engine, take(ledger), "missing")
    submit(ledger, keys(2, first=10), "s3://other")
    save_failed(engine, take(ledger), "empty")
    process = hkplates(variables(database_url), "failures", *asked.split())
    out, _ = process.communicate(timeout=60)
    assert out.splitlines()[-1] == words
