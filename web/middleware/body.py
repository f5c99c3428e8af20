"""Reads bodies of requests up to a limit, and replays them for the application."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

MAX_BYTES = 64 * 1024
"""More than any form of the page, or any document that its API takes."""


async def read_body(receive: Receive, content_length: str | None) -> bytes:
    """Reads the whole body.

    `content_length`: the header's value, if there is one.

    Raises:
        HTTPException: 413, it is longer than MAX_BYTES.
        ClientDisconnect: the client went away before its end.
    """
    announced = content_length or ""
    if announced.isdecimal() and int(announced[:20]) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def replay_body(body: bytes, receive: Receive) -> Receive:
    """Returns a `receive` that gives a body once more, then what the client still sends."""
    is_replayed = False

    async def receive_again() -> Message:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _too_large() -> HTTPException:
    return HTTPException(413, f"A request has at most {MAX_BYTES // 1024} KiB here")
