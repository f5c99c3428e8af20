"""`hkplates health`: checks that the servers answer and work goes on, for people and containers."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

import typer

from cli.context import opened_engine
from hkplates.database.queries.backlog import Backlog, read_backlog
from hkplates.database.schema.revision import REVISION, require_current_schema
from hkplates.embedded.servers import resolve_urls
from hkplates.errors import HkplatesError, SetupError, TemporaryFault
from hkplates.exit_status import ExitStatus
from hkplates.formatting import pluralise
from hkplates.settings import Settings
from producer.redis_queue import RedisQueue
from producer.stall import Stall, find_stall

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """State of Redis: messages that wait, and connected `workers`, idle ones included.

    `workers` is None where Redis does not tell.
    """

    waiting: int
    workers: int | None


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of each server, or its fault, and the stall, if work stands still."""

    work: Backlog | HkplatesError
    queue: QueueHealth | HkplatesError
    stall: Stall | None

    @property
    def faults(self) -> list[HkplatesError]:
        return [part for part in (self.work, self.queue) if isinstance(part, HkplatesError)]

    @property
    def exit_code(self) -> ExitStatus:
        """Exit status: 0 in health, 5 where somebody must set something up, else 4."""
        if any(isinstance(fault, SetupError) for fault in self.faults):
            return SetupError.exit_code
        return TemporaryFault.exit_code if self.faults or self.stall else ExitStatus.DONE

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints: a contract. What is not known is null."""
        work = self.work if isinstance(self.work, Backlog) else None
        queue = self.queue if isinstance(self.queue, QueueHealth) else None
        last = work.last_ended if work else None
        return {
            "healthy": self.exit_code == ExitStatus.DONE,
            "postgres": work is not None,
            "redis": queue is not None,
            "messages_waiting": queue.waiting if queue else None,
            "workers": queue.workers if queue else None,
            "images_left": work.left if work else None,
            "images_left_is_exact": work.is_exact if work else None,
            "images_queued": work.queued if work else None,
            "last_finished": last.isoformat() if last else None,
            "stalled": None if work is None else self.stall is not None,
            "idle_seconds": round(work.idle_seconds, 1) if work else None,
            "problems": [str(fault) for fault in self.faults]
            + ([str(self.stall)] if self.stall else []),
        }

    def as_text(self) -> str:
        """Formats one line for each part."""
        lines = [_format_postgres(self.work), _format_redis(self.queue)]
        if isinstance(self.work, Backlog):
            lines += [_format_backlog(self.work), _format_last_ended(self.work)]
            lines.append(f"Stalled: {self.stall}" if self.stall else "Stalled: no")
        return "\n".join(lines)


def show_health(settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates health`; returns the exit status.

    Raises:
        SetupError: a server is not named, and the embedded ones do not run; or a setting is wrong.
    """
    health = check_health(settings)
    typer.echo(json.dumps(health.as_json()) if as_json else health.as_text())
    return health.exit_code


def check_health(settings: Settings) -> Health:
    """Queries both servers once, waiting for none.

    Raises:
        SetupError: a server is not named, and the embedded ones do not run; or a setting is wrong.
    """
    database_url, broker_url = resolve_urls(settings)
    work = _result_or_fault(lambda: _query_backlog(database_url))
    queue = _result_or_fault(lambda: _query_queue(broker_url))
    stall = find_stall(work, settings.stall_minutes) if isinstance(work, Backlog) else None
    return Health(work, queue, stall)


def _query_backlog(url: str) -> Backlog:
    with opened_engine(url) as engine:
        require_current_schema(engine)
        return read_backlog(engine)


def _query_queue(url: str) -> QueueHealth:
    with closing(RedisQueue(url)) as queue:
        return QueueHealth(queue.queue_length(), queue.count_workers())


def _result_or_fault(query: Callable[[], T]) -> T | HkplatesError:
    """Returns the answer or the fault, so that the other server is queried all the same."""
    try:
        return query()
    except (TemporaryFault, SetupError) as fault:
        return fault


def _format_postgres(work: Backlog | HkplatesError) -> str:
    if isinstance(work, Backlog):
        return f"Postgres: answers, at migration {REVISION}"
    return f"Postgres: {'away' if isinstance(work, TemporaryFault) else 'not ready'}. {work}"


def _format_redis(queue: QueueHealth | HkplatesError) -> str:
    if isinstance(queue, QueueHealth):
        workers = (
            f", {pluralise(queue.workers, 'worker')} connected" if queue.workers is not None else ""
        )
        return f"Redis: answers, {pluralise(queue.waiting, 'message')} waiting{workers}"
    return f"Redis: {'away' if isinstance(queue, TemporaryFault) else 'not ready'}. {queue}"


def _format_backlog(work: Backlog) -> str:
    more = "" if work.is_exact else " or more"
    return (
        f"Images left: {work.left:,}{more}, {work.queued:,} of them sent; "
        f"{pluralise(work.submissions, 'submission')} open"
    )


def _format_last_ended(work: Backlog) -> str:
    if work.seconds_since_ended is None:
        return "Last finished: none yet"
    return f"Last finished: {max(0, round(work.seconds_since_ended)):,} s ago"
