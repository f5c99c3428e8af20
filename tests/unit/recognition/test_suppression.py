"""Keeps one detection of each plate, whatever levels saw it, whole or in parts."""

import numpy as np

from hkplates.recognition.detection.suppression import (
    LevelPeaks,
    Peak,
    drop_nested,
    suppress_across_levels,
)


def peak(left, top, width, height, score=0.9, label=0):
    right, bottom = left + width, top + height
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return Peak(quad, score, label)


def test_halves_of_a_plate_are_its_parts_though_they_are_surer():
    whole = peak(0, 0, 200, 40, 0.9)
    letters, digits = peak(0, 0, 80, 40, 0.97), peak(100, 0, 100, 40, 0.98)

    assert drop_nested([letters, whole, digits]) == [whole]


def test_a_row_of_a_plate_is_its_part():
    whole, row = peak(0, 0, 120, 60, 0.95), peak(5, 30, 110, 28, 0.6)

    assert drop_nested([row, whole]) == [whole]


def test_two_plates_are_not_parts_of_a_doubtful_one_around_both():
    upper, lower = peak(0, 0, 300, 70, 0.999), peak(10, 80, 280, 70, 0.99)
    both = peak(-5, -5, 310, 160, 0.6)

    assert drop_nested([both, upper, lower]) == [both, upper, lower]


def test_a_plate_of_another_design_is_no_part_of_a_less_sure_one():
    ours, both = peak(10, 80, 280, 60, 0.94), peak(0, 0, 300, 150, 0.77, label=1)

    assert drop_nested([both, ours]) == [both, ours]


def test_an_unsure_larger_quad_has_no_parts():
    assert len(drop_nested([peak(0, 0, 200, 40, 0.4), peak(0, 0, 90, 40, 0.45)])) == 2


def test_a_plate_in_a_board_that_looks_like_one_stays():
    assert len(drop_nested([peak(0, 0, 800, 300, 0.9), peak(300, 200, 100, 25, 0.8)])) == 2


def test_a_plate_seen_on_two_levels_is_refined_once():
    fine, coarse = peak(0, 0, 100, 25, 0.9), peak(2, 1, 100, 25, 0.8)

    assert suppress_across_levels([LevelPeaks([fine], 500), LevelPeaks([coarse], 1500)]) == [fine]


def test_of_a_plate_too_wide_for_its_level_the_next_level_is_believed():
    fine, coarse = peak(0, 0, 600, 150, 0.9), peak(10, 0, 600, 150, 0.8)

    levels = [LevelPeaks([fine], 500), LevelPeaks([coarse], 1500)]

    assert suppress_across_levels(levels) == [coarse]


def test_half_a_plate_on_one_level_and_all_of_it_on_another_are_both_refined():
    half, whole = peak(0, 0, 95, 50, 0.9), peak(0, 0, 200, 50, 0.7)

    assert suppress_across_levels([LevelPeaks([half], 500), LevelPeaks([whole], 1500)]) == [
        half,
        whole,
    ]
