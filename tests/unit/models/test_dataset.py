"""Labels become plates, and one that contradicts itself is left open."""

import json

import cv2
import numpy as np
import pytest

from models.detector.dataset import (
    HONG_KONG,
    OTHER,
    UNCERTAIN,
    LabelledPhoto,
    LabelledPlate,
    read_data,
    read_dataset,
    split,
)


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


def photo(file, text=None):
    plate = LabelledPlate(np.zeros((4, 2), np.float32), HONG_KONG, True, text)
    return LabelledPhoto(file, "HK", np.zeros((1, 1, 3), np.uint8), (plate,))


def names(photos):
    return {photo.file for photo in photos}


def test_a_vehicle_and_a_group_stay_on_one_side_of_the_split():
    photos = [photo(f"{n}-{i}.jpg", f"AB{n}") for n in range(40) for i in (1, 2)]
    photos += [photo(f"van_{n}.jpg", f"CD{n}") for n in range(10)]

    learn, held = split(photos, 0.5, together=["van_"])

    assert names(learn) | names(held) == names(photos)
    assert 20 < len(held) < 70
    for side in (names(learn), names(held)):
        assert {name[:-5] for name in side if name.endswith("1.jpg") and "van" not in name} == {
            name[:-5] for name in side if name.endswith("2.jpg") and "van" not in name
        }
        assert sum(name.startswith("van_") for name in side) in (0, 10)


def test_names_that_are_to_be_held_back_are_held_back_whatever_the_share():
    photos = [photo("taxi_1.jpg", "AB1"), photo("bus_1.jpg", "AB2")]

    learn, held = split(photos, 0.0, held=["taxi_"])

    assert (names(learn), names(held)) == ({"bus_1.jpg"}, {"taxi_1.jpg"})


def test_backgrounds_are_held_back_as_well(tmp_path):
    for folder in ("train", "backgrounds"):
        (tmp_path / folder).mkdir()
        lines = []
        for n in range(30):
            cv2.imwrite(str(tmp_path / folder / f"{folder}{n}.jpg"), np.zeros((8, 8, 3), np.uint8))
            lines.append(json.dumps({"file": f"{folder}{n}.jpg", "plates": []}) + "\n")
        (tmp_path / folder / "labels.jsonl").write_text("".join(lines), encoding="utf-8")

    learn, held = read_data(tmp_path, {"held_back": 0.5})

    for side in (learn, held):
        assert {photo.file[0] for photo in side} == {"t", "b"}
