"""Bodies of requests: read whole, of a limited size, and handed on."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

MAX_BYTES = 64 * 1024
"""More than any form of the page, or any document that its API takes."""


async def read_body(receive: Receive, announced: str | None) -> bytes:
    """The whole body.

    `announced`: what Content-Length says.

    Raises:
        HTTPException: 413, it is longer than MOST_BYTES.
        ClientDisconnect: it never came to its end.
    """
    if announced is not None and announced.isdecimal() and int(announced[:20]) > MAX_BYTES:
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
    """A body that was read, to be read again."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _too_large() -> HTTPException:
    return HTTPException(413, f"A request has at most {MAX_BYTES // 1024} KiB here")
