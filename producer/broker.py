"""Redis as the producer sees it: how long the queue is, what it names, and one more message."""

from typing import Protocol

import redis
from celery import Celery
from kombu.exceptions import KombuError

from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, Chunk
from producer.redis_queue import CONNECT_SECONDS, TIMEOUTS, RedisQueue


class Broker(Protocol):
    """A queue of chunks."""

    def queue_length(self) -> int:
        """Messages that no worker has taken yet."""
        ...

    def image_ids(self) -> set[int] | None:
        """Numbers of the images that some message names; None where nobody could say."""
        ...

    def count_workers(self) -> int | None:
        """Workers that are connected; None where nobody could say."""
        ...

    def send(self, chunk: Chunk) -> None:
        """Queue a chunk. Raises BrokerUnreachable within a bounded time."""
        ...


class RedisBroker(RedisQueue):
    """The queue in Redis or Valkey, written to as Celery does."""

    faults = (redis.RedisError, KombuError, OSError)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._celery = _sending_app(url)

    def send(self, chunk: Chunk) -> None:
        """Queue a chunk."""
        with self._translated_errors():
            self._celery.send_task(
                TASK_RECOGNISE_CHUNK, args=[chunk.to_message()], queue=QUEUE, retry=False
            )

    def close(self) -> None:
        """Give both connections back."""
        super().close()
        self._celery.close()


def _sending_app(url: str) -> Celery:
    """A Celery app that only sends: JSON, no results, never waiting for ever."""
    app = Celery("hkplates", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue=QUEUE,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={"max_retries": 1, **TIMEOUTS},
    )
    return app
