"""Tests of sessions in signed cookies, and of their expiry and revocation."""

from hypothesis import given
from hypothesis import strategies as st

from web.auth.credentials import Credential
from web.auth.sessions import IDLE_SECONDS, MAX_AGE_SECONDS, RENEW_SECONDS, Sessions

SECRET = b"s" * 32
ADA = Credential("ada", "reviewer", "a hash")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_cookie_of_ours_is_read_as_it_was_written() -> None:
    sessions = Sessions(SECRET)
    session = sessions.new(ADA)
    assert sessions.decode(sessions.encode(session)) == session
    assert Sessions(SECRET).decode(sessions.encode(session)) == session  # also after a restart
    assert session.name == "ada"
    assert sessions.belongs_to(session, ADA)


def test_a_cookie_of_another_secret_is_nothing() -> None:
    assert Sessions(SECRET).decode(Sessions(b"t" * 32).encode(Sessions(SECRET).new(ADA))) is None


@given(st.text(max_size=50) | st.text("abcdef.-_0", max_size=80))
def test_what_we_did_not_sign_is_nothing(cookie: str) -> None:
    assert Sessions(SECRET).decode(cookie) is None


def test_a_cookie_that_was_changed_is_nothing() -> None:
    cookie = Sessions(SECRET).encode(Sessions(SECRET).new(ADA))
    # All but the last letter, whose lowest bits are padding.
    for place in range(0, len(cookie) - 1, 7):
        other = "A" if cookie[place] != "A" else "B"
        assert Sessions(SECRET).decode(cookie[:place] + other + cookie[place + 1 :]) is None


def test_a_session_that_is_not_used_ends() -> None:
    clock = Clock()
    sessions = Sessions(SECRET, clock=clock)
    cookie = sessions.encode(sessions.new(ADA))
    clock.now += IDLE_SECONDS
    assert sessions.decode(cookie) is not None
    clock.now += 1
    assert sessions.decode(cookie) is None


def test_a_session_that_is_used_goes_on_for_seven_days_and_no_longer() -> None:
    clock = Clock()
    sessions = Sessions(SECRET, clock=clock)
    session = sessions.new(ADA)
    began = clock.now
    while clock.now + IDLE_SECONDS / 2 <= began + MAX_AGE_SECONDS:
        clock.now += IDLE_SECONDS / 2
        read = sessions.decode(sessions.encode(session))
        assert read is not None
        session = sessions.renewed(read)
    clock.now = began + MAX_AGE_SECONDS + 1
    assert sessions.decode(sessions.encode(sessions.renewed(session))) is None


def test_the_cookie_is_written_anew_only_from_time_to_time() -> None:
    clock = Clock()
    sessions = Sessions(SECRET, clock=clock)
    session = sessions.new()
    clock.now += RENEW_SECONDS
    assert sessions.renewed(session) is session
    clock.now += 1
    assert sessions.renewed(session).last_seen == int(clock.now)
    assert sessions.renewed(session).id == session.id


def test_a_session_that_was_ended_stays_so_whatever_copy_there_is() -> None:
    sessions = Sessions(SECRET)
    session, other = sessions.new(ADA), sessions.new(ADA)
    sessions.revoke(session)
    assert sessions.decode(sessions.encode(session)) is None
    assert sessions.decode(sessions.encode(other)) == other
    restarted = Sessions(SECRET, revoked={session.id: session.issued_at})
    assert restarted.decode(sessions.encode(session)) is None


def test_what_has_ended_by_itself_is_not_remembered_for_ever() -> None:
    clock = Clock()
    sessions = Sessions(SECRET, clock=clock)
    for _ in range(5):
        sessions.revoke(sessions.new(ADA))
    clock.now += MAX_AGE_SECONDS + 1
    sessions.revoke(sessions.new(ADA))
    assert len(sessions._revoked) == 1


def test_another_password_ends_a_session() -> None:
    sessions = Sessions(SECRET)
    session = sessions.new(ADA)
    assert not sessions.belongs_to(session, Credential("ada", "reviewer", "another hash"))
    assert not sessions.belongs_to(sessions.new(), ADA)


def test_each_session_has_a_token_of_its_own_for_forms() -> None:
    sessions = Sessions(SECRET)
    first, second = sessions.new(), sessions.new()
    assert sessions.csrf_token(first) == Sessions(SECRET).csrf_token(first)
    assert sessions.csrf_token(first) != sessions.csrf_token(second)
    assert sessions.csrf_token(first) != Sessions(b"t" * 32).csrf_token(first)
