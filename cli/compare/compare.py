"""`hkplates compare`: reports what changes from one model version to another."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

import sqlalchemy as sa
import typer
from rich.console import Console

from cli.compare.comparison import compare
from cli.compare.report import show_csv, show_json, show_text, write_csv
from cli.context import interruption_reported, opened_database
from hkplates.database.queries import submissions
from hkplates.database.queries.version_pairs import VersionPair, image_pairs
from hkplates.database.results import model_versions as versions
from hkplates.database.results.model_versions import ModelVersionUsage
from hkplates.exit_status import ExitStatus
from hkplates.settings import Settings

Form = Literal["text", "json", "csv"]
DEFAULT_LIMITS: dict[Form, int] = {"text": 20, "json": 1000, "csv": 1000}
"""Changes that are listed without --limit."""


def run_compare(
    old: int | None,
    new: int | None,
    settings: Settings,
    *,
    submission: int | None,
    limit: int | None,
    form: Form,
) -> int:
    """Runs `hkplates compare`; returns the exit status.

    Raises:
        typer.BadParameter: a version or the submission does not exist, or NEW is missing.
        typer.Exit: interrupted.
    """
    with opened_database(settings) as engine:
        if old is None:
            show_versions(versions.versions(engine), form)
            return ExitStatus.DONE
        if new is None:
            raise typer.BadParameter("compare takes two versions, OLD and NEW, or none to list all")
        _require_versions(engine, old, new, submission)
        images = image_pairs(engine, old, new, submission)
        most = DEFAULT_LIMITS[form] if limit is None else limit
        with interruption_reported(), _progress() as watched:
            counted, surest = compare(watched(images), old, new, most)
    show = {"text": show_text, "json": show_json, "csv": show_csv}[form]
    show(counted, surest)
    return ExitStatus.DONE


def _require_versions(engine: sa.Engine, old: int, new: int, submission: int | None) -> None:
    if old == new:
        raise typer.BadParameter("OLD and NEW are the same version")
    for number in (old, new):
        if not versions.exists(engine, number):
            raise typer.BadParameter(f"there is no model version {number}; see: hkplates compare")
    if submission is not None and submissions.find_submission(engine, submission) is None:
        raise typer.BadParameter(f"there is no submission {submission}; see: hkplates status")


@contextmanager
def _progress() -> Iterator[Callable[[Iterator[VersionPair]], Iterator[VersionPair]]]:
    """Yields what counts the images that pass: in a line redrawn on a terminal, nowhere else."""
    if not sys.stderr.isatty():
        yield lambda images: images
        return
    with Console(stderr=True).status("Asking Postgres ...") as status:

        def watched(images: Iterator[VersionPair]) -> Iterator[VersionPair]:
            shown = time.monotonic()
            for number, image in enumerate(images, 1):
                if time.monotonic() - shown > 0.2:
                    status.update(f"{number:,} images compared")
                    shown = time.monotonic()
                yield image

        yield watched


def show_versions(found: list[ModelVersionUsage], form: Form) -> None:
    """Prints all model versions, and how to compare two."""
    rows = [_version_as_json(version) for version in found]
    if form == "json":
        typer.echo(json.dumps({"versions": rows}))
    elif form == "csv":
        write_csv(list(rows[0]) if rows else ["version"], [list(row.values()) for row in rows])
    elif not found:
        typer.echo("No model version was used yet. Try: hkplates submit FOLDER")
    else:
        typer.echo("\n".join(map(_format_version, found)))
        typer.echo(
            "What changes from one to another: hkplates compare OLD NEW\n"
            "Read images again with this machine's version: hkplates reprocess"
        )


def _version_as_json(version: ModelVersionUsage) -> dict[str, Any]:
    """Returns the object that `--json` prints: a contract.

    `images` were read by it to the end; sightings shows its reading of `current` ones.
    """
    fields = asdict(version)
    for name in ("first_used", "last_used"):
        fields[name] = fields[name].isoformat() if fields[name] else None
    return {"version": fields.pop("id"), **fields}


def _format_version(one: ModelVersionUsage) -> str:
    """Formats a version with its config, and below it what it has read."""
    known = {name: value for name, value in one.config.items() if value is not None}
    settings = "".join(f", {name} {value}" for name, value in known.items())
    reader, detector = shorten_hashes(one.reader), shorten_hashes(one.detector)
    what = f"{one.id:>4}  {reader}, detector {detector}{settings}"
    if one.first_used is None or one.last_used is None:
        return f"{what}\n      {one.images:,} images read"
    return (
        f"{what}\n      {one.images:,} images read, {one.current:,} of them shown in sightings; "
        f"{one.first_used:%Y-%m-%d} to {one.last_used:%Y-%m-%d}"
    )


def shorten_hashes(name: str) -> str:
    """Cuts the SHA-256 hashes of a name to what a person compares: `neural 4a1f09c2`."""
    return " ".join(
        word[:8] if len(word) == 64 and set(word) <= set("0123456789abcdef") else word
        for word in name.split()
    )
