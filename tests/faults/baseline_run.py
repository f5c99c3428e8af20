"""The fault-free run: what every good image must be read as. Kept under the data folder, so that
other schedules over the same images need not read them all once more."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from faults.archive import Archive
from faults.expectations import Name, Plates
from faults.pictures import POISON
from faults.run import Plan, Run
from faults.services import Services

from hkplates.settings import PROJECT

READS = ("hkplates/recognition", "models/detector/bundle", "models/reader/bundle")
"""What a reading depends on."""


def read_calmly(
    services: Services,
    archive: Archive,
    plan: Plan,
    logs: Path,
    kept: Path | None,
    say: Callable[[str], None],
) -> tuple[dict[Name, Plates], bool]:
    """The plates of every image that could be read; whether they were known from before."""
    file = None if kept is None else kept / f"calm-{_digest(archive)}.json"
    if file is not None and file.exists():
        say(f"The fault-free run of these images is known from {file}")
        return _load(file), True
    run = Run(services, archive, plan, logs, "calm")
    try:
        ran = run.run(say)
        if ran.wrong:
            raise RuntimeError(f"the fault-free run went wrong: {ran.wrong}")
        found = {name: end.plates for name, end in run.watch.ends() if end.state == "done"}
    finally:
        run.watch.close()
    _require_all(archive, found)
    if file is not None:
        _keep(file, found)
    return found, False


def _require_all(archive: Archive, found: dict[Name, Plates]) -> None:
    good = {one.name for one in archive.pictures if one.sort in ("good", "missing", "changed")}
    if good != set(found):
        raise RuntimeError(f"the fault-free run read {len(found)} images of {len(good)}")


def _digest(archive: Archive) -> str:
    """Of the images and of all that reads them."""
    digest = hashlib.sha256()
    for picture in archive.pictures:
        if picture.sort not in POISON:
            digest.update("\0".join(picture.name).encode())
    for folder in READS:
        for file in sorted((PROJECT / folder).rglob("*")):
            if file.suffix in {".py", ".json"}:  # a bundle's config.json holds its weights' hashes
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _keep(file: Path, found: dict[Name, Plates]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps([[*name, plates] for name, plates in found.items()]))
    new.rename(file)


def _load(file: Path) -> dict[Name, Plates]:
    """As `Watch.ends` has them."""
    return {
        (key, etag): tuple(tuple((column, value) for column, value in plate) for plate in plates)
        for key, etag, plates in json.loads(file.read_text())
    }
