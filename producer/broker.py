"""The broker as the producer sees it: the queue's length, the images it names, one more message."""

from typing import Protocol

import redis
from celery import Celery
from kombu.exceptions import KombuError

from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, Chunk
from producer.redis_queue import CONNECT_SECONDS, TIMEOUTS, RedisQueue


class Broker(Protocol):
    """A queue of chunks."""

    def queue_length(self) -> int:
        """Returns the number of messages that no worker has taken yet."""
        ...

    def image_ids(self) -> set[int] | None:
        """Returns the ids of the images that some message names, or None where that is unknown."""
        ...

    def count_workers(self) -> int | None:
        """Returns the number of connected workers, or None where that is unknown."""
        ...

    def send(self, chunk: Chunk) -> None:
        """Queues a chunk.

        Raises:
            BrokerUnreachable: within a bounded time.
        """
        ...


class RedisBroker(RedisQueue):
    """The queue in Redis or Valkey, written to through Celery."""

    faults = (redis.RedisError, KombuError, OSError)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._celery = _sending_app(url)

    def send(self, chunk: Chunk) -> None:
        """Queues a chunk."""
        with self._translated_errors():
            self._celery.send_task(
                TASK_RECOGNISE_CHUNK, args=[chunk.to_message()], queue=QUEUE, retry=False
            )

    def close(self) -> None:
        """Closes both connections."""
        super().close()
        self._celery.close()


def _sending_app(url: str) -> Celery:
    """Builds a Celery app that only sends: JSON, no results, bounded waits."""
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
