"""The fault-free run: what every good image must be read as. Kept under the data folder, so that
other schedules over the same images need not read them all once more."""

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
"""What a reading depends on."""


def read_baseline(
    services: Services,
    archive: Archive,
    plan: Plan,
    logs: Path,
    cache: Path | None,
    log: Callable[[str], None],
) -> tuple[dict[ObjectId, Plates], bool]:
    """The plates of every image that could be read; whether they were known from before."""
    file = None if cache is None else cache / f"calm-{_digest(archive)}.json"
    if file is not None and file.exists():
        log(f"The fault-free run of these images is known from {file}")
        return _read_cache(file), True
    run = FaultRun(services, archive, plan, logs, "calm")
    try:
        ran = run.run(log)
        if ran.wrong:
            raise RuntimeError(f"the fault-free run went wrong: {ran.wrong}")
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
        raise RuntimeError(f"the fault-free run read {len(found)} images of {len(good)}")


def _digest(archive: Archive) -> str:
    """Of the images and of all that reads them."""
    digest = hashlib.sha256()
    for picture in archive.images:
        if picture.kind not in POISON:
            digest.update("\0".join(picture.object_id).encode())
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
    """As `Watch.ends` has them."""
    return {
        (key, etag): tuple(tuple((column, value) for column, value in plate) for plate in plates)
        for key, etag, plates in json.loads(file.read_text())
    }
