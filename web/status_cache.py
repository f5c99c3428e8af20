"""Caches the statuses of submissions, counted in the background.

Counting eight million images takes seconds, and a page must not. So each submission is counted in
a thread of its own, and the count kept for some twenty times as long as it took; a page gets the
cached status, waits a moment for a first or outdated one, and shows the rest once it is counted.
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
"""A count is kept this many times as long as it took: counting costs a twentieth of a core."""
MIN_KEEP_SECONDS, MIN_KEEP_SECONDS_ENDED = 2.0, 30.0
"""Shortest time that a count is kept; that of a submission that has ended hardly changes."""
MAX_WAIT_SECONDS = 0.12
"""Longest wait of a page for counts."""
MAX_ENTRIES = 200
"""Submissions whose counts are cached."""
MAX_CONCURRENT = 2

_RowVersion = tuple[str, datetime]


@dataclass(slots=True)
class _Entry:
    """The latest count, when it expires (by time.monotonic), and the one being made.

    `row_version` is that of the submission's row for which the latter was started.
    """

    row_version: _RowVersion
    status: Status | None = None
    expires_at: float = 0.0
    pending: "Future[Status] | None" = None


class StatusCache:
    """The cache of statuses; usable from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._executor = DaemonExecutor(MAX_CONCURRENT)
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(
        self, rows: Sequence[SubmissionRow], max_wait: float = MAX_WAIT_SECONDS
    ) -> list[Status | None]:
        """Returns the status of each row; None if it is still being counted for the first time.

        If a row has changed its state since it was counted, and the new count is not there yet, the
        status has the row that it was counted for (`is_stale`).

        Raises:
            DatabaseUnreachable: Postgres does not answer.
        """
        with self._lock:
            entries = [self._entry(row) for row in rows]
            pending = [entry.pending for entry in entries if entry.pending is not None]
        wait(pending, max_wait)
        return [self._status(row, entry) for row, entry in zip(rows, entries, strict=True)]

    def _entry(self, row: SubmissionRow) -> _Entry:
        entry = self._entries.setdefault(row.id, _Entry(_row_version(row)))
        self._entries.move_to_end(row.id)
        if entry.row_version != _row_version(row):
            # A count started before "retry" is not waited for.
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
                return status  # a newer count was started
            entry.status, entry.pending = status, None
            entry.expires_at = ended + max(least, KEEP_FACTOR * (ended - began))
        return status

    def _status(self, row: SubmissionRow, entry: _Entry) -> Status | None:
        pending = entry.pending
        if pending is not None and pending.done() and pending.exception() is not None:
            with self._lock:
                entry.pending = None  # the next page tries again
            pending.result()
        status = entry.status
        return status if status is None or is_stale(row, status) else replace(status, row=row)


def is_stale(row: SubmissionRow, status: Status) -> bool:
    """Checks that a status was counted for an older version of the submission's row."""
    return _row_version(status.row) != _row_version(row)


def _row_version(row: SubmissionRow) -> _RowVersion:
    return row.state, row.opened_at
