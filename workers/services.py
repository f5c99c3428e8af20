"""What a worker process needs, built once in each: model, readers, stores, database."""

from functools import partial

import structlog

from hkplates.database.ledger import Ledger
from hkplates.database.results import ModelVersion, Results
from hkplates.database.session import open_engine, require_current_schema
from hkplates.embedded import resolve_urls
from hkplates.recognition.bundle import open_bundle
from hkplates.recognition.tesseract import TesseractReader
from hkplates.settings import Settings, read_settings
from workers.pipeline import Limits, Pipeline

log = structlog.get_logger()
_pipelines: list[Pipeline] = []  # of this process: none or one


def pipeline() -> Pipeline:
    """This process's pipeline; loaded now where `worker_process_init` could not."""
    if not _pipelines:
        load(read_settings())
    return _pipelines[0]


def load(settings: Settings) -> None:
    """Build everything, in the process that uses it.

    Raises:
        SetupError, TemporaryFault: something is missing or away; the message says what to do.
    """
    # Imported here, so that the parent, which only watches children, never loads a runtime.
    import cv2

    from hkplates.recognition.recogniser import open_recogniser
    from hkplates.storage.stores import open_stores

    cv2.setNumThreads(1)  # one process for each core: threads of threads only wait for each other
    recogniser = open_recogniser(
        settings.models, settings.runtime, settings.detector_threshold, settings.reader
    )
    engine = open_engine(resolve_urls(settings)[0])
    results = Results(engine)
    version = recogniser.version
    number = results.register_model(ModelVersion(version.detector, version.reader, version.config))
    save = partial(results.save, number)
    _pipelines[:] = [Pipeline(open_stores(), recogniser, Ledger(engine), save, limits(settings))]
    log.info("services_loaded", model_version=number, runtime=settings.runtime)


def check_machine(settings: Settings) -> None:
    """Whether a worker could work here; loads no runtime and keeps nothing open for a fork.

    Raises:
        SetupError, TemporaryFault: the message says what to do.
    """
    open_bundle(settings.models / "detector" / "bundle", settings.runtime)
    if settings.reader == "neural":
        open_bundle(settings.models / "reader" / "bundle")
    elif settings.reader == "tesseract":
        TesseractReader()
    engine = open_engine(resolve_urls(settings)[0])
    try:
        require_current_schema(engine)
    finally:
        engine.dispose()


def limits(settings: Settings) -> Limits:
    """What the settings allow a chunk to take."""
    return Limits(
        settings.lease_seconds,
        settings.fetch_threads,
        settings.max_image_bytes,
        settings.max_image_pixels,
    )
