"""Touches a file every few seconds for as long as a worker takes messages.

Cheaper than asking a worker over the broker, and truer: a parent that hangs, or that cannot reach
Redis, touches nothing. Whoever checks the file decides how old it may be.
"""

from pathlib import Path
from typing import Any

import structlog
from celery import Celery, bootsteps

from hkplates.settings import read_settings

log = structlog.get_logger()
HEARTBEAT_SECONDS = 10.0


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc]
    """The heartbeat, started anew with each connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._file = read_settings().heartbeat
        self._timer: Any = None
        self.enabled = self._file is not None

    def start(self, parent: Any) -> None:
        self._timer = parent.timer.call_repeatedly(HEARTBEAT_SECONDS, self.beat)
        self.beat()

    def stop(self, parent: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def beat(self) -> None:
        """Touches the file, called from the loop that takes messages."""
        _touch(self._file)


def _touch(file: Path | None) -> None:
    if file is None:
        return
    try:
        file.touch()
    except OSError as error:
        log.error("no_heartbeat", file=str(file), why=str(error))


def install(app: Celery) -> None:
    """Adds the heartbeat to the workers of an application."""
    app.steps["consumer"].add(Heartbeat)
