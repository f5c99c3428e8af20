"""Wraps kombu's Redis transport so that it survives invalid messages and passes on only ours.

Whoever may write to Redis can push any bytes into our queue. By default kombu raises on bytes that
are not a message, and that ends the whole worker. Here they are logged and dropped: taking them has
already removed them from the queue.
"""

# mypy: allow-untyped-calls
# kombu and redis are typed in part.

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
    """Drops replies that are larger than any message of ours, before they are parsed."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        answer = super().parse_response(connection, command_name, **options)
        if command_name == "BRPOP" and answer and len(answer[1]) > envelope.MAX_MESSAGE_BYTES:
            _log_dropped(f"{len(answer[1])} bytes")
            return None  # as if nothing had come
        return answer


class QoS(redis.QoS):
    """Frees the prefetch slot of a message whose acknowledgement did not reach Redis.

    By default kombu counts it as unacknowledged for ever. With one message at a time, the worker
    then consumes no more, and so never notices that its connection is gone. The message comes back
    when Redis does, or was lost with it; then nothing is left to claim, or it is sent again.
    """

    def ack(self, delivery_tag: str) -> None:
        with self._released_on_failure(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        with self._released_on_failure(delivery_tag):
            super().reject(delivery_tag, requeue)

    @contextmanager
    def _released_on_failure(self, delivery_tag: str) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError):
            self._quick_ack(delivery_tag)
            raise  # logged by kombu


class Channel(redis.Channel):
    """Drops messages that are not JSON."""

    QoS = QoS

    def _get_client(self) -> type[Client]:
        super()._get_client()  # it checks versions
        return Client

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            _log_dropped(f"not JSON: {error}")
            raise Empty from None  # as if nothing had come


class Transport(redis.Transport):
    """Drops JSON that is not a message and, from our queue, every message that is not ours."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            if queue == QUEUE:
                message = envelope.sanitise(message)
            virtual.Message(message, channel=self.channels[0])
        except MessageInvalid as error:
            _log_dropped(str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _log_dropped(f"not a message: {type(error).__name__}")
        else:
            super()._deliver(message, queue)


def _log_dropped(why: str) -> None:
    log.error("message_dropped", why=why)


def install() -> None:
    """Registers this transport for redis:// and rediss:// in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
