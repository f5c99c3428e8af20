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

from web.auth.credentials import Entry

IDLE_SECONDS = 8 * 3600
WHOLE_SECONDS = 7 * 24 * 3600
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
    seal: str
    began: int
    seen: int


class Sessions:
    """Makes, reads and ends sessions; usable from several threads.

    `ended`: sessions that were ended before, and when each began.
    """

    def __init__(
        self,
        secret: bytes,
        ended: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret, self._clock = secret, clock
        self._cookies = URLSafeSerializer(
            secret, "hkplates-session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._ended = dict(ended or {})
        self._lock = threading.Lock()

    def new(self, entry: Entry | None = None) -> Session:
        """A session of its own number: of somebody who logged in, or of nobody."""
        now = int(self._clock())
        name, seal = (entry.name, self._seal(entry)) if entry else ("", "")
        return Session(secrets.token_urlsafe(18), name, seal, now, now)

    def cookie(self, session: Session) -> str:
        """What the browser keeps."""
        return str(self._cookies.dumps(astuple(session)))

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None where we did not sign it, or it has ended."""
        if not cookie:
            return None
        try:
            session = Session(*self._cookies.loads(cookie))
        except (BadData, TypeError, UnicodeError):
            return None
        now = self._clock()
        if session.id in self._ended or now - session.began > WHOLE_SECONDS:
            return None
        return None if now - session.seen > IDLE_SECONDS else session

    def renewed(self, session: Session) -> Session:
        """The session as used now; itself where it was used a moment ago."""
        now = int(self._clock())
        return replace(session, seen=now) if now - session.seen > RENEW_SECONDS else session

    def is_of(self, session: Session, entry: Entry) -> bool:
        """Whether somebody's password is still what it was when they logged in."""
        return hmac.compare_digest(session.seal, self._seal(entry))

    def end(self, session: Session) -> None:
        """Take no cookie of it any more, also not a copy."""
        with self._lock:
            oldest = self._clock() - WHOLE_SECONDS
            self._ended = {one: at for one, at in self._ended.items() if at >= oldest}
            self._ended[session.id] = session.began

    def csrf_token(self, session: Session) -> str:
        """What only pages of this session know."""
        return self._signed(f"csrf:{session.id}")

    def _seal(self, entry: Entry) -> str:
        return self._signed(f"seal:{entry.name}:{entry.proof}")[:16]

    def _signed(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
