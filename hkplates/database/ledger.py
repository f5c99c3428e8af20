"""The ledger: which image is in which state. Every change of state is here or in results.py.

::

    pending -> queued -> done | failed | quarantined
               queued -> pending       its lease expired, or it was handed back

Each method is one transaction, safe to run from several processes at once, and uses the database's
clock only. Rows are locked in one order everywhere, so that two batches never wait for each other
in a circle. All methods raise DatabaseUnreachable where Postgres is away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from hkplates.database import ledger_sql as sql
from hkplates.database.text import image_digest, storable
from hkplates.jobs import ImageRef, StoreKind

MOST_ATTEMPTS = 3
"""A worker may begin an image this often; one that never ends is then set aside."""


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
    `was_paused`: somebody had paused it, and it goes on now."""

    id: int
    source: str
    resumed: bool
    was_paused: bool = False


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


class Ledger:
    """The states of all images, for producers and workers alike; usable from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

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
                return Submission(found.id, source, resumed=True, was_paused=found.was_paused)
            created = connection.execute(sql.NEW_SUBMISSION, {**values, "options": options or {}})
            return Submission(created.scalar_one(), source, resumed=False)

    def add_images(
        self, submission_id: int, store: StoreKind, bucket: str, entries: Iterable[Listed]
    ) -> Added:
        """Make listed images rows: new ones, and ones that failed or were cancelled, as pending.

        An image belongs to the submission that last asked for it: those that wait or are queued
        under another are taken over, with their leases. Rows of another content under a listed key
        become superseded. A submission that another producer has finished meanwhile is open again.
        """
        batch = _batch(store, storable(bucket), entries)
        if not batch["digests"]:
            return Added()
        values = {"submission_id": submission_id, **batch}
        with self._engine.begin() as connection:
            connection.execute(sql.LOCK_SUBMISSION, {"id": submission_id})
            connection.execute(sql.REOPEN_SUBMISSION, {"id": submission_id})
            retried, taken = _change_listed(connection, values)
            new = connection.execute(sql.INSERT_IMAGES, values).rowcount
            ours = connection.execute(sql.COUNT_OURS, values).scalar_one()
        known = ours - new - retried - taken
        return Added(new, retried, taken, known, len(batch["digests"]) - ours)

    def listing_finished(self, submission_id: int, *, skipped: int = 0) -> None:
        """All images of the source are rows; the submission ends when they have ended."""
        values = {"id": submission_id, "skipped": skipped}
        with self._engine.begin() as connection:
            connection.execute(sql.LISTED, values)

    def take_pending(self, limit: int, lease_seconds: float) -> list[ImageRef]:
        """Move up to `limit` images to queued, those of the oldest submission first.

        It is committed on return, before any message is sent: a message lost after this costs a
        lease, while a message sent before it could be worked and lost.
        """
        taken: list[ImageRef] = []
        with self._engine.begin() as connection:
            for submission_id in connection.execute(sql.OPEN_SUBMISSIONS).scalars().all():
                values = {
                    "submission_id": submission_id,
                    "limit": limit - len(taken),
                    "seconds": lease_seconds,
                }
                rows = connection.execute(sql.TAKE_PENDING, values).all()
                taken += sorted((_ref(row) for row in rows), key=lambda image: image.id)
                if len(taken) >= limit:
                    break
        return taken

    def expire_leases(self) -> int:
        """Make queued images whose lease ran out pending again; how many there were."""
        with self._engine.begin() as connection:
            return connection.execute(sql.EXPIRE_LEASES).rowcount

    def finish_submissions(self) -> list[int]:
        """Mark listed submissions with nothing left to do as finished; which they were."""
        with self._engine.begin() as connection:
            return list(connection.execute(sql.FINISH_SUBMISSIONS).scalars())

    # Workers

    def claim(self, refs: Sequence[ImageRef], lease_seconds: float) -> list[ImageRef]:
        """Of a message's images, those to work on now, in the message's order.

        Only rows that are queued under the same id, store, bucket, key and etag are claimed: a
        duplicate message does no harm and a forged one reads nothing. A claim counts an attempt and
        prolongs the lease. A row that was begun MOST_ATTEMPTS times and never ended is quarantined
        with the reason "crashed" instead.
        """
        wanted = {ref.id: ref for ref in refs}
        with self._engine.begin() as connection:
            rows = connection.execute(sql.LOCK_QUEUED, {"ids": sorted(wanted)}).all()
            ours = [row for row in rows if _ref(row) == wanted[row.id]]
            fresh = {row.id for row in ours if row.attempts < MOST_ATTEMPTS}
            spent = [row.id for row in ours if row.id not in fresh]
            if fresh:
                values = {"ids": sorted(fresh), "seconds": lease_seconds}
                connection.execute(sql.CLAIM, values)
            if spent:
                connection.execute(sql.QUARANTINE, {"ids": spent, "detail": _CRASHED})
        return [ref for ref in wanted.values() if ref.id in fresh]

    # Both

    def hand_back(self, image_ids: Iterable[int], *, claimed: bool = True) -> int:
        """Make queued images pending again, to be sent anew; how many there were.

        A worker hands back after a temporary fault, which gives the attempt of its claim back: only
        attempts that nobody came back from count. A producer that could not send passes
        claimed=False.
        """
        values = {"ids": sorted(image_ids), "returned": 1 if claimed else 0}
        with self._engine.begin() as connection:
            return connection.execute(sql.HAND_BACK, values).rowcount


_CRASHED = f"No worker finished it in {MOST_ATTEMPTS} attempts; it was set aside"


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


def _ref(row: sa.Row[Any]) -> ImageRef:
    return ImageRef(row.id, row.store, row.bucket, row.key, row.etag)
