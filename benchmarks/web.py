"""`make bench-web`: how long each page takes to its first byte, over a database that is there.

    python -m benchmarks.web --database postgresql://... [--questions 60]

Serves the page in a process of its own on this machine, without login, and asks it one question
after the other over one connection, as one person does; prints Markdown. Plates, marks and times
are drawn from the database, each asked once. Each search and each sighting adds its row to `audit`,
as it does for people. The first answer of each page, which fills caches, stands apart; beside them
stands the empty search form, which asks the database nothing but who may.
"""

import argparse
import http.client
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import psycopg

TARGET = 200  # milliseconds at p95
START_SECONDS = 60


@dataclass(frozen=True)
class Kind:
    """A kind of page, and the paths that are requested."""

    name: str
    addresses: Sequence[str]


@dataclass(frozen=True)
class Samples:
    """Plates, marks and a submission of the database, to be requested."""

    plates: list[int]
    marks: list[str]
    frequent: list[str]
    submission: int


def draw(url: str, count: int, seed: int) -> Samples:
    """Draws plates and marks at random; `frequent` are those seen most often, of a few thousand."""
    chance = random.Random(seed)  # noqa: S311
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT max(id), (SELECT max(id) FROM submissions) FROM plates")
        highest, submission = row.fetchone() or (0, 0)
        ids = [chance.randint(1, highest) for _ in range(4000)]
        query = "SELECT id, mark FROM plates WHERE id = ANY(%s) AND mark ~ '^[A-Z]{2}[0-9]{4}$'"
        rows = connection.execute(query, [ids]).fetchall()
        chance.shuffle(rows)
        often = "SELECT mark FROM plates WHERE mark = ANY(%s) GROUP BY mark ORDER BY count(*) DESC"
        marks = list(dict.fromkeys(mark for _, mark in rows))
        frequent = [mark for (mark,) in connection.execute(often, [marks[:2000]]).fetchmany(count)]
    return Samples([number for number, _ in rows[:count]], marks[:count], frequent, submission)


def kinds(samples: Samples, count: int) -> list[Kind]:
    """Lists every page that queries the database, and the search form."""
    month = "&since=2026-05&until=2026-05"
    one = f"/submissions/{samples.submission}"
    return [
        Kind("search form, empty", ["/search"] * count),
        Kind("home", ["/"] * count),
        Kind("submission", [one] * count),
        Kind("failures", [f"{one}/failures"] * count),
        Kind("search AB1234", [f"/search?mark={mark}" for mark in samples.marks]),
        Kind("search AB1234, a month", [f"/search?mark={mark}{month}" for mark in samples.marks]),
        Kind(
            "search AB1234, just so", [f"/search?mark={mark}&exact=true" for mark in samples.marks]
        ),
        Kind(
            "search AB?234", [f"/search?mark={quote(m[:2] + '?' + m[3:])}" for m in samples.marks]
        ),
        Kind("search AB*", [f"/search?mark={mark[:2]}*" for mark in samples.marks]),
        Kind("sighting", [f"/sightings/{number}" for number in samples.plates]),
        Kind("mark seen often", [f"/marks/{mark}" for mark in samples.frequent]),
        Kind("review", ["/review"] * count),
        Kind("review, a month", ["/review?since=2026-05&until=2026-05"] * count),
        Kind("review of a submission", [f"/review?submission={samples.submission}"] * count),
        Kind("review of a place", ["/review?prefix=2026/05/05/"] * count),
    ]


def main() -> int:
    """Prints the table; returns 1 if a page answered with an error."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    cli.add_argument("--database", required=True)
    cli.add_argument("--questions", type=int, default=60)
    cli.add_argument("--seed", type=int, default=11)
    options = cli.parse_args()
    samples = draw(options.database, options.questions, options.seed)
    failed = 0
    print("| page | first, ms | p50, ms | p95, ms | kB | within 200 ms |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    with served(options.database) as port:
        counted = _wait_for_counts(port)
        for kind in kinds(samples, options.questions):
            failed += _measure(kind, port)
    print(f"\nThe first count of the submissions, beside the pages, took {counted:.1f} s.")
    return 1 if failed else 0


def _wait_for_counts(port: int) -> float:
    """Returns the seconds until the home page has the counts of the submissions."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.perf_counter()
    while True:
        connection.request("GET", "/")
        if b"Counting its photographs" not in connection.getresponse().read():
            return time.perf_counter() - began
        time.sleep(0.2)


def _measure(kind: Kind, port: int) -> int:
    """Requests a page's addresses and prints its line; returns how many answers were errors."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    waited, sizes, failed = [], [], 0
    for address in kind.addresses:
        began = time.perf_counter()
        connection.request("GET", address)
        answer = connection.getresponse()  # its first line and headers are there
        waited.append((time.perf_counter() - began) * 1e3)
        sizes.append(len(answer.read()) / 1e3)
        if answer.status >= 400:
            failed += 1
            print(f"{address}: status {answer.status}", file=sys.stderr)
    later = sorted(waited[1:])
    p95 = later[min(len(later) - 1, round(0.95 * len(later)))]
    print(
        f"| {kind.name} | {waited[0]:.0f} | {statistics.median(later):.0f} | {p95:.0f} "
        f"| {statistics.median(sizes):.0f} | {'yes' if p95 <= TARGET else 'no'} |",
        flush=True,
    )
    return failed


@contextmanager
def served(url: str) -> Iterator[int]:
    """Serves the page over a database in a process of its own; yields its port."""
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(url, folder, there), daemon=True
        )
        process.start()
        try:
            if not here.poll(START_SECONDS):
                raise SystemExit("the page did not start")
            yield here.recv()
        finally:
            process.terminate()
            process.join()


def _serve(url: str, folder: str, channel: "multiprocessing.connection.Connection") -> None:
    os.environ |= {"DATABASE_URL": url, "HKPLATES_DATA": folder}
    import socket

    import uvicorn

    from cli.submissions.next_steps import format_step
    from hkplates.settings import read_settings
    from web.app import create_app
    from web.auth.config import local_access
    from web.auth.rate_limit import SlidingWindow
    from web.auth.sessions import Sessions
    from web.auth.state import RateLimits, Security
    from web.services import opened_services

    access = local_access()
    limits = RateLimits(searches=SlidingWindow(10**9, 60))  # nobody searches as often as we do
    security = Security(access, Sessions(access.secret), limits)
    with opened_services(read_settings(), format_step) as services, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        channel.send(listener.getsockname()[1])
        config = uvicorn.Config(create_app(services, security), log_config=None, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
