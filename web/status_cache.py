"""How far submissions are, counted beside the pages.

Counting eight million images takes seconds, and a page must not. So each submission is counted in
a thread of its own and the count kept for some twenty times what it took; a page that asks gets
what is there, waits a moment for what is new, and shows the rest when it is counted.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

import sqlalchemy as sa

from hkplates.database.queries.submissions import SubmissionRow
from hkplates.reporting.status import Status, statuses
from web.background import DaemonExecutor

KEEP_FACTOR = 20
"""A count is kept for so many times what it took: it costs a twentieth of a core at most."""
MIN_KEEP_SECONDS, MIN_KEEP_SECONDS_ENDED = 2.0, 30.0
"""How long a count is kept at least; one of a submission that has ended hardly changes."""
MAX_WAIT_SECONDS = 0.12
"""How long a page waits for counts."""
MAX_ENTRIES = 200
"""Submissions whose counts are remembered."""
MAX_CONCURRENT = 2

_RowVersion = tuple[str, datetime]


@dataclass(slots=True)
class _Entry:
    """The latest count, until when it holds (by time.monotonic), and the one in the making.

    `stand` is how the submission's row stood when the latter was begun.
    """

    row_version: _RowVersion
    status: Status | None = None
    expires_at: float = 0.0
    pending: "Future[Status] | None" = None


class StatusCache:
    """The statuses of submissions, none older than it must be; usable from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._executor = DaemonExecutor(MAX_CONCURRENT)
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(
        self, rows: Sequence[SubmissionRow], max_wait: float = MAX_WAIT_SECONDS
    ) -> list[Status | None]:
        """The status of each row; None where it is being counted for the first time.

        Where a row has another state since it was counted, and the new count is not there yet, the
        status has the row that it was counted for (`is_old`).

        Raises:
            DatabaseUnreachable: Postgres does not answer.
        """
        with self._lock:
            found = [self._entry(row) for row in rows]
            making = [one.pending for one in found if one.pending is not None]
        wait(making, max_wait)
        return [self._status(row, one) for row, one in zip(rows, found, strict=True)]

    def _entry(self, row: SubmissionRow) -> _Entry:
        entry = self._entries.setdefault(row.id, _Entry(_row_version(row)))
        self._entries.move_to_end(row.id)
        if entry.row_version != _row_version(row):
            # Nobody waits for an old count to end after "retry".
            entry.row_version, entry.expires_at, entry.pending = _row_version(row), 0.0, None
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)
        if entry.pending is None and time.monotonic() >= entry.expires_at:
            entry.pending = self._executor.submit(self._count, row, entry)
        return entry

    def _count(self, row: SubmissionRow, entry: _Entry) -> Status:
        began = time.monotonic()
        [status] = statuses(self._engine, [row])
        ended = time.monotonic()
        least = MIN_KEEP_SECONDS if row.state in ("listing", "running") else MIN_KEEP_SECONDS_ENDED
        with self._lock:
            if entry.row_version != _row_version(row):
                return status  # which is begun anew
            entry.status, entry.pending = status, None
            entry.expires_at = ended + max(least, KEEP_FACTOR * (ended - began))
        return status

    def _status(self, row: SubmissionRow, entry: _Entry) -> Status | None:
        making = entry.pending
        if making is not None and making.done() and making.exception() is not None:
            with self._lock:
                entry.pending = None  # the next page tries again
            making.result()
        status = entry.status
        return status if status is None or is_stale(row, status) else replace(status, row=row)


def is_stale(row: SubmissionRow, status: Status) -> bool:
    """Whether a status is of a submission as it stood before."""
    return _row_version(status.row) != _row_version(row)


def _row_version(row: SubmissionRow) -> _RowVersion:
    return row.state, row.opened_at
