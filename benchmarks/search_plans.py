"""Measures sizes and inserts, and explains plans, for the benchmark of the search."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg

INSERTED = 20_000
# Patterns and arguments of search_marks for each of the plans inside it.
EXPLAINED_QUESTIONS = (
    ("exact", "{0}", "look_alikes => false"),
    ("look-alike", "{0}", ""),
    ("prefix", "{0[0]}{0[1]}*", ""),
    ("two unknown", "{0[0]}?{0[2]}?{0[4]}{0[5]}", ""),
    ("two unknown, a day", "{0[0]}?{0[2]}?{0[4]}{0[5]}",
     "since => '2026-05-05 00:00+08', until => '2026-05-06 00:00+08'"),
)  # fmt: skip


def sizes(connection: psycopg.Connection) -> Iterator[str]:
    """Tabulates the sizes of tables and indexes that the search and the view use."""
    yield "| | size |\n|---|---:|"
    for name, size in connection.execute(SIZES):
        yield f"| `{name}` | {size} |"
    [version, buffers] = connection.execute(
        "SELECT current_setting('server_version'), current_setting('shared_buffers')"
    ).fetchone() or ["", ""]
    yield f"\nPostgreSQL {version}, shared_buffers {buffers}."


def inserts(connection: psycopg.Connection, rows: int) -> Iterator[str]:
    """Tabulates the milliseconds of inserting 1,000 plates, with all indexes and with one."""
    with_all = _insert(connection, rows)
    before = _insert(
        connection,
        rows,
        "DROP INDEX ix_plates_mark, ix_plates_mark_reversed, ix_plates_shown_mark, "
        "ix_plates_doubtful",
        "CREATE INDEX ix_before ON plates (mark)",
    )
    yield "| 1,000 plates | ms |\n|---|---:|"
    yield f"| with the four indexes on marks and confidence | {with_all:.0f} |"
    yield f"| with one plain index on `mark`, as before | {before:.0f} |"


def _insert(connection: psycopg.Connection, rows: int, *first: str) -> float:
    """Times an insert in a transaction that is rolled back; milliseconds of 1,000 plates."""
    share = 100 * 3 * INSERTED / rows
    with connection.transaction(force_rollback=True):
        for statement in first:
            connection.execute(statement.encode())
        connection.execute("CHECKPOINT") if not first else None
        began = time.perf_counter()
        inserted = connection.execute(INSERT, [min(share, 100), INSERTED]).rowcount
        return (time.perf_counter() - began) * 1e3 / inserted * 1e3


def plans(connection: psycopg.Connection, mark: str) -> Iterator[str]:
    """Explains (ANALYZE, BUFFERS) the statements inside, without those of less than a row."""
    messages: list[str] = []

    def collect(diagnostic: psycopg.errors.Diagnostic) -> None:
        messages.append(diagnostic.message_primary or "")

    try:
        for statement in EXPLAIN:
            connection.execute(statement.encode())
    except psycopg.Error as error:
        yield f"Not shown: {error}"
        return
    connection.add_notice_handler(collect)
    for name, form, arguments in EXPLAINED_QUESTIONS:
        messages.clear()
        pattern = form.format(mark)
        ask: Any = (
            f"SELECT count(*) FROM search_marks('{pattern}'{', ' * bool(arguments)}{arguments})"  # noqa: S608
        )
        connection.execute(ask.encode()).fetchone()
        yield f"<details><summary>{name}: {ask}</summary>\n\n```text"
        for text in messages:
            if "plates" in text and "Query Text" in text and "search_marks(" not in text:
                yield _plan(text)
        yield "```\n\n</details>\n"
    connection.remove_notice_handler(collect)
    connection.execute("RESET client_min_messages")


def _plan(text: str) -> str:
    """Cuts the statement, which stands in the migration, off a plan."""
    lines = text.splitlines()
    first = next((n for n, line in enumerate(lines) if "(cost=" in line), 0)
    duration = lines[0].split("plan:")[0].strip()
    return "\n".join([duration, *lines[first:]])


# Selects the sizes of tables and indexes.
SIZES = """
SELECT relname, pg_size_pretty(pg_relation_size(oid)) FROM pg_class
 WHERE relname IN ('plates', 'images', 'ix_plates_mark', 'ix_plates_mark_reversed',
                   'ix_plates_shown_mark', 'ix_plates_doubtful', 'ix_images_taken_at',
                   'ix_images_key_beginning', 'pk_images', 'pk_plates')
 ORDER BY pg_relation_size(oid) DESC
"""

# Inserts a sample of the plates once more, as read by the other version.
INSERT = """
INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows,
                    colour, confidence, character_confidences, candidates, box, quad,
                    detector_score, reader)
SELECT image_id, 2, position, mark, text, series, region, rows, colour, confidence,
       character_confidences, candidates, box, quad, detector_score, reader
  FROM plates TABLESAMPLE SYSTEM (%s) REPEATABLE (1) LIMIT %s
"""

# Logs the plans of statements inside functions as notices.
EXPLAIN = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_nested_statements = on",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_buffers = on",
    "SET auto_explain.log_timing = off",
    "SET client_min_messages = log",
)
