"""Who may come in: the entries of HKPLATES_WEB_USERS and HKPLATES_WEB_TOKENS, read and made.

An entry is `name:role:proof`, with an argon2id hash of the password or the SHA-256 of the token as
the proof; entries are parted by commas or lines. No message ever shows a proof.
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
from web.auth.principal import LOCAL, ROLES, Person, Role
from web.errors import Later

USERS, TOKENS = "HKPLATES_WEB_USERS", "HKPLATES_WEB_TOKENS"
NAME = re.compile(r"[\w.@+-]{1,64}")
# A comma parts two entries only where a name and a colon follow: argon2's own parameters have some.
_BETWEEN = re.compile(r"\s*[\r\n]+\s*|\s*,\s*(?=[^,:\s]+:)")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 1024
"""Characters."""
TOKEN_BYTES = 32
_HASHER = argon2.PasswordHasher()  # argon2id, 64 MiB


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who may come in, and what tells them apart from whoever says that they are."""

    name: str
    role: Role
    proof: str = field(repr=False)


class Busy(Later):
    """Too many passwords are being looked at; try again in some seconds."""


class Users:
    """Those who log in with a password; usable from several threads."""

    AT_ONCE = 2
    """Passwords that are looked at at the same time: each takes 64 MiB and a core."""
    PATIENCE_SECONDS = 5.0

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._turns = threading.BoundedSemaphore(self.AT_ONCE)
        self._nobodys = _nobodys(next(iter(entries.values())).proof) if entries else ""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def find(self, name: str) -> Entry | None:
        """Somebody by their name, unproven."""
        return self._entries.get(name)

    def prove(self, name: str, password: str) -> Entry | None:
        """Who gave the right name and password; None for any other, after the same time.

        Raises:
            Busy: many others are being looked at.
        """
        entry = self._entries.get(name)
        if not self._turns.acquire(timeout=self.PATIENCE_SECONDS):
            raise Busy("Many people log in just now; try again in some seconds")
        try:
            _HASHER.verify(entry.proof if entry else self._nobodys, password)
        except VerifyMismatchError:
            return None
        finally:
            self._turns.release()
        return entry


class Tokens:
    """Programs that carry a token; known by what it hashes to, for nobody keeps the token."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = tuple(entries.values())

    def find(self, token: str) -> Person | None:
        """Whose token it is, called `token:name`, which no user can be."""
        digest = token_digest(token)
        found = None
        for entry in self._entries:  # all of them: how long it takes tells nothing
            if hmac.compare_digest(entry.proof, digest):
                found = Person(f"token:{entry.name}", entry.role)
        return found


def read_users(text: str) -> Users:
    """The users of HKPLATES_WEB_USERS.

    Raises:
        SettingInvalid: an entry is not in order; the message says which, and never its hash.
    """
    return Users(_read(text, USERS, _check_hash))


def read_tokens(text: str) -> Tokens:
    """The tokens of HKPLATES_WEB_TOKENS.

    Raises:
        SettingInvalid: an entry is not in order; the message says which, and never its hash.
    """
    return Tokens(_read(text, TOKENS, _check_digest))


def user_entry(name: str, role: Role, password: str) -> str:
    """An entry for HKPLATES_WEB_USERS.

    Raises:
        ValueError: the name or the password cannot be used.
    """
    _check_name(name)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters; this one has "
            f"{len(password):,}. Some words that nobody would guess are easy to remember"
        )
    return f"{name}:{role}:{_HASHER.hash(password)}"


def token_entry(name: str, role: Role) -> tuple[str, str]:
    """A new token, and its entry for HKPLATES_WEB_TOKENS.

    Raises:
        ValueError: the name cannot be used.
    """
    _check_name(name)
    token = f"hkp_{secrets.token_urlsafe(TOKEN_BYTES)}"
    return token, f"{name}:{role}:{token_digest(token)}"


def token_digest(token: str) -> str:
    """SHA-256 in hexadecimal digits; a token has 256 random bits and needs no slower hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _nobodys(proof: str) -> str:
    """What an unknown name is held against, so that it takes as long as a wrong password."""
    hasher = argon2.PasswordHasher.from_parameters(argon2.extract_parameters(proof))
    return hasher.hash(secrets.token_hex())


def _read(text: str, variable: str, check: Callable[[str], bool]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for number, part in enumerate(filter(None, _BETWEEN.split(text.strip().strip(","))), 1):
        entry = _entry(part, f"{variable} cannot be used: entry {number}", check)
        if entry.name in found:
            raise SettingInvalid(f"{variable} cannot be used: it names {entry.name!r} twice")
        found[entry.name] = entry
    return found


def _entry(part: str, told: str, check: Callable[[str], bool]) -> Entry:
    name, _, rest = part.partition(":")
    role, _, proof = rest.partition(":")
    if not proof:
        raise SettingInvalid(f"{told} is not of the form name:role:hash. {_MADE_BY}")
    try:
        _check_name(name)
    except ValueError as error:
        raise SettingInvalid(f"{told}: {error}") from None
    if role not in ROLES:
        raise SettingInvalid(f"{told} ({name}) expected the role {' or '.join(ROLES)}")
    if not check(proof.strip()):
        raise SettingInvalid(f"{told} ({name}) does not end with a whole hash. {_MADE_BY}")
    return Entry(name, role, proof.strip())


_MADE_BY = (
    "`hkplates web-password NAME` and `hkplates web-token NAME` make entries; in a file put them "
    "in single quotes, for they hold $"
)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ValueError("a name has 1 to 64 letters, digits and . _ @ + -")
    if name == LOCAL.name:
        raise ValueError(f"{name!r} is everybody where nobody logs in; choose another name")


def _check_hash(proof: str) -> bool:
    """Whether it is a whole hash: verifying it says wrong password, and nothing else."""
    try:
        if argon2.extract_parameters(proof).type is not argon2.Type.ID:
            return False
        _HASHER.verify(proof, "")
    except VerifyMismatchError:
        return True
    except (InvalidHashError, Argon2Error):
        return False
    return False  # an empty password


def _check_digest(proof: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", proof) is not None
