"""Whole street scenes, each of which takes a third of a second to draw."""

import json

import cv2
import numpy as np
import pytest

from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import main as write_samples
from models.synthesis.samples import sample

BUILT_IN = FontLibrary(system=False)  # the same on every machine


@pytest.fixture(scope="module")
def two_cars():
    """Draws a scene of two cars, once: it takes a third of a second."""
    return sample(3, 1, BUILT_IN)


def test_a_scene_repeats_by_seed_and_number(two_cars):
    np.testing.assert_array_equal(two_cars.pixels, sample(3, 1, BUILT_IN).pixels)


def test_plates_of_a_scene_lie_inside_it_and_are_large_enough_to_read(two_cars):
    height, width = two_cars.pixels.shape[:2]
    assert len(two_cars.plates) == 2
    for placed in two_cars.plates:
        assert (placed.quad >= 0).all()
        assert (placed.quad <= (width, height)).all()
        assert np.linalg.norm(placed.quad[1] - placed.quad[0]) > 60


def test_the_command_writes_photographs_and_their_labels(tmp_path, capsys):
    write_samples([str(tmp_path / "samples"), "--count", "1", "--seed", "3"])

    assert "1 street scene in" in capsys.readouterr().out
    lines = (tmp_path / "samples" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["file"] for record in records] == ["street-001.jpg"]
    for record in records:
        picture = cv2.imread(str(tmp_path / "samples" / record["file"]))
        assert picture.shape == (record["height"], record["width"], 3)
        for plate in record["plates"]:
            assert len(plate["quad"]) == 4
            assert plate["hk"] == ("mark" in plate)
