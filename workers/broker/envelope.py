"""Sanitises a message's envelope: takes it apart on arrival and rebuilds it of what ours hold.

A Celery message can say far more than ours do: run other tasks afterwards (callbacks, errbacks,
chain, chord), wait until next year (eta), allow itself any time (timelimit), go back into somebody
else's queue (delivery_info), take another message's place (delivery_tag). Whoever may write to
Redis could say all that. So only the task's id, its arguments, and whether it was delivered before
are passed on.
"""

import base64
import binascii
import json
import re
import uuid
from typing import Any

from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, MessageInvalid

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Size as received; a chunk of the largest size with the longest keys is far below."""

_IDENTIFIER = re.compile(r"[0-9A-Za-z_-]{1,64}\Z", re.ASCII)


def sanitise(raw: object) -> dict[str, Any]:
    """Rebuilds a message as kombu keeps it in Redis, with only what one of ours holds.

    Raises:
        MessageInvalid: it is not one of ours; the error quotes little of it.
    """
    headers, properties = _part(raw, "headers"), _part(raw, "properties")
    if headers.get("task") != TASK_RECOGNISE_CHUNK:
        raise MessageInvalid(f"expected the task {TASK_RECOGNISE_CHUNK}")
    identifier = headers.get("id")
    if not isinstance(identifier, str) or not _IDENTIFIER.match(identifier):
        raise MessageInvalid("expected headers.id to be a short identifier")
    body = json.dumps([_arguments(raw, properties), {}, {}]).encode()
    delivered = headers.get("redelivered") is True
    return {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": TASK_RECOGNISE_CHUNK,
            "id": identifier,
            "root_id": identifier,
            "redelivered": delivered,
        },
        "properties": {
            "body_encoding": "base64",
            # Ours: under a tag that another message has, one of the two would be forgotten.
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": QUEUE, "redelivered": delivered},
            "delivery_mode": 2,
            "priority": 0,
        },
    }


def _part(raw: object, name: str) -> dict[str, Any]:
    part = raw.get(name) if isinstance(raw, dict) else None
    if not isinstance(part, dict):
        raise MessageInvalid(f"expected {name} to be an object")
    return part


def _arguments(raw: Any, properties: dict[str, Any]) -> list[Any]:
    """Extracts the positional arguments; the task validates their content."""
    kind, body = raw.get("content-type"), raw.get("body")
    if kind != "application/json":
        raise MessageInvalid("expected the content type application/json")
    if not isinstance(body, str):
        raise MessageInvalid("expected the body to be text")
    try:
        if properties.get("body_encoding") == "base64":
            body = base64.b64decode(body, validate=True)
        parts = json.loads(body)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise MessageInvalid(f"the body is not JSON: {type(error).__name__}") from None
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[0], list):
        raise MessageInvalid("expected the body to be a list of arguments, options and more")
    return parts[0]
