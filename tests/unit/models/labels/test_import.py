"""Folders are imported together, split by vehicle, and a sheet shows what was understood."""

from dataclasses import replace

from PIL import Image
from support.label_files import (
    HEIGHT,
    WIDTH,
    coco_box,
    cvat,
    cvat_box,
    read_side,
    voc,
    voc_object,
    write_photo,
)

from hkplates.database.reviews.corrections import Correction
from hkplates.jobs import ImageRef
from hkplates.reporting.training_labels import json_line, training_label
from models.labels.__main__ import main
from models.labels.importing import Options, import_folders
from models.labels.records import Reason

CORRECTION = Correction(
    image=ImageRef(12, "s3", "gate", "a.jpg", "etag"),
    width=WIDTH,
    height=HEIGHT,
    plate_id=1,
    verdict="corrected",
    text="AB 1235",
    mark="AB1235",
    region="HK",
    rows=1,
    colour="white",
    box=coco_box(),
    quad=[[60, 100], [178, 102], [180, 130], [62, 128]],
    beyond_sight=False,
)


def write_voc(folder, name, mark, seed):
    write_photo(folder / f"{name}.jpg", seed=seed)
    text = voc(voc_object(mark), file=f"{name}.jpg")
    (folder / f"{name}.xml").write_text(text, encoding="utf-8")


def marks(rows):
    return {plate["mark"] for row in rows for plate in row["plates"]}


def test_a_fifth_of_the_vehicles_is_held_back(tmp_path):
    for number in range(20):
        write_voc(tmp_path / "in", f"p{number}", f"AB{1 + number // 2}", number)

    import_folders([tmp_path / "in"], tmp_path / "out", Options())
    train, held = (read_side(tmp_path / "out" / side) for side in ("train", "dev"))
    assert (len(train), len(held)) == (16, 4)
    assert not marks(train) & marks(held)


def test_corrections_go_in_beside_other_labels_and_count_more(tmp_path):
    """The page's word on a photograph that was labelled elsewhere as well is the later one."""
    write_voc(tmp_path / "mine", "a", "AB1234", 1)
    write_voc(tmp_path / "mine", "b", "CD5678", 2)
    corrected = tmp_path / "corrected"
    row = training_label([CORRECTION])
    write_photo(corrected / row["file"], seed=1)
    (corrected / "labels.jsonl").write_bytes(json_line(row))

    folders = [tmp_path / "mine", corrected]
    report = import_folders(folders, tmp_path / "out", Options())
    rows = [row for side in ("train", "dev") for row in read_side(tmp_path / "out" / side)]
    assert marks(rows) == {"AB1235", "CD5678"}
    assert report.unused[Reason.DUPLICATE] == ["a.xml a.jpg"]
    assert len(list((tmp_path / "out").glob("*/*.jpg"))) == 2


def test_a_mark_links_photographs_also_where_it_is_not_seen_whole(tmp_path):
    """As a correction of a plate that the edge cuts: its text is told, and not to be read."""
    cut = replace(CORRECTION, beyond_sight=True, image=replace(CORRECTION.image, id=13))
    lines = []
    for number, one in enumerate([CORRECTION, cut]):
        row = training_label([one])
        write_photo(tmp_path / "in" / row["file"], seed=number)
        lines.append(json_line(row))
    (tmp_path / "in" / "labels.jsonl").write_bytes(b"".join(lines))

    report = import_folders([tmp_path / "in"], tmp_path / "out", Options())
    assert [len(report.sides[side]) for side in ("train", "dev")] == [2, 0]
    assert [row["plates"][0]["text"] for row in report.sides["train"]] == ["AB1235", None]


def test_photographs_of_one_name_in_two_folders_are_both_kept(tmp_path):
    for number, place in enumerate(("one", "two")):
        write_voc(tmp_path / "in" / place, "a", f"AB{number + 1}", number)

    import_folders([tmp_path / "in"], tmp_path / "out", Options())
    assert len(list((tmp_path / "out").glob("*/a-*.jpg"))) == 2


def test_a_photograph_without_plates_is_kept_as_one(tmp_path):
    write_voc(tmp_path / "in", "a", "AB1234", 1)
    write_photo(tmp_path / "in" / "empty.jpg", seed=2)
    (tmp_path / "in" / "empty.xml").write_text(voc(file="empty.jpg"), encoding="utf-8")

    import_folders([tmp_path / "in"], tmp_path / "out", Options())
    rows = [row for side in ("train", "dev") for row in read_side(tmp_path / "out" / side)]
    assert sorted(len(row["plates"]) for row in rows) == [0, 1]


def test_the_command_tells_what_it_made_and_what_is_next(tmp_path, capsys):
    write_voc(tmp_path / "in", "a", "AB1234", 1)
    write_voc(tmp_path / "in", "b", "CD5678", 2)

    assert main(["import", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "Pascal VOC (LabelImg), 2 photographs labelled" in told
    assert "objects named after their marks: 2 (AB1234; CD5678)" in told
    assert "train: 1 photographs, 1 plates, 1 with their text" in told
    assert f"make fine-tune DATA={tmp_path / 'out'}" in told
    with Image.open(tmp_path / "out" / "plates.png") as sheet:
        assert sheet.size[0] > 1000


def test_a_chinese_file_name_is_found_and_named_in_latin(tmp_path):
    write_photo(tmp_path / "in" / "相片 1.jpg")
    text = cvat(cvat_box("AB1234"), file="相片 1.jpg")
    (tmp_path / "in" / "annotations.xml").write_text(text, encoding="utf-8")

    import_folders([tmp_path / "in"], tmp_path / "out", Options())
    (row,) = read_side(tmp_path / "out" / "train")
    assert row["file"].isascii()
    assert "相片 1.jpg" in row["source"]
