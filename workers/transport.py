"""Kombu's Redis transport, which outlives what is not a message.

Whoever may write to Redis can push any bytes into our queue. As it comes, kombu raises on bytes
that are not a message, and that ends the whole worker. Here they are logged and dropped: taking
them has already removed them from the queue.
"""

import json
from queue import Empty
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis, virtual

log = structlog.get_logger()


class Channel(redis.Channel):
    """Drops what is not JSON."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            log.error("message_dropped", why=f"not JSON: {error}")
            raise Empty from None  # as if nothing had come


class Transport(redis.Transport):
    """Drops JSON that is not in the form of a message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            virtual.Message(message, channel=self.channels[0])  # type: ignore[no-untyped-call]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"not a message: {type(error).__name__}"
            log.error("message_dropped", why=why)
            return
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


def use() -> None:
    """Make redis:// and rediss:// mean this transport, in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
