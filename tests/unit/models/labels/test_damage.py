"""Whatever damage a label file has, the import ends with rows, reasons or a sentence."""

import json
import shutil
from contextlib import suppress
from copy import deepcopy

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

from models.labels.formats import read_labels
from models.labels.importing import Options, import_folders
from models.labels.records import LabelError, Unusable

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


WRONG = [None, True, -1, 1.5, 10**400, "", "x", "http://[x/a.jpg", [], [1], [[]], {}, {"a": 1}]
FORMS = {"label-studio.json": "label-studio", "coco.json": "coco", "hkplates.jsonl": "hkplates"}


def places(value):
    """Yields the keys that lead to each value in an object, from outside inwards."""
    pairs = {list: enumerate, dict: dict.items}.get(type(value), lambda _: ())(value)
    for key, inner in pairs:
        yield (key,)
        yield from ((key, *rest) for rest in places(inner))


def with_value(whole, place, value):
    damaged = inner = deepcopy(whole)
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return damaged


@pytest.mark.parametrize("name", FORMS)
def test_no_field_with_a_wrong_value_costs_the_other_label_files(name, tmp_path):
    whole = json.loads(LABELS[name])
    good = tmp_path / f"good{name}"
    good.write_text(LABELS[name], encoding="utf-8")
    for place in places(whole):
        for value in WRONG:
            text = json.dumps(with_value(whole, place, value))
            (tmp_path / name).write_text(text, encoding="utf-8")
            _, records = read_labels(tmp_path, FORMS[name])
            read = [one.label for one in records if not isinstance(one, Unusable)]
            assert good in read, (place, value)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("coco.json", ("categories", 0, "id"), []),
        ("coco.json", ("annotations", 0, "image_id"), [7]),
        ("coco.json", ("annotations", 0, "category_id"), {}),
        ("coco.json", ("images", 0, "id"), [7]),
        ("label-studio.json", (0, "annotations"), 3),
        ("label-studio.json", (0, "annotations", 0, "result"), "x"),
        ("label-studio.json", (0, "annotations", 0, "result", 0), 1),
        ("label-studio.json", (0, "data"), "a.jpg"),
        ("label-studio.json", (0, "data", "image"), "http://[x/a.jpg"),
        ("label-studio.json", (0, "data", "image"), "a.jpg?\ud800"),
        ("hkplates.jsonl", ("plates", 0, "raw_text"), "AB\ud800"),
        ("hkplates.jsonl", ("plates",), 3),
        ("hkplates.jsonl", ("plates", 0, "box"), 5),
        ("hkplates.jsonl", ("plates", 0, "hk"), "yes"),
    ],
)
def test_a_field_with_a_wrong_value_is_told(name, place, value, tmp_path, photo):
    folder, other = tmp_path / "in", write_photo(tmp_path / "in" / "b.jpg", seed=3)
    shutil.copy(photo, folder / "a.jpg")
    whole = json.loads(LABELS[name])
    good = LABELS[name].replace("a.jpg", other.name)
    (folder / f"good{name}").write_text(good, encoding="utf-8")
    (folder / name).write_text(json.dumps(with_value(whole, place, value)), encoding="utf-8")
    import_folders([folder], tmp_path / "out", Options(form=FORMS[name]))
    unused = (tmp_path / "out" / "unused.jsonl").read_text("utf-8").splitlines()
    damaged = [json.loads(line)["detail"] for line in unused if "cannot be read" in line]
    assert damaged
    assert all(name in detail for detail in damaged)


def test_a_polygon_that_is_no_list_leaves_its_photograph_out(tmp_path):
    folder = tmp_path / "in"
    write_photo(folder / "a.jpg")
    labels = coco({"bbox": coco_box(), "segmentation": [1]})
    (folder / "coco.json").write_text(json.dumps(labels), encoding="utf-8")
    with pytest.raises(LabelError, match=r"a\.jpg in coco\.json is no list of lists"):
        import_folders([folder], tmp_path / "out", Options())
