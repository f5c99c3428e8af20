"""Tests the max-min fair share of a short queue among open submissions."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hkplates.database.ledger.dispatch import Dispatchable, fair_share

SOME = st.lists(
    st.builds(Dispatchable, st.integers(1, 99), st.integers(0, 9), st.booleans()),
    max_size=8,
    unique_by=lambda one: one.submission,
)


def test_a_new_submission_catches_up_with_one_that_has_the_queue() -> None:
    turns = fair_share([Dispatchable(1, 30, False), Dispatchable(2, 0, False)], 32)
    assert Counter(turns) == {2: 31, 1: 1}


def test_submissions_with_equal_parts_share_equally() -> None:
    turns = fair_share([Dispatchable(number, 0, False) for number in (1, 2, 3)], 12)
    assert Counter(turns) == {1: 4, 2: 4, 3: 4}
    assert set(turns[:3]) == {1, 2, 3}


def test_one_whose_images_come_back_gets_a_single_chunk() -> None:
    assert Counter(fair_share([Dispatchable(1, 0, True), Dispatchable(2, 5, False)], 4)) == {
        1: 1,
        2: 3,
    }
    assert fair_share([Dispatchable(1, 1, True)], 4) == []


def test_with_more_submissions_than_room_nobody_is_left_out_for_ever() -> None:
    waiting = [Dispatchable(number, 0, False) for number in range(5)]
    assert {fair_share(waiting, 1)[0] for _ in range(300)} == set(range(5))


@given(SOME, st.integers(0, 40))
def test_turns_are_as_many_as_fit_and_level_the_parts(
    waiting: list[Dispatchable], room: int
) -> None:
    turns = Counter(fair_share(waiting, room))
    open_ones = [one for one in waiting if not one.backing_off]
    assert turns.total() <= room
    assert turns.total() == room or not open_ones
    level = [one.queued + turns[one.submission] for one in open_ones if turns[one.submission]]
    lowest = min((one.queued + turns[one.submission] for one in open_ones), default=0)
    assert all(part <= lowest + 1 for part in level)
