"""How far submissions are, whole: what `hkplates status`, the page and its API tell of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from hkplates.database.queries import submissions as queries
from hkplates.database.queries.submissions import Counts, Pace, PlateCount, SubmissionRow
from hkplates.reporting.next_steps import NextStep, suggest


@dataclass(frozen=True, slots=True)
class Status:
    """One submission, whole."""

    row: SubmissionRow
    counts: Counts
    reasons: dict[str, int]
    plates: PlateCount
    pace: Pace = field(default_factory=Pace)

    @property
    def rate(self) -> float:
        """Images that workers ended, a second, from its creation to its end, or to now."""
        return self.counts.processed / self.row.seconds if self.row.seconds > 0 else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """How long it will take at the present pace; None where that cannot be told."""
        if self.row.state != "running" or not self.counts.left or self.pace.per_second <= 0:
            return None
        return self.counts.left / self.pace.per_second

    @property
    def next(self) -> list[NextStep]:
        """What the person who asks may want to do."""
        return suggest(self.row, self.counts, moving=self.pace.per_second > 0)

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: a contract."""
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
            "next": [asdict(one) for one in self.next],
        }


def statuses(engine: sa.Engine, rows: Sequence[SubmissionRow]) -> list[Status]:
    """The status of each of these submissions: some queries, however many there are."""
    ids = [row.id for row in rows]
    counts, reasons = (
        queries.count_images_by_submission(engine, ids),
        queries.failure_reasons_by_submission(engine, ids),
    )
    plates, paces = queries.estimate_plates(engine, counts), queries.pace_by_submission(engine, ids)
    return [
        Status(row, counts[row.id], reasons[row.id], plates[row.id], paces[row.id]) for row in rows
    ]
