"""Reads for people: how far a submission is, and why images failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.tables import Image, Plate, Submission

RECENT_SECONDS = 60
"""Over which the present pace is measured."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Images of a submission by state."""

    pending: int = 0
    queued: int = 0
    done: int = 0
    failed: int = 0
    quarantined: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    @property
    def left(self) -> int:
        """Images that will still be worked on."""
        return self.pending + self.queued

    @property
    def ended(self) -> int:
        return self.total - self.left

    @property
    def rejected(self) -> int:
        """Images that ended without a result, for a reason."""
        return self.failed + self.quarantined


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """A submission as its row stands; `seconds` from its creation to its end, or to now.

    `options` are empty where it was submitted, and say what was asked for where it was not
    (reprocess): then `source` is no place that could be submitted again.
    """

    id: int
    source: str
    name: str | None
    state: str
    skipped: int
    created_at: datetime
    listed_at: datetime | None
    finished_at: datetime | None
    opened_at: datetime
    options: Mapping[str, Any]
    seconds: float


def submissions(
    engine: sa.Engine, limit: int = 20, *, before: int | None = None
) -> list[SubmissionRow]:
    """The latest submissions, the newest first; with `before`, of those of smaller numbers."""
    query = _SUBMISSION.order_by(Submission.id.desc()).limit(limit)
    return _submissions(engine, query if before is None else query.where(Submission.id < before))


def submission(engine: sa.Engine, submission_id: int) -> SubmissionRow | None:
    """One submission, or None where there is none of this number."""
    if not 0 < submission_id < 2**63:
        return None  # Postgres would not compare it
    found = _submissions(engine, _SUBMISSION.where(Submission.id == submission_id))
    return found[0] if found else None


def counts(engine: sa.Engine, submission_id: int) -> Counts:
    """Images of a submission by state."""
    return counts_of(engine, [submission_id])[submission_id]


def counts_of(engine: sa.Engine, submission_ids: Sequence[int]) -> dict[int, Counts]:
    """Images by state, of each of these submissions."""
    query = (
        sa.select(Image.submission_id, Image.state, sa.func.count())
        .where(Image.submission_id.in_(submission_ids))
        .group_by(Image.submission_id, Image.state)
    )
    found: dict[int, dict[str, int]] = {number: {} for number in submission_ids}
    with engine.connect() as connection:
        for number, state, count in connection.execute(query):
            found[number][state] = count
    return {number: Counts(**states) for number, states in found.items()}


def in_work(engine: sa.Engine) -> int:
    """Images that a worker has begun and not ended, of all submissions."""
    query = sa.select(sa.func.count()).where(Image.state == "queued", Image.attempts > 0)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def reasons(engine: sa.Engine, submission_id: int) -> dict[str, int]:
    """Failed and quarantined images of a submission by reason, the most frequent first."""
    return reasons_of(engine, [submission_id])[submission_id]


def reasons_of(engine: sa.Engine, submission_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Failed and quarantined images by reason, of each of these submissions."""
    number = sa.func.count()
    query = (
        sa.select(Image.submission_id, Image.reason, number)
        .where(Image.submission_id.in_(submission_ids), Image.state.in_(("failed", "quarantined")))
        .group_by(Image.submission_id, Image.reason)
        .order_by(number.desc(), Image.reason)
    )
    found: dict[int, dict[str, int]] = {one: {} for one in submission_ids}
    with engine.connect() as connection:
        for submission_id, reason, count in connection.execute(query):
            found[submission_id][str(reason)] = count
    return found


@dataclass(frozen=True, slots=True)
class Pace:
    """How a submission moves: images that ended, a second, over the last minute or since its work
    last went on; and images that wait until what they need is back."""

    per_second: float = 0.0
    delayed: int = 0


def pace_of(engine: sa.Engine, submission_ids: Sequence[int]) -> dict[int, Pace]:
    """How each of these submissions moves."""
    values = {"ids": list(submission_ids), "seconds": RECENT_SECONDS}
    with engine.connect() as connection:
        rows = connection.execute(_PACE, values)
        found = {row.id: Pace(float(row.per_second), row.delayed) for row in rows}
    return {number: found.get(number, Pace()) for number in submission_ids}


# Both counts go by indexes: what ended in a minute, and what is not due yet, are few. The minute is
# a condition of its own, for Postgres to see how few: of a column's time it knows nothing.
_PACE = sa.text("""
    SELECT id,
           (SELECT count(*) FROM images
             WHERE processed_at > now() - make_interval(secs => :seconds)
               AND processed_at > opened_at AND submission_id = submissions.id
               AND state IN ('done', 'failed', 'quarantined'))
           / least(:seconds, greatest(1, extract(epoch FROM now() - opened_at))) AS per_second,
           (SELECT count(*) FROM images
             WHERE submission_id = submissions.id AND state = 'pending' AND due_at > now())
           AS delayed
      FROM submissions
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state IN ('listing', 'running', 'paused')
""")


def plates_found(engine: sa.Engine, submission_id: int) -> int:
    """Plates on the images of a submission, of each image's current model version."""
    return plates_of(engine, [submission_id])[submission_id]


def plates_of(engine: sa.Engine, submission_ids: Sequence[int]) -> dict[int, int]:
    """Plates on the images of each of these submissions."""
    of_image = (Image.id == Plate.image_id) & (Image.model_version_id == Plate.model_version_id)
    query = (
        sa.select(Image.submission_id, sa.func.count())
        .select_from(Plate)
        .join(Image, of_image)
        .where(Image.submission_id.in_(submission_ids), Image.state == "done")
        .group_by(Image.submission_id)
    )
    with engine.connect() as connection:
        found = {row[0]: row[1] for row in connection.execute(query)}
    return {number: found.get(number, 0) for number in submission_ids}


_SUBMISSION = sa.select(
    Submission.id,
    Submission.source,
    Submission.name,
    Submission.state,
    Submission.skipped,
    Submission.created_at,
    Submission.listed_at,
    Submission.finished_at,
    Submission.opened_at,
    Submission.options,
    sa.cast(
        sa.extract(
            "epoch", sa.func.coalesce(Submission.finished_at, sa.func.now()) - Submission.created_at
        ),
        sa.Float,
    ),
)


def _submissions(engine: sa.Engine, query: sa.Select[Any]) -> list[SubmissionRow]:
    with engine.connect() as connection:
        return [SubmissionRow(*row) for row in connection.execute(query)]
