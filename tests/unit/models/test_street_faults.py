"""What light and weather do to a plate is done where it should be, and repeats by seed."""

import numpy as np
import pytest

from models.synthesis import street_faults

CORNERS = np.array([[30, 20], [130, 20], [130, 45], [30, 45]], np.float32)
PLATE = np.s_[22:43, 33:127]
WITH_CORNERS = (street_faults.glare, street_faults.headlights, street_faults.infrared)
WITHOUT = (
    street_faults.shadow,
    street_faults.rain,
    street_faults.splashes,
    street_faults.interlace,
)


def street(colour):
    picture = np.random.default_rng(0).integers(90, 130, (64, 160, 3), dtype=np.uint8)
    picture[20:45, 30:130] = 170
    return picture if colour else picture[:, :, 0].copy()


def apply(fault, picture, seed):
    rng = np.random.default_rng(seed)
    return fault(picture, rng, CORNERS) if fault in WITH_CORNERS else fault(picture, rng)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("fault", [*WITH_CORNERS, *WITHOUT])
def test_a_fault_changes_the_picture_keeps_its_form_and_repeats(fault, colour):
    picture = street(colour)
    before = picture.copy()
    first, second = (apply(fault, picture, seed=4) for _ in range(2))

    assert (first.shape, first.dtype) == (picture.shape, np.uint8)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(picture, before)
    assert np.any(first != picture)


def test_glare_only_lightens_and_reaches_the_plate():
    for seed in range(8):
        lit = apply(street_faults.glare, street(False), seed)
        assert np.all(lit >= street(False))
        assert lit[PLATE].max() > 215


def test_infrared_leaves_the_plate_far_brighter_than_its_surroundings():
    for seed in range(8):
        seen = apply(street_faults.infrared, street(False), seed)
        assert seen[PLATE].mean() > 2 * seen[:8].mean()


def test_interlace_moves_every_second_line_alone():
    picture = street(False)
    combed = apply(street_faults.interlace, picture, 1)

    np.testing.assert_array_equal(combed[::2], picture[::2])
    assert np.all(np.any(combed[1::2] != picture[1::2], axis=1))


def test_mud_leaves_most_of_the_plate_readable():
    for seed in range(8):
        muddy = apply(street_faults.splashes, street(False), seed)
        assert (np.abs(muddy[PLATE].astype(int) - 170) < 60).mean() > 0.7
