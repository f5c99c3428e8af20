"""Makes images that were read to the end pending again, for another model version.

What was read on them before stays, and sightings shows it, until the new reading is whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from hkplates.database.ledger.intake import Intake
from hkplates.database.ledger.intake import Submission as Opened
from hkplates.database.ledger.listed_images import Added
from hkplates.database.ledger.states import RESET_TO_PENDING, reopen_for_images
from hkplates.database.schema.images import Image, Submission
from hkplates.database.schema.sightings_view import IS_SIGHTING
from hkplates.database.sighting_filter import SightingFilter, image_conditions, plate_conditions
from hkplates.database.snapshot import snapshot, stream_rows

BATCH = 1000
"""Images that are changed in one transaction."""


@dataclass(frozen=True, slots=True)
class ReprocessFilter:
    """Conditions that an image meets together to be chosen.

    Of `sightings` only `mark`, `below`, `submission` and `prefix` can be set. One plate of the
    image meets `mark` and `below`; with `below` it is one of region HK, and what a person found to
    be no plate is none. `model` is the version whose reading is the current one. At most `limit`
    images are chosen, from all over the archive.
    """

    sightings: SightingFilter = field(default_factory=SightingFilter)
    model: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        self.sightings.require_only("mark", "below", "submission", "prefix")

    @property
    def narrows(self) -> bool:
        """Returns whether a condition leaves images out; a limit alone is none."""
        return replace(self, limit=None) != ReprocessFilter()

    def options(self) -> dict[str, float | int | str]:
        """Returns what is set, by the names and in the order of the command's options."""
        of = self.sightings
        options = {
            "below": of.below,
            "mark": of.mark,
            "model": self.model,
            "submission": of.submission,
            "prefix": of.prefix,
            "limit": self.limit,
        }
        return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reprocessing:
    """Chooses images to be read again by the model version `target`, and makes them wait.

    An image is chosen where it was read to the end by another version, and ended as done or failed
    since, or waits. One that is set aside is left alone, as one whose content was replaced.
    All methods raise DatabaseUnreachable where Postgres is away.
    """

    engine: sa.Engine
    filter: ReprocessFilter
    target: int | None

    def count(self) -> dict[int, int]:
        """Counts the images to choose, by the version that read them last."""
        chosen = self._query(None, self.filter.limit).subquery()
        query = sa.select(chosen.c.model_version_id, sa.func.count()).group_by(
            chosen.c.model_version_id
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(chosen.c.model_version_id))
            return {int(number or 0): count for number, count in rows}

    def is_any(self) -> bool:
        """Checks that there is an image to choose."""
        with self.engine.connect() as connection:
            return connection.execute(self._query(None, 1)).first() is not None

    def batches(self, submission_id: int | None) -> Iterator[Sequence[int]]:
        """Yields ids of images to choose, as they stood at one moment, a thousand at a time.

        Those that this submission has already are left out, and count towards the limit.
        """
        limit = self.filter.limit
        if limit is not None and submission_id is not None:
            limit = max(0, limit - self.owned(submission_id))
        query = self._query(submission_id, limit)
        with (
            snapshot(self.engine) as connection,
            stream_rows(connection, query, batch_rows=BATCH) as result,
        ):
            for rows in result.partitions(BATCH):
                yield [row.id for row in rows]

    def take(self, submission_id: int, image_ids: Sequence[int]) -> Added:
        """Makes chosen images pending under the submission, where they still are to be chosen.

        `retried` are those that had ended, `taken_over` those that waited to be read again under
        another submission. A submission that was cancelled meanwhile takes none.
        """
        with self.engine.begin() as connection:
            if not reopen_for_images(connection, submission_id):
                return Added()
            query = self._query(submission_id, None).where(Image.id.in_(image_ids))
            rows = connection.execute(query.order_by(Image.id).with_for_update(of=Image)).all()
            ended = [row.id for row in rows if row.state not in _WAITING]
            waiting = [row.id for row in rows if row.state in _WAITING]
            for statement, ids in ((_READ_AGAIN, ended), (_TAKE_OVER, waiting)):
                if ids:
                    connection.execute(statement, {"id": submission_id, "ids": ids})
        return Added(retried=len(ended), taken_over=len(waiting))

    def open(self, source: str, options: Mapping[str, Any]) -> Opened:
        """Returns the unfinished submission of this source, else a new one, with these options."""
        submission = Intake(self.engine).open_submission(source, options=options)
        if submission.resumed:
            statement = sa.text("UPDATE submissions SET options = :options WHERE id = :id")
            with self.engine.begin() as connection:
                connection.execute(
                    statement.bindparams(sa.bindparam("options", type_=JSONB)),
                    {"id": submission.id, "options": dict(options)},
                )
        return submission

    def owned(self, submission_id: int) -> int:
        """Counts a submission's images, whatever became of them."""
        query = sa.select(sa.func.count()).where(Image.submission_id == submission_id)
        with self.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def versions_of(self, submission_id: int) -> dict[int, int]:
        """Counts a submission's images done since it began, by the version that read them."""
        query = (
            sa.select(Image.model_version_id, sa.func.count())
            .join(Submission, Submission.id == Image.submission_id)
            .where(Submission.id == submission_id, Image.state == "done")
            # Where it was cancelled, those that waited are done as they were long before.
            .where(Image.processed_at >= Submission.created_at)
            .group_by(Image.model_version_id)
            .order_by(Image.model_version_id)
        )
        with self.engine.connect() as connection:
            return {int(number or 0): count for number, count in connection.execute(query)}

    def mostly_before(self, submission_id: int) -> int | None:
        """Returns the version that read most images of a submission before the target did."""
        with self.engine.connect() as connection:
            values = {"id": submission_id, "target": self.target}
            found: int | None = connection.execute(_MOSTLY_BEFORE, values).scalar()
            return found

    def _query(
        self, submission_id: int | None, limit: int | None
    ) -> sa.Select[int, str, int | None]:
        query = sa.select(Image.id, Image.state, Image.model_version_id).where(
            Image.model_version_id.is_not(None),
            Image.state.in_((*_ENDED, *_WAITING)),
            ~Image.superseded,
            *_conditions(self.filter),
        )
        if self.target is not None:
            query = query.where(Image.model_version_id != self.target)
        if submission_id is not None:
            query = query.where(Image.submission_id != submission_id)
        if limit is None:
            return query
        # From all over the archive, and the same ones each time: a sample to compare by.
        return query.order_by(sa.func.hashint8(Image.id), Image.id).limit(limit)


_ENDED = ("done", "failed")
_WAITING = ("pending", "queued")

_READ_AGAIN = sa.text(f"""
    UPDATE images SET submission_id = :id, {RESET_TO_PENDING}
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")  # noqa: S608  (a constant of ours)

_TAKE_OVER = sa.text("""
    UPDATE images SET submission_id = :id WHERE id = ANY(CAST(:ids AS bigint[]))
""")

_MOSTLY_BEFORE = sa.text("""
    SELECT earlier_versions.model_version_id
      FROM images JOIN earlier_versions ON image_id = images.id
     WHERE submission_id = :id AND images.model_version_id = :target
     GROUP BY 1 ORDER BY count(*) DESC, 1 DESC LIMIT 1
""")


def _conditions(chosen: ReprocessFilter) -> Iterator[sa.ColumnElement[bool]]:
    # Plates that are not seen whole as well: another version may see more of them.
    where = replace(chosen.sightings, incomplete=True)
    if chosen.model is not None:
        yield Image.model_version_id == chosen.model
    yield from image_conditions(where)
    if where.below is not None:
        # Other countries' plates are read badly on any day; this reader never learned them.
        where = replace(where, region="HK")
    if of_plate := list(plate_conditions(where)):
        yield sa.exists().where(*IS_SIGHTING, *of_plate)
