"""Sessions of the page that were ended before their time, as the audit has them."""

import sqlalchemy as sa


def ended_sessions(engine: sa.Engine, seconds: int) -> dict[str, int]:
    """Those that somebody logged out of in the last `seconds`; when each began, since 1970.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    with engine.connect() as connection:
        rows = connection.execute(_ENDED, {"seconds": seconds}).all()
    return {session: int(began) for session, began in rows}


_ENDED = sa.text("""
    SELECT subject ->> 'session', subject ->> 'began' FROM audit
     WHERE action = 'logout' AND happened_at > now() - make_interval(secs => :seconds)
       AND subject ->> 'session' IS NOT NULL
""")
