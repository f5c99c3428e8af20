"""Photographs that EXIF turns are written upright, with labels where the plate then is."""

import numpy as np
import pytest
from PIL import Image
from support.label_files import (
    BOX,
    HEIGHT,
    ORIENTATION,
    WIDTH,
    coco,
    coco_box,
    read_side,
    voc,
    voc_object,
    write_json,
    write_photo,
    yolo_line,
)

from models.labels.importing import Options, import_folders
from models.labels.records import Reason

STORED = {
    3: (WIDTH - BOX[2], HEIGHT - BOX[3], WIDTH - BOX[0], HEIGHT - BOX[1]),
    6: (BOX[1], WIDTH - BOX[2], BOX[3], WIDTH - BOX[0]),
    8: (HEIGHT - BOX[3], BOX[0], HEIGHT - BOX[1], BOX[2]),
}
"""The plate's box in the picture as it is stored, by EXIF's orientation."""


def stored_size(orientation):
    return (HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT)


def imported(folder, **options):
    out = folder.parent / "out"
    report = import_folders([folder], out, Options(**options))
    rows = read_side(out / "train") + read_side(out / "dev")
    for row in rows:
        with Image.open(next(out.glob(f"*/{row['file']}"))) as picture:
            assert picture.getexif().get(ORIENTATION, 1) == 1
            assert picture.size == (row["width"], row["height"]) == (WIDTH, HEIGHT)
            assert_shows_plate(np.asarray(picture.convert("RGB")), row["plates"][0]["box"])
    return report


def assert_shows_plate(pixels, box):
    left, top, width, height = box
    np.testing.assert_allclose([left, top, left + width, top + height], BOX, atol=0.6)
    inside = pixels[int(top) + 2 : int(top) + 5, int(left) + 4 : int(left + width) - 4]
    assert inside.mean() > 200


@pytest.mark.parametrize("orientation", [6, 8])
def test_the_size_tells_that_labels_are_of_the_stored_picture(tmp_path, orientation):
    """As LabelImg until 2020 and CVAT until 2022 wrote them."""
    write_photo(tmp_path / "in" / "a.jpg", orientation=orientation)
    text = voc(voc_object("AB1", STORED[orientation]), size=stored_size(orientation))
    (tmp_path / "in" / "a.xml").write_text(text, encoding="utf-8")

    report = imported(tmp_path / "in")
    assert report.stored == ["a.jpg"]


@pytest.mark.parametrize("orientation", [6, 8])
def test_the_size_tells_that_labels_are_of_the_upright_picture(tmp_path, orientation):
    write_photo(tmp_path / "in" / "a.jpg", orientation=orientation)
    (tmp_path / "in" / "a.xml").write_text(voc(voc_object("AB1")), encoding="utf-8")

    report = imported(tmp_path / "in")
    assert (report.stored, report.assumed) == ([], [])


def test_upside_down_no_size_tells_and_upright_is_assumed_and_told(tmp_path):
    write_photo(tmp_path / "in" / "a.jpg", orientation=3)
    (tmp_path / "in" / "a.xml").write_text(voc(voc_object("AB1")), encoding="utf-8")

    report = imported(tmp_path / "in")
    assert "taken as labelled upright" in report.in_words()
    assert report.assumed == ["a.jpg"]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_frame_may_be_chosen(tmp_path, orientation):
    write_photo(tmp_path / "in" / "a.jpg", orientation=orientation)
    size = stored_size(orientation)
    text = yolo_line(0, STORED[orientation], size)
    (tmp_path / "in" / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "in" / "classes.txt").write_text("plate", encoding="utf-8")

    imported(tmp_path / "in", frame="stored")


def test_yolo_shares_are_of_the_upright_picture(tmp_path):
    """As Ultralytics reads them; the file tells no size."""
    write_photo(tmp_path / "in" / "a.jpg", orientation=6)
    (tmp_path / "in" / "a.txt").write_text(yolo_line(), encoding="utf-8")
    (tmp_path / "in" / "classes.txt").write_text("plate", encoding="utf-8")

    report = imported(tmp_path / "in")
    assert report.assumed == ["a.jpg"]


def test_label_studios_coco_of_a_turned_photograph_is_refused(tmp_path):
    """Its rectangles are upright, its polygons in no frame; findings/ shows it."""
    folder = tmp_path / "in"
    write_photo(folder / "a.jpg", orientation=6)
    write_photo(folder / "good.jpg", seed=1)
    told = coco({"bbox": coco_box()}, size=(HEIGHT, WIDTH))
    good = {"id": 1, "image_id": 8, "category_id": 1, "bbox": coco_box()}
    told["images"].append({"id": 8, "file_name": "good.jpg", "width": WIDTH, "height": HEIGHT})
    told["annotations"].append(good)
    write_json(folder / "result.json", told | {"info": {"contributor": "Label Studio"}})

    report = imported(folder)
    assert "export as JSON instead" in report.unused[Reason.FRAME_UNCLEAR][0]


def test_a_plain_photograph_is_copied_to_the_byte_and_another_written_anew(tmp_path):
    plain = write_photo(tmp_path / "in" / "a b.jpg")
    with Image.open(plain) as picture:
        picture.convert("CMYK").save(tmp_path / "in" / "ink.jpg", quality=95)
    for name in ("a b", "ink"):
        text = voc(voc_object("AB1"), file=f"{name}.jpg")
        (tmp_path / "in" / f"{name}.xml").write_text(text, encoding="utf-8")

    out = tmp_path / "out"
    import_folders([tmp_path / "in"], out, Options())
    (copied,) = out.glob("*/a_b-*.jpg")
    (written,) = out.glob("*/ink-*.jpg")
    assert copied.read_bytes() == plain.read_bytes()
    with Image.open(written) as picture:
        assert picture.mode == "RGB"
