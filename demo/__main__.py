"""The main job on real servers, from photographs to SQL: what `make demo` runs.

    python -m demo [SOURCE] [--seed N]

Everything it starts it stops, also after Ctrl-C. Servers that ran before are left running.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from demo import answers, pictures
from hkplates import embedded
from hkplates.database.session import open_engine
from hkplates.errors import HkplatesError
from hkplates.settings import Settings, read_settings
from hkplates.storage.stores import open_stores
from producer.sources import Source, parse_source

SAMPLES = 40
GRACE_SECONDS = 60.0
INTERRUPTED = 130
console = Console(stderr=True, highlight=False)


def main() -> int:
    """Run the demo; the exit status is that of the submission, or of what went wrong."""
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
        console.print("Interrupted; what ran was stopped. The same command goes on from here.")
        return INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(source: str | None, seed: int) -> int:
    settings = read_settings()
    folder = source or str(_samples(settings, seed))
    with _servers(settings):
        database_url, _ = embedded.resolve_urls(settings)
        _hkplates("migrate")
        with _worker(settings):
            status = _hkplates("submit", folder, check=False)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status > 1:  # 1: some images failed, and the rest is worth seeing
            return status
        _show(parse_source(folder), database_url, settings)
    return status


def _show(source: Source, database_url: str, settings: Settings) -> None:
    engine = open_engine(database_url)
    try:
        answers.show(engine, source)
        target = settings.data_folder / "pictures"
        drawn = pictures.draw(engine, open_stores()[source.store], source, target, settings)
    finally:
        engine.dispose()
    print(f"\n{len(drawn)} photographs with their plates drawn in: {_short(target)}")
    print("Ask more:  make sql     (psql on these tables; docs/sql.md explains them)")


def _samples(settings: Settings, seed: int) -> Path:
    """A folder of drawn street scenes, made once for each seed."""
    folder = settings.data_folder / "samples" / f"seed-{seed}"
    if not (folder / "samples.jsonl").exists():
        console.print(f"Drawing {SAMPLES} street scenes into {_short(folder)} ...")
        command = ("-m", "models.synthesis.samples", str(folder))
        _python(*command, "--count", str(SAMPLES), "--seed", str(seed))
    return folder


@contextmanager
def _servers(settings: Settings) -> Iterator[None]:
    """The servers that the environment names, else the embedded ones for as long as needed."""
    if settings.database_url and settings.broker_url:
        yield
        return
    if embedded.running(settings.data_folder):
        yield
        return
    begin = time.monotonic()
    try:
        embedded.start(settings.data_folder)
        console.print(f"PostgreSQL and Valkey started in {time.monotonic() - begin:.1f} s")
        yield
    finally:
        embedded.stop(settings.data_folder)


@contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    """A Celery worker with a process for each core, its log in a file."""
    log = settings.data_folder / "worker.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    processes = str(os.cpu_count() or 1)
    command = (sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-c", processes)
    console.print(f"A worker with {processes} processes started; its log: {_short(log)}")
    with log.open("a") as output:
        # A session of its own: Ctrl-C reaches us alone, and we stop the worker in order.
        worker = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield
    finally:
        _stop(worker)
    if worker.returncode not in (0, -signal.SIGTERM):
        raise HkplatesError(f"The worker ended with status {worker.returncode}; look into {log}")


def _stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _hkplates(*arguments: str, check: bool = True) -> int:
    return _python("-m", "producer.cli", *arguments, check=check)


def _python(*arguments: str, check: bool = True) -> int:
    status = subprocess.run((sys.executable, *arguments), check=False).returncode
    if check and status:
        raise SystemExit(status)  # the command has said what is wrong
    return status


def _short(path: Path) -> str:
    """Relative to where the person stands, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
