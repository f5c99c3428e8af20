"""The ledger: which image is in which state. All that changes states is here, in turns.py (what is
sent), returns.py (what comes back), control.py (what people do to submissions), reprocess.py (what
is read again) and results.py (what workers found out).

::

    pending -> queued -> done | failed | quarantined
               queued -> pending       its lease expired, it was handed back, or it is paused
    pending, queued -> cancelled       with its submission; done where it had been done before
    failed, quarantined -> pending     tried again: retry, or (failed, cancelled) submit
    done, failed -> pending            read again: reprocess

Each method is one transaction, safe to run from several processes at once, and uses the database's
clock only. Rows are locked in one order everywhere, submissions before images and each by id, so
that two batches never wait for each other in a circle. All methods raise DatabaseUnreachable where
Postgres is away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from hkplates.database.ledger import intake_sql as sql
from hkplates.database.ledger.control import Control
from hkplates.database.ledger.dispatch import Turns, image_ref
from hkplates.database.ledger.hand_back import Returns
from hkplates.database.schema.failure_reasons import MOST_ATTEMPTS, TROUBLES, Trouble
from hkplates.database.text import image_digest, storable
from hkplates.jobs import ImageRef, StoreKind


class Listed(Protocol):
    """What a store's listing says of one image (hkplates.storage.base.Entry)."""

    @property
    def key(self) -> str: ...
    @property
    def etag(self) -> str: ...
    @property
    def size(self) -> int: ...


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


@dataclass(frozen=True, slots=True)
class Added:
    """What became of listed images: `new` rows; `retried` ones that had failed; `taken_over` ones
    that waited under another submission; `known` ones that this submission had already; `skipped`
    ones that another has ended."""

    new: int = 0
    retried: int = 0
    taken_over: int = 0
    known: int = 0
    skipped: int = 0

    @property
    def listed(self) -> int:
        return self.new + self.retried + self.taken_over + self.known + self.skipped

    def __add__(self, other: "Added") -> "Added":
        return Added(
            self.new + other.new,
            self.retried + other.retried,
            self.taken_over + other.taken_over,
            self.known + other.known,
            self.skipped + other.skipped,
        )


class Ledger(Control, Turns, Returns):
    """The states of all images, for producers and workers alike; usable from several threads."""

    # Producers

    def open_submission(
        self, source: str, name: str | None = None, options: Mapping[str, object] | None = None
    ) -> Submission:
        """The unfinished submission of this source (and name, where given), else a new one."""
        values = {"source": storable(source), "name": None if name is None else storable(name)}
        with self._engine.begin() as connection:
            # Two producers that begin at the same moment must end with the same submission.
            connection.execute(sql.LOCK_SOURCE, {"source": values["source"]})
            found = connection.execute(sql.CONTINUE_SUBMISSION, values).one_or_none()
            if found is not None:
                return Submission(
                    found.id,
                    source,
                    resumed=True,
                    was_paused=found.was_paused,
                    listing_after=found.listing_after,
                )
            created = connection.execute(sql.NEW_SUBMISSION, {**values, "options": options or {}})
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
        """Make listed images rows: new ones, and ones that failed or were cancelled, as pending.

        An image belongs to the submission that last asked for it: those that wait or are queued
        under another are taken over, with their leases. Rows of another content under a listed key
        become superseded. A submission that another producer has finished meanwhile is open again;
        one that was cancelled meanwhile takes no more images, and nothing is added.

        `listed_to`: the key that the listing has come to, recorded together with the images, so
        that an interrupted listing goes on from there.
        """
        batch = _batch(store, storable(bucket), entries)
        with self._engine.begin() as connection:
            state = connection.execute(sql.LOCK_SUBMISSION, {"id": submission_id}).scalar_one()
            if state == "cancelled":
                return Added()
            connection.execute(sql.REOPEN_SUBMISSION, {"id": submission_id})
            added = _add(connection, {"submission_id": submission_id, **batch})
            _mark_listed(connection, submission_id, listed_to, added.skipped)
        return added

    def listing_finished(self, submission_id: int) -> None:
        """All images of the source are rows; the submission ends when they have ended."""
        with self._engine.begin() as connection:
            connection.execute(sql.LISTED, {"id": submission_id})

    def expire_leases(self) -> int:
        """Make queued images whose lease ran out pending again; how many there were."""
        with self._engine.begin() as connection:
            return connection.execute(sql.EXPIRE_LEASES).rowcount

    def finish_submissions(self) -> list[int]:
        """Mark listed submissions with nothing left to do as finished; which they were."""
        with self._engine.begin() as connection:
            ended = connection.execute(sql.LOCK_ENDED).scalars().all()
            if not ended:
                return []
            return list(connection.execute(sql.FINISH_SUBMISSIONS, {"ids": ended}).scalars())

    # Workers

    def claim(
        self, refs: Sequence[ImageRef], lease_seconds: float, *, alone: bool = True
    ) -> list[ImageRef]:
        """Of a message's images, those to work on now, in the message's order.

        Only rows that are queued under the same id, store, bucket, key and etag are claimed: a
        duplicate message does no harm and a forged one reads nothing. A claim counts an attempt and
        prolongs the lease. Rows of a paused submission go back to pending, uncounted. A row that
        was begun MOST_ATTEMPTS times and never ended is quarantined instead, with what broke its
        last attempt off as the reason.

        Images that are not to be worked alone but as a group (alone=False) may be broken off for a
        neighbour's sake: that counts as the first attempt, however often it happens, and rows that
        were in trouble or begun alone before are left out of a group, for a claim of their own.
        """
        wanted = {ref.id: ref for ref in refs}
        with self._engine.begin() as connection:
            rows = connection.execute(sql.LOCK_QUEUED, {"ids": sorted(wanted)}).all()
            ours = [row for row in rows if image_ref(row) == wanted[row.id]]
            if not alone:
                ours = [row for row in ours if row.attempts <= 1 and row.trouble is None]
            paused = _paused(connection, {row.submission_id for row in ours})
            awake = [row for row in ours if row.submission_id not in paused]
            fresh = {row.id for row in awake if row.attempts < MOST_ATTEMPTS}
            _leave(connection, [row.id for row in ours if row.submission_id in paused])
            _quarantine(connection, [row for row in awake if row.id not in fresh])
            if fresh:
                values = {"ids": sorted(fresh), "seconds": lease_seconds, "alone": alone}
                connection.execute(sql.CLAIM, values)
        return [ref for ref in wanted.values() if ref.id in fresh]

    def blame(self, image_id: int, trouble: Trouble) -> None:
        """Note what broke the attempt at a queued image off; told again, it changes nothing.

        A crash does not hide that the image ran into a limit in an attempt before.
        """
        with self._engine.begin() as connection:
            connection.execute(sql.BLAME, {"id": image_id, "trouble": trouble})


def _paused(connection: sa.Connection, submission_ids: set[int]) -> set[int]:
    """Those of some submissions that are paused."""
    if not submission_ids:
        return set()
    values = {"ids": sorted(submission_ids)}
    return set(connection.execute(sql.PAUSED, values).scalars())


def _leave(connection: sa.Connection, image_ids: list[int]) -> None:
    """Pending again, as they are; nobody began them."""
    if image_ids:
        connection.execute(sql.LEAVE, {"ids": image_ids})


def _quarantine(connection: sa.Connection, spent: Sequence[sa.Row[Any]]) -> None:
    reasons = {row.id: row.trouble if row.trouble in TROUBLES else "crashed" for row in spent}
    if reasons:
        values = [{"id": i, "reason": why, "detail": TROUBLES[why]} for i, why in reasons.items()]
        connection.execute(sql.QUARANTINE, values)


def _add(connection: sa.Connection, values: dict[str, Any]) -> Added:
    """Make a batch rows of its submission."""
    if not values["digests"]:
        return Added()
    retried, taken = _change_listed(connection, values)
    new = connection.execute(sql.INSERT_IMAGES, values).rowcount
    ours = connection.execute(sql.COUNT_OURS, values).scalar_one()
    return Added(new, retried, taken, ours - new - retried - taken, len(values["digests"]) - ours)


def _mark_listed(
    connection: sa.Connection, submission_id: int, listed_to: str | None, skipped: int
) -> None:
    """Record how far the listing is and what it skipped.

    A key that Postgres cannot hold is no mark: to go on after another one could leave some out.
    """
    if listed_to is not None and storable(listed_to) != listed_to:
        listed_to = None
    if listed_to is not None or skipped:
        values = {"id": submission_id, "listed_to": listed_to, "skipped": skipped}
        connection.execute(sql.CHECKPOINT, values)


def _change_listed(connection: sa.Connection, values: dict[str, Any]) -> tuple[int, int]:
    """Bring rows that are there already to what a batch says; how many were retried, taken over."""
    rows = connection.execute(sql.LOCK_LISTED, values).all()
    listed = [row.id for row in rows if row.listed]
    stale = [row.id for row in rows if not row.listed]
    if stale:
        connection.execute(sql.SUPERSEDE, {"stale": stale})
    if not listed:
        return 0, 0
    values = {"submission_id": values["submission_id"], "listed": listed}
    taken = connection.execute(sql.TAKE_OVER, values).rowcount
    retried = connection.execute(sql.RETRY_IMAGES, values).rowcount
    connection.execute(sql.COME_BACK, {"listed": listed})
    return retried, taken


def _batch(store: StoreKind, bucket: str, entries: Iterable[Listed]) -> dict[str, Any]:
    """Each image once, as columns, in the order of keys: one order for all producers."""
    rows = sorted({(storable(e.key), storable(e.etag)): e.size for e in entries}.items())
    return {
        "store": store,
        "bucket": bucket,
        "keys": [key for (key, _), _ in rows],
        "etags": [etag for (_, etag), _ in rows],
        "sizes": [size for _, size in rows],
        "digests": [image_digest(store, bucket, key, etag) for (key, etag), _ in rows],
    }
