"""Photographs of one vehicle are on one side of the split, whatever is labelled."""

from hypothesis import given
from hypothesis import strategies as st

from models.labels.split import hold_back

NAMES = st.text("abc", min_size=1, max_size=4)
MARKS = st.lists(st.sampled_from(["AB1", "AB2", "CD3", "EF4", "GH5", "XY9"]), max_size=3)
LABELLED = st.dictionaries(NAMES, MARKS, min_size=1, max_size=30)
SHARES = st.floats(0.05, 0.9)


@given(LABELLED, SHARES, st.integers(0, 99))
def test_no_mark_is_on_both_sides(marks, share, seed):
    held = hold_back(marks, share, seed)

    sides = [{m for name in names for m in marks[name]} for names in (held, marks.keys() - held)]
    assert not sides[0] & sides[1]


@given(LABELLED, SHARES, st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_order_of_photographs_and_marks_changes_nothing(marks, share, seed, random):
    names = list(marks)
    random.shuffle(names)
    shuffled = {name: random.sample(marks[name], len(marks[name])) for name in names}

    assert hold_back(shuffled, share, seed) == hold_back(marks, share, seed)


@given(LABELLED, SHARES, st.integers(0, 99))
def test_both_sides_have_photographs_where_there_are_two_vehicles(marks, share, seed):
    held = hold_back(marks, share, seed)

    assert bool(held) == (vehicles(marks) > 1)
    assert len(held) < len(marks)


def vehicles(marks):
    """Counts groups of photographs that share marks, also by way of a third."""
    groups = [({name}, set(shown)) for name, shown in marks.items()]
    for name in marks:
        near = [group for group in groups if group[1] & set(marks[name]) or name in group[0]]
        merged = (set().union(*(n for n, _ in near)), set().union(*(m for _, m in near)))
        groups = [*(group for group in groups if group not in near), merged]
    return len(groups)


@given(st.integers(10, 400), st.integers(0, 99))
def test_a_fifth_is_held_back_where_each_photograph_is_another_vehicle(count, seed):
    marks = {f"photo{number}": [f"AB{number}"] for number in range(count)}

    assert len(hold_back(marks, 0.2, seed)) == round(0.2 * count)


def test_photographs_linked_by_a_third_stay_together():
    marks = {"a": ["AB1"], "b": ["AB1", "CD2"], "c": ["CD2"], "d": ["EF3"]}

    for seed in range(20):
        held = hold_back(marks, 0.5, seed)
        assert held in ({"d"}, frozenset()) or held == {"a", "b", "c"}


def test_another_seed_holds_back_others():
    marks = {f"photo{number}": [] for number in range(40)}

    assert len({hold_back(marks, 0.2, seed) for seed in range(5)}) == 5


def test_hardly_any_photograph_changes_sides_when_some_are_added():
    marks = {f"photo{number}": [f"AB{number}"] for number in range(100)}
    more = marks | {f"new{number}": [f"CD{number}"] for number in range(10)}

    before, after = hold_back(marks, 0.2, 1), hold_back(more, 0.2, 1)
    assert len(before - after) <= 4
