"""Tests of outlines, labels and timelines."""

from datetime import UTC, datetime

import pytest

from web import pagination
from web.pictures import overlay

SIZE = (1000, 600)
LOW = [[100.0, 300.0], [300.0, 310.0], [300.0, 360.0], [100.0, 350.0]]


def test_a_label_stands_above_its_plate() -> None:
    outline = overlay.outline(LOW, "AB 1234", SIZE, is_current=True)
    assert outline.points == "100.0,300.0 300.0,310.0 300.0,360.0 100.0,350.0"
    assert outline.top + outline.height < 300


def test_at_the_top_of_a_photograph_it_stands_below() -> None:
    high = [[x, y - 295] for x, y in LOW]
    outline = overlay.outline(high, "AB 1234", SIZE, is_current=False)
    assert outline.top > 65


@pytest.mark.parametrize("left", [-50.0, 0.0, 990.0])
def test_it_stays_within_the_photograph(left: float) -> None:
    moved = [[x - 100 + left, y] for x, y in LOW]
    outline = overlay.outline(moved, "AB 1234", SIZE, is_current=False)
    assert outline.left >= 0
    assert outline.left + outline.width <= 1000.1


def test_a_plate_is_found_by_its_share_of_the_photograph() -> None:
    assert overlay.box_shares(LOW, SIZE) == "0.1000 0.5000 0.2000 0.1000"


def test_moments_lie_on_a_line_as_far_apart_as_they_are() -> None:
    moments = [datetime(2026, 7, day, tzinfo=UTC) for day in (1, 2, 5)]
    assert overlay.timeline_positions(moments) == [3, 26.5, 97]
    assert overlay.timeline_positions(moments[:1]) == [50]


@pytest.mark.parametrize("moment", [datetime(2026, 7, 1, 8, 0, 1, 5, tzinfo=UTC), None])
def test_a_place_on_a_timeline_goes_through_an_address_and_back(moment: datetime | None) -> None:
    assert pagination.decode_time_cursor(pagination.encode_cursor((moment, 7))) == (moment, 7)


def test_a_place_in_the_review_goes_through_an_address_and_back() -> None:
    stored = pagination.round_to_real(0.351)
    assert pagination.decode_confidence_cursor(pagination.encode_cursor((stored, 7))) == (stored, 7)
