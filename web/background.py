"""Runs work that a request starts and need not wait for."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Semaphore, Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonExecutor:
    """Executor whose threads are daemons: at most `max_concurrent` calls run, the others wait.

    The process does not wait for them when it ends, so a call may be broken off.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._slots = Semaphore(max_concurrent)

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Runs a call in a thread of its own; returns the future of its result or exception."""
        future: Future[T] = Future()

        def work() -> None:
            with self._slots:
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
                    future.set_exception(error)

        Thread(target=work, daemon=True, name="background").start()
        return future
