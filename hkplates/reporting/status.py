"""Gathers how far submissions are, for the command line, the page and its API."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from hkplates.database.queries.submissions import (
    Counts,
    Pace,
    PlateCount,
    SubmissionRow,
    count_images_by_submission,
    estimate_plates,
    failure_reasons_by_submission,
    pace_by_submission,
)
from hkplates.reporting.next_steps import CommandLine, FormatStep, suggest


@dataclass(frozen=True, slots=True)
class Status:
    """One submission with its counts; `reasons` are those of its failed and quarantined images."""

    row: SubmissionRow
    counts: Counts
    reasons: dict[str, int]
    plates: PlateCount
    pace: Pace = field(default_factory=Pace)

    @property
    def rate(self) -> float:
        """Returns the images that workers ended, a second, from its creation to its end, or to
        now."""
        return self.counts.processed / self.row.seconds if self.row.seconds > 0 else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """Returns the time that is left at the present pace; None where that cannot be told."""
        if self.row.state != "running" or not self.counts.left or self.pace.per_second <= 0:
            return None
        return self.counts.left / self.pace.per_second

    def next_steps(self, format_step: FormatStep) -> list[CommandLine]:
        """Returns the command lines of the next steps, the most useful first."""
        steps = suggest(self.row, self.counts, moving=self.pace.per_second > 0)
        return [format_step(step, self.row, self.counts) for step in steps]

    def as_json(self, format_step: FormatStep) -> dict[str, Any]:
        """Returns what `--json` and the API print: a contract."""
        fields = asdict(self.row)
        for name in ("created_at", "listed_at", "finished_at", "opened_at"):
            fields[name] = fields[name].isoformat() if fields[name] else None
        return {
            "submission": fields.pop("id"),
            **fields,
            "seconds": round(self.row.seconds, 3),
            "images": asdict(self.counts),
            "delayed": self.pace.delayed,
            "reasons": self.reasons,
            "plates": self.plates.number,
            "plates_is_exact": self.plates.exact,
            "images_per_second": round(self.rate, 3),
            "recent_images_per_second": round(self.pace.per_second, 3),
            "eta_seconds": None if self.eta_seconds is None else round(self.eta_seconds),
            "next": [asdict(one) for one in self.next_steps(format_step)],
        }


def statuses(engine: sa.Engine, rows: Sequence[SubmissionRow]) -> list[Status]:
    """Reads the status of each of these submissions, by some queries however many there are.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    ids = [row.id for row in rows]
    counts = count_images_by_submission(engine, ids)
    reasons = failure_reasons_by_submission(engine, ids)
    plates, paces = estimate_plates(engine, counts), pace_by_submission(engine, ids)
    return [
        Status(row, counts[row.id], reasons[row.id], plates[row.id], paces[row.id]) for row in rows
    ]
