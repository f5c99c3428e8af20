"""Tells plates that the photograph's edge cuts from whole ones beside it."""

import numpy as np
import pytest

from hkplates.recognition.completeness import find_gaps, truncated_sides
from hkplates.recognition.types import (
    DetectedPlate,
    Detection,
    PlateReading,
    Quad,
    Region,
    TextReading,
)

PHOTO = (800, 600)


def quad(left: float, top: float, width: float, height: float) -> Quad:
    right, bottom = left + width, top + height
    return Quad((left, top), (right, top), (right, bottom), (left, bottom))


def reading(text: str) -> TextReading:
    letters = tuple(0.99 for letter in text if letter != " ")
    return TextReading(text, 0.98, letters, 2 if " " in text else 1)


def gaps(
    at: Quad, text: str, size: tuple[int, int] | None = PHOTO, region: Region = "HK"
) -> tuple[int, ...]:
    plate = DetectedPlate(Detection(at, 0.9, region), np.zeros((9, 9, 3), np.uint8), size)
    return find_gaps(plate, reading(text), region)


@pytest.mark.parametrize(
    ("at", "text", "expected"),
    [
        pytest.param(quad(650, 300, 152, 40), "XR746", (5,), id="right, one row"),
        pytest.param(quad(0, 300, 120, 40), "4086", (0,), id="left, digits alone"),
        pytest.param(quad(-8, 300, 150, 40), "R7461", (0,), id="left, beyond the edge"),
        pytest.param(quad(750, 300, 54, 40), "T 892", (1, 4), id="right, both rows"),
        pytest.param(quad(-2, 300, 54, 40), "K 921", (0, 1), id="left, both rows"),
        pytest.param(quad(300, 574, 100, 28), "TK", (2,), id="bottom, the lower row"),
        pytest.param(quad(300, -2, 100, 28), "8921", (0,), id="top, the upper row"),
    ],
)
def test_a_plate_that_the_edge_cuts_has_a_gap_there(
    at: Quad, text: str, expected: tuple[int, ...]
) -> None:
    assert gaps(at, text) == expected


@pytest.mark.parametrize(
    ("at", "text"),
    [
        pytest.param(quad(300, 300, 184, 40), "XR7461", id="in the middle"),
        pytest.param(quad(300, 300, 100, 40), "XR746", id="in the middle, narrow"),
        pytest.param(quad(612, 300, 184, 40), "XR7461", id="one row, beside the right edge"),
        pytest.param(quad(4, 300, 76, 40), "TK 8921", id="two rows, beside the left edge"),
        pytest.param(quad(13, 300, 184, 40), "9999", id="digits alone, beside the left edge"),
        pytest.param(quad(620, 300, 92, 40), "XR7461", id="seen from the side"),
    ],
)
def test_a_whole_plate_has_none(at: Quad, text: str) -> None:
    assert gaps(at, text) == ()


@pytest.mark.parametrize("margin", [0.0, 0.02, 0.05])
@pytest.mark.parametrize(("aspect", "text"), [(4.7, "XR7461"), (4.2, "XR746"), (1.8, "TK 8921")])
def test_a_bare_crop_of_a_plate_is_whole(aspect: float, text: str, margin: float) -> None:
    width = 100 * aspect
    edge = margin * width
    size = round(width + 2 * edge), round(100 + 2 * edge)
    assert gaps(quad(edge, edge, width, 100), text, size) == ()


def test_a_bare_crop_of_half_a_plate_is_not_whole() -> None:
    assert gaps(quad(-4, -2, 240, 104), "XR7", (232, 100)) == (0, 3)


@pytest.mark.parametrize(
    ("aspect", "text", "expected"),
    [
        pytest.param(2.0, "TK", (2,), id="the lower row in glare"),
        pytest.param(3.7, "KF", (2,), id="a quad around the upper row"),
        pytest.param(3.5, "188", (0,), id="a quad around the lower row"),
        pytest.param(4.6, "HK", (), id="two letters on one row"),
        pytest.param(4.3, "4", (), id="an old mark of digits"),
        pytest.param(1.9, "88", (), id="an old mark on a plate of the shape of two rows"),
        pytest.param(2.0, "LOVE", (), id="a word"),
        pytest.param(3.6, "A1", (), id="a letter and a digit"),
    ],
)
def test_half_of_a_usual_mark_has_lost_the_other_half(
    aspect: float, text: str, expected: tuple[int, ...]
) -> None:
    assert gaps(quad(300, 300, 40 * aspect, 40), text) == expected
    assert gaps(quad(300, 300, 40 * aspect, 40), text, region="other") == ()


def test_nothing_is_told_without_the_size_of_the_photograph() -> None:
    assert gaps(quad(640, 300, 160, 40), "XR746", size=None) == ()


def test_another_places_plate_is_judged_by_its_place_alone() -> None:
    assert gaps(quad(640, 300, 160, 40), "B123", region="other") == ()
    assert gaps(quad(646, 300, 160, 40), "B123", region="other") == (4,)


def test_a_plate_that_cannot_be_read_is_judged_by_its_place_alone() -> None:
    assert truncated_sides(quad(646, 300, 160, 40), PHOTO, reading(""), "HK") == {"right"}
    assert gaps(quad(646, 300, 160, 40), "") == (0,)


def test_a_quad_without_a_size_is_no_error() -> None:
    assert gaps(quad(400, 300, 0, 0), "AB1234") == ()


@pytest.mark.parametrize(
    ("mark", "places", "pattern"),
    [
        ("XR7461", (), "XR7461"),
        ("XR746", (5,), "XR746?"),
        ("4086", (0,), "?4086"),
        ("K921", (0, 1), "?K?921"),
        ("", (0,), "?"),
    ],
)
def test_the_pattern_shows_where_something_is_missing(
    mark: str, places: tuple[int, ...], pattern: str
) -> None:
    plate = PlateReading(
        mark, mark, "HK", "unknown", 1, "white", 0.4, (), (), quad(0, 0, 9, 2), 0.9, "r", places
    )
    assert (plate.complete, plate.pattern) == (not places, pattern)
