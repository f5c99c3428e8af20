"""A proxy before the S3 server that fails as it is told: busy, cut off, slow, or for some keys.

It hands requests on byte by byte, so that signatures stay true, and knows just enough of HTTP to
find where a request and its answer end: workers and producers only list and read, so requests have
no body, and answers tell their length.
"""

import asyncio
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

Mode = Literal["well", "busy", "reset", "slow"]
HEAD_END = b"\r\n\r\n"
PIECES = 20  # of a slow answer
SLOW_SECONDS = 4.0  # for a slow answer
REFUSALS = {
    "forbidden": ("403 Forbidden", "AccessDenied"),
    "archived": ("403 Forbidden", "InvalidObjectState"),
    "broken": ("500 Internal Server Error", "InternalError"),
}
"""What is answered for a key that holds one of these words."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong until when (time.monotonic), and for which share of the requests."""

    mode: Mode = "well"
    until: float = 0.0
    share: float = 1.0


class FaultProxy:
    """Where it listens, what it does now, and what it has done."""

    def __init__(self, upstream: str, seed: int) -> None:
        self._upstream = urlsplit(upstream)
        self._dice = random.Random(seed)
        self.weather = Weather()
        self.done: Counter[str] = Counter()
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worsen(self, mode: Mode, seconds: float, share: float = 1.0) -> None:
        """Fail in this way for some seconds."""
        self.weather = Weather(mode, time.monotonic() + seconds, share)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, request after request."""
        upstream: Streams | None = None
        try:
            while True:
                head = await reader.readuntil(HEAD_END)
                if answer := self._refusal(head):
                    writer.write(answer)
                    await writer.drain()
                    continue
                upstream = upstream or await self._connect()
                await self._pass_on(head, upstream, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # either side has had enough
        finally:
            for one in (writer, upstream[1] if upstream else writer):
                one.close()

    def _mode(self) -> Mode:
        now = self.weather
        bad = time.monotonic() < now.until and self._dice.random() < now.share
        mode: Mode = now.mode if bad else "well"
        self.done[mode] += 1
        return mode

    def _refusal(self, head: bytes) -> bytes:
        path = unquote(head.split(b" ", 2)[1].decode("ascii")).partition("?")[0]
        for word, (status, code) in REFUSALS.items():
            if word in path:
                self.done[word] += 1
                return _error(status, code)
        return b""

    async def _connect(self) -> Streams:
        return await asyncio.open_connection(self._upstream.hostname, self._upstream.port)

    async def _pass_on(self, head: bytes, upstream: Streams, writer: asyncio.StreamWriter) -> None:
        mode = self._mode()
        if mode == "busy":
            writer.write(_error("503 Slow Down", "SlowDown"))
            await writer.drain()
            return
        upstream[1].write(head)
        answer = await upstream[0].readuntil(HEAD_END)
        body = await upstream[0].readexactly(_length(answer))
        whole = answer + body
        if mode == "reset":
            writer.write(whole[: len(answer) + len(body) // 2])
            await writer.drain()
            _reset(writer)
            raise ConnectionResetError
        for piece in _pieces(whole) if mode == "slow" else [whole]:
            writer.write(piece)
            await writer.drain()
            if mode == "slow":
                await asyncio.sleep(SLOW_SECONDS / PIECES)


def _pieces(whole: bytes) -> Iterator[bytes]:
    size = len(whole) // PIECES + 1
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _length(answer: bytes) -> int:
    for line in answer.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError("an answer without a length")


def _error(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>as the test will have it</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a farewell (RST), as a machine does that was switched off and on."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def proxied(upstream: str, seed: int) -> Iterator[FaultProxy]:
    """A proxy in a thread of this process."""
    proxy = FaultProxy(upstream, seed)
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=2**20)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="fault proxy")
    thread.start()
    ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
