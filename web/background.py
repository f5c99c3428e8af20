"""Work that a page begins and does not wait for."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Semaphore, Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonExecutor:
    """Threads that work, so many at once; the others wait.

    The process does not wait for them when it ends: what is begun here may be broken off.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._slots = Semaphore(max_concurrent)

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """What the call will return or raise."""
        future: Future[T] = Future()

        def work() -> None:
            with self._slots:
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
                    future.set_exception(error)

        Thread(target=work, daemon=True, name="background").start()
        return future
