"""Reads the queue in Redis without writing: its length, the images it names, its workers."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis

from hkplates.errors import BrokerUnreachable, SettingInvalid
from hkplates.jobs import QUEUE, WORKER, Chunk, MessageInvalid

EXAMPLE_URL = "redis://:password@host:6379/0"
CONNECT_SECONDS = 5
RESPONSE_SECONDS = 5
TIMEOUTS = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": RESPONSE_SECONDS}
UNACKED = "unacked"
"""The hash in which kombu keeps messages taken and not acknowledged: [message, exchange, key]."""
MAX_SCANNED_MESSAGES = 5000
"""A longer queue is not scanned: that would take longer than a lease is worth."""


class RedisQueue:
    """The queue that workers consume.

    All methods raise BrokerUnreachable, within a bounded time, where Redis does not answer.
    """

    error_types: tuple[type[Exception], ...] = (redis.RedisError, OSError)

    def __init__(self, url: str) -> None:
        self._address = parse_redis_url(url).netloc.rpartition("@")[2]
        self._redis = redis.Redis.from_url(url, **TIMEOUTS)

    def queue_length(self) -> int:
        """Returns the number of messages that no worker has taken yet."""
        with self._translated_errors():
            return int(self._redis.llen(QUEUE))

    def image_ids(self) -> set[int] | None:
        """Returns the ids of the images that some message names, waiting or unacknowledged.

        None where there are more messages than MAX_SCANNED_MESSAGES.
        """
        with self._translated_errors():
            if self._redis.llen(QUEUE) + self._redis.hlen(UNACKED) > MAX_SCANNED_MESSAGES:
                return None
            # In one transaction: a message moved from one to the other between would be missed.
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.lrange(QUEUE, 0, -1)
                pipe.hvals(UNACKED)
                waiting, unacked = pipe.execute()
        return {image for message in _messages(waiting, unacked) for image in _image_ids(message)}

    def count_workers(self) -> int | None:
        """Returns the number of connected workers, whether they take messages or not.

        Each worker gives its connections a name of its own. None where this user may not list
        connections.
        """
        with self._translated_errors():
            try:
                clients = self._redis.client_list(_type="normal")
            except (redis.exceptions.NoPermissionError, redis.exceptions.ResponseError):
                return None
        names = {str(client.get("name", "")) for client in clients}
        return sum(name.startswith(f"{WORKER}@") for name in names)

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except self.error_types as error:
            raise BrokerUnreachable(
                f"Redis at {self._address} does not serve us ({_reason(error)}); "
                "check that it runs and what CELERY_BROKER_URL says"
            ) from None


def parse_redis_url(url: str) -> Any:
    """Splits a Redis URL into its parts.

    Raises:
        SettingInvalid: it is not a Redis URL.
    """
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
        raise SettingInvalid(f"CELERY_BROKER_URL is not a Redis URL; expected {EXAMPLE_URL}")
    return parts


def _messages(waiting: Iterable[bytes], unacked: Iterable[bytes]) -> Iterator[object]:
    """Parses messages, None for what is not JSON: anybody may have written to that Redis."""
    for raw in waiting:
        yield _parse_json(raw)
    for raw in unacked:
        wrapped = _parse_json(raw)
        yield wrapped[0] if isinstance(wrapped, list) and wrapped else None


def _image_ids(message: object) -> Iterator[int]:
    """Yields the image ids of one message as Celery writes it; none where it is not one of ours."""
    if not isinstance(message, dict):
        return
    try:
        arguments = json.loads(base64.b64decode(message["body"]))[0]
        chunk = Chunk.from_message(arguments[0])
    except (*_PARSE_ERRORS, binascii.Error, MessageInvalid):
        return
    yield from (image.id for image in chunk.images)


def _parse_json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except _PARSE_ERRORS:
        return None


_PARSE_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


def _reason(error: BaseException) -> str:
    """Words the reason of an error; never with the URL, which holds the password."""
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
    "WRONGTYPE": f"its key {QUEUE} is not a queue; remove it",
    "refused": "connection refused",
    "imeout": "no answer in time",
    "imed out": "no answer in time",
    "not known": "no such host",
    "Name or service": "no such host",
}
