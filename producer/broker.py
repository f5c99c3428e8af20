"""Redis as the producer sees it: how long the queue is, and one more message."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import redis
from celery import Celery
from kombu.exceptions import KombuError

from hkplates.errors import BrokerUnreachable, SettingInvalid
from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, Chunk

EXAMPLE = "redis://:password@host:6379/0"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 15


class Broker(Protocol):
    """A queue of chunks."""

    def waiting(self) -> int:
        """Messages that no worker has taken yet."""
        ...

    def send(self, chunk: Chunk) -> None:
        """Queue a chunk. Raises BrokerUnreachable within a bounded time."""
        ...


class RedisBroker:
    """The queue in Redis or Valkey, written to as Celery does."""

    def __init__(self, url: str) -> None:
        parts = _parse(url)
        self._where = parts.netloc.rpartition("@")[2]
        timeouts = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": ANSWER_SECONDS}
        self._redis = redis.Redis.from_url(url, **timeouts)
        self._celery = _sender(url, timeouts)

    def waiting(self) -> int:
        with self._translated():
            return int(self._redis.llen(QUEUE))

    def send(self, chunk: Chunk) -> None:
        with self._translated():
            self._celery.send_task(
                TASK_RECOGNISE_CHUNK, args=[chunk.to_message()], queue=QUEUE, retry=False
            )

    def close(self) -> None:
        """Give both connections back."""
        self._redis.close()
        self._celery.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, KombuError, OSError) as error:
            raise BrokerUnreachable(
                f"Redis at {self._where} does not serve us ({_reason(error)}); "
                "check that it runs and what CELERY_BROKER_URL says"
            ) from None


def _sender(url: str, timeouts: dict[str, int]) -> Celery:
    """A Celery app that only sends: JSON, no results, never waiting for ever."""
    app = Celery("hkplates", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue=QUEUE,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={"max_retries": 1, **timeouts},
    )
    return app


def _parse(url: str) -> Any:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        parts = urlsplit("")
    number = parts.path.strip("/")
    if (
        parts.scheme not in ("redis", "rediss")
        or not parts.hostname
        or (number and not (number.isascii() and number.isdecimal()))
    ):
        raise SettingInvalid(f"CELERY_BROKER_URL is not a Redis URL; expected {EXAMPLE}")
    return parts


def _reason(error: BaseException) -> str:
    """Why, in the server's words where it has any; never the URL, which holds the password."""
    text = str(error)
    for sign, words in _REASONS.items():
        if sign in text:
            return words
    return type(error).__name__


_REASONS = {
    "NOAUTH": "it asks for a password",
    "WRONGPASS": "it does not accept the password",
    "invalid username-password": "it does not accept the password",
    "Authentication required": "it asks for a password",
    "OOM": "its memory is full",
    "LOADING": "it is still loading",
    "READONLY": "it is a read-only replica",
    "refused": "connection refused",
    "imeout": "no answer in time",
    "imed out": "no answer in time",
    "not known": "no such host",
    "Name or service": "no such host",
}
