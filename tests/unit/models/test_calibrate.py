"""What a bundle's threshold and certainty are chosen by, on pictures and answers made by hand."""

import numpy as np
import pytest

from hkplates.recognition.detection.detector import Sight
from hkplates.recognition.types import Detection, Quad
from models.detector.calibrate import SMALL_SCALE, choose_threshold, fit_calibration, hard_copies
from models.detector.dataset import HONG_KONG, OTHER, LabelledPhoto, LabelledPlate

QUAD = np.array([[100, 100], [260, 100], [260, 135], [100, 135]], np.float32)
ELSEWHERE = QUAD + 200


def picture(label=HONG_KONG, country="HK"):
    plate = LabelledPlate(QUAD, label, True, "AB1234", 1, "white")
    return LabelledPhoto("a.jpg", country, np.full((480, 640, 3), 200, np.uint8), (plate,))


def found(score, quad=QUAD, region="HK"):
    return Detection(Quad.from_array(quad), score, region)


def test_the_threshold_parts_plates_from_what_is_none():
    held = [picture(), picture(), picture()]
    answers = [[found(0.55), found(0.3, ELSEWHERE)], [found(0.6), found(0.38, ELSEWHERE)]]

    assert 0.38 < choose_threshold(held, [*answers, [found(0.57)]]) <= 0.55


def test_a_plate_is_worth_two_false_reports():
    held = [picture()]
    one_false, three_false = ([found(0.4, ELSEWHERE)] * count for count in (1, 3))

    assert choose_threshold(held, [[found(0.35), *one_false]]) <= 0.35
    assert choose_threshold(held, [[found(0.35), *three_false]]) > 0.4


def seen(warmth, quad=QUAD, label=HONG_KONG, lead=None):
    return Sight(quad, label, warmth, lead)


def test_warmth_becomes_likelier_where_reports_were_right():
    held = [picture() for _ in range(40)]

    certainty = fit_calibration(held, [[seen(0.6), seen(0.3, ELSEWHERE)] for _ in held])

    assert certainty.probability(0.6) > 0.85
    assert certainty.probability(0.3) < 0.15


def test_the_refiner_is_believed_where_it_tells_better_than_warmth():
    held = [picture() for _ in range(40)]
    sights = [[seen(0.5, lead=3.0), seen(0.5, ELSEWHERE, lead=-3.0)] for _ in held]

    certainty = fit_calibration(held, sights)

    assert certainty.probability(0.5, 3.0) > 0.9
    assert certainty.probability(0.5, -3.0) < 0.1


def test_other_places_plates_count_against_it():
    held = [picture(OTHER, "RO") for _ in range(40)]

    assert fit_calibration(held, [[seen(0.6)] for _ in held]).probability(0.6) < 0.2


def test_what_looks_like_another_places_is_no_claim():
    held = [picture(OTHER, "RO") for _ in range(5)]
    claims = [[seen(0.6, label=OTHER)] for _ in held]

    with_them = fit_calibration([picture(), *held], [[seen(0.6)], *claims])
    assert with_them == fit_calibration([picture()], [[seen(0.6)]])


@pytest.fixture
def copies():
    return hard_copies([picture(), picture(OTHER, "RO")])


def test_pictures_from_home_come_once_yellow_and_once_small(copies):
    yellow, small = copies

    red, _, blue = yellow.pixels[117, 180].astype(int)
    assert red - blue > 60
    np.testing.assert_array_equal(yellow.pixels[:90], 200)
    assert small.pixels.shape == (480, 640, 3)
    np.testing.assert_allclose(small.plates[0].quad, QUAD * SMALL_SCALE)
