"""Builds once in each worker process what it needs: model, readers, stores, database.

The parent checks all of it before it starts children. A child cannot mend what breaks later (a
model folder replaced, a schema migrated), and it must not pass messages round for ever: it rejects
its message, pauses, and after MAX_LOAD_FAILURES shuts down its whole worker; others go on.
"""

import mmap
import os
import resource
import signal
from functools import partial

import structlog

from hkplates.database.engine import open_engine
from hkplates.database.ledger.claims import Claims
from hkplates.database.results.save import Results
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded.servers import resolve_urls
from hkplates.errors import TemporaryFault
from hkplates.recognition.model_version import installed_version
from hkplates.retry import RetryPolicy
from hkplates.settings import Settings, read_settings
from workers.chunk.pipeline import Pipeline
from workers.chunk.state import Limits, WorkerSignals
from workers.lifecycle import current_image, shutdown

log = structlog.get_logger()
MAX_LOAD_FAILURES = 3
"""Failures to load after which a process shuts its worker down, not counting services away."""

_pipelines: list[Pipeline] = []  # of this process: none or one
_failures = 0  # of this process, to load
# Both are set when this is imported: by the parent, before it forks.
_shutdown_flag = mmap.mmap(-1, 1)  # not zero once a child has requested the shutdown
_parent = os.getpid()


def pipeline() -> Pipeline:
    """Returns this process's pipeline; loads it where `worker_process_init` could not.

    Raises:
        SetupError, TemporaryFault: it cannot be loaded now either.
    """
    if not _pipelines:
        load_or_request_shutdown(read_settings())
    return _pipelines[0]


def load_or_request_shutdown(settings: Settings) -> None:
    """Loads everything, and shuts the worker down after MAX_LOAD_FAILURES.

    Raises:
        SetupError, TemporaryFault: as `load`.
    """
    global _failures
    try:
        load(settings)
    except TemporaryFault:
        raise
    except Exception as error:
        _failures += 1
        log.error("services_not_loaded", why=str(error), tries=_failures)
        if _failures >= MAX_LOAD_FAILURES:
            request_shutdown()
        raise


def request_shutdown() -> None:
    """Asks the parent to end, as a deployment would: its other children finish their images."""
    if shutdown_requested():
        return  # once: a second signal would interrupt the others
    log.error("worker_ends", why="it cannot load what it needs; correct that and start it again")
    _shutdown_flag[0] = 1
    os.kill(_parent, signal.SIGTERM)


def shutdown_requested() -> bool:
    """Returns whether a process of this worker requested its shutdown."""
    return _shutdown_flag[0] != 0


def load(settings: Settings) -> None:
    """Builds everything, in the process that uses it.

    Raises:
        SetupError, TemporaryFault: something is missing or away; the message says what to do.
    """
    # Imported here: the parent, which only watches children, never loads a runtime.
    import cv2

    from hkplates.recognition.recogniser import open_recogniser
    from hkplates.storage.stores import open_stores

    cv2.setNumThreads(1)  # one process for each core: threads of threads only wait for each other
    recogniser = open_recogniser(
        settings.models, settings.runtime, settings.detector_threshold, settings.reader
    )
    engine = open_engine(resolve_urls(settings)[0])
    results = Results(engine)
    number = results.register_model(recogniser.version)
    save = partial(results.save, number)
    _pipelines[:] = [
        Pipeline(
            open_stores(),
            recogniser,
            Claims(engine),
            save,
            limits(settings),
            retry_policy(settings),
            WorkerSignals(shutdown.should_stop, current_image.set_current),
        )
    ]
    log.info("services_loaded", model_version=number, runtime=settings.runtime)


def check_machine(settings: Settings) -> None:
    """Checks that a worker can work here; loads no runtime and keeps nothing open for a fork.

    Raises:
        SetupError, TemporaryFault: the message says what to do.
    """
    installed_version(
        settings.models, settings.runtime, settings.detector_threshold, settings.reader
    )
    engine = open_engine(resolve_urls(settings)[0])
    try:
        require_current_schema(engine)
    finally:
        engine.dispose()


def limit_memory(max_bytes: int) -> None:
    """Bounds the private memory, in bytes, of this process and of each that it starts.

    RLIMIT_DATA counts private memory that may be written. RLIMIT_AS would count all addresses: the
    models, files and libraries mapped, and what runtimes reserve and never touch. Beyond the limit
    an allocation fails, which Python turns into MemoryError.
    """
    hardest = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hardest != resource.RLIM_INFINITY:
        max_bytes = min(max_bytes, hardest)
    resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, hardest))


def limits(settings: Settings) -> Limits:
    """Derives a chunk's limits from the settings.

    A group that begins by two thirds of the soft time limit, and retries the database at its end,
    leaves some seconds for the image in hand.
    """
    return Limits(
        settings.lease_seconds,
        settings.fetch_threads,
        settings.max_image_bytes,
        settings.max_image_pixels,
        fetch_seconds=settings.chunk_seconds / 2,
        chunk_seconds=settings.chunk_seconds * 2 / 3,
    )


def retry_policy(settings: Settings) -> RetryPolicy:
    """Builds the retry policy of a process: it waits for services well within the time limit."""
    return RetryPolicy(
        settings.chunk_seconds / 4, sleep=shutdown.sleep, should_stop=shutdown.should_stop
    )
