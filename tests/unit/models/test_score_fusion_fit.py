"""What a score and a reading are worth is fitted on finds that are known."""

import re

import numpy as np
import pytest

from hkplates.recognition.types import Detection, Quad, TextReading
from models.detector.dataset import HONG_KONG, LabelledPhoto, LabelledPlate
from models.score_fusion import (
    PRIOR,
    LabelledDetection,
    choose_threshold,
    cross_validate,
    fit,
    label_detections,
    print_evaluation,
)

CORNERS = np.array([[10, 10], [110, 10], [110, 34], [10, 34]], np.float32)
ELSEWHERE = CORNERS + 100


def read(text, confidence):
    return TextReading(text, confidence, (confidence,) * len(text), 1)


def finds_of(count=40):
    """As many plates, doubted and plainly read, as signs that are neither."""
    rng = np.random.default_rng(2)
    plates = [
        LabelledDetection(
            f"plate{n}", rng.uniform(0.2, 0.8), read("AB 123", rng.uniform(0.6, 1)), True
        )
        for n in range(count)
    ]
    signs = [
        LabelledDetection(
            f"sign{n}", rng.uniform(0.2, 0.8), read("TAXI", rng.uniform(0, 0.4)), False
        )
        for n in range(count)
    ]
    return [*plates, *signs]


def test_the_reading_tells_what_the_score_does_not():
    found = finds_of()
    fusion = fit(found)
    assert fusion.reading_weight > 0
    assert fusion.form_weights["lettered"] > fusion.form_weights["word"]
    told = cross_validate(found, found)
    assert np.mean([(p >= 0.5) == f.is_hong_kong for p, f in zip(told, found, strict=True)]) > 0.95


def test_what_shows_no_text_is_left_out():
    found = finds_of()
    unread = [
        LabelledDetection(f"far{n}", 0.9, TextReading("", 0.0, (), 1), True) for n in range(30)
    ]
    assert fit([*found, *unread]) == fit(found)


def test_where_nothing_was_found_it_stays_what_earlier_networks_were_worth():
    fusion = fit([])
    assert (fusion.score_weight, fusion.reading_weight) == tuple(PRIOR[:2])
    assert (*fusion.form_weights.values(), fusion.bias) == tuple(PRIOR[2:])


def test_a_find_is_judged_by_what_was_fitted_on_other_pictures():
    found = finds_of()
    odd = LabelledDetection("odd", 0.7, read("AB 12", 0.9), False)
    (among,) = cross_validate([odd], [*found, odd])
    assert among > fit([*found, odd]).probability(odd.score, odd.reading)


def test_it_is_told_what_the_reading_is_worth(capsys):
    print_evaluation(finds_of())
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", capsys.readouterr().out)]
    assert losses[1] < losses[0] / 2


def test_the_threshold_parts_plates_from_signs():
    found = finds_of()
    threshold = choose_threshold(found)
    fusion = fit(found)
    called = [fusion.probability(f.score, f.reading) >= threshold for f in found]
    assert np.mean([c == f.is_hong_kong for c, f in zip(called, found, strict=True)]) > 0.95


class Finds:
    def detect(self, photo):
        here, there = (Quad.from_array(c) for c in (CORNERS + 2, ELSEWHERE))
        return [
            Detection(here, 0.9, "HK", 0.9),
            Detection(there, 0.8, "other", 0.1),
            Detection(here, 1, "other"),
        ]


class Reads:
    name = version = "fake"

    def read(self, crops):
        return [read("AB 12", 0.9) for _ in crops]


def test_finds_are_told_by_the_labels():
    plate = LabelledPlate(CORNERS, HONG_KONG, True)
    pixels = np.zeros((300, 300, 3), np.uint8)
    found = label_detections([LabelledPhoto("a.jpg", "HK", pixels, (plate,))], Finds(), Reads())
    assert [(find.score, find.is_hong_kong) for find in found] == [(0.9, True), (0.1, False)]
    assert found[0].reading.confidence == pytest.approx(0.9)
