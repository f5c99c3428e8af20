"""The generator draws the same for the same seed, and draws what its labels say."""

import re

import cv2
import numpy as np
import pytest

from models.synthesis.camera_noise import add_glare, degrade, infrared, interlace
from models.synthesis.distractors import FOREIGN_PLATES, draw_foreign_plate, draw_sign
from models.synthesis.fonts import FontLibrary
from models.synthesis.marks import PrintedMark, draw_mark
from models.synthesis.perspective import inpaint_plate, paste_plate, perspective_quad, quad_below
from models.synthesis.plates import draw_plate
from models.synthesis.preview import draw_sheet, main
from models.synthesis.scenes import plan_scene
from models.synthesis.signs import STREET_SIGNS, draw_emergency

BUILT_IN = FontLibrary(system=False)  # the same on every machine
AB1234 = PrintedMark(("AB", "1234"), "usual")


@pytest.fixture(scope="module")
def marks():
    rng = np.random.default_rng(5)
    return [draw_mark(rng) for _ in range(1000)]


def plate_aspect(plate):
    a, b, _, d = plate.corners
    return np.linalg.norm(b - a) / np.linalg.norm(d - a)


def test_every_series_is_drawn(marks):
    series = {mark.series for mark in marks}

    assert series == {
        *("usual", "personalised", "digits", "government", "emergency", "special"),
        *("cross_boundary", "trade", "trailer"),
    }


def test_texts_hold_one_to_eight_capitals_and_digits_and_no_q(marks):
    for mark in marks:
        assert re.fullmatch(r"[A-PR-Z0-9]{1,8}", mark.text), mark


def test_only_personalised_marks_print_i_and_o(marks):
    for mark in marks:
        if mark.series != "personalised":
            assert not set("IO") & set(mark.text), mark


def test_usual_marks_are_two_letters_and_a_number_without_leading_zero(marks):
    usual = [mark for mark in marks if mark.series == "usual"]

    assert all(re.fullmatch(r"[A-HJ-NPR-Z]{2}[1-9]\d{0,3}", mark.text) for mark in usual)
    assert len(usual) > 500


@pytest.mark.parametrize(("rows", "low", "high"), [(1, 3.3, 5.1), (2, 1.6, 2.02)])
def test_plates_have_the_proportions_of_their_layout(rows, low, high):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        plate = draw_plate(rng, BUILT_IN, mark=AB1234, rows=rows)
        assert low <= plate_aspect(plate) <= high
        assert (plate.rows, plate.text, plate.region) == (rows, "AB1234", "HK")


def test_one_row_may_stand_on_a_plate_made_for_two():
    rng = np.random.default_rng(4)
    plate = draw_plate(rng, BUILT_IN, mark=AB1234, rows=1, square=True)

    assert 1.6 <= plate_aspect(plate) <= 2.02
    assert plate.rows == 1


def test_a_white_plate_is_light_and_a_yellow_one_yellow():
    for seed in range(6):
        white = draw_plate(np.random.default_rng(seed), BUILT_IN, colour="white").pixels
        yellow = draw_plate(np.random.default_rng(seed), BUILT_IN, colour="yellow").pixels
        assert np.ptp(np.median(white.reshape(-1, 3), axis=0)) < 40
        red, _, blue = np.percentile(yellow.reshape(-1, 3), 70, axis=0)
        assert red - blue > 80


def test_characters_are_printed_dark_on_light():
    plate = draw_plate(np.random.default_rng(0), BUILT_IN, mark=AB1234, colour="white")

    assert plate.pixels.min() < 80 < 160 < np.median(plate.pixels)


@pytest.mark.parametrize("kind", FOREIGN_PLATES)
def test_distractors_are_never_hong_kong_plates(kind):
    plate = draw_foreign_plate(np.random.default_rng(1), BUILT_IN, kind)

    assert plate.region != "HK"
    assert plate.pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", ["dutch", "israeli"])
def test_yellow_is_not_hong_kongs_alone(kind):
    plate = draw_foreign_plate(np.random.default_rng(3), BUILT_IN, kind)

    assert plate.colour == "yellow"
    red, _, blue = np.percentile(plate.pixels.reshape(-1, 3), 70, axis=0)
    assert red - blue > 80


def test_a_yellow_board_is_yellow_with_dark_letters():
    board = draw_sign(np.random.default_rng(3), BUILT_IN, yellow=True)

    red, _, blue = np.median(board.reshape(-1, 3), axis=0)
    assert red - blue > 80
    assert board.max(axis=2).min() < 100


@pytest.mark.parametrize("kind", STREET_SIGNS)
def test_street_signs_are_lettered_and_repeat_by_seed(kind):
    for seed in range(5):
        first, second = (STREET_SIGNS[kind](np.random.default_rng(seed), BUILT_IN) for _ in "ab")
        np.testing.assert_array_equal(first, second)
        assert first.dtype == np.uint8
        assert first.std() > 2


@pytest.mark.parametrize("kind", ["route", "numbered"])
def test_what_a_plate_might_bear_is_never_dark_on_white_or_yellow(kind):
    """Else the same picture would be a plate and none."""
    for seed in range(40):
        sign = STREET_SIGNS[kind](np.random.default_rng(seed), BUILT_IN).astype(float).mean(axis=2)
        assert np.median(sign) < np.percentile(sign, 99)
        assert np.median(sign) < 190


def test_the_lettering_of_ambulances_is_often_mirrored():
    drawn = [draw_emergency(np.random.default_rng(seed), BUILT_IN) for seed in range(30)]
    mirrored = [sign.strides[1] < 0 for sign in drawn]

    assert 5 < sum(mirrored) < 25


def test_infrared_has_no_colour_and_glare_only_brightens():
    picture = np.random.default_rng(0).integers(0, 200, (60, 90, 3), dtype=np.uint8)

    gray = infrared(picture, np.random.default_rng(1))
    assert (np.ptp(gray, axis=2) == 0).all()
    lit = add_glare(picture, np.random.default_rng(1))
    assert (lit >= picture).all()
    assert (lit > picture).any()


def test_interlacing_moves_every_other_line_aside():
    picture = np.random.default_rng(0).integers(0, 200, (60, 90, 3), dtype=np.uint8)

    torn = interlace(picture, np.random.default_rng(1))
    np.testing.assert_array_equal(torn[::2], picture[::2])
    assert (torn[1::2] != picture[1::2]).any()


def test_the_same_seed_draws_the_same_plate():
    first, second = (draw_plate(np.random.default_rng(9), BUILT_IN) for _ in range(2))

    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.text == second.text


def test_another_seed_draws_another_plate():
    first, second = (draw_plate(np.random.default_rng(seed), BUILT_IN) for seed in (1, 2))

    assert first.text != second.text


@pytest.mark.parametrize("kind", ["dutch", "israeli"])
def test_dashes_are_thin(kind):
    """A typeface's dash, brought to the height of a row, would be a block."""
    for seed in range(4):
        plate = draw_foreign_plate(np.random.default_rng(seed), BUILT_IN, kind)
        dark = (plate.pixels.max(axis=2)[10:-18, 12:-12] < 70).astype(np.uint8)
        assert not cv2.erode(dark, np.ones((18, 18))).any()


def test_the_contact_sheet_repeats_by_seed_and_is_written(tmp_path):
    first, second = (draw_sheet(3, BUILT_IN) for _ in range(2))
    np.testing.assert_array_equal(first, second)

    main([str(tmp_path / "new" / "sheet.png"), "--seed", "3"])
    assert cv2.imread(str(tmp_path / "new" / "sheet.png")).shape == first.shape


def test_faults_keep_size_and_type_and_repeat_by_seed():
    picture = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    for seed in range(10):
        first, second = (degrade(picture, np.random.default_rng(seed)) for _ in range(2))
        assert (first.shape, first.dtype) == (picture.shape, np.uint8)
        np.testing.assert_array_equal(first, second)


def test_a_pasted_plate_lies_on_its_quad():
    picture = np.zeros((200, 300, 3), np.uint8)
    quad = perspective_quad(np.random.default_rng(3), (150, 100), (160, 36))
    plate = draw_plate(np.random.default_rng(0), BUILT_IN, colour="white")

    paste_plate(picture, plate, quad)

    inside = np.zeros((200, 300), np.uint8)
    cv2.fillConvexPoly(inside, quad.round().astype(int), 255)
    assert (picture[inside > 0].max(axis=1) > 0).mean() > 0.95
    grown = cv2.dilate(inside, np.ones((31, 31)))
    assert picture[grown == 0].max() == 0


def test_a_quad_below_shares_the_upper_ones_lower_edge():
    quad = np.array([[0, 0], [40, 4], [40, 14], [0, 10]], np.float32)

    np.testing.assert_allclose(quad_below(quad, 0.0, 1.0)[:2], quad[[3, 2]])


def test_inpainting_removes_a_plate():
    picture = np.full((120, 200, 3), 90, np.uint8)
    quad = np.array([[60, 50], [140, 50], [140, 70], [60, 70]], np.float32)
    plate = draw_plate(np.random.default_rng(0), BUILT_IN, colour="white")
    paste_plate(picture, plate, quad)

    inpaint_plate(picture, quad)

    assert np.abs(picture[45:75, 55:145].astype(int) - 90).mean() < 12


def test_a_dozen_scenes_show_what_streets_show():
    plans = [plan_scene(np.random.default_rng(number), number) for number in range(12)]
    cars = [car for scene, _ in plans for car in scene]

    assert {car.rows for car in cars if car.plate} == {1, 2}
    assert {car.rear for car in cars} == {True, False}
    assert any(car.mainland for car in cars)
    assert any(night for _, night in plans)
    assert any(len(scene) == 2 for scene, _ in plans)
    assert any(not any(car.plate for car in scene) for scene, _ in plans)
