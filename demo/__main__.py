"""Runs the main job on real servers, from photographs to SQL, for `make demo`.

    python -m demo [SOURCE] [--seed N]

Everything it starts it stops, also after Ctrl-C. Servers that ran before are left running.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from demo import answers, pictures
from demo.processes import interrupts_ignored, run_python, run_watched, running_worker
from hkplates.database.engine import open_engine
from hkplates.embedded import servers
from hkplates.errors import HkplatesError
from hkplates.exit_status import ExitStatus
from hkplates.settings import Settings, read_settings
from hkplates.storage.stores import open_stores
from producer.sources import Source, parse_source

SAMPLES = 40
LABELS = "labels.jsonl"  # the generator writes it last: a folder that has it is whole
console = Console(stderr=True, highlight=False)


def main() -> int:
    """Runs the demo; returns the exit status of the submission, or of what went wrong."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.split("\n")[0])
    parser.add_argument("source", nargs="?", help="a folder or s3://bucket/prefix; or samples")
    parser.add_argument("--seed", type=int, default=1, help="which samples to draw")
    options = parser.parse_args()
    # `kill` and Ctrl-C end it in the same way: through the clean-ups below.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(options.source, options.seed)
    except HkplatesError as error:
        console.print(f"[red]{error}[/red]")
        return error.exit_code
    except KeyboardInterrupt:
        console.print("Interrupted; what was started is stopped. The same command goes on.")
        return ExitStatus.INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(source_text: str | None, seed: int) -> int:
    settings = read_settings()
    servers.make_data_folder(settings.data_folder)  # fails now, and not after the drawing
    source = parse_source(source_text or str(_draw_samples(settings, seed)))
    with _running_servers(settings):
        database_url, _ = servers.resolve_urls(settings)
        run_python("-m", "cli.main", "migrate")
        log = settings.data_folder / "worker.log"
        with running_worker(log) as running:
            console.print(f"A worker started; its log: {_relative_path(log)}")
            status = run_watched(running, log, "-m", "cli.main", "submit", str(source))
        if status > ExitStatus.SOME_FAILED:  # the images that did not fail are worth seeing
            return status
        _show(source, database_url, settings)
    return ExitStatus.DONE  # the report above names the images that failed, if any


def _show(source: Source, database_url: str, settings: Settings) -> None:
    engine = open_engine(database_url)
    try:
        answers.show_plates(engine, source)
        target = settings.data_folder / "pictures"
        drawn = pictures.draw_photographs(
            engine, open_stores()[source.store], source, target, settings
        )
    finally:
        engine.dispose()
    print(f"\n{len(drawn)} photographs with their plates drawn in: {_relative_path(target)}")
    print("Ask more:  make sql     (psql on these tables; docs/sql.md explains them)")


def _draw_samples(settings: Settings, seed: int) -> Path:
    """Draws street scenes into a folder, once for each seed; returns the folder."""
    folder = settings.data_folder / "samples" / f"seed-{seed}"
    if not (folder / LABELS).exists():
        console.print(f"Drawing {SAMPLES} street scenes into {_relative_path(folder)} ...")
        command = ("-m", "models.synthesis.samples", str(folder))
        run_python(*command, "--count", str(SAMPLES), "--seed", str(seed))
    return folder


@contextmanager
def _running_servers(settings: Settings) -> Iterator[None]:
    """Runs the embedded servers as long as needed, unless the environment names others."""
    named = settings.database_url and settings.broker_url
    if named or servers.running(settings.data_folder):
        yield
        return
    began = time.monotonic()
    try:
        servers.start(settings.data_folder)
        console.print(f"PostgreSQL and Valkey started in {time.monotonic() - began:.1f} s")
        yield
    finally:
        with interrupts_ignored():
            servers.stop(settings.data_folder)


def _relative_path(path: Path) -> str:
    """Formats a path relative to the current folder, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
