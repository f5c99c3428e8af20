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
from web.background import Background

TIMES = 20
"""A count is kept for so many times what it took: it costs a twentieth of a core at most."""
LEAST_SECONDS, LEAST_SECONDS_ENDED = 2.0, 30.0
"""How long a count is kept at least; one of a submission that has ended hardly changes."""
PATIENCE_SECONDS = 0.12
"""How long a page waits for counts."""
KEPT = 200
"""Submissions whose counts are remembered."""
AT_ONCE = 2

_Stand = tuple[str, datetime]


@dataclass(slots=True)
class _Counted:
    """The latest count, until when it holds (by time.monotonic), and the one in the making.

    `stand` is how the submission's row stood when the latter was begun.
    """

    stand: _Stand
    status: Status | None = None
    until: float = 0.0
    making: "Future[Status] | None" = None


class Statuses:
    """The statuses of submissions, none older than it must be; usable from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._counting = Background(AT_ONCE)
        self._counted: OrderedDict[int, _Counted] = OrderedDict()
        self._lock = Lock()

    def of(
        self, rows: Sequence[SubmissionRow], patience: float = PATIENCE_SECONDS
    ) -> list[Status | None]:
        """The status of each row; None where it is being counted for the first time.

        Where a row has another state since it was counted, and the new count is not there yet, the
        status has the row that it was counted for (`is_old`).

        Raises:
            DatabaseUnreachable: Postgres does not answer.
        """
        with self._lock:
            found = [self._entry(row) for row in rows]
            making = [one.making for one in found if one.making is not None]
        wait(making, patience)
        return [self._status(row, one) for row, one in zip(rows, found, strict=True)]

    def _entry(self, row: SubmissionRow) -> _Counted:
        entry = self._counted.setdefault(row.id, _Counted(_stand(row)))
        self._counted.move_to_end(row.id)
        if entry.stand != _stand(row):
            # Nobody waits for an old count to end after "retry".
            entry.stand, entry.until, entry.making = _stand(row), 0.0, None
        if len(self._counted) > KEPT:
            self._counted.popitem(last=False)
        if entry.making is None and time.monotonic() >= entry.until:
            entry.making = self._counting.begin(self._count, row, entry)
        return entry

    def _count(self, row: SubmissionRow, entry: _Counted) -> Status:
        began = time.monotonic()
        [status] = statuses(self._engine, [row])
        ended = time.monotonic()
        least = LEAST_SECONDS if row.state in ("listing", "running") else LEAST_SECONDS_ENDED
        with self._lock:
            if entry.stand != _stand(row):
                return status  # which is begun anew
            entry.status, entry.making = status, None
            entry.until = ended + max(least, TIMES * (ended - began))
        return status

    def _status(self, row: SubmissionRow, entry: _Counted) -> Status | None:
        making = entry.making
        if making is not None and making.done() and making.exception() is not None:
            with self._lock:
                entry.making = None  # the next page tries again
            making.result()
        status = entry.status
        return status if status is None or is_old(row, status) else replace(status, row=row)


def is_old(row: SubmissionRow, status: Status) -> bool:
    """Whether a status is of a submission as it stood before."""
    return _stand(status.row) != _stand(row)


def _stand(row: SubmissionRow) -> _Stand:
    return row.state, row.opened_at
