"""Benchmark search_marks() among many plates, its speed and its recall: `make bench-search`.

    python -m benchmarks.search --rows 10000000 [--database URL [--filled]]

Starts a PostgreSQL of its own (or takes an empty, or already filled, database by its URL), fills it
with plates spread like Hong Kong's, some of them misread, and prints Markdown: the time of random
questions of each kind, beside a sequential scan; how many of planted misreadings their true mark
finds, and at which rank; sizes of the indexes, their cost at an insert, and the plans. Milliseconds
are the client's waiting time; CPU is the time of the server's process, which other programs on the
machine disturb less.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import search_data, search_plans
from hkplates.database.engine import open_engine
from hkplates.database.schema.migrate import migrate
from hkplates.embedded import postgres

DAY = {"since": "2026-05-05 00:00+08", "until": "2026-05-06 00:00+08"}
MONTH = {"since": "2026-05-01 00:00+08", "until": "2026-06-01 00:00+08"}
QUARTER = {"prefix": "s3://bench/2026/0"}
FOLDER = {"prefix": "2026/05/05/gate-3"}
NO_FILTER: dict[str, Any] = {}


@dataclass(frozen=True)
class Question:
    """A kind of question: its pattern for a mark like AB1234, and its filters."""

    name: str
    target: float  # milliseconds at p95
    pattern: Callable[[str], str]
    filters: dict[str, Any] = field(default_factory=dict)


def _with_wildcards(*places: int) -> Callable[[str], str]:
    return lambda mark: "".join("?" if at in places else c for at, c in enumerate(mark))


KINDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("look-alike: AB1234", lambda mark: mark),
    ("partial: AB?234", _with_wildcards(2)),
    ("partial: AB?1234", lambda mark: f"{mark[:2]}?{mark[2:]}"),
    ("partial: AB*", lambda mark: f"{mark[:2]}*"),
    ("partial: *1234", lambda mark: f"*{mark[2:]}"),
    ("partial: A?1?34", _with_wildcards(1, 3)),
    ("partial: A*34", lambda mark: f"{mark[0]}*{mark[4:]}"),
    ("partial: *123*", lambda mark: f"*{mark[2:5]}*"),
)
FILTERS = (
    ("", NO_FILTER), (", a day", DAY), (", a month", MONTH), (", 9 months' prefix", QUARTER),
    (", one gate's day", FOLDER),
)  # fmt: skip
QUESTIONS = (
    Question("exact: AB1234", 5, lambda mark: mark, {"look_alikes": False}),
    Question("exact: AB1234, a month", 5, lambda mark: mark, {"look_alikes": False, **MONTH}),
    *(
        Question(name + words, 100, pattern, filters)
        for words, filters in FILTERS
        for name, pattern in KINDS
    ),
)


class TimedConnection:
    """A connection that times queries, with the CPU time of its process on the server."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._schedule = Path(f"/proc/{connection.info.backend_pid}/schedstat")

    def timed(self, query: str, values: dict[str, Any]) -> tuple[float, float, list[Any]]:
        """Returns milliseconds waited, milliseconds of CPU (0 where unknown), and the rows."""
        worked, began = self._cpu(), time.perf_counter()
        rows = self.connection.execute(query.encode(), values).fetchall()
        return (time.perf_counter() - began) * 1e3, self._cpu() - worked, rows

    def ask(self, pattern: str, filters: dict[str, Any]) -> tuple[float, float, list[Any]]:
        """Times search_marks with a pattern and filters."""
        named = "".join(f", {name} => %({name})s" for name in filters)
        query = f"SELECT * FROM search_marks(%(pattern)s{named})"  # noqa: S608 - our own names
        return self.timed(query, {"pattern": pattern, **filters})

    def _cpu(self) -> float:
        try:
            return int(self._schedule.read_text().split()[0]) / 1e6
        except OSError:
            return 0.0


def marks(server: TimedConnection, rows: int, count: int) -> list[str]:
    """Samples usual marks of six characters, frequent ones more often."""
    rng = random.Random(11)  # noqa: S311
    found: list[str] = []
    while len(found) < count:
        ids = {"ids": [rng.randint(1, rows) for _ in range(count)]}
        found += [row[0] for row in server.timed(USUAL_MARKS, ids)[2]]
    return found[:count]


def prewarm(server: TimedConnection) -> None:
    """Reads tables and indexes once: those of a long-running server are in the system's memory."""
    server.connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
    server.connection.execute(PREWARM)


def latencies(server: TimedConnection, sample: Sequence[str]) -> Iterator[str]:
    """Tabulates the times of all kinds of questions."""
    yield "| question | rows | p50 ms | p95 ms | max ms | CPU p50 ms | CPU p95 ms | target |"
    yield f"|---|{'---:|' * 7}"
    for question in QUESTIONS:
        server.ask(question.pattern(sample[0]), question.filters)
        runs = [server.ask(question.pattern(mark), question.filters) for mark in sample]
        waited, worked = sorted(run[0] for run in runs), sorted(run[1] for run in runs)
        cells = (
            f"`{question.name}`",
            f"{statistics.mean(len(run[2]) for run in runs):.1f}",
            *(f"{value:.1f}" for value in (_at(waited, 0.5), _at(waited, 0.95), waited[-1])),
            *(f"{_at(worked, share):.1f}" for share in (0.5, 0.95)),
            f"{question.target:.0f}",
        )
        yield f"| {' | '.join(cells)} |"


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def sequential(server: TimedConnection, mark: str) -> Iterator[str]:
    """Tabulates the same questions by sequential scans, without images, filters or scores."""
    yield "| reading all of `plates` | ms | CPU ms of one of its processes |"
    yield "|---|---:|---:|"
    off = ("indexscan", "indexonlyscan", "bitmapscan")
    for name in off:
        server.connection.execute(f"SET enable_{name} = off".encode())
    for words, condition in (
        ("`mark = 'AB1234'`", "mark = %(mark)s"),
        ("`mark LIKE 'AB_234'`", "mark LIKE overlay(%(mark)s PLACING '_' FROM 3 FOR 1)"),
        ("`mark` is one of its 1,260 look-alikes",
         "mark IN (SELECT reading FROM likely_readings(%(mark)s))"),
    ):  # fmt: skip
        query = f"SELECT count(*) FROM plates WHERE {condition}"  # noqa: S608 - our own
        waited, worked, _ = min(server.timed(query, {"mark": mark}) for _ in range(2))
        yield f"| {words} | {waited:,.0f} | {worked:,.0f} |"
    for name in off:
        server.connection.execute(f"RESET enable_{name}".encode())


def recall(server: TimedConnection, count: int) -> Iterator[str]:
    """Tabulates the share of planted misreadings that their true mark finds, and their ranks."""
    places: dict[str, list[int | None]] = {}
    for plate, true, _, kind in server.timed(MISREAD_PLATES, {"share": 100, "count": count})[2]:
        rows = server.ask(true, {"most_rows": 10_000})[2]
        others = [row[0] for row in rows if row[4] != "read as asked"]
        place = others.index(plate) + 1 if plate in others else None
        places.setdefault(kind, []).append(place)
    yield "| misread by | rows | found | among the first 10 look-alikes | median rank |"
    yield "|---|---:|---:|---:|---:|"
    every = [place for found in places.values() for place in found]
    for kind, found in [*sorted(places.items()), ("all", every)]:
        ranks = [place for place in found if place is not None]
        cells = (
            kind,
            f"{len(found)}",
            f"{len(ranks) / len(found):.0%}",
            f"{sum(rank <= 10 for rank in ranks) / len(found):.0%}",
            f"{statistics.median(ranks):.0f}" if ranks else "-",
        )
        yield f"| {' | '.join(cells)} |"


@contextmanager
def temporary_database(url: str | None) -> Iterator[str]:
    """Yields the URL of a temporary database, or the one given."""
    if url is not None:
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="hkplates-bench-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user
    try:
        postgres.start(folder / "cluster")
        with psycopg.connect(postgres.url(folder / "cluster"), autocommit=True) as connection:
            # What a power cut would leave does not matter here, and the memory of a small server.
            for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'",
                            "shared_buffers = '2GB'", "maintenance_work_mem = '1GB'"):  # fmt: skip
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        postgres.stop(folder / "cluster")
        postgres.start(folder / "cluster")
        yield postgres.url(folder / "cluster")
    finally:
        postgres.stop(folder / "cluster")
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Parses the command line, fills a database and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--questions", type=int, default=300, help="random ones of each kind")
    parser.add_argument("--database", help="URL of an empty database, instead of one of its own")
    parser.add_argument("--filled", action="store_true", help="it was filled by an earlier run")
    given = parser.parse_args()
    with temporary_database(given.database) as url:
        if not given.filled:
            engine = open_engine(url)
            migrate(engine)
            engine.dispose()
        with psycopg.connect(url, autocommit=True) as connection:
            if not given.filled:
                search_data.fill(connection, given.rows, lambda text: print(text, file=sys.stderr))
            connection.execute("RESET session_replication_role")
            for line in report(TimedConnection(connection), given.rows, given.questions):
                print(line, flush=True)


def report(server: TimedConnection, rows: int, questions: int) -> Iterator[str]:
    """Yields the whole report, as Markdown."""
    sample = marks(server, rows, questions)
    prewarm(server)
    yield f"{rows:,} plates; {questions} random questions of each kind, one after the other."
    for title, lines in (
        ("Time", latencies(server, sample)),
        ("A sequential scan", sequential(server, sample[0])),
        ("What is found", recall(server, 2 * questions)),
        ("Sizes", search_plans.sizes(server.connection)),
        ("What the indexes cost an insert", search_plans.inserts(server.connection, rows)),
        ("Plans", search_plans.plans(server.connection, sample[0])),
    ):
        yield f"\n## {title}\n"
        yield from lines


# Selects usual marks of six characters of these plates.
USUAL_MARKS = "SELECT mark FROM plates WHERE id = ANY (%(ids)s) AND mark ~ '^[A-Z]{2}[0-9]{4}$'"

# Reads tables and indexes into memory; what is read last is forgotten last: the indexes.
PREWARM = """
SELECT pg_prewarm(pg_class.oid, 'read') FROM pg_class
  LEFT JOIN pg_index ON indexrelid = pg_class.oid
 WHERE coalesce(indrelid, pg_class.oid) IN ('plates'::regclass, 'images'::regclass)
 ORDER BY relkind DESC
"""

# Selects misread plates of sightings, and the kind of misreading.
MISREAD_PLATES = """
SELECT plate_id, true_mark, planted.mark,
       CASE WHEN EXISTS (SELECT FROM generate_series(1, length(true_mark)) AS at
                          WHERE overlay(true_mark PLACING '' FROM at FOR 1) = planted.mark)
            THEN 'one character lost'
            WHEN EXISTS (SELECT FROM generate_series(1, length(planted.mark)) AS at
                          WHERE overlay(planted.mark PLACING '' FROM at FOR 1) = true_mark)
            THEN 'one character added'
            WHEN length(true_mark) <> length(planted.mark) THEN 'something else'
            ELSE (SELECT CASE count(*) WHEN 1 THEN 'one character' WHEN 2 THEN 'two characters'
                                       ELSE 'something else' END
                    FROM generate_series(1, length(true_mark)) AS at
                   WHERE substr(true_mark, at, 1) <> substr(planted.mark, at, 1)) END AS kind
  FROM planted JOIN sightings USING (plate_id)
 WHERE true_mark <> planted.mark AND review IS NULL AND hashint8(plate_id) %% 100 < %(share)s
 ORDER BY hashint8(plate_id) LIMIT %(count)s
"""


if __name__ == "__main__":
    main()
