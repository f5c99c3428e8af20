"""Dispatches pending images fairly across submissions, and requeues lost ones.

The queue is short and shared. Each open submission gets an equal share (max-min
fairness), so that a small one waits behind one window and not behind a million images of another.
One whose images all come back
(its bucket is away, say) gets one chunk at a time, as a probe, until something of it ends again: a
worker waits most of a minute for a store that is away, and other work must not wait with it.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from hkplates.database.ledger.release import release
from hkplates.database.ledger.states import image_ref
from hkplates.jobs import ImageRef

PROBE_SECONDS = 60
"""Window in which images that came back make a submission back off. It is longer than a worker
waits for a store (hkplates/retry.py): a probe comes back within it."""


@dataclass(frozen=True, slots=True)
class Dispatchable:
    """A submission with images to send: chunks of it that are queued, and whether it is backing off
    because its images only come back."""

    submission: int
    queued: int
    backing_off: bool


class Dispatch:
    """The ledger as dispatching uses it; safe to use from several threads.

    All methods raise DatabaseUnreachable where Postgres is away.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take_chunks(
        self, most: int, images: int, lease_seconds: float
    ) -> list[tuple[ImageRef, ...]]:
        """Queues images that are due, in up to `most` chunks of up to `images` of one submission.

        Committed on return, before any message is sent: a message lost after this costs a wait,
        while a message sent before it could be worked and lost.
        """
        with self._engine.begin() as connection:
            return _chunks(connection, _waiting(connection, images), most, images, lease_seconds)

    def take_pending(self, limit: int, lease_seconds: float) -> list[ImageRef]:
        """Queues up to `limit` images that are due, one of each open submission in turn."""
        with self._engine.begin() as connection:
            waiting = [replace(one, backing_off=False) for one in _waiting(connection, 1)]
            chunks = _chunks(connection, waiting, limit, 1, lease_seconds)
        return [image for chunk in chunks for image in chunk]

    def queued(self, limit: int) -> list[int]:
        """Returns ids of images that were sent and have not ended, those sent first first."""
        with self._engine.connect() as connection:
            return list(connection.execute(_QUEUED, {"limit": limit}).scalars())

    def requeue_lost(self, image_ids: Sequence[int], work_seconds: float) -> int:
        """Makes queued images that no message names pending; returns how many there were.

        A worker may still be at those that were begun, where Redis lost the message meanwhile: they
        stay queued for as long as that can take, and no longer.
        """
        values = {"ids": sorted(image_ids), "seconds": work_seconds}
        with self._engine.begin() as connection:
            connection.execute(_SHORTEN_LEASES, values)
            return connection.execute(_REQUEUE_LOST, values).rowcount

    def release(self, image_ids: Iterable[int]) -> int:
        """Makes queued images pending again that could not be sent; returns how many there were."""
        return release(self._engine, image_ids, claimed=False)

    def expire_leases(self) -> int:
        """Makes queued images whose lease ran out pending again; returns how many there were."""
        with self._engine.begin() as connection:
            return connection.execute(EXPIRE_LEASES).rowcount

    def finish_submissions(self) -> list[int]:
        """Finishes listed submissions with nothing left to do; returns their numbers."""
        with self._engine.begin() as connection:
            ended = connection.execute(_LOCK_ENDED).scalars().all()
            return finish(connection, ended) if ended else []


def finish(connection: sa.Connection, submission_ids: Sequence[int]) -> list[int]:
    """Finishes those of some locked submissions that run and have no image left to work on.

    Returns their numbers.
    """
    ended = connection.execute(_FINISH_SUBMISSIONS, {"ids": submission_ids})
    return list(ended.scalars())


def fair_share(waiting: Sequence[Dispatchable], room: int) -> list[int]:
    """Shares a queue's room by max-min fairness: each chunk goes to who has the fewest queued.

    Returns the submissions in turn, one for each chunk.

    Ties are drawn: with more submissions than room, one rule would always leave the same ones out.
    """
    heap = [(one.queued, _tie_breaker(), one.submission, one.backing_off) for one in waiting]
    heapq.heapify(heap)
    turns: list[int] = []
    while heap and len(turns) < room:
        queued, tie_breaker, submission, backing_off = heapq.heappop(heap)
        if backing_off and queued:
            continue
        turns.append(submission)
        heapq.heappush(heap, (queued + 1, tie_breaker, submission, backing_off))
    return turns


def _tie_breaker() -> float:
    return random.random()  # noqa: S311  (no secret)


def _waiting(connection: sa.Connection, images: int) -> list[Dispatchable]:
    rows = connection.execute(DISPATCHABLE, {"probe_seconds": PROBE_SECONDS})
    return [Dispatchable(row.id, -(-row.queued // images), row.backing_off) for row in rows]


def _chunks(
    connection: sa.Connection,
    waiting: Sequence[Dispatchable],
    most: int,
    images: int,
    lease_seconds: float,
) -> list[tuple[ImageRef, ...]]:
    chunks: list[tuple[ImageRef, ...]] = []
    while turns := fair_share(waiting, most - len(chunks)):
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
    rows = connection.execute(TAKE_PENDING, wanted).all()
    return deque(map(image_ref, sorted(rows, key=lambda row: (row.due_at, row.id))))


def _in_turns(
    turns: Sequence[int], taken: dict[int, deque[ImageRef]], images: int
) -> Iterator[tuple[ImageRef, ...]]:
    """Yields chunks in the order of turns, and none for a turn that nothing was left for."""
    left = {number: deque(found) for number, found in taken.items()}
    for number in turns:
        chunk = tuple(left[number].popleft() for _ in range(min(images, len(left[number]))))
        if chunk:
            yield chunk


def _left(
    waiting: Sequence[Dispatchable],
    turns: Sequence[int],
    taken: dict[int, deque[ImageRef]],
    images: int,
) -> list[Dispatchable]:
    """Returns the submissions that may have more to send, with what they have queued by now."""
    given = Counter(turns)
    return [
        Dispatchable(one.submission, one.queued + given[one.submission], one.backing_off)
        for one in waiting
        if len(taken.get(one.submission, ())) == given[one.submission] * images
    ]


# Finds submissions with images to send, and whether their images only come back: some came back
# lately and none ended since, so what they need is away. The few that came back have an index of
# their own; among a million that wait they would be long to find.
DISPATCHABLE = sa.text("""
    SELECT id,
           (SELECT count(*) FROM images
             WHERE submission_id = submissions.id AND state = 'queued') AS queued,
           EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state = 'pending' AND returns > 0
                      AND due_at > now() - make_interval(secs => :probe_seconds))
           AND NOT EXISTS (SELECT FROM images
                            WHERE processed_at > now() - make_interval(secs => :probe_seconds)
                              AND submission_id = submissions.id) AS backing_off
      FROM submissions
     WHERE state IN ('listing', 'running')
       AND EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state = 'pending' AND due_at <= now())
     ORDER BY id
""")

# Lists queued images by their lease
_QUEUED = sa.text("""
    SELECT id FROM images WHERE state = 'queued' ORDER BY leased_until LIMIT :limit
""")

# Shortens leases of lost images that were begun. Rows are locked by id, as everywhere.
_SHORTEN_LEASES = sa.text("""
    UPDATE images SET leased_until = now() + make_interval(secs => :seconds)
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued' AND attempts > 0
                     AND leased_until > now() + make_interval(secs => :seconds)
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")

# Makes lost images that nobody began pending
_REQUEUE_LOST = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued' AND attempts = 0
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")

# Queues pending images of a submission. SKIP LOCKED: a second producer takes the next images
# instead of waiting for these. MATERIALIZED: the rows are chosen once; planned into the update, the
# choice could run again for each row.
TAKE_PENDING = sa.text("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM images
         WHERE submission_id = :submission_id AND state = 'pending' AND due_at <= now()
         ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE images SET state = 'queued', leased_until = now() + make_interval(secs => :seconds)
      FROM chosen WHERE images.id = chosen.id
    RETURNING images.id, store, bucket, key, etag, due_at
""")

# Makes images whose lease expired pending
EXPIRE_LEASES = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE state = 'queued' AND leased_until < now()
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")

# Locks running submissions without work, which are then asked again: images may have been added or
# tried again before the lock.
_LOCK_ENDED = sa.text("""
    SELECT id FROM submissions
     WHERE state = 'running'
       AND NOT EXISTS (SELECT FROM images
                        WHERE submission_id = submissions.id AND state IN ('pending', 'queued'))
     ORDER BY id FOR NO KEY UPDATE
""")

# Finishes submissions
_FINISH_SUBMISSIONS = sa.text("""
    UPDATE submissions SET state = 'finished', finished_at = now()
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'running'
       AND NOT EXISTS (SELECT FROM images
                        WHERE submission_id = submissions.id AND state IN ('pending', 'queued'))
    RETURNING id
""")
