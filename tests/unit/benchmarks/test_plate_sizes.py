"""Cuts and shrinks labelled plates to the sizes asked for, and counts what is read there."""

import numpy as np
import pytest

from benchmarks.plate_sizes import SHARES, SizeTally, cases, cut_out

PHOTO = np.zeros((900, 1200, 3), np.uint8)
BOX = (500.0, 400.0, 200.0, 50.0)


@pytest.mark.parametrize("share", SHARES)
def test_a_plate_fills_the_share_of_the_picture(share: float) -> None:
    pixels, box = cut_out(PHOTO, BOX, share)
    assert box[2] / pixels.shape[1] == pytest.approx(share, rel=0.02)
    assert box[0] >= 0
    assert box[0] + box[2] <= pixels.shape[1] + 1


def test_a_plate_at_the_edge_is_cut_out_whole() -> None:
    pixels, box = cut_out(PHOTO, (1000.0, 850.0, 200.0, 50.0), 0.5)
    assert box[0] + box[2] <= pixels.shape[1]
    assert box[1] + box[3] <= pixels.shape[0]


def test_a_plate_is_not_made_larger_than_it_is() -> None:
    sizes = [case.size for case in cases(PHOTO, "a.jpg", 0, (500.0, 400.0, 35.0, 10.0), "AB1234")]
    assert [size for size in sizes if size.endswith("px")] == ["30 px", "24 px"]


def test_a_box_is_where_the_plate_is_shown() -> None:
    photo = PHOTO.copy()
    photo[400:450, 500:700] = 255
    for case in cases(photo, "a.jpg", 0, BOX, "AB1234"):
        x, y, width, height = case.box
        middle = case.pixels[round(y + height / 2), round(x + width / 2)]
        assert middle.min() > 200, case.size


def test_another_mark_is_wrong_and_sure_from_eight_tenths_on() -> None:
    tally = SizeTally()
    plate = {"mark": "AB1235", "region": "HK", "box": BOX, "confidence": 0.9}

    assert not tally.add("AB1234", BOX, [plate])
    assert not tally.add("AB1234", BOX, [plate | {"region": "other"}])
    assert tally.add("AB1235", BOX, [plate])

    assert (tally.asked, tally.found, tally.exact, tally.sure_wrong) == (3, 2, 1, 1)
