"""Each tool's labels become plates in our form, at the place and with the text that they tell."""

import json
import math

import numpy as np
import pytest
from support.label_files import (
    BOX,
    HEIGHT,
    MIDDLE,
    WIDTH,
    coco,
    coco_box,
    cvat,
    cvat_box,
    label_studio_region,
    label_studio_task,
    percent_box,
    read_side,
    voc,
    voc_object,
    write_json,
    write_photo,
    yolo_line,
)

from models.labels.importing import Options, import_folders

QUAD = [[60.0, 100.0], [178.0, 104.0], [180.0, 130.0], [62.0, 126.0]]
PERCENT_QUAD = [[x / WIDTH * 100, y / HEIGHT * 100] for x, y in QUAD]


def plates_of(folder, **options):
    """Imports the folder; returns the plates of its one photograph."""
    out = folder.parent / "out"
    import_folders([folder], out, Options(**options))
    rows = read_side(out / "train")
    assert len(rows) == 1
    assert (out / "train" / rows[0]["file"]).is_file()
    assert (rows[0]["width"], rows[0]["height"]) == (WIDTH, HEIGHT)
    return rows[0]["plates"]


@pytest.fixture
def folder(tmp_path):
    """A folder with one photograph, a.jpg, whose plate is in BOX."""
    write_photo(tmp_path / "in" / "a.jpg")
    return tmp_path / "in"


def assert_boxed(plate, box=BOX, tolerance=0.2):
    left, top, width, height = plate["box"]
    np.testing.assert_allclose([left, top, left + width, top + height], box, atol=tolerance)


def turned(degrees, centre, box=BOX):
    """Turns the corners of a box clockwise."""
    angle = math.radians(degrees)
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    away = [(x - centre[0], y - centre[1]) for x, y in corners]
    return [
        [
            centre[0] + x * math.cos(angle) - y * math.sin(angle),
            centre[1] + x * math.sin(angle) + y * math.cos(angle),
        ]
        for x, y in away
    ]


def test_labelimg_boxes_with_the_mark_as_the_objects_name(folder):
    objects = [voc_object("AB1234"), voc_object("car", (10, 20, 300, 200))]
    (folder / "a.xml").write_text(voc(*objects), encoding="utf-8")

    (plate,) = plates_of(folder)
    assert_boxed(plate)
    told = {name: plate[name] for name in ("quad", "text", "mark", "lines", "color", "hk")}
    assert told == {
        "quad": None,
        "text": "AB1234",
        "mark": "AB1234",
        "lines": 1,
        "color": "white",
        "hk": True,
    }


def test_voc_attributes_as_cvat_exports_them(folder):
    attributes = "<attributes><attribute><name>text</name><value>NARITA</value></attribute>"
    more = voc_object("number_plate", more=f"{attributes}</attributes>")
    (folder / "a.xml").write_text(voc(more), encoding="utf-8")

    (plate,) = plates_of(folder)
    assert (plate["text"], plate["mark"]) == ("NARITA", "NAR1TA")


def test_a_difficult_voc_object_keeps_its_text_as_a_guess(folder):
    more = voc_object("AB1234", more="<difficult>1</difficult>")
    (folder / "a.xml").write_text(voc(more), encoding="utf-8")

    (plate,) = plates_of(folder)
    assert (plate["text"], plate["text_guess"]) == (None, "AB1234")


def test_rolabelimgs_box_is_rotated_about_its_middle_in_radians(folder):
    box = (
        f"<object><name>plate</name><robndbox><cx>{MIDDLE[0]}</cx><cy>{MIDDLE[1]}</cy><w>120</w>"
        f"<h>30</h><angle>{math.radians(10)}</angle></robndbox></object>"
    )
    (folder / "a.xml").write_text(voc(box), encoding="utf-8")

    (plate,) = plates_of(folder)
    np.testing.assert_allclose(plate["quad"], turned(10, MIDDLE), atol=0.1)


def test_cvat_box(folder):
    (folder / "annotations.xml").write_text(cvat(cvat_box("ab 1234")), encoding="utf-8")

    (plate,) = plates_of(folder)
    assert_boxed(plate)
    assert plate["text"] == "AB1234"


def test_cvat_box_rotated_about_its_middle(folder):
    text = cvat(cvat_box("AB1234", more='rotation="12.5"'))
    (folder / "annotations.xml").write_text(text, encoding="utf-8")

    (plate,) = plates_of(folder)
    np.testing.assert_allclose(plate["quad"], turned(12.5, MIDDLE), atol=0.1)


def test_cvat_polygon_in_any_order_begins_at_the_top_left(folder):
    points = ";".join(f"{x},{y}" for x, y in [QUAD[2], QUAD[1], QUAD[0], QUAD[3]])
    polygon = f'<polygon label="車牌" points="{points}"><attribute name="號碼">X</attribute>'
    (folder / "a.xml").write_text(cvat(f"{polygon}</polygon>"), encoding="utf-8")

    (plate,) = plates_of(folder)
    assert plate["quad"] == QUAD


def test_label_studio_rectangle_and_text_area(folder):
    task = label_studio_task(label_studio_region(percent_box(), "AB1234"))
    write_json(folder / "project.json", [task])

    (plate,) = plates_of(folder)
    assert_boxed(plate)
    assert plate["text"] == "AB1234"


def test_label_studio_rotates_about_the_top_left_corner_in_pixels(folder):
    value = {**percent_box(), "rotation": 12.5}
    write_json(folder / "p.json", [label_studio_task(label_studio_region(value, "AB1234"))])

    (plate,) = plates_of(folder)
    np.testing.assert_allclose(plate["quad"], turned(12.5, BOX[:2]), atol=0.1)


def test_label_studio_polygons_each_with_its_own_text(folder):
    lower = [[x, y + 40] for x, y in PERCENT_QUAD]
    regions = [
        label_studio_region({"points": p, "polygonlabels": ["plate"]}, text, number=n)
        for n, (p, text) in enumerate([(PERCENT_QUAD, "AB1234"), (lower, None)])
    ]
    write_json(folder / "p.json", [label_studio_task(*regions)])

    first, second = sorted(plates_of(folder), key=lambda plate: plate["box"][1])
    np.testing.assert_allclose(first["quad"], QUAD, atol=0.1)
    assert (first["text"], second["text"]) == ("AB1234", None)


def test_label_studio_takes_the_ground_truth_and_no_cancelled_annotation(folder):
    task = label_studio_task(label_studio_region(percent_box(), "AB1234"))
    (good,) = task["annotations"]
    worse = [
        {**good, "ground_truth": False, "updated_at": "2026-02-01", "result": []},
        {**good, "was_cancelled": True, "ground_truth": True, "result": []},
    ]
    task["annotations"] = [worse[0], {**good, "ground_truth": True}, worse[1]]
    write_json(folder / "p.json", [task])

    assert [plate["text"] for plate in plates_of(folder)] == ["AB1234"]


def test_label_studios_short_export(folder):
    place = {**percent_box(), "original_width": WIDTH, "original_height": HEIGHT}
    task = {"image": "/data/upload/1/7b9d2a1c-a.jpg", "id": 1, "label": [place]}
    task |= {"transcription": "AB1234", "annotator": 1, "annotation_id": 3}
    write_json(folder / "p.json", [task])

    (plate,) = plates_of(folder)
    assert_boxed(plate)
    assert plate["text"] == "AB1234"


def test_coco_box_with_cvats_attributes(folder):
    annotation = {"bbox": coco_box(), "attributes": {"text": "AB1234", "rotation": 0.0}}
    other = {"bbox": [0, 0, 300, 200], "category_id": 2}
    write_json(folder / "instances.json", coco(annotation, other))

    (plate,) = plates_of(folder)
    assert_boxed(plate)
    assert (plate["text"], plate["quad"]) == ("AB1234", None)


def test_cvats_rotated_box_in_coco(folder):
    annotation = {"bbox": coco_box(), "segmentation": [], "attributes": {"rotation": 12.5}}
    write_json(folder / "instances.json", coco(annotation))

    (plate,) = plates_of(folder)
    np.testing.assert_allclose(plate["quad"], turned(12.5, MIDDLE), atol=0.1)


@pytest.mark.parametrize(
    "annotation",
    [
        pytest.param({"segmentation": [[v for point in QUAD for v in point]]}, id="polygon"),
        pytest.param({"keypoints": [v for x, y in QUAD for v in (x, y, 2)]}, id="key points"),
    ],
)
def test_coco_corners(folder, annotation):
    write_json(folder / "instances.json", coco({"bbox": coco_box(), **annotation}))

    (plate,) = plates_of(folder)
    assert plate["quad"] == QUAD


def test_a_box_written_as_a_polygon_gives_no_exact_corners(folder):
    left, top, right, bottom = BOX
    polygon = [left, top, right, top, right, bottom, left, bottom]
    write_json(folder / "i.json", coco({"bbox": coco_box(), "segmentation": [polygon]}))

    (plate,) = plates_of(folder)
    assert plate["quad"] is None
    assert_boxed(plate)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("data.yaml", "names: {0: car, 1: License_Plate}\n", id="data.yaml"),
        pytest.param("classes.txt", "car\nplate\n", id="classes.txt"),
        pytest.param("obj.names", "car\nlp\n", id="obj.names"),
    ],
)
def test_yolo_boxes_with_names_of_classes(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    lines = yolo_line(1) + yolo_line(0, (0, 0, 300, 200))
    (folder / "a.txt").write_text(lines, encoding="utf-8")

    (plate,) = plates_of(folder)
    assert_boxed(plate)
    assert plate["text"] is None


def test_yolo_in_ultralytics_folders(tmp_path):
    folder = tmp_path / "in"
    write_photo(folder / "images" / "train" / "a.jpg")
    (folder / "labels" / "train").mkdir(parents=True)
    (folder / "labels" / "train" / "a.txt").write_text(yolo_line(), encoding="utf-8")
    (folder / "data.yaml").write_text("path: ..\nnames: [plate]\n", encoding="utf-8")

    assert len(plates_of(folder)) == 1


def test_yolos_oriented_boxes(folder):
    (folder / "classes.txt").write_text("plate\n", encoding="utf-8")
    corners = " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in QUAD)
    (folder / "a.txt").write_text(f"0 {corners}\n", encoding="utf-8")

    (plate,) = plates_of(folder)
    np.testing.assert_allclose(plate["quad"], QUAD, atol=0.1)


@pytest.mark.parametrize("numbers", [2, 3])
def test_yolos_key_points_are_corners_where_data_yaml_says_so(folder, numbers):
    (folder / "data.yaml").write_text(f"kpt_shape: [4, {numbers}]\nnames: [plate]\n", "utf-8")
    seen = [2] if numbers == 3 else []
    points = [v for x, y in QUAD for v in (x / WIDTH, y / HEIGHT, *seen)]
    line = f"{yolo_line().strip()} {' '.join(map(str, points))}\n"
    (folder / "a.txt").write_text(line, encoding="utf-8")

    (plate,) = plates_of(folder)
    np.testing.assert_allclose(plate["quad"], QUAD, atol=0.1)


def test_our_own_form_as_corrections_are_written(folder):
    plate = {"box": coco_box(), "quad": QUAD, "text": "AB1234", "lines": 2, "color": "yellow"}
    foreign = {"box": [10, 10, 60, 20], "quad": None, "text": None, "lines": 1, "color": "other"}
    plates = [{**plate, "hk": True, "mark": "AB1234"}]
    plates += [{**foreign, "hk": False, "raw_text": "粤Z1234港", "note": "mainland China"}]
    row = {"file": "a.jpg", "width": WIDTH, "height": HEIGHT, "country": "HK", "plates": plates}
    (folder / "labels.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")

    ours, other = plates_of(folder)
    assert (ours["quad"], ours["lines"], ours["color"]) == (QUAD, 2, "yellow")
    assert {name: other[name] for name in ("hk", "raw_text", "note")} == {
        "hk": False,
        "raw_text": "粤Z1234港",
        "note": "mainland China",
    }


def test_colour_and_rows_are_taken_from_the_picture(tmp_path):
    write_photo(tmp_path / "in" / "a.jpg", paper=(230, 190, 30))
    square = (BOX[0], BOX[1], BOX[0] + 45, BOX[3])
    (tmp_path / "in" / "a.xml").write_text(voc(voc_object("AB1234", square)), encoding="utf-8")

    (plate,) = plates_of(tmp_path / "in")
    assert (plate["color"], plate["lines"]) == ("yellow", 2)


def test_what_was_told_goes_before_what_is_seen(folder):
    told = '<attribute name="Rows">2</attribute><attribute name="colour">黃色</attribute></box>'
    text = cvat(cvat_box("AB1234").replace("</box>", told))
    (folder / "a.xml").write_text(text, encoding="utf-8")

    (plate,) = plates_of(folder)
    assert (plate["lines"], plate["color"]) == (2, "yellow")


@pytest.mark.parametrize(
    ("label", "attribute", "expected"),
    [
        pytest.param("plate", "", (False, True), id="dark, nobody tells"),
        pytest.param("plate", '<attribute name="region">HK</attribute>', (True, False), id="told"),
        pytest.param("macau_plate", "", (False, False), id="the class tells"),
    ],
)
def test_a_dark_plate_without_text_is_another_places(tmp_path, label, attribute, expected):
    """Cross-boundary cars have one below the Hong Kong plate, and people label both alike."""
    folder = tmp_path / "in"
    write_photo(folder / "a.jpg", paper=(20, 20, 25), ink=225)
    box = cvat_box("", label=label).replace("</box>", f"{attribute}</box>")
    (folder / "a.xml").write_text(cvat(box), encoding="utf-8")

    report = import_folders([folder], tmp_path / "out", Options())
    (row,) = read_side(tmp_path / "out" / "train")
    assert (row["plates"][0]["hk"], bool(report.foreign)) == expected


def test_a_region_with_a_text_and_no_class_is_a_plate(folder):
    region = label_studio_region({**percent_box()}, "AB1234")
    for result in region:
        result["value"].pop("rectanglelabels", None)
    write_json(folder / "export.json", [label_studio_task(region)])
    (plate,) = plates_of(folder)
    assert plate["text"] == "AB1234"
    assert_boxed(plate)
