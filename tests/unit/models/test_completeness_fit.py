"""Cuts photographs through plates, and fits what tells the cut ones, without any network."""

import numpy as np
import pytest

from hkplates.recognition.types import PlateReading, Quad
from models.completeness import KEPT, MARGINS, SIDES, CutPicture, cut_pictures, fit
from models.detector.dataset import HONG_KONG, LabelledPlate

PIXELS = np.zeros((300, 600, 3), np.uint8)
QUAD = np.array([[200, 100], [400, 100], [400, 150], [200, 150]], np.float32)
PLATE = LabelledPlate(QUAD, HONG_KONG, True, "XR7461")


def pictures() -> list[CutPicture]:
    return list(cut_pictures(PIXELS, PLATE, np.random.default_rng(3)))


@pytest.mark.parametrize("side", SIDES)
def test_a_cut_leaves_a_share_of_the_plate_at_the_other_side(side: str) -> None:
    [cut] = [one for one in pictures() if one.side == side]
    high, wide = cut.pixels.shape[:2]
    (left, top), (right, bottom) = cut.quad.min(axis=0), cut.quad.max(axis=0)
    lost = {
        "left": -left / 200,
        "right": (right - wide) / 200,
        "top": -top / 50,
        "bottom": (bottom - high) / 50,
    }
    least, most = KEPT[side]
    assert 1 - most - 0.02 <= lost.pop(side) <= 1 - least + 0.02
    assert all(share < 0 for share in lost.values())


def test_a_crop_keeps_its_margin_on_all_sides() -> None:
    crops = [one for one in pictures() if one.kind.startswith("crop")]
    assert [one.pixels.shape[:2] for one in crops] == [
        (50 + 2 * round(200 * margin), 200 + 2 * round(200 * margin)) for margin in MARGINS
    ]


def example(kept: float, is_cut: bool) -> tuple[CutPicture, PlateReading]:
    """A plate at the right edge, of which a share is seen."""
    width = round(200 * kept)
    found = Quad((400, 100), (400.0 + width, 100), (400.0 + width, 150), (400, 150))
    mark = "XR7461" if not is_cut else "XR746"
    read = PlateReading(mark, mark, "HK", "usual", 1, "white", 0.9, (), (), found, 0.9, "r")
    pixels = np.zeros((300, 400 + width, 3), np.uint8)
    return CutPicture("", "right" if is_cut else None, pixels, QUAD, "XR7461"), read


def test_the_fit_takes_lost_proportions_for_a_cut() -> None:
    examples = 3 * [example(kept, True) for kept in (0.4, 0.5, 0.6, 0.7)]
    examples += 3 * [example(kept, False) for kept in (1.0, 1.05, 1.1, 1.15)]
    _, narrowness, *_ = fit(examples, ["right"])
    assert narrowness > 1
