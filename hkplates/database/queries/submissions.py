"""Reads submissions, and counts their images, failures and plates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.schema.images import IMAGE_STATES, Image, Submission
from hkplates.database.schema.plates import Plate

RECENT_SECONDS = 60
"""The time over which the present pace is measured."""
COUNTED_IMAGES, SAMPLED_IMAGES = 200_000, 20_000
"""The plates of so many images are counted in less than two seconds; where there are more, those of
so many are sampled."""


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
        """Returns the images in all states."""
        return sum(getattr(self, field.name) for field in fields(self))

    @property
    def left(self) -> int:
        """Returns the images that are still to be worked on."""
        return self.pending + self.queued

    @property
    def ended(self) -> int:
        """Returns the images that are not to be worked on any more, cancelled ones included."""
        return self.total - self.left

    @property
    def processed(self) -> int:
        """Returns the images that workers have ended: what was cancelled tells of no pace."""
        return self.ended - self.cancelled

    @property
    def rejected(self) -> int:
        """Returns the images that ended without a result, for a reason."""
        return self.failed + self.quarantined


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """A submission as its row stands; `seconds` from its creation to its end, or to now.

    `options` are empty where it was submitted, and hold the command's options where it was not
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


def latest_submissions(
    engine: sa.Engine, limit: int = 20, *, before: int | None = None
) -> list[SubmissionRow]:
    """Returns the latest submissions, the newest first; with `before`, of those of smaller
    numbers."""
    query = _SUBMISSION.order_by(Submission.id.desc()).limit(limit)
    return _submissions(engine, query if before is None else query.where(Submission.id < before))


def find_submission(engine: sa.Engine, submission_id: int) -> SubmissionRow | None:
    """Returns one submission, or None where there is none of this number."""
    if not 0 < submission_id < 2**63:
        return None  # Postgres would not compare it
    found = _submissions(engine, _SUBMISSION.where(Submission.id == submission_id))
    return found[0] if found else None


def count_images(engine: sa.Engine, submission_id: int) -> Counts:
    """Counts the images of a submission by state."""
    return count_images_by_submission(engine, [submission_id])[submission_id]


def count_images_by_submission(
    engine: sa.Engine, submission_ids: Sequence[int]
) -> dict[int, Counts]:
    """Counts the images of each of these submissions by state.

    Each state is counted alone, in an index: sorting ten million rows into groups takes four times
    as long.
    """
    if not submission_ids:
        return {}
    query = sa.union_all(
        *(
            sa.select(sa.literal(number), sa.literal(state), sa.func.count()).where(
                Image.submission_id == number, Image.state == state
            )
            for number in submission_ids
            for state in IMAGE_STATES
        )
    )
    found: dict[int, dict[str, int]] = {number: {} for number in submission_ids}
    with engine.connect() as connection:
        for number, state, count in connection.execute(query):
            found[number][state] = count
    return {number: Counts(**states) for number, states in found.items()}


def count_in_progress(engine: sa.Engine) -> int:
    """Counts the images that a worker has begun and not ended, of all submissions."""
    query = sa.select(sa.func.count()).where(Image.state == "queued", Image.attempts > 0)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def failure_reasons(engine: sa.Engine, submission_id: int) -> dict[str, int]:
    """Counts the failed and quarantined images of a submission by reason, the commonest first."""
    return failure_reasons_by_submission(engine, [submission_id])[submission_id]


def failure_reasons_by_submission(
    engine: sa.Engine, submission_ids: Sequence[int]
) -> dict[int, dict[str, int]]:
    """Counts the failed and quarantined images of each of these submissions by reason, the
    commonest first."""
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
    """The pace of a submission: images that ended, a second, over the last minute or since its work
    last went on; `delayed` images wait until what they need is back."""

    per_second: float = 0.0
    delayed: int = 0


def pace_by_submission(engine: sa.Engine, submission_ids: Sequence[int]) -> dict[int, Pace]:
    """Measures the pace of each of these submissions."""
    values = {"ids": list(submission_ids), "seconds": RECENT_SECONDS}
    with engine.connect() as connection:
        rows = connection.execute(_PACE, values)
        found = {row.id: Pace(float(row.per_second), row.delayed) for row in rows}
    return {number: found.get(number, Pace()) for number in submission_ids}


def count_plates(engine: sa.Engine, submission_id: int) -> int:
    """Counts the plates on the images of a submission, of each image's current model version."""
    return count_plates_by_submission(engine, [submission_id])[submission_id]


def count_plates_by_submission(engine: sa.Engine, submission_ids: Sequence[int]) -> dict[int, int]:
    """Counts the plates on the images of each of these submissions."""
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


@dataclass(frozen=True, slots=True)
class PlateCount:
    """A number of plates; where it is not exact, within a few per cent."""

    number: int = 0
    exact: bool = True


def estimate_plates(engine: sa.Engine, counts: Mapping[int, Counts]) -> dict[int, PlateCount]:
    """Counts the plates of each of these submissions; those of submissions with more done images
    than COUNTED_IMAGES are estimated from the images on some pages of the table, always the same
    ones."""
    large = {number: one.done for number, one in counts.items() if one.done > COUNTED_IMAGES}
    exact = count_plates_by_submission(engine, [number for number in counts if number not in large])
    found = {number: PlateCount(count) for number, count in exact.items()}
    with engine.connect() as connection:
        for number, images in large.items():
            percent = min(100, 100 * SAMPLED_IMAGES / images)
            values = {"id": number, "percent": percent}
            row = connection.execute(_SAMPLED_PLATES, values).one()
            estimate = images * row.plates / max(1, row.images)
            found[number] = PlateCount(int(float(f"{estimate:.3g}")), exact=False)
    return found


def _submissions(engine: sa.Engine, query: sa.Select[Any]) -> list[SubmissionRow]:
    with engine.connect() as connection:
        return [SubmissionRow(*row) for row in connection.execute(query)]


# Selects submissions, with the seconds from their creation to their end, or to now.
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

# Measures the pace of open submissions. Both counts go by indexes: what ended in a minute, and what
# is not due yet, are few. The minute is a condition of its own, for Postgres to see how few: of a
# column's time it knows nothing.
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

# Counts the plates on the done images of some pages of the table, always the same ones.
_SAMPLED_PLATES = sa.text("""
    SELECT count(*) AS images, coalesce(sum(plates), 0) AS plates
      FROM (SELECT (SELECT count(*) FROM plates
                     WHERE image_id = images.id
                       AND plates.model_version_id = images.model_version_id) AS plates
              FROM images TABLESAMPLE SYSTEM (:percent) REPEATABLE (1)
             WHERE submission_id = :id AND state = 'done') AS sampled
""")
