"""Reads for people: how far a submission is, and why images failed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.tables import Image, Plate, Submission


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
    """A submission as its row stands; `seconds` from its creation to its end, or to now."""

    id: int
    source: str
    name: str | None
    state: str
    skipped: int
    created_at: datetime
    listed_at: datetime | None
    finished_at: datetime | None
    seconds: float


def submissions(engine: sa.Engine, limit: int = 20) -> list[SubmissionRow]:
    """The latest submissions, the newest first."""
    return _submissions(engine, _SUBMISSION.order_by(Submission.id.desc()).limit(limit))


def submission(engine: sa.Engine, submission_id: int) -> SubmissionRow | None:
    """One submission, or None where there is none of this number."""
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
