"""Decodes hand-written head outputs to plates."""

import math

import numpy as np
import pytest

from hkplates.recognition.calibration import ScoreCalibration
from hkplates.recognition.detection.detector import NetworkDetector
from hkplates.recognition.detection.heatmap import STRIDE, find_peaks
from hkplates.recognition.detection.suppression import non_max_suppression

PLATE = np.array([[-40, -10], [40, -10], [40, 10], [-40, 10]], np.float32)


def empty_output(height=20, width=30):
    """Returns a head output without a plate."""
    return np.zeros((height, width, 10), np.float32)


def put(head_output, row, column, score, *, label=0, shape=PLATE):
    """Writes into one cell a plate of this shape, centred on the cell's middle."""
    head_output[row, column, label] = score
    head_output[row, column, 2:] = shape.reshape(-1)
    return head_output


def middle(row, column):
    return (np.array([column, row]) + 0.5) * STRIDE


def test_an_empty_heat_map_gives_no_plate():
    assert find_peaks(empty_output(), 0.3) == []


def test_a_peak_gives_its_corners_score_and_class():
    (peak,) = find_peaks(put(empty_output(), 5, 7, 0.9, label=1), 0.3)

    assert peak.label == 1
    assert peak.score == pytest.approx(0.9)
    np.testing.assert_allclose(peak.corners, PLATE + middle(5, 7), atol=1e-4)


def test_a_peak_under_the_threshold_is_left_out():
    assert find_peaks(put(empty_output(), 5, 7, 0.29), 0.3) == []


def test_a_peak_in_a_corner_of_the_map_is_found():
    head_output = put(put(empty_output(), 0, 0, 0.9), 19, 29, 0.8)

    assert [peak.score for peak in find_peaks(head_output, 0.3)] == pytest.approx([0.9, 0.8])


def test_corners_are_the_weighted_mean_of_high_neighbours():
    """The neighbour, of half the score, puts the same plate 3 pixels further right."""
    head_output = put(empty_output(), 5, 7, 0.8)
    put(head_output, 5, 8, 0.4, shape=PLATE - [STRIDE, 0] + [3, 0])

    (peak,) = find_peaks(head_output, 0.3)

    np.testing.assert_allclose(peak.corners, PLATE + middle(5, 7) + [1, 0], atol=1e-4)


def test_a_low_neighbour_has_no_weight():
    head_output = put(empty_output(), 5, 7, 0.8)
    put(head_output, 5, 8, 0.1, shape=PLATE + 50)

    (peak,) = find_peaks(head_output, 0.3)

    np.testing.assert_allclose(peak.corners, PLATE + middle(5, 7), atol=1e-4)


def test_one_place_holds_one_plate_of_the_likelier_class():
    head_output = put(empty_output(), 5, 7, 0.6, label=0)
    put(head_output, 5, 9, 0.7, label=1, shape=PLATE - [2 * STRIDE, 0])

    assert [peak.label for peak in find_peaks(head_output, 0.3)] == [1]


def test_a_plate_right_below_another_is_kept():
    """As the mainland plate of a cross-border car is."""
    head_output = put(empty_output(), 5, 7, 0.9)
    put(head_output, 8, 7, 0.8, label=1)

    assert [peak.label for peak in find_peaks(head_output, 0.3)] == [0, 1]


def test_the_highest_come_first():
    head_output = put(put(put(empty_output(), 3, 7, 0.5), 9, 7, 0.9), 15, 7, 0.7)

    assert [peak.score for peak in find_peaks(head_output, 0.3)] == pytest.approx([0.9, 0.7, 0.5])


def test_repeats_are_dropped_only_where_they_overlap():
    peaks = find_peaks(put(put(empty_output(), 3, 7, 0.5), 9, 7, 0.9), 0.3)

    assert len(non_max_suppression([*peaks, *peaks])) == 2


def test_a_head_output_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected a head output of shape \(H, W, 10\)"):
        find_peaks(np.zeros((4, 4, 3), np.float32), 0.3)


def forward(head_output):
    """Returns a network that gives this head output for the whole photograph, else nothing."""
    size = (head_output.shape[0] * STRIDE, head_output.shape[1] * STRIDE)

    def run(frame):
        high, wide = frame.shape[:2]
        return head_output if (high, wide) == size else empty_output(high // STRIDE, wide // STRIDE)

    return run


def test_a_detection_is_in_pixels_of_the_photograph():
    """A photograph of 1,280 x 960 is shown at half its size, so corners come back doubled."""
    head_output = put(empty_output(60, 80), 30, 40, 0.9)
    detector = NetworkDetector(forward(head_output), [(480, 640)], 0.3)

    (found,) = detector.detect(np.zeros((960, 1280, 3), np.uint8))

    np.testing.assert_allclose(found.quad.to_array(), (PLATE + middle(30, 40)) * 2, atol=0.5)
    assert (found.region, found.score) == ("HK", pytest.approx(0.9))


def test_the_score_is_a_probability_and_the_threshold_is_one_too():
    """Heat-map scores of 0.5 and 0.4 become probabilities of 0.9 and 0.86."""
    calibration = ScoreCalibration(1.0, 0.0, math.log(9))
    head_output = put(put(empty_output(60, 80), 10, 10, 0.4), 40, 60, 0.5)

    def found(threshold):
        detector = NetworkDetector(
            forward(head_output), [(480, 640)], threshold, calibration=calibration
        )
        return [d.score for d in detector.detect(np.zeros((480, 640, 3), np.uint8))]

    assert found(0.8) == [pytest.approx(0.9), pytest.approx(6 / 7)]
    assert found(0.88) == [pytest.approx(0.9)]


def test_padding_beside_a_narrow_photograph_does_not_shift_the_plate():
    """640 x 960 in 480 x 640 is 320 wide, with 160 of padding on each side."""
    head_output = put(empty_output(60, 80), 30, 40, 0.9, label=1)
    detector = NetworkDetector(forward(head_output), [(480, 640)], 0.3)

    (found,) = detector.detect(np.zeros((960, 640, 3), np.uint8))

    expected = (PLATE + middle(30, 40) - [160, 0]) * 2
    np.testing.assert_allclose(found.quad.to_array(), expected, atol=0.5)
    assert found.region == "other"
