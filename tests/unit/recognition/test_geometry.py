"""Matches plates of two readings of one photograph by intersection over union."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.geometry import Polygon, greedy_match, quad_iou, share_inside


def plate(left: float, top: float, width: float = 100, height: float = 30) -> Polygon:
    right, bottom = left + width, top + height
    return ((left, top), (right, top), (right, bottom), (left, bottom))


@pytest.mark.parametrize(
    ("other", "share"),
    [
        pytest.param(plate(0, 0), 1, id="the same"),
        pytest.param(plate(50, 0), 1 / 3, id="half of each"),
        pytest.param(plate(0, 15), 1 / 3, id="half of each, below"),
        pytest.param(plate(25, 10, 50, 10), 1 / 6, id="within"),
        pytest.param(plate(100, 0), 0, id="side by side"),
        pytest.param(plate(0, 300), 0, id="far away"),
        pytest.param(plate(50, 15, 0, 0), 0, id="without area"),
        pytest.param(plate(0, 0)[::-1], 1, id="the other way round"),
        pytest.param(((50, 0), (100, 15), (50, 30), (0, 15)), 1 / 2, id="a diamond"),
    ],
)
def test_iou_is_the_share_of_the_joint_area(other: Polygon, share: float) -> None:
    assert quad_iou(plate(0, 0), other) == pytest.approx(share)
    assert quad_iou(other, plate(0, 0)) == pytest.approx(share)


def test_turned_plates_overlap_less_than_the_rectangles_around_them() -> None:
    turned = ((0.0, 0.0), (100.0, 100.0), (80.0, 120.0), (-20.0, 20.0))
    below = tuple((x, y + 70) for x, y in turned)
    assert quad_iou(turned, below) == 0


sides = st.floats(-1000, 1000).map(lambda number: round(number, 2))


@given(st.tuples(*[st.tuples(sides, sides)] * 4), st.tuples(*[st.tuples(sides, sides)] * 4))
def test_whatever_the_corners_are_it_is_a_share(one: Polygon, other: Polygon) -> None:
    assert 0 <= quad_iou(one, other) <= 1


def test_plates_are_matched_by_place_whatever_their_order() -> None:
    first = [plate(0, 0), plate(300, 0), plate(600, 0)]
    second = [plate(603, 2), plate(2, -1)]
    assert sorted(greedy_match(first, second)) == [(0, 1), (2, 0)]


def test_of_two_that_lie_on_one_the_nearer_is_it() -> None:
    assert greedy_match([plate(0, 0)], [plate(30, 0), plate(5, 0)]) == [(0, 1)]
    assert greedy_match([plate(30, 0), plate(5, 0)], [plate(0, 0)]) == [(1, 0)]


def test_two_plates_above_each_other_stay_two() -> None:
    front, mainland = plate(0, 0), plate(5, 28)
    assert sorted(greedy_match([front, mainland], [mainland, front])) == [(0, 1), (1, 0)]


def test_nothing_matches_nothing() -> None:
    assert greedy_match([], [plate(0, 0)]) == greedy_match([plate(0, 0)], []) == []


def test_half_of_a_plate_lies_inside_it_and_it_half_inside_its_half():
    whole, half = plate(0, 0), plate(50, 0, 50)
    assert share_inside(half, whole) == pytest.approx(1)
    assert share_inside(whole, half) == pytest.approx(0.5)
    assert share_inside(plate(5, 5, 0, 0), whole) == 0
