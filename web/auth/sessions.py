"""Sessions: a signed cookie that says who logged in and when, and the token of its forms.

Nothing is kept for a session but that it was ended, until it would have ended by itself. The roles
and passwords are those of the settings at every request, and never the cookie's.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace

from itsdangerous import BadData, URLSafeSerializer

from web.auth.credentials import Credential

IDLE_SECONDS = 8 * 3600
MAX_AGE_SECONDS = 7 * 24 * 3600
RENEW_SECONDS = 300
"""How old what the cookie says of the last use may become."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser; `name` is who logged in, or empty.

    `began` and `seen` are seconds since 1970. `seal` follows from the password's hash: another
    password ends the session.
    """

    id: str
    name: str
    password_fingerprint: str
    issued_at: int
    last_seen: int


class Sessions:
    """Makes, reads and ends sessions; usable from several threads.

    `ended`: sessions that were ended before, and when each began.
    """

    def __init__(
        self,
        secret: bytes,
        revoked: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret, self._clock = secret, clock
        self._serializer = URLSafeSerializer(
            secret, "hkplates-session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._revoked = dict(revoked or {})
        self._lock = threading.Lock()

    def new(self, credential: Credential | None = None) -> Session:
        """A session of its own number: of somebody who logged in, or of nobody."""
        now = int(self._clock())
        name, seal = (
            (credential.name, self._password_fingerprint(credential)) if credential else ("", "")
        )
        return Session(secrets.token_urlsafe(18), name, seal, now, now)

    def encode(self, session: Session) -> str:
        """What the browser keeps."""
        return str(self._serializer.dumps(astuple(session)))

    def decode(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None where we did not sign it, or it has ended."""
        if not cookie:
            return None
        try:
            session = Session(*self._serializer.loads(cookie))
        except (BadData, TypeError, UnicodeError):
            return None
        now = self._clock()
        if session.id in self._revoked or now - session.issued_at > MAX_AGE_SECONDS:
            return None
        return None if now - session.last_seen > IDLE_SECONDS else session

    def renewed(self, session: Session) -> Session:
        """The session as used now; itself where it was used a moment ago."""
        now = int(self._clock())
        return (
            replace(session, last_seen=now) if now - session.last_seen > RENEW_SECONDS else session
        )

    def belongs_to(self, session: Session, credential: Credential) -> bool:
        """Whether somebody's password is still what it was when they logged in."""
        return hmac.compare_digest(
            session.password_fingerprint, self._password_fingerprint(credential)
        )

    def revoke(self, session: Session) -> None:
        """Take no cookie of it any more, also not a copy."""
        with self._lock:
            oldest = self._clock() - MAX_AGE_SECONDS
            self._revoked = {one: at for one, at in self._revoked.items() if at >= oldest}
            self._revoked[session.id] = session.issued_at

    def csrf_token(self, session: Session) -> str:
        """What only pages of this session know."""
        return self._hmac(f"csrf:{session.id}")

    def _password_fingerprint(self, credential: Credential) -> str:
        return self._hmac(f"seal:{credential.name}:{credential.secret_hash}")[:16]

    def _hmac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
