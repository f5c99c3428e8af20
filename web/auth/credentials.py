"""Parses and creates the credentials of HKPLATES_WEB_USERS and HKPLATES_WEB_TOKENS.

An entry is `name:role:hash`, with an argon2id hash of the password or the SHA-256 of the token;
entries are separated by commas or lines. No message ever shows a hash.
"""

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import argon2
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError

from hkplates.errors import SettingInvalid
from web.auth.principal import LOCAL, ROLES, Principal, Role
from web.errors import RetryLater

USERS, TOKENS = "HKPLATES_WEB_USERS", "HKPLATES_WEB_TOKENS"
NAME_PATTERN = re.compile(r"[\w.@+-]{1,64}")
# A comma separates entries only where a name and a colon follow: argon2's parameters have commas.
_ENTRY_SEPARATOR = re.compile(r"\s*[\r\n]+\s*|\s*,\s*(?=[^,:\s]+:)")
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 1024
"""Characters."""
TOKEN_BYTES = 32
_HASHER = argon2.PasswordHasher()  # argon2id, 64 MiB


@dataclass(frozen=True, slots=True)
class Credential:
    """A user or program that may log in, its role and the hash of its password or token."""

    name: str
    role: Role
    secret_hash: str = field(repr=False)


class TooManyLogins(RetryLater):
    """Too many passwords are being verified; try again in some seconds."""


class Users:
    """The users who log in with a password; usable from several threads."""

    MAX_CONCURRENT = 2
    """Passwords verified at the same time: each takes 64 MiB and a core."""
    MAX_WAIT_SECONDS = 5.0
    """Longest wait for one of these slots."""

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self._credentials = credentials
        self._slots = threading.BoundedSemaphore(self.MAX_CONCURRENT)
        self._dummy_hash = (
            _make_dummy_hash(next(iter(credentials.values())).secret_hash) if credentials else ""
        )

    def __bool__(self) -> bool:
        return bool(self._credentials)

    def find(self, name: str) -> Credential | None:
        """Returns the credential of a name, without any authentication; None if unknown."""
        return self._credentials.get(name)

    def authenticate(self, name: str, password: str) -> Credential | None:
        """Returns the credential that name and password fit; None otherwise, after the same time.

        Raises:
            TooManyLogins: no slot became free, for many others log in.
        """
        credential = self._credentials.get(name)
        if not self._slots.acquire(timeout=self.MAX_WAIT_SECONDS):
            raise TooManyLogins("Many people log in just now; try again in some seconds")
        try:
            _HASHER.verify(credential.secret_hash if credential else self._dummy_hash, password)
        except VerifyMismatchError:
            return None
        finally:
            self._slots.release()
        return credential


class Tokens:
    """The programs that carry a bearer token, known by its SHA-256: the token is kept nowhere."""

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self._credentials = tuple(credentials.values())

    def find(self, token: str) -> Principal | None:
        """Returns the principal of a token, named `token:name`, which no user can be; or None."""
        digest = token_digest(token)
        found = None
        for credential in self._credentials:  # all of them, so that timing reveals nothing
            if hmac.compare_digest(credential.secret_hash, digest):
                found = Principal(f"token:{credential.name}", credential.role)
        return found


def read_users(text: str) -> Users:
    """Parses the users of HKPLATES_WEB_USERS.

    Raises:
        SettingInvalid: an entry is not in order; the message says which, and never its hash.
    """
    return Users(_parse_entries(text, USERS, _is_argon2id_hash))


def read_tokens(text: str) -> Tokens:
    """Parses the tokens of HKPLATES_WEB_TOKENS.

    Raises:
        SettingInvalid: an entry is not in order; the message says which, and never its hash.
    """
    return Tokens(_parse_entries(text, TOKENS, _is_sha256_digest))


def user_entry(name: str, role: Role, password: str) -> str:
    """Creates an entry for HKPLATES_WEB_USERS.

    Raises:
        ValueError: the name or the password cannot be used.
    """
    _check_name(name)
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise ValueError(
            f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH:,} characters; this one "
            f"has {len(password):,}. Some words that nobody would guess are easy to remember"
        )
    return f"{name}:{role}:{_HASHER.hash(password)}"


def token_entry(name: str, role: Role) -> tuple[str, str]:
    """Creates a token and its entry for HKPLATES_WEB_TOKENS.

    Raises:
        ValueError: the name cannot be used.
    """
    _check_name(name)
    token = f"hkp_{secrets.token_urlsafe(TOKEN_BYTES)}"
    return token, f"{name}:{role}:{token_digest(token)}"


def token_digest(token: str) -> str:
    """Hashes a token: SHA-256 in hexadecimal, for 256 random bits need no slower hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _make_dummy_hash(secret_hash: str) -> str:
    """Hashes a random password, which makes an unknown name take as long as a wrong password."""
    hasher = argon2.PasswordHasher.from_parameters(argon2.extract_parameters(secret_hash))
    return hasher.hash(secrets.token_hex())


def _parse_entries(
    text: str, variable: str, is_valid_hash: Callable[[str], bool]
) -> dict[str, Credential]:
    credentials: dict[str, Credential] = {}
    entries = filter(None, _ENTRY_SEPARATOR.split(text.strip().strip(",")))
    for number, entry in enumerate(entries, 1):
        label = f"{variable} cannot be used: entry {number}"
        credential = _parse_entry(entry, label, is_valid_hash)
        if credential.name in credentials:
            raise SettingInvalid(f"{variable} cannot be used: it names {credential.name!r} twice")
        credentials[credential.name] = credential
    return credentials


def _parse_entry(entry: str, label: str, is_valid_hash: Callable[[str], bool]) -> Credential:
    name, _, rest = entry.partition(":")
    role, _, secret_hash = rest.partition(":")
    if not secret_hash:
        raise SettingInvalid(f"{label} is not of the form name:role:hash. {_MADE_BY}")
    try:
        _check_name(name)
    except ValueError as error:
        raise SettingInvalid(f"{label}: {error}") from None
    if role not in ROLES:
        raise SettingInvalid(f"{label} ({name}) expected the role {' or '.join(ROLES)}")
    if not is_valid_hash(secret_hash.strip()):
        raise SettingInvalid(f"{label} ({name}) does not end with a whole hash. {_MADE_BY}")
    return Credential(name, role, secret_hash.strip())


_MADE_BY = (
    "`hkplates web-password NAME` and `hkplates web-token NAME` make entries; in a file put them "
    "in single quotes, for they hold $"
)


def _check_name(name: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError("a name has 1 to 64 letters, digits and . _ @ + -")
    if name == LOCAL.name:
        raise ValueError(f"{name!r} is everybody where nobody logs in; choose another name")


def _is_argon2id_hash(secret_hash: str) -> bool:
    """Checks that a hash is complete: verifying it says wrong password, and nothing else."""
    try:
        if argon2.extract_parameters(secret_hash).type is not argon2.Type.ID:
            return False
        _HASHER.verify(secret_hash, "")
    except VerifyMismatchError:
        return True
    except (InvalidHashError, Argon2Error):
        return False
    return False  # an empty password


def _is_sha256_digest(secret_hash: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", secret_hash) is not None
