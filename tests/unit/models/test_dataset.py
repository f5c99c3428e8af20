"""Labels become plates, and one that contradicts itself is left open."""

import json

import cv2
import numpy as np
import pytest

from models.detector.dataset import HONG_KONG, OTHER, UNCERTAIN, read_dataset


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        pytest.param({"hk": True, "text": "TZ9335", "color": "white"}, HONG_KONG, id="ours"),
        pytest.param({"hk": False, "raw_text": "B90MYU", "color": "white"}, OTHER, id="others"),
        pytest.param({"hk": False, "color": "white"}, OTHER, id="others, not read"),
        pytest.param({"hk": False, "raw_text": "TZ9335", "color": "white"}, UNCERTAIN, id="odd"),
        pytest.param({"hk": False, "raw_text": "TZ9335", "color": "other"}, OTHER, id="dark"),
    ],
)
def test_a_label_that_contradicts_itself_is_left_open(tmp_path, fields, label):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((40, 60, 3), np.uint8))
    line = {"file": "a.jpg", "plates": [{"box": [5, 5, 30, 10], **fields}]}
    (tmp_path / "labels.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    ((plate,),) = [photo.plates for photo in read_dataset(tmp_path)]
    assert plate.label == label
