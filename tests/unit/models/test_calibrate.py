"""Threshold and calibration are fitted, on photographs and detections made by hand."""

import numpy as np
import pytest

from hkplates.recognition.detection.detector import Proposal
from hkplates.recognition.types import Detection, Quad
from models.detector.calibrate import SMALL_SCALE, choose_threshold, fit_calibration, hard_copies
from models.detector.dataset import HONG_KONG, OTHER, LabelledPhoto, LabelledPlate

QUAD = np.array([[100, 100], [260, 100], [260, 135], [100, 135]], np.float32)
ELSEWHERE = QUAD + 200


def labelled_photo(label=HONG_KONG, country="HK"):
    plate = LabelledPlate(QUAD, label, True, "AB1234", 1, "white")
    return LabelledPhoto("a.jpg", country, np.full((480, 640, 3), 200, np.uint8), (plate,))


def found(score, quad=QUAD, region="HK"):
    return Detection(Quad.from_array(quad), score, region)


def test_the_threshold_separates_plates_from_false_positives():
    held = [labelled_photo(), labelled_photo(), labelled_photo()]
    detections = [[found(0.55), found(0.3, ELSEWHERE)], [found(0.6), found(0.38, ELSEWHERE)]]

    assert 0.38 < choose_threshold(held, [*detections, [found(0.57)]]) <= 0.55


def test_a_plate_is_worth_two_false_positives():
    held = [labelled_photo()]
    one_false, three_false = ([found(0.4, ELSEWHERE)] * count for count in (1, 3))

    assert choose_threshold(held, [[found(0.35), *one_false]]) <= 0.35
    assert choose_threshold(held, [[found(0.35), *three_false]]) > 0.4


def proposal(heatmap_score, quad=QUAD, label=HONG_KONG, refiner_logit=None):
    return Proposal(quad, label, heatmap_score, refiner_logit, refiner_logit)


def test_a_score_becomes_likelier_where_detections_were_right():
    held = [labelled_photo() for _ in range(40)]

    certainty = fit_calibration(held, [[proposal(0.6), proposal(0.3, ELSEWHERE)] for _ in held])

    assert certainty.probability(0.6) > 0.85
    assert certainty.probability(0.3) < 0.15


def test_the_refiner_counts_where_it_separates_better_than_the_heatmap():
    held = [labelled_photo() for _ in range(40)]
    proposals = [
        [proposal(0.5, refiner_logit=3.0), proposal(0.5, ELSEWHERE, refiner_logit=-3.0)]
        for _ in held
    ]

    certainty = fit_calibration(held, proposals)

    assert certainty.probability(0.5, 3.0) > 0.9
    assert certainty.probability(0.5, -3.0) < 0.1


def test_other_places_plates_count_against_it():
    held = [labelled_photo(OTHER, "RO") for _ in range(40)]

    assert fit_calibration(held, [[proposal(0.6)] for _ in held]).probability(0.6) < 0.2


def test_proposals_of_another_class_do_not_count():
    held = [labelled_photo(OTHER, "RO") for _ in range(5)]
    claims = [[proposal(0.6, label=OTHER)] for _ in held]

    with_them = fit_calibration([labelled_photo(), *held], [[proposal(0.6)], *claims])
    assert with_them == fit_calibration([labelled_photo()], [[proposal(0.6)]])


@pytest.fixture
def copies():
    return hard_copies([labelled_photo(), labelled_photo(OTHER, "RO")])


def test_hong_kong_photos_come_once_yellow_and_once_small(copies):
    yellow, small = copies

    red, _, blue = yellow.pixels[117, 180].astype(int)
    assert red - blue > 60
    np.testing.assert_array_equal(yellow.pixels[:90], 200)
    assert small.pixels.shape == (480, 640, 3)
    np.testing.assert_allclose(small.plates[0].quad, QUAD * SMALL_SCALE)
