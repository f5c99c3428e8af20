"""Whose images are sent next: submissions in turns, and what was lost on the way again.

The queue is short and shared. Each open submission gets an equal part of it, so that a small one
waits behind one window and not behind a million images of another. One whose images all come back
(its bucket is away, say) gets one chunk at a time, as a probe, until something of it ends again: a
worker waits most of a minute for a store that is away, and other work must not wait with it.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hkplates.database.ledger import dispatch_sql as sql
from hkplates.database.ledger import intake_sql as ledger_sql
from hkplates.jobs import ImageRef

TROUBLE_SECONDS = 60
"""Longer than a worker waits for a store (hkplates/retry.py): a probe comes back within it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A submission with images to send: how many chunks of it are queued, and whether its images
    only come back."""

    submission: int
    queued: int
    troubled: bool


class Turns:
    """The part of the ledger that dispatches; usable from several threads.

    All methods raise DatabaseUnreachable where Postgres is away.
    """

    _engine: sa.Engine

    def take_chunks(
        self, most: int, images: int, lease_seconds: float
    ) -> list[tuple[ImageRef, ...]]:
        """Move images that are due to queued, in up to `most` chunks of up to `images`, each of one
        submission.

        Committed on return, before any message is sent: a message lost after this costs a wait,
        while a message sent before it could be worked and lost.
        """
        with self._engine.begin() as connection:
            return _chunks(connection, _waiting(connection, images), most, images, lease_seconds)

    def take_pending(self, limit: int, lease_seconds: float) -> list[ImageRef]:
        """Move up to `limit` images that are due to queued, one of each open submission in turn."""
        with self._engine.begin() as connection:
            waiting = [replace(one, troubled=False) for one in _waiting(connection, 1)]
            chunks = _chunks(connection, waiting, limit, 1, lease_seconds)
        return [image for chunk in chunks for image in chunk]

    def queued(self, limit: int) -> list[int]:
        """Numbers of images that were sent and have not ended, those sent first first."""
        with self._engine.connect() as connection:
            return list(connection.execute(sql.QUEUED, {"limit": limit}).scalars())

    def send_again(self, image_ids: Sequence[int], work_seconds: float) -> int:
        """Make queued images that no message names pending; how many there were.

        A worker may still be at those that were begun, where Redis lost the message meanwhile: they
        stay queued for as long as that can take, and no longer.
        """
        values = {"ids": sorted(image_ids), "seconds": work_seconds}
        with self._engine.begin() as connection:
            connection.execute(sql.SHORTEN_LEASES, values)
            return connection.execute(sql.SEND_AGAIN, values).rowcount


def share(waiting: Sequence[Waiting], room: int) -> list[int]:
    """Whose turn it is, chunk by chunk: always theirs who have the fewest queued.

    Ties are drawn: with more submissions than room, one rule would always leave the same ones out.
    """
    heap = [(one.queued, _lot(), one.submission, one.troubled) for one in waiting]
    heapq.heapify(heap)
    turns: list[int] = []
    while heap and len(turns) < room:
        queued, lot, submission, troubled = heapq.heappop(heap)
        if troubled and queued:
            continue
        turns.append(submission)
        heapq.heappush(heap, (queued + 1, lot, submission, troubled))
    return turns


def _lot() -> float:
    return random.random()  # noqa: S311  (no secret)


def _waiting(connection: sa.Connection, images: int) -> list[Waiting]:
    rows = connection.execute(sql.WAITING, {"trouble_seconds": TROUBLE_SECONDS})
    return [Waiting(row.id, -(-row.queued // images), row.troubled) for row in rows]


def _chunks(
    connection: sa.Connection,
    waiting: Sequence[Waiting],
    most: int,
    images: int,
    lease_seconds: float,
) -> list[tuple[ImageRef, ...]]:
    chunks: list[tuple[ImageRef, ...]] = []
    while turns := share(waiting, most - len(chunks)):
        taken = {
            number: _take(connection, number, turns.count(number) * images, lease_seconds)
            for number in sorted(set(turns))
        }
        chunks += _in_turns(turns, taken, images)
        # Who gave less than asked has no more, and leaves its turns to the others.
        waiting = _left(waiting, turns, taken, images)
    return chunks


def _take(
    connection: sa.Connection, submission_id: int, limit: int, lease_seconds: float
) -> deque[ImageRef]:
    wanted = {"submission_id": submission_id, "limit": limit, "seconds": lease_seconds}
    rows = connection.execute(ledger_sql.TAKE_PENDING, wanted).all()
    return deque(map(image_ref, sorted(rows, key=lambda row: (row.due_at, row.id))))


def _in_turns(
    turns: Sequence[int], taken: dict[int, deque[ImageRef]], images: int
) -> Iterator[tuple[ImageRef, ...]]:
    """Chunks in the order of turns; a turn for which nothing was left is none."""
    left = {number: deque(found) for number, found in taken.items()}
    for number in turns:
        chunk = tuple(left[number].popleft() for _ in range(min(images, len(left[number]))))
        if chunk:
            yield chunk


def _left(
    waiting: Sequence[Waiting], turns: Sequence[int], taken: dict[int, deque[ImageRef]], images: int
) -> list[Waiting]:
    """Submissions that may have more to give, with what they have queued by now."""
    given = Counter(turns)
    return [
        Waiting(one.submission, one.queued + given[one.submission], one.troubled)
        for one in waiting
        if len(taken.get(one.submission, ())) == given[one.submission] * images
    ]


def image_ref(row: sa.Row[Any]) -> ImageRef:
    """An image as messages name it, of a row that has its columns."""
    return ImageRef(row.id, row.store, row.bucket, row.key, row.etag)
