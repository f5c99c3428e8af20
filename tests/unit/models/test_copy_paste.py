"""Plates of photographs are pasted onto other cars, and white plates recoloured yellow."""

import numpy as np
import pytest

from models.detector.augmentation import ViewMaker
from models.detector.copy_paste import DonorPlates, recolour_yellow, yellow_gains
from models.detector.dataset import HONG_KONG, OTHER, LabelledPhoto, LabelledPlate
from models.synthesis.distractors import draw_foreign_plate
from models.synthesis.fonts import FontLibrary
from models.synthesis.perspective import paste_plate
from models.synthesis.plates import draw_plate

BUILT_IN = FontLibrary(system=False)
QUAD = np.array([[100, 100], [260, 100], [260, 135], [100, 135]], np.float32)


def picture_of(plate, label, file="a.jpg", ground=90):
    pixels = np.full((300, 400, 3), ground, np.uint8)
    paste_plate(pixels, plate, QUAD)
    known = LabelledPlate(QUAD, label, True, plate.text, plate.rows, plate.colour)
    return LabelledPhoto(file, "HK" if label == HONG_KONG else "GB", pixels, (known,))


@pytest.fixture
def photos():
    rng = np.random.default_rng(0)
    local = draw_plate(rng, BUILT_IN, rows=1, colour="white")
    foreign = draw_foreign_plate(rng, BUILT_IN, "british")
    return [picture_of(local, HONG_KONG), picture_of(foreign, OTHER, "b.jpg")]


def is_yellow(pixels):
    """Checks that light pixels have far less blue than red."""
    light = pixels.reshape(-1, 3)[pixels.max(axis=2).ravel() > 130].astype(int)
    return bool(np.median(light[:, 0] - light[:, 2]) > 60)


def test_a_white_plate_becomes_yellow_and_nothing_around_it_changes():
    plate = draw_plate(np.random.default_rng(1), BUILT_IN, rows=1, colour="white")
    before = picture_of(plate, HONG_KONG).pixels
    after = before.copy()

    recolour_yellow(np.random.default_rng(2), after, QUAD)

    assert not is_yellow(before[100:135, 100:260])
    assert is_yellow(after[100:135, 100:260])
    np.testing.assert_array_equal(after[:95], before[:95])
    np.testing.assert_array_equal(after[140:], before[140:])


def test_a_plate_beyond_the_edge_of_a_picture_is_left_alone():
    pixels = np.full((50, 50, 3), 200, np.uint8)

    recolour_yellow(np.random.default_rng(0), pixels, QUAD)

    assert (pixels == 200).all()


@pytest.mark.parametrize("seed", range(5))
def test_yellow_gains_take_blue_most_and_green_less(seed):
    red, green, blue = yellow_gains(np.random.default_rng(seed))

    assert red > green > blue * 1.5


def test_donors_are_of_the_label_and_of_about_the_proportions_asked_for(photos):
    donors, rng = DonorPlates(photos), np.random.default_rng(0)

    donor = donors.pick(rng, HONG_KONG, 4.5, yellow=0.0)
    assert donor is not None
    assert (donor.region, donor.text) == ("HK", photos[0].plates[0].text)
    assert donors.pick(rng, OTHER, 4.5, yellow=0.0).region == "other"
    assert donors.pick(rng, HONG_KONG, 1.5, yellow=0.0) is None


def test_a_donor_is_recoloured_yellow_when_asked_for(photos):
    donors, rng = DonorPlates(photos), np.random.default_rng(0)

    assert is_yellow(donors.pick(rng, HONG_KONG, 4.5, yellow=1.0).pixels)
    assert not is_yellow(donors.pick(rng, HONG_KONG, 4.5, yellow=0.0).pixels)


def test_moved_plates_hang_where_the_old_ones_did(photos):
    maker = ViewMaker(photos)
    views = [maker._moved(np.random.default_rng(seed)) for seed in range(8)]

    plates = [plate for view in views for plate in view.plates]
    assert {plate.label for plate in plates} == {HONG_KONG, OTHER}
    for view in views:
        assert view.pixels.shape == (224, 224, 3)
        assert len(view.plates) == 1
