"""`hkplates status`: how far submissions are, and what to do next."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table

from hkplates import embedded
from hkplates.database import queries
from hkplates.database.queries import Counts, SubmissionRow
from hkplates.database.session import require_current_schema
from hkplates.settings import Settings
from producer.commands import SET_ASIDE, opened_engine, reasons_in_words

LATEST = 20


@dataclass(frozen=True, slots=True)
class Status:
    """One submission, whole."""

    row: SubmissionRow
    counts: Counts
    reasons: dict[str, int]
    plates: int

    @property
    def rate(self) -> float:
        """Images a second from its creation to its end, or to now."""
        return self.counts.ended / self.row.seconds if self.row.seconds > 0 else 0.0

    @property
    def next(self) -> str:
        """What the person who asks may want to do."""
        if self.row.state == "paused":
            return "It is paused."
        if self.row.state == "cancelled":
            return "It was cancelled; submit the source again to begin anew."
        if self.row.state == "finished" and self.counts.quarantined and not self.counts.failed:
            return SET_ASIDE
        if self.row.state == "finished" and self.counts.failed:
            return f"To try the failed images again: hkplates submit '{self.row.source}'"
        if self.row.state == "finished":
            return f"Its plates are in the view sightings, where submission_id = {self.row.id}."
        return (
            "If nothing moves, start a worker (celery -A workers.app worker) and go on with: "
            f"hkplates submit '{self.row.source}'"
        )

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: a contract."""
        fields = asdict(self.row)
        for name in ("created_at", "listed_at", "finished_at"):
            fields[name] = fields[name].isoformat() if fields[name] else None
        return {
            "submission": fields.pop("id"),
            **fields,
            "seconds": round(self.row.seconds, 3),
            "images": asdict(self.counts),
            "reasons": self.reasons,
            "plates": self.plates,
            "images_per_second": round(self.rate, 3),
        }


def show_status(submission_id: int | None, settings: Settings, *, as_json: bool) -> int:
    """`hkplates status`; the exit status."""
    with opened_engine(embedded.resolve_database_url(settings)) as engine:
        require_current_schema(engine)
        if submission_id is None:
            return _show_all(engine, as_json)
        return _show_one(engine, submission_id, as_json)


def _show_all(engine: sa.Engine, as_json: bool) -> int:
    found = _read(engine, queries.submissions(engine, LATEST))
    if as_json:
        typer.echo(json.dumps({"submissions": [status.as_json() for status in found]}))
    elif found:
        Console().print(_table(found))
        typer.echo("More of one: hkplates status NUMBER")
    else:
        typer.echo("Nothing was submitted yet. Try: hkplates submit FOLDER")
    return 0


def _show_one(engine: sa.Engine, submission_id: int, as_json: bool) -> int:
    row = queries.submission(engine, submission_id)
    if row is None:
        raise typer.BadParameter(f"there is no submission {submission_id}; see: hkplates status")
    [status] = _read(engine, [row])
    typer.echo(json.dumps(status.as_json()) if as_json else _in_words(status))
    return 0


def _read(engine: sa.Engine, rows: list[SubmissionRow]) -> list[Status]:
    """Three queries, however many submissions there are."""
    ids = [row.id for row in rows]
    counts, reasons = queries.counts_of(engine, ids), queries.reasons_of(engine, ids)
    plates = queries.plates_of(engine, ids)
    return [Status(row, counts[row.id], reasons[row.id], plates[row.id]) for row in rows]


def _table(found: list[Status]) -> Table:
    table = Table("number", box=None)
    table.add_column("source", overflow="fold")
    for column in ("name", "state"):
        table.add_column(column)
    for column in ("left", "done", "failed", "set aside", "skipped", "plates"):
        table.add_column(column, justify="right")
    for status in found:
        row, counts = status.row, status.counts
        ended = (counts.done, counts.failed, counts.quarantined)
        numbers = (counts.left, *ended, row.skipped, status.plates)
        words = (str(row.id), row.source, row.name or "", row.state)
        table.add_row(*words, *(f"{number:,}" for number in numbers))
    return table


def _in_words(status: Status) -> str:
    row, counts = status.row, status.counts
    title = f"Submission {row.id} of {row.source}" + (f" ({row.name})" if row.name else "")
    states = ", ".join(f"{n:,} {state}" for state, n in asdict(counts).items() if n) or "no images"
    lines = [f"{title}: {row.state}", f"Images: {states}; {row.skipped:,} skipped"]
    if status.reasons:
        lines.append(f"Not read: {reasons_in_words(status.reasons)}")
    lines.append(f"Plates: {status.plates:,}; {status.rate:,.1f} images/s over all")
    return "\n".join([*lines, status.next])
