"""Takes submissions and their listed images into the ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from hkplates.database.ledger.listed_images import Added, Listed, batch_of, save_listed
from hkplates.database.ledger.states import reopen_for_images
from hkplates.database.text import sanitise_text
from hkplates.jobs import StoreKind


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission to list. `resumed`: an unfinished one of the same source, to be continued;
    `was_paused`: somebody had paused it, and it goes on now. `listing_after`: the last key that its
    interrupted listing recorded, from where it can go on; None where it begins anew."""

    id: int
    source: str
    resumed: bool
    was_paused: bool = False
    listing_after: str | None = None


class Intake:
    """The ledger as listing uses it; safe to use from several threads.

    All methods raise DatabaseUnreachable where Postgres is away.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open_submission(
        self, source: str, name: str | None = None, options: Mapping[str, object] | None = None
    ) -> Submission:
        """Returns the unfinished submission of this source (and name, if given), else a new one."""
        values = {
            "source": sanitise_text(source),
            "name": None if name is None else sanitise_text(name),
        }
        with self._engine.begin() as connection:
            # Two producers that begin at the same moment must end with the same submission.
            connection.execute(_LOCK_SOURCE, {"source": values["source"]})
            found = connection.execute(_CONTINUE_SUBMISSION, values).one_or_none()
            if found is not None:
                return Submission(
                    found.id,
                    source,
                    resumed=True,
                    was_paused=found.was_paused,
                    listing_after=found.listing_after,
                )
            created = connection.execute(_NEW_SUBMISSION, {**values, "options": options or {}})
            return Submission(created.scalar_one(), source, resumed=False)

    def add_images(
        self,
        submission_id: int,
        store: StoreKind,
        bucket: str,
        entries: Iterable[Listed],
        *,
        listed_to: str | None = None,
    ) -> Added:
        """Makes listed images rows: new ones, and ones that failed or were cancelled, as pending.

        An image belongs to the submission that last asked for it: those that wait or are queued
        under another are taken over, with their leases. Rows of another content under a listed key
        become superseded. A submission that another producer has finished meanwhile is open again;
        one that was cancelled meanwhile takes no more images, and nothing is added.

        `listed_to`: the key that the listing has come to, recorded together with the images, so
        that an interrupted listing goes on from there.
        """
        batch = batch_of(store, sanitise_text(bucket), entries)
        with self._engine.begin() as connection:
            if not reopen_for_images(connection, submission_id):
                return Added()
            added = save_listed(connection, submission_id, batch)
            _mark_listed(connection, submission_id, listed_to, added.skipped)
        return added

    def listing_finished(self, submission_id: int) -> None:
        """Records that all images of the source are rows; the submission ends with them."""
        with self._engine.begin() as connection:
            connection.execute(_LISTED, {"id": submission_id})


def _mark_listed(
    connection: sa.Connection, submission_id: int, listed_to: str | None, skipped: int
) -> None:
    """Records how far the listing is and what it skipped.

    A key that Postgres cannot hold is no mark: to go on after another one could leave some out.
    """
    if listed_to is not None and sanitise_text(listed_to) != listed_to:
        listed_to = None
    if listed_to is not None or skipped:
        values = {"id": submission_id, "listed_to": listed_to, "skipped": skipped}
        connection.execute(_CHECKPOINT, values)


# Locks a source
_LOCK_SOURCE = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended('hkplates submission ' || :source, 0))"
)

# Continues the unfinished submission of a source. The state is asked again once the row is locked:
# it may have been cancelled or finished meanwhile. A listing from the start counts what it skips
# anew.
_CONTINUE_SUBMISSION = sa.text("""
    WITH found AS MATERIALIZED (
        SELECT id, state FROM submissions
         WHERE id = (SELECT max(id) FROM submissions
                      WHERE state IN ('listing', 'running', 'paused') AND source = :source
                        AND (CAST(:name AS text) IS NULL OR name = :name))
           AND state IN ('listing', 'running', 'paused')
           FOR NO KEY UPDATE)
    UPDATE submissions
       SET state = 'listing', listed_at = NULL, opened_at = now(),
           skipped = CASE WHEN listing_after IS NULL THEN 0 ELSE skipped END
      FROM found WHERE submissions.id = found.id
    RETURNING submissions.id, found.state = 'paused' AS was_paused, listing_after
""")

# Inserts a submission
_NEW_SUBMISSION = sa.text("""
    INSERT INTO submissions (source, name, options) VALUES (:source, :name, :options) RETURNING id
""").bindparams(sa.bindparam("options", type_=JSONB))

# Records how far a listing is. Once for each batch: told again after a lost answer, or by a second
# producer, it counts no twice. Keys are listed in the order of their bytes.
_CHECKPOINT = sa.text("""
    UPDATE submissions
       SET skipped = skipped + :skipped,
           listing_after = coalesce(CAST(:listed_to AS text), listing_after)
     WHERE id = :id
       AND (CAST(:listed_to AS text) IS NULL OR listing_after IS NULL
            OR listing_after COLLATE "C" < CAST(:listed_to AS text) COLLATE "C")
""")

# Ends a listing. A submission that was paused meanwhile stays so, and remembers that its listing is
# whole.
_LISTED = sa.text("""
    UPDATE submissions
       SET state = CASE WHEN state = 'listing' THEN 'running' ELSE state END,
           listed_at = now(), listing_after = NULL
     WHERE id = :id AND state IN ('listing', 'running', 'paused')
""")
