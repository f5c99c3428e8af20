"""Benchmark `hkplates export`, its rate and that its memory does not grow: `make bench-export`.

Starts a PostgreSQL of its own, makes sightings, exports a tenth of them and all of them in each
format by the real command, and prints the rate and the peak memory of its process, side by side.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from hkplates.database.engine import open_engine
from hkplates.database.schema.migrate import migrate
from hkplates.embedded import servers as embedded

FORMATS = ("csv", "jsonl", "parquet")
TENTH, REST = 1, 2  # submissions


@dataclass(frozen=True, slots=True)
class ExportRun:
    """Measurements of one export by the real command."""

    sightings: int
    seconds: float
    cpu_seconds: float
    file_bytes: int
    peak_bytes: int


def fill(engine: sa.Engine, sightings: int) -> None:
    """Inserts that many sightings into an empty, migrated database."""
    with engine.begin() as connection:
        for statement in FILL:
            connection.execute(sa.text(statement), {"sightings": sightings})


def measure_export(database_url: str, path: Path, sightings: int, *arguments: str) -> ExportRun:
    """Exports to a file and measures time, size and the peak memory of the process.

    Raises:
        RuntimeError: The command ended with another status than 0.
    """
    began = time.monotonic()
    program = [sys.executable, "-m", "cli.main", "export", "--output", str(path), *arguments]
    environment = {**os.environ, "DATABASE_URL": database_url}
    process = os.posix_spawn(
        sys.executable,
        program,
        environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"hkplates export ended with {os.waitstatus_to_exitcode(status)}")
    size = path.stat().st_size
    path.unlink()
    seconds, cpu_seconds = time.monotonic() - began, used.ru_utime + used.ru_stime
    return ExportRun(
        sightings, seconds, cpu_seconds, size, used.ru_maxrss * 1024
    )  # Linux: kilobytes


@contextmanager
def _database() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="hkplates-bench-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user
    try:
        servers = embedded.start(folder / "data")
        yield servers.database_url
    finally:
        embedded.stop(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)


def _row(name: str, tenth: ExportRun, whole: ExportRun) -> str:
    cells = (
        name,
        f"{whole.sightings:,}",
        f"{whole.seconds:,.1f}",
        f"{whole.cpu_seconds:,.1f}",
        f"{whole.sightings / whole.cpu_seconds:,.0f}",
        f"{whole.file_bytes / 1e6:,.0f}",
        f"{tenth.peak_bytes / 1e6:,.0f}",
        f"{whole.peak_bytes / 1e6:,.0f}",
        f"{whole.peak_bytes / tenth.peak_bytes:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Fills a database, exports in each format and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sightings", type=int, default=1_000_000)
    sightings = parser.parse_args().sightings
    with _database() as url:
        engine = open_engine(url)
        migrate(engine)
        fill(engine, sightings)
        engine.dispose()
        print(
            "| format | sightings | seconds | CPU s | sightings/CPU s | file MB "
            "| peak MB of a tenth | peak MB of all | ratio |\n"
            f"|---|{'---:|' * 8}"
        )
        for name in FORMATS:
            path = Path(tempfile.gettempdir()) / f"hkplates-bench-{os.getpid()}.{name}"
            tenth = measure_export(url, path, sightings // 10, "--submission", str(TENTH))
            print(_row(name, tenth, measure_export(url, path, sightings)), flush=True)


# Inserts one photograph and one plate for each number, all different, a tenth of submission 1.
FILL = (
    """
    INSERT INTO model_versions (detector, reader, config, digest)
    VALUES ('bench', 'bench', '{}', sha256('bench'))
    """,
    """
    INSERT INTO submissions (source, state)
    VALUES ('s3://bench/tenth/', 'finished'), ('s3://bench/rest/', 'finished')
    """,
    """
    INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state, attempts,
                        width, height, taken_at, model_version_id, processed_at, milliseconds)
    SELECT CASE WHEN n % 10 = 0 THEN 1 ELSE 2 END, 's3', 'bench',
           format('gate-%s/2026/%s.jpg', n % 40, n), md5(n::text), 250000,
           sha256(int8send(n)), 'done', 1, 1920, 1080,
           '2026-07-01 00:00+08'::timestamptz + n * interval '3 seconds', 1,
           '2026-08-01 00:00+08'::timestamptz + n * interval '10 milliseconds', 90
      FROM generate_series(1, CAST(:sightings AS bigint)) AS n
    """,
    """
    INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows,
                        colour, confidence, character_confidences, candidates, box, quad,
                        detector_score, reader)
    SELECT id, 1, 0, letters || numbers, letters || ' ' || numbers, 'usual', 'HK', 1 + id % 2,
           CASE WHEN id % 2 = 0 THEN 'white' ELSE 'yellow' END, 0.5 + (id % 50) / 100.0,
           '{0.99,0.98,0.97,0.96,0.95,0.94}',
           jsonb_build_array(jsonb_build_object(
               'text', letters || ' ' || reverse(numbers), 'confidence', 0.015625)),
           ARRAY[100.5, 200.25, 120.75, 30.5],
           ARRAY[[100.5, 200.25], [220.5, 201.5], [219.25, 230.5], [100.5, 229.75]],
           0.875, 'bench'
      FROM (SELECT id, chr((65 + id / 9000 % 8)::int) || chr((74 + id / 72000 % 5)::int) AS letters,
                   (1000 + id % 9000)::text AS numbers
              FROM images) AS numbered
    """,
    "ANALYZE",
)


if __name__ == "__main__":
    main()
