"""Serves the pages and the API with uvicorn until the process is stopped."""

import socket
from collections.abc import Callable

import uvicorn

from hkplates.database.audit import revoked_sessions
from hkplates.errors import SetupError
from hkplates.reporting.next_steps import FormatStep
from hkplates.settings import Settings
from web.app import create_app
from web.auth.config import Access, read_access
from web.auth.hosts import is_loopback
from web.auth.sessions import MAX_AGE_SECONDS, Sessions
from web.auth.state import Security
from web.listen_address import ListenAddress
from web.services import opened_services

LISTEN_BACKLOG = 128
"""Connections that wait to be accepted."""
MAX_CONNECTIONS = 400
"""Open at once, half-sent requests included: more are refused before file descriptors run out."""
PLAIN_HTTP_WARNING = (
    "Other machines may ask this page, and passwords reach it over plain HTTP: put a proxy with "
    "TLS before it, and name that with --behind-proxy (docs/web.md)."
)


def serve(
    settings: Settings,
    address: ListenAddress,
    format_step: FormatStep,
    print_message: Callable[[str], None],
    stop_requested: Callable[[], bool] = lambda: False,
) -> None:
    """Serves the application; `print_message` gets lines for the user who started it.

    `format_step`: formats a next step as a command, for the API and the pages. `stop_requested`:
    returns whether a signal arrived before the server handled signals itself.

    Raises:
        SetupError: a setting is not in order, nobody could log in, the port is taken.
        DatabaseUnreachable: Postgres does not answer.
    """
    access = read_access(
        settings, host=address.host, trusted_hosts=address.trusted_hosts, proxies=address.proxies
    )
    with opened_services(settings, format_step) as services, _open_listener(address) as listener:
        revoked = revoked_sessions(services.engine, MAX_AGE_SECONDS)
        security = Security(access, Sessions(access.secret, revoked))
        config = uvicorn.Config(
            create_app(services, security),
            log_config=None,  # ours, of hkplates.logs
            access_log=False,
            server_header=False,
            proxy_headers=bool(address.proxies),
            forwarded_allow_ips=list(address.proxies),
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=5,  # seconds
        )
        print_message(_startup_message(listener, access))
        if not is_loopback(address.host) and not address.proxies:
            print_message(PLAIN_HTTP_WARNING)
        _Server(config, stop_requested).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Server that stops if a stop was requested before it handled signals itself."""

    def __init__(self, config: uvicorn.Config, stop_requested: Callable[[], bool]) -> None:
        super().__init__(config)
        self._stop_requested = stop_requested

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.should_exit = self.should_exit or self._stop_requested()


def _open_listener(place: ListenAddress) -> socket.socket:
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(LISTEN_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise SetupError(
            f"The page cannot listen on {place.host}, port {place.port} ({error.strerror}); choose "
            "another with --host and --port"
        ) from None
    return listener


def _startup_message(listener: socket.socket, access: Access) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    who = "nobody needs to log in, for only this machine can ask" if access.is_open else "log in"
    return f"The page is at http://{shown}:{port}/ ({who}). End it with Ctrl-C."
