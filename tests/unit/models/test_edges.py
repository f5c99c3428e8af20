"""Plates at an edge get the corners of what is seen of them."""

import numpy as np
import pytest

from hkplates.recognition.images.warp import PADDING
from models.detector.crops import View
from models.detector.dataset import HONG_KONG, UNCERTAIN, LabelledPlate
from models.detector.edges import clip_plates, clip_quad, set_on_gray

FRAME = (0.0, 0.0, 100.0, 100.0)


def view_of(*corners):
    plate = LabelledPlate(np.array(corners, np.float32), HONG_KONG, True, "AB1234")
    return View(np.full((100, 100, 3), 200, np.uint8), (plate,))


@pytest.mark.parametrize(
    ("quad", "clipped"),
    [
        pytest.param(
            [[-20, 40], [60, 40], [60, 60], [-20, 60]],
            [[0, 40], [60, 40], [60, 60], [0, 60]],
            id="left",
        ),
        pytest.param(
            [[80, 30], [120, 50], [120, 70], [80, 50]],
            [[80, 30], [100, 40], [100, 60], [80, 50]],
            id="right, along its slanted sides",
        ),
        pytest.param(
            [[20, -10], [80, -10], [80, 20], [20, 20]],
            [[20, 0], [80, 0], [80, 20], [20, 20]],
            id="top",
        ),
        pytest.param(
            [[-20, 90], [60, 90], [60, 110], [-20, 110]],
            [[0, 90], [60, 90], [60, 100], [0, 100]],
            id="a corner of the picture",
        ),
        pytest.param(
            [[20, 40], [60, 40], [60, 60], [20, 60]],
            [[20, 40], [60, 40], [60, 60], [20, 60]],
            id="whole",
        ),
    ],
)
def test_a_cut_plate_ends_at_the_edge(quad, clipped):
    np.testing.assert_allclose(clip_quad(np.array(quad, np.float32), FRAME), clipped, atol=1e-4)


@pytest.mark.parametrize(
    ("left", "label"),
    [
        pytest.param(-20, HONG_KONG, id="three quarters seen"),
        pytest.param(-60, UNCERTAIN, id="a quarter seen"),
        pytest.param(-90, UNCERTAIN, id="beyond the edge"),
    ],
)
def test_of_a_plate_hardly_seen_nobody_can_say_what_it_is(left, label):
    view = clip_plates(view_of([left, 40], [left + 80, 40], [left + 80, 60], [left, 60]))

    assert view.plates[0].label == label


def test_a_view_set_on_gray_ends_near_its_plate():
    view = view_of([30, 40], [70, 40], [70, 50], [30, 50])
    edges = []
    for seed in range(40):
        on_gray = set_on_gray(np.random.default_rng(seed), view)
        seen = (on_gray.pixels != PADDING).any(axis=2)
        rows, columns = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
        quad = on_gray.plates[0].quad
        low, high = (columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)
        edges.append((*low, *high))
        if on_gray.plates[0].label == HONG_KONG:
            assert (quad.min(0) >= low).all()
            assert (quad.max(0) <= high).all()

    assert {(0, 0, 100, 100)} != set(edges)
    assert any(left > 20 and right < 80 for left, _, right, _ in edges)
