"""Quads are labelled by the plates they show: whole ones, pieces of one, and none."""

import numpy as np
import pytest

from hkplates.recognition.geometry import quad_iou, share_inside
from models.detector.dataset import HONG_KONG, OTHER, UNCERTAIN, LabelledPlate
from models.refiner.regions import NO_PLATE, PIECE_IOU, label_quad, piece

ONE_ROW = np.array([[10, 10], [110, 10], [110, 32], [10, 32]], np.float64)
TWO_ROWS = np.array([[10, 10], [60, 10], [60, 40], [10, 40]], np.float64)


def plate(label=HONG_KONG, quad=ONE_ROW):
    return LabelledPlate(quad.astype(np.float32), label, True)


def part(quad, across=(0.0, 1.0), down=(0.0, 1.0)):
    (left, top), (right, bottom) = quad[0], quad[2]
    x = [left + share * (right - left) for share in across]
    y = [top + share * (bottom - top) for share in down]
    return np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])


@pytest.mark.parametrize(
    ("quad", "label"),
    [
        pytest.param(part(ONE_ROW, (-0.05, 0.98)), HONG_KONG, id="the plate, a little off"),
        pytest.param(part(ONE_ROW, (-0.4, 0.6)), HONG_KONG, id="moved aside"),
        pytest.param(part(ONE_ROW, (-0.3, 1.3), (-0.5, 1.5)), HONG_KONG, id="too large"),
        pytest.param(part(ONE_ROW, (0.0, 0.75)), HONG_KONG, id="most of it: moved to the whole"),
        pytest.param(part(ONE_ROW, (0.0, 0.45)), NO_PLATE, id="its left half"),
        pytest.param(part(ONE_ROW, (0.55, 1.0)), NO_PLATE, id="its right half"),
        pytest.param(ONE_ROW + 200, NO_PLATE, id="elsewhere"),
        pytest.param(part(ONE_ROW, (0.8, 1.8)), None, id="neither the plate nor elsewhere"),
    ],
)
def test_a_quad_is_labelled_by_what_it_shows(quad, label):
    region = label_quad(quad, [plate()], 0.5)

    assert (region and region.label) == label


def test_the_corners_to_learn_are_those_of_the_whole_plate():
    region = label_quad(part(ONE_ROW, (0.0, 0.75)), [plate(OTHER)], 0.5)

    np.testing.assert_allclose(region.truth, ONE_ROW)
    assert region.label == OTHER


def test_what_nobody_could_read_is_left_open():
    assert label_quad(ONE_ROW, [plate(UNCERTAIN)], 0.5) is None


@pytest.mark.parametrize("quad", [ONE_ROW, TWO_ROWS], ids=["one row", "two rows"])
def test_a_piece_lies_in_its_plate_and_is_about_half_of_it_or_less(quad):
    for seed in range(50):
        cut = piece(np.random.default_rng(seed), quad)
        assert share_inside(cut.tolist(), quad.tolist()) > 0.99
        assert 0.15 < quad_iou(cut.tolist(), quad.tolist()) < PIECE_IOU + 0.06
