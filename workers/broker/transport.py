"""kombu's Redis transport, which outlives what is not a message and passes on none but ours.

Whoever may write to Redis can push any bytes into our queue. As it comes, kombu raises on bytes
that are not a message, and that ends the whole worker. Here they are logged and dropped: taking
them has already removed them from the queue.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis import Redis
from redis.exceptions import RedisError

from hkplates.jobs import QUEUE, MessageInvalid
from workers.broker import envelope

log = structlog.get_logger()


class Client(Redis):
    """Takes nothing apart that is larger than any message of ours."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        answer = super().parse_response(  # type: ignore[no-untyped-call]
            connection, command_name, **options
        )
        if command_name == "BRPOP" and answer and len(answer[1]) > envelope.MAX_MESSAGE_BYTES:
            _log_dropped(f"{len(answer[1])} bytes")
            return None  # as if nothing had come
        return answer


class QoS(redis.QoS):
    """Keeps no place for a message whose end Redis could not be told.

    As it comes, kombu counts it as being worked for ever. With one message at a time, the worker
    then listens no more, and so never notices that its connection is gone. The message comes back
    when Redis does, or was lost with it; then there is nothing left to claim, or it is sent again.
    """

    def ack(self, delivery_tag: str) -> None:
        with self._released_on_failure(delivery_tag):
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        with self._released_on_failure(delivery_tag):
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]

    @contextmanager
    def _released_on_failure(self, delivery_tag: str) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError):
            self._quick_ack(delivery_tag)
            raise  # logged by kombu


class Channel(redis.Channel):
    """Drops what is not JSON."""

    QoS = QoS

    def _get_client(self) -> type[Client]:
        super()._get_client()  # type: ignore[no-untyped-call]  # it checks versions
        return Client

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            _log_dropped(f"not JSON: {error}")
            raise Empty from None  # as if nothing had come


class Transport(redis.Transport):
    """Drops JSON that is not a message, and of our queue's messages all that we do not send."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            if queue == QUEUE:
                message = envelope.sanitise(message)
            virtual.Message(message, channel=self.channels[0])  # type: ignore[no-untyped-call]
        except MessageInvalid as error:
            _log_dropped(str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _log_dropped(f"not a message: {type(error).__name__}")
        else:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]


def _log_dropped(why: str) -> None:
    log.error("message_dropped", why=why)


def install() -> None:
    """Make redis:// and rediss:// mean this transport, in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
