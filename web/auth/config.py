"""Who may come in and from where: read from the settings once, when the page starts."""

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
    """Who may come in and from where.

    `is_open`: nobody logs in, for only this machine can ask. `hosts` are names by which the page is
    asked for, besides addresses and this machine's own. `is_https`: only a proxy that speaks TLS
    passes requests on.
    """

    users: Users
    tokens: Tokens
    secret: bytes = field(repr=False)
    is_open: bool = False
    hosts: frozenset[str] = frozenset()
    is_https: bool = False


def local_access() -> Access:
    """Nobody logs in, and only this machine may ask; for a process's own lifetime."""
    return Access(Users({}), Tokens({}), secrets.token_bytes(32), is_open=True)


def read_access(
    settings: Settings, *, host: str, trusted_hosts: Sequence[str] = (), proxies: Sequence[str] = ()
) -> Access:
    """What the settings and the command line say.

    `host`: where the page listens. `proxies`: addresses or networks of those whose word about who
    asks is believed.

    Raises:
        SettingInvalid: a variable is not in order, or the page would be open to other machines.
        SetupError: a secret cannot be kept.
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
    """What signs sessions: the setting, else one that is made once and kept for its owner alone."""
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
        # Whole or not at all, also where two start at once: the first one's stays.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{SECRET_FILE}-") as file:
            file.write(secrets.token_hex(32).encode())  # such files are their owner's alone
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    found = path.read_bytes()
    if len(found) < MIN_SECRET_LENGTH:
        raise SetupError(f"{path} is damaged; remove it and start again")
    return found
