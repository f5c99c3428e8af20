"""Whatever damage a label file has, the import ends with rows, reasons or a sentence."""

import json
import shutil
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.label_files import (
    coco,
    coco_box,
    cvat,
    cvat_box,
    label_studio_region,
    label_studio_task,
    percent_box,
    voc,
    voc_object,
    write_photo,
    yolo_line,
)

from models.labels.importing import Options, import_folders
from models.labels.records import LabelError

ROW = {"file": "a.jpg", "width": 320, "height": 240, "plates": [{"box": coco_box(), "hk": True}]}
TASKS = [label_studio_task(label_studio_region({**percent_box(), "rotation": 3}, "AB1234"))]
LABELS = {
    "voc.xml": voc(voc_object("AB1234")),
    "cvat.xml": cvat(cvat_box("AB1234", more='rotation="3"')),
    "label-studio.json": json.dumps(TASKS),
    "coco.json": json.dumps(coco({"bbox": coco_box(), "attributes": {"rotation": 3}})),
    "a.txt": yolo_line() + yolo_line(1),
    "data.yaml": "names: {0: plate, 1: car}\nkpt_shape: [4, 2]\n",
    "hkplates.jsonl": json.dumps(ROW) + "\n",
}
FRAGMENTS = ["", "0", "-1", "1e999", "9" * 400, "null", "[]", "{}", '"', "<", "&", "\0", "..", "\n"]
DAMAGE = st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(FRAGMENTS))


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_photo(tmp_path_factory.mktemp("photo") / "a.jpg")


@pytest.mark.parametrize("name", LABELS)
def test_damaged_labels_never_end_in_a_traceback(name, photo, tmp_path_factory):
    @settings(max_examples=25, deadline=None)
    @given(st.lists(DAMAGE, max_size=3))
    def check(damages):
        text = LABELS[name]
        for share, length, fragment in damages:
            place = int(share * len(text))
            text = text[:place] + fragment + text[place + length :]
        folder = tmp_path_factory.mktemp("labels")
        shutil.copy(photo, folder / "a.jpg")
        if name == "data.yaml":
            (folder / "a.txt").write_text(LABELS["a.txt"], encoding="utf-8")
        if name == "a.txt":
            (folder / "classes.txt").write_text("plate\ncar\n", encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
        with suppress(LabelError):
            assert import_folders([folder], folder.with_suffix(".out"), Options()).in_words()

    check()
