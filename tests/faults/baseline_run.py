"""Runs without faults: the baseline of what every good image must be read as.

It is cached under the data folder, so that other schedules over the same images need not read them
all once more.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from faults.archive import Archive
from faults.expectations import ObjectId, Plates
from faults.pictures import POISON
from faults.run import FaultRun, Plan
from faults.services import Services

from hkplates.settings import PROJECT

READING_SOURCES = ("hkplates/recognition", "models/detector/bundle", "models/reader/bundle")
"""Folders of code and weights that a reading depends on."""


def read_baseline(
    services: Services,
    archive: Archive,
    plan: Plan,
    logs: Path,
    cache: Path | None,
    log: Callable[[str], None],
) -> tuple[dict[ObjectId, Plates], bool]:
    """Returns the plates of every image that could be read, and whether they were cached.

    Raises:
        RuntimeError: The run went wrong, or did not read every good image.
    """
    file = None if cache is None else cache / f"baseline-{_digest(archive)}.json"
    if file is not None and file.exists():
        log(f"The baseline of these images is known from {file}")
        return _read_cache(file), True
    run = FaultRun(services, archive, plan, logs, "baseline")
    try:
        result = run.run(log)
        if result.wrong:
            raise RuntimeError(f"the baseline run went wrong: {result.wrong}")
        found = {name: end.plates for name, end in run.poller.outcomes() if end.state == "done"}
    finally:
        run.poller.close()
    _check_complete(archive, found)
    if file is not None:
        _write_cache(file, found)
    return found, False


def _check_complete(archive: Archive, found: dict[ObjectId, Plates]) -> None:
    good = {one.object_id for one in archive.images if one.kind in ("good", "missing", "changed")}
    if good != set(found):
        raise RuntimeError(f"the baseline run read {len(found)} images of {len(good)}")


def _digest(archive: Archive) -> str:
    """Hashes the images and all that reads them."""
    digest = hashlib.sha256()
    for image in archive.images:
        if image.kind not in POISON:
            digest.update("\0".join(image.object_id).encode())
    for folder in READING_SOURCES:
        for file in sorted((PROJECT / folder).rglob("*")):
            if file.suffix in {".py", ".json"}:  # a bundle's config.json holds its weights' hashes
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _write_cache(file: Path, found: dict[ObjectId, Plates]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps([[*name, plates] for name, plates in found.items()]))
    new.rename(file)


def _read_cache(file: Path) -> dict[ObjectId, Plates]:
    """Reads them as `DatabasePoller.outcomes` has them."""
    return {
        (key, etag): tuple(tuple((column, value) for column, value in plate) for plate in plates)
        for key, etag, plates in json.loads(file.read_text())
    }
