"""Dumps, duplicates, shuffles and forges messages in Redis, as whoever may write there could."""

import base64
import json
import random
from typing import Any

import redis
from celery import Celery

from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK

NOT_JSON = (b"\xff\x00", b"not JSON", b"[" * 100_000, b"")
NOT_MESSAGES = (b"[]", b"{}", b"17", b'{"properties": {"body": 1}}', b'{"body": "AAAA"}')
FOREIGN = {"id": 1, "store": "folder", "bucket": "/etc", "key": "passwd", "etag": "1"}


def duplicate(client: redis.Redis, rng: random.Random) -> int:
    """Sends some of the waiting messages again, and all that workers hold at this moment."""
    waiting = client.lrange(QUEUE, 0, -1)
    copies = [message for message in waiting if rng.random() < 0.5]
    copies += [json.dumps(held[0]).encode() for held in _held(client)]
    if copies:
        client.lpush(QUEUE, *copies)
    return len(copies)


def shuffle(client: redis.Redis, rng: random.Random) -> int:
    """Puts the waiting messages into another order, all at once."""

    def reorder(pipe: Any) -> int:
        waiting = pipe.lrange(QUEUE, 0, -1)
        pipe.multi()
        if waiting:
            rng.shuffle(waiting)
            pipe.delete(QUEUE)
            pipe.rpush(QUEUE, *waiting)
        return len(waiting)

    return int(client.transaction(reorder, QUEUE, value_from_callable=True))


def forge(client: redis.Redis, broker_url: str, victims: list[int]) -> int:
    """Pushes malformed messages, foreign ones, and ones that name others' images.

    `victims` are ids of images that wait; the forged messages name them with another key.
    """
    client.lpush(QUEUE, *NOT_JSON, *NOT_MESSAGES)
    images = [{**FOREIGN, "id": victim} for victim in victims] or [FOREIGN]
    bodies: tuple[list[Any], ...] = (
        [],
        [None],
        ["rubbish"],
        [{"version": 2, "images": images}],
        [{"version": 1, "images": images}],
        [{"version": 1, "images": [{**FOREIGN, "id": 10**30}]}],
        [{"version": 1, "images": [{**FOREIGN, "key": "../../etc/passwd"}]}],
        [{}, {}, {}],
    )
    with Celery(broker=broker_url, set_as_current=False) as sender:
        for arguments in bodies:
            sender.send_task(TASK_RECOGNISE_CHUNK, args=arguments, queue=QUEUE)
        sender.send_task("os.system", args=["true"], queue=QUEUE)
        sender.send_task(TASK_RECOGNISE_CHUNK, args=[{}], queue=QUEUE, serializer="pickle")
    return len(NOT_JSON) + len(NOT_MESSAGES) + len(bodies) + 2


def dump(client: redis.Redis) -> str:
    """Returns all messages in the queue and held by workers as text, bodies decoded."""
    held = [json.dumps(one) for one in _held(client)]
    messages = [message.decode(errors="replace") for message in client.lrange(QUEUE, 0, -1)]
    return "\n".join(text + _body(text) for text in [*messages, *held])


def count_messages(client: redis.Redis) -> dict[str, int]:
    """Counts the messages that wait, and those that workers hold."""
    return {"waiting": int(client.llen(QUEUE)), "held": int(client.hlen("unacked"))}


def _held(client: redis.Redis) -> list[Any]:
    return [json.loads(held) for held in client.hvals("unacked")]


def _body(text: str) -> str:
    try:
        found = json.loads(text)
        message = found[0] if isinstance(found, list) else found
        return base64.b64decode(message["body"]).decode(errors="replace")
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""
