"""Segments a plate into lines of text, in every view."""

import cv2
import numpy as np
import pytest

from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.reading.tesseract.lines import LINE_HEIGHT, LineView, line_views
from hkplates.recognition.types import Crop


def crop(*rows: str, screws: bool = False) -> Crop:
    """Draws a white plate on a dark car as `rectify` crops it."""
    wide, high = (324, 72) if len(rows) == 1 else (260, 144)
    margin = round(high * CROP_MARGIN)
    picture = np.full((high + 2 * margin, wide + 2 * margin, 3), 60, np.uint8)
    plate = picture[margin : margin + high, margin : margin + wide]
    plate[:] = 235
    for number, text in enumerate(rows):
        foot = round(high * (number + 1) / len(rows)) - 12
        cv2.putText(plate, text, (40, foot), cv2.FONT_HERSHEY_SIMPLEX, 1.9, (15, 15, 15), 6)
    if screws:
        for x in (22, wide - 22):
            cv2.circle(plate, (x, high // 2), 5, (30, 30, 30), -1)
    return picture


def of_kind(found: list[LineView], rows: int, preprocessing: str) -> list[LineView]:
    return [
        view for view in found if len(view.lines) == rows and view.preprocessing == preprocessing
    ]


def columns_with_ink(line: np.ndarray) -> int:
    return int((line.min(axis=0) < 128).sum())


@pytest.mark.parametrize("rows", [("AB 1234",), ("AB", "1234")], ids=["one row", "two rows"])
def test_every_line_is_as_high_as_the_network_takes_it(rows: tuple[str, ...]) -> None:
    found = line_views(crop(*rows))
    assert {view.preprocessing for view in found} == {"plain", "clean"}
    assert all(line.shape[0] == LINE_HEIGHT for view in found for line in view.lines)
    assert all(line.dtype == np.uint8 for view in found for line in view.lines)


def test_a_long_plate_is_seen_as_one_row_alone() -> None:
    found = line_views(crop("AB 1234"))
    assert {len(view.lines) for view in found} == {1}
    assert not any(view.squarish for view in found)


def test_a_squarish_plate_is_seen_as_two_rows_too() -> None:
    found = line_views(crop("AB", "1234"))
    assert all(view.squarish for view in found)
    two_rows = of_kind(found, 2, "clean")
    assert two_rows
    for view in two_rows:
        upper, lower = view.lines
        assert columns_with_ink(upper) < columns_with_ink(lower)


def test_screws_are_gone_from_the_clean_view_alone() -> None:
    """Counts ink left and right of the characters: screws are not as high as the row."""
    bare, screwed = line_views(crop("AB 1234")), line_views(crop("AB 1234", screws=True))
    for preprocessing, gone in (("clean", True), ("plain", False)):
        without, with_screws = (
            columns_with_ink(of_kind(found, 1, preprocessing)[0].lines[0])
            for found in (bare, screwed)
        )
        assert (abs(with_screws - without) <= 2) is gone


def test_what_holds_no_row_has_no_clean_view() -> None:
    assert not of_kind(line_views(np.full((130, 440, 3), 210, np.uint8)), 1, "clean")


def test_a_crop_too_small_to_be_one_is_not_seen() -> None:
    assert line_views(np.zeros((20, 20, 3), np.uint8)) == []
