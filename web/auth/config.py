"""Reads the access configuration from settings and options, once when the server starts."""

import contextlib
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from hkplates.errors import SettingInvalid, SetupError
from hkplates.settings import Settings
from web.auth.credentials import Tokens, Users, read_tokens, read_users
from web.auth.hosts import is_loopback

MIN_SECRET_LENGTH = 32
"""Characters."""
SECRET_FILE = "web-secret"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Access:
    """The access configuration: users, tokens, the signing secret and the trusted host names.

    `is_open`: nobody logs in, for only this machine can connect. `hosts` are names that a Host
    header may have, besides IP addresses and this machine's own. `is_https`: requests come only
    through a proxy that speaks TLS.
    """

    users: Users
    tokens: Tokens
    secret: bytes = field(repr=False)
    is_open: bool = False
    hosts: frozenset[str] = frozenset()
    is_https: bool = False


def local_access() -> Access:
    """Returns the access of this machine alone, without login; its secret ends with the process."""
    return Access(Users({}), Tokens({}), secrets.token_bytes(32), is_open=True)


def read_access(
    settings: Settings, *, host: str, trusted_hosts: Sequence[str] = (), proxies: Sequence[str] = ()
) -> Access:
    """Reads the access configuration of the settings and the command line.

    `host`: the address to listen on. `proxies`: addresses or networks whose X-Forwarded headers
    are trusted.

    Raises:
        SettingInvalid: a variable is not in order, or the page would be open to other machines.
        SetupError: the signing secret cannot be kept.
    """
    users = read_users(_secret_value(settings.web_users))
    tokens = read_tokens(_secret_value(settings.web_tokens))
    _check_proxies(proxies)
    local = is_loopback(host) and not proxies and not trusted_hosts
    if not users and not local:
        raise SettingInvalid(
            "Other machines could ask this page, and nobody would have to log in. Make a user with "
            "`hkplates web-password NAME --role reviewer` and put what it prints into "
            "HKPLATES_WEB_USERS; or listen on 127.0.0.1, without --trusted-host or --behind-proxy"
        )
    return Access(
        users=users,
        tokens=tokens,
        secret=_signing_secret(settings),
        is_open=not users,
        hosts=frozenset(name.lower().rstrip(".") for name in trusted_hosts),
        is_https=bool(proxies),
    )


def _secret_value(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _check_proxies(proxies: Sequence[str]) -> None:
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            raise SettingInvalid(
                f"--behind-proxy expected an address or a network like 10.0.0.0/8, got {proxy!r}"
            ) from None


def _signing_secret(settings: Settings) -> bytes:
    """Returns the secret that signs sessions: the setting, else one generated once and kept.

    The file of the latter is readable by its owner alone.
    """
    if given := _secret_value(settings.web_secret):
        if len(given) < MIN_SECRET_LENGTH:
            raise SettingInvalid(
                f"HKPLATES_WEB_SECRET cannot be used: expected {MIN_SECRET_LENGTH} characters or "
                "more. Make one with: openssl rand -hex 32"
            )
        return given.encode("utf-8", "surrogateescape")
    path = settings.data_folder / SECRET_FILE
    try:
        return _load_or_create_secret(path)
    except OSError as error:
        raise SetupError(
            f"{path}, which signs sessions, cannot be kept ({error.strerror}); set "
            "HKPLATES_WEB_SECRET, or set HKPLATES_DATA to a folder of your own"
        ) from None


def _load_or_create_secret(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Linked into place whole, also where two processes start at once: the first one's stays.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{SECRET_FILE}-") as file:
            file.write(secrets.token_hex(32).encode())  # such files are their owner's alone
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    secret = path.read_bytes()
    if len(secret) < MIN_SECRET_LENGTH:
        raise SetupError(f"{path} is damaged; remove it and start again")
    return secret
