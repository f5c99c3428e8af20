"""What cannot be used is told with its reason, and costs the other photographs nothing."""

import json

import numpy as np
import pytest
from PIL import Image
from support.label_files import (
    BOX,
    HEIGHT,
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

from models.labels.__main__ import main
from models.labels.importing import Options, import_folders
from models.labels.records import LabelError, Reason

BOMB = """<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><annotation><filename>&b;</filename></annotation>"""


@pytest.fixture
def folder(tmp_path):
    """A folder of LabelImg labels with one photograph that can be used, good.jpg."""
    folder = tmp_path / "in"
    write_photo(folder / "good.jpg", seed=1)
    write_photo(folder / "a.jpg", seed=2)
    text = voc(voc_object("AB1234"), file="good.jpg")
    (folder / "good.xml").write_text(text, encoding="utf-8")
    return folder


def imported(folder, **options):
    """Imports; returns the details of what was not used, by reason, and the rows."""
    out = folder.parent / "out"
    report = import_folders([folder], out, Options(**options))
    told = [json.loads(line) for line in (out / "unused.jsonl").read_text("utf-8").splitlines()]
    assert sorted(str(reason) for reason in report.unused for _ in report.unused[reason]) == sorted(
        one["reason"] for one in told
    )
    return report.unused, read_side(out / "train") + read_side(out / "dev")


def assert_left_out(folder, reason, words, **options):
    unused, rows = imported(folder, **options)
    assert [row["file"].partition("-")[0] for row in rows] == ["good"]
    assert any(words in detail for detail in unused[reason]), dict(unused)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("<annotation><object>", "no element found", id="cut off"),
        pytest.param("", "no element found", id="empty"),
        pytest.param(BOMB, "declares a document type", id="entities"),
        pytest.param(voc(voc_object("AB1")).replace("320", "wide"), "'wide'", id="no size"),
    ],
)
def test_a_damaged_label_file(folder, text, words):
    (folder / "a.xml").write_text(text, encoding="utf-8")

    assert_left_out(folder, Reason.LABEL_DAMAGED, words)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        pytest.param("gone.jpg", Reason.PHOTO_MISSING, id="missing"),
        pytest.param(f"{'a' * 400}.jpg", Reason.PHOTO_MISSING, id="no file has such a name"),
        pytest.param("../../secret.jpg", Reason.OUTSIDE, id="above the folder"),
        pytest.param("..\\secret.jpg", Reason.OUTSIDE, id="above it, as Windows writes"),
    ],
)
def test_a_photograph_that_is_not_in_the_folder(folder, file, reason):
    write_photo(folder.parent / "secret.jpg")
    text = voc(voc_object("AB1234"), file=file).replace(f"C:\\\\cars\\\\{file}", "")
    (folder / "other.xml").write_text(text, encoding="utf-8")

    assert_left_out(folder, reason, "other.xml")


def test_a_link_out_of_the_folder_is_not_followed(folder):
    (folder / "link.jpg").symlink_to(write_photo(folder.parent / "secret.jpg"))
    (folder / "x.xml").write_text(voc(voc_object("AB1234"), file="link.jpg"), encoding="utf-8")

    assert_left_out(folder, Reason.OUTSIDE, "link.jpg")


def test_an_absolute_path_names_only_what_is_in_the_folder(folder):
    secret = write_photo(folder.parent / "secret.jpg")
    (folder / "x.xml").write_text(voc(voc_object("AB1234"), file=str(secret)), encoding="utf-8")

    assert_left_out(folder, Reason.PHOTO_MISSING, "secret.jpg")


def test_two_photographs_of_one_name(folder):
    for place in ("one", "two"):
        write_photo(folder / place / "b.jpg", seed=3)
    (folder / "b.xml").write_text(voc(voc_object("AB1234"), file="b.jpg"), encoding="utf-8")

    assert_left_out(folder, Reason.AMBIGUOUS, "one/b.jpg, two/b.jpg")


def test_a_photograph_that_does_not_decode(folder):
    (folder / "a.jpg").write_bytes((folder / "good.jpg").read_bytes()[:300])
    (folder / "a.xml").write_text(voc(voc_object("AB1234")), encoding="utf-8")

    assert_left_out(folder, Reason.NOT_DECODED, "a.jpg")


def test_labels_of_another_size(folder):
    text = voc(voc_object("AB1234"), size=(WIDTH * 2, HEIGHT * 2))
    (folder / "a.xml").write_text(text, encoding="utf-8")

    assert_left_out(folder, Reason.SIZE_DISAGREES, "320 x 240 pixels, its labels are for 640 x 480")


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        pytest.param((400, 100, 500, 130), Reason.BOX_OUTSIDE, id="outside"),
        pytest.param((260, 100, 420, 130), Reason.BOX_OUTSIDE, id="mostly outside"),
        pytest.param((60, 100, 60, 130), Reason.BOX_EMPTY, id="no width"),
    ],
)
def test_a_box_that_is_no_place_in_the_picture(folder, box, reason):
    """Its photograph is left out whole: training would take the plate for background."""
    text = voc(voc_object("AB1234"), voc_object("CD5678", box))
    (folder / "a.xml").write_text(text, encoding="utf-8")

    assert_left_out(folder, reason, "a.jpg")


def test_a_box_that_reaches_a_little_beyond_the_edge_is_clipped(folder):
    (folder / "a.xml").write_text(voc(voc_object("AB1", (-3, 100, 90, 130))), encoding="utf-8")

    _, rows = imported(folder)
    boxes = [plate["box"] for row in rows for plate in row["plates"] if plate["text"] == "AB1"]
    assert boxes == [[0.0, 100.0, 90.0, 30.0]]


def test_a_class_that_nobody_knows_is_asked_about(folder):
    told = voc(voc_object("plate"), file="good.jpg")
    (folder / "good.xml").write_text(told, encoding="utf-8")
    (folder / "a.xml").write_text(voc(voc_object("rego")), encoding="utf-8")

    assert_left_out(folder, Reason.CLASS_UNKNOWN, "--class rego or --ignore rego")


def test_a_name_of_letters_alone_is_asked_about_where_names_are_marks(folder):
    """It may be a personalised mark, and it may be a thing."""
    (folder / "a.xml").write_text(voc(voc_object("GIGI")), encoding="utf-8")

    assert_left_out(folder, Reason.CLASS_UNKNOWN, "--names-are-marks or --ignore GIGI")


def test_where_names_are_said_to_be_marks_letters_alone_are_one(folder):
    objects = [voc_object("GIGI"), voc_object("car", (0, 0, 300, 200))]
    (folder / "a.xml").write_text(voc(*objects), encoding="utf-8")

    _, rows = imported(folder, names_are_marks=True)
    assert {plate["text"] for row in rows for plate in row["plates"]} == {"AB1234", "GIGI"}


def test_a_class_to_ignore(folder):
    (folder / "a.xml").write_text(voc(voc_object("rego")), encoding="utf-8")

    _, rows = imported(folder, ignored=frozenset({"rego"}))
    assert sorted(len(row["plates"]) for row in rows) == [0, 1]


def test_a_class_to_choose(folder):
    (folder / "a.xml").write_text(voc(voc_object("Rego")), encoding="utf-8")

    _, rows = imported(folder, chosen=frozenset({"rego"}))
    assert sorted(len(row["plates"]) for row in rows) == [0, 1]


def test_characters_that_are_labelled_one_by_one_are_no_marks(tmp_path):
    folder = tmp_path / "in"
    write_photo(folder / "a.jpg")
    objects = [voc_object("plate"), *(voc_object(c, (60, 100, 70, 130)) for c in "A1")]
    (folder / "a.xml").write_text(voc(*objects), encoding="utf-8")

    with pytest.raises(LabelError, match=r"A on a\.jpg: --class A or --ignore A"):
        import_folders([folder], tmp_path / "out", Options())
    assert not any((tmp_path / "out").iterdir())


def test_no_class_that_names_a_plate_ends_with_the_classes_there_are(tmp_path, capsys):
    write_photo(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "a.txt").write_text(yolo_line(3), encoding="utf-8")

    assert main(["import", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 1
    assert "Classes are: 3 (1). Say which are plates: --class NAME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("0 0.5 0.5 0.2 0.1 0.9", "has 5 numbers after the class", id="a confidence"),
        pytest.param("0 0.5 0.5 0.2", "has 3 numbers", id="too few"),
        pytest.param("0 100 120 60 30", "has 120, expected shares from 0 to 1", id="pixels"),
        pytest.param("plate 0.5 0.5 0.2 0.1", "'plate', expected a number", id="a name"),
        pytest.param("0 nan 0.5 0.2 0.1", "expected a finite number", id="not a number"),
    ],
)
def test_damaged_yolo_lines(tmp_path, line, words):
    folder = tmp_path / "in"
    for name, text in (("good", yolo_line()), ("a", line)):
        write_photo(folder / f"{name}.jpg", seed=len(name))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "classes.txt").write_text("plate\n", encoding="utf-8")

    assert_left_out(folder, Reason.LABEL_DAMAGED, words, form="yolo")


def with_good(folder, annotation, **more):
    """Writes COCO of two photographs, of which good.jpg can be used."""
    told = coco({"bbox": coco_box()}, file="good.jpg")
    other = {"id": 9, "image_id": 8, "category_id": 1, **annotation}
    told["images"].append({"id": 8, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT, **more})
    told["annotations"].append(other)
    for name in ("a", "good"):
        write_photo(folder / f"{name}.jpg", seed=len(name))
    write_json(folder / "instances.json", told)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        pytest.param({"bbox": coco_box(), "iscrowd": 1}, Reason.SHAPE_UNKNOWN, id="crowd"),
        pytest.param({"segmentation": {"counts": "x"}}, Reason.SHAPE_UNKNOWN, id="no bbox"),
        pytest.param({"bbox": [1, 2, 3]}, Reason.LABEL_DAMAGED, id="three numbers"),
        pytest.param({"bbox": [1, 2, "3", 4]}, Reason.LABEL_DAMAGED, id="a string"),
    ],
)
def test_coco_annotations_without_a_place(tmp_path, annotation, reason):
    with_good(tmp_path / "in", annotation)

    assert_left_out(tmp_path / "in", reason, "a.jpg")


def test_coco_annotations_of_an_image_that_is_not_listed(tmp_path):
    with_good(tmp_path / "in", {"bbox": coco_box(), "image_id": 99})

    unused, _ = imported(tmp_path / "in")
    assert "an image 99 that it does not list" in unused[Reason.LABEL_DAMAGED][0]


@pytest.mark.parametrize("text", ["{", "[1]", '{"images": [], "annotations": 3}'])
def test_json_that_is_no_labels(tmp_path, text, capsys):
    write_photo(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "x.json").write_text(text, encoding="utf-8")

    assert main(["import", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert "x.json" in told or "holds no labels that are known" in told


def test_cvats_video_is_refused_with_what_to_export_instead(tmp_path):
    write_photo(tmp_path / "in" / "a.jpg")
    track = '<annotations><track id="0" label="plate"></track></annotations>'
    (tmp_path / "in" / "annotations.xml").write_text(track, encoding="utf-8")

    with pytest.raises(LabelError, match=r"CVAT for images 1\.1"):
        import_folders([tmp_path / "in"], tmp_path / "out", Options())


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        pytest.param({"rle": [1], "brushlabels": ["plate"]}, Reason.SHAPE_UNKNOWN, id="a brush"),
        pytest.param({**percent_box(), "x": None}, Reason.LABEL_DAMAGED, id="no x"),
    ],
)
def test_label_studio_regions_without_a_place(tmp_path, region, reason):
    folder = tmp_path / "in"
    good = label_studio_task(label_studio_region(percent_box(), "AB1234"), file="good.jpg")
    task = label_studio_task(label_studio_region(region, None))
    for name in ("a", "good"):
        write_photo(folder / f"{name}.jpg", seed=len(name))
    write_json(folder / "p.json", [good, task])

    assert_left_out(folder, reason, "a.jpg")


def test_a_picture_turned_in_label_studio(tmp_path):
    folder = tmp_path / "in"
    good = label_studio_task(label_studio_region(percent_box(), "AB1234"), file="good.jpg")
    region = label_studio_region(percent_box(), "AB1234")
    task = label_studio_task([{**one, "image_rotation": 90} for one in region])
    for name in ("a", "good"):
        write_photo(folder / f"{name}.jpg", seed=len(name))
    write_json(folder / "p.json", [good, task])

    assert_left_out(folder, Reason.SIZE_DISAGREES, "turned by 90 degrees")


def test_short_texts_that_may_be_of_either_plate(tmp_path):
    folder = tmp_path / "in"
    place = {**percent_box(), "original_width": WIDTH, "original_height": HEIGHT}
    tasks = [
        {"image": "good.jpg", "label": [place], "transcription": "AB1234"},
        {"image": "a.jpg", "label": [place, place], "transcription": ["AB1234"]},
    ]
    for name in ("a", "good"):
        write_photo(folder / f"{name}.jpg", seed=len(name))
    write_json(folder / "p.json", [{**t, "annotator": 1, "annotation_id": 2} for t in tasks])

    assert_left_out(folder, Reason.TEXT_UNCLEAR, "2 regions and 1 of transcription")


def test_labels_of_two_forms_are_asked_about(folder):
    (folder / "a.txt").write_text(yolo_line(), encoding="utf-8")

    with pytest.raises(LabelError, match="Say --format voc or --format yolo"):
        import_folders([folder], folder.parent / "out", Options())
    imported(folder, form="voc")


def test_an_archive_that_is_not_unpacked(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "task.zip").write_bytes(b"PK")

    with pytest.raises(LabelError, match="unpack it first"):
        import_folders([tmp_path / "in"], tmp_path / "out", Options())


def test_an_output_folder_that_holds_something_is_left_alone(folder):
    (folder.parent / "out").mkdir()
    (folder.parent / "out" / "mine.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(LabelError, match="is not empty"):
        import_folders([folder], folder.parent / "out", Options())
    assert (folder.parent / "out" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_an_output_folder_within_the_labels_is_refused(folder):
    with pytest.raises(LabelError, match="whose photographs it would add to"):
        import_folders([folder], folder / "out", Options())
    assert not (folder / "out").exists()


def test_photographs_without_labels_are_told(folder):
    unused, _ = imported(folder)

    assert unused[Reason.UNLABELLED] == ["a.jpg"]


def test_a_text_that_is_no_mark_is_kept_and_not_read(tmp_path):
    write_photo(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "a.xml").write_text(cvat(cvat_box("粤Z1234港")), encoding="utf-8")

    report = import_folders([tmp_path / "in"], tmp_path / "out", Options())
    (row,) = read_side(tmp_path / "out" / "train")
    told = {name: row["plates"][0][name] for name in ("text", "raw_text", "hk", "note")}
    assert told == {"text": None, "raw_text": "粤Z1234港", "hk": False, "note": "mainland China"}
    assert "plates whose text is no mark (kept as raw_text): 1" in report.in_words()


def test_a_hundred_bad_labels_are_told_in_one_line(folder):
    for number in range(100):
        name = f"gone{number}.xml"
        text = voc(voc_object("AB1234"), file=f"gone{number}.jpg")
        (folder / name).write_text(text, encoding="utf-8")

    report = import_folders([folder], folder.parent / "out", Options())
    (line,) = [line for line in report.in_words().splitlines() if "missing" in line]
    assert "the photograph is missing: 100 (" in line
    assert "and 97 more" in line


def test_boxes_are_where_the_plate_is_drawn(folder):
    """The pictures of these tests have their plate in BOX, so that a wrong place would be seen."""
    left, top, right, bottom = map(int, BOX)
    with Image.open(folder / "good.jpg") as picture:
        pixels = np.asarray(picture)
    assert pixels[top + 3, left + 4 : right - 4].mean() > 200
    assert pixels[top - 8 : top - 2].mean() < 100 > pixels[bottom + 2 : bottom + 8].mean()


def test_a_region_without_class_and_text_is_named_and_can_be_chosen(folder):
    (folder / "good.xml").unlink()
    region = label_studio_region({**percent_box()}, None)
    region[0]["value"].pop("rectanglelabels")
    write_json(folder / "export.json", [label_studio_task(region)])
    with pytest.raises(LabelError, match=r'\(no class\) \(1\).*--class ""'):
        imported(folder)
    _, rows = imported(folder, chosen=frozenset({"plate", ""}))
    assert [len(row["plates"]) for row in rows] == [1]


def test_a_region_without_class_beside_plates_is_told_with_what_to_do(folder):
    (folder / "good.xml").unlink()
    bare = label_studio_region({**percent_box()}, None)
    bare[0]["value"].pop("rectanglelabels")
    good = label_studio_region(percent_box(), "AB1234")
    tasks = [label_studio_task(good, file="good.jpg"), label_studio_task(bare)]
    write_json(folder / "export.json", tasks)
    words = 'an object without a class on a.jpg: --class plate --class "" or --ignore ""'
    assert_left_out(folder, Reason.CLASS_UNKNOWN, words)


def test_an_empty_name_of_a_folder_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        main(["import", str(folder), "--out", ""])
    assert "the name is empty" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_not_told_to_be_removed(folder):
    with pytest.raises(LabelError, match=r"is not empty: name another folder\.$"):
        import_folders([folder], folder, Options())
