"""Issues, verifies and revokes sessions in a signed cookie, and the CSRF tokens of their forms.

The server keeps nothing of a session but its revocation, until the session would have expired by
itself. Roles and passwords are those of the settings at every request, and never the cookie's.
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
"""Age of the cookie's `last_seen` after which the cookie is renewed."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session of one browser; `name` is the user who logged in, or empty.

    `issued_at` and `last_seen` are seconds since 1970. `password_fingerprint` follows from the
    password's hash: another password ends the session.
    """

    id: str
    name: str
    password_fingerprint: str
    issued_at: int
    last_seen: int


class Sessions:
    """Issues, decodes and revokes sessions; usable from several threads.

    `revoked`: ids of sessions that were revoked before this process started, each with its
    `issued_at`.
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
        """Issues a session with an id of its own, for a user who logged in or for nobody."""
        now = int(self._clock())
        name, fingerprint = "", ""
        if credential:
            name, fingerprint = credential.name, self._password_fingerprint(credential)
        return Session(secrets.token_urlsafe(18), name, fingerprint, now, now)

    def encode(self, session: Session) -> str:
        """Returns the signed value of the session's cookie."""
        return str(self._serializer.dumps(astuple(session)))

    def decode(self, cookie: str | None) -> Session | None:
        """Decodes a cookie's value; None if the signature is not ours or the session has ended."""
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
        """Returns the session with `last_seen` set to now, or unchanged if that is still recent."""
        now = int(self._clock())
        if now - session.last_seen <= RENEW_SECONDS:
            return session
        return replace(session, last_seen=now)

    def belongs_to(self, session: Session, credential: Credential) -> bool:
        """Checks that the user's password is still the one that they logged in with."""
        return hmac.compare_digest(
            session.password_fingerprint, self._password_fingerprint(credential)
        )

    def revoke(self, session: Session) -> None:
        """Ends a session: no cookie of it is accepted any more, nor any copy."""
        with self._lock:
            oldest = self._clock() - MAX_AGE_SECONDS
            self._revoked = {id_: at for id_, at in self._revoked.items() if at >= oldest}
            self._revoked[session.id] = session.issued_at

    def csrf_token(self, session: Session) -> str:
        """Returns the token that only forms of this session carry."""
        return self._hmac(f"csrf:{session.id}")

    def _password_fingerprint(self, credential: Credential) -> str:
        # Sessions that were issued are signed with this prefix: another one would end them all.
        return self._hmac(f"seal:{credential.name}:{credential.secret_hash}")[:16]

    def _hmac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
