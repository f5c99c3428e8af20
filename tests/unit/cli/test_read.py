"""Tests `hkplates read` with a recogniser that knows what is on each photograph."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cli.sightings import read as reading
from cli.sightings.read import read_photos
from hkplates.errors import SettingInvalid, SourceEmpty
from hkplates.exit_status import ExitStatus
from hkplates.recognition.images.decode import decode
from hkplates.recognition.types import (
    Candidate,
    DetectedPlate,
    Detection,
    Photo,
    PlateReading,
    Quad,
)
from hkplates.settings import Settings

QUAD = Quad((10.0, 20.0), (70.0, 22.0), (70.04, 36.0), (10.0, 34.0))
PLATE = PlateReading(
    mark="AG5555",
    text="AG 5555",
    region="HK",
    series="usual",
    rows=1,
    colour="white",
    confidence=0.876543,
    character_confidences=(0.98,) * 6,
    candidates=(Candidate("AG 5555", 0.95),),
    quad=QUAD,
    detector_score=0.92,
    reader="fake",
)


class OnePlateOnLightPhotos:
    """Finds a plate on photographs that are not dark; remembers the sizes of its reads."""

    def __init__(self) -> None:
        self.reads: list[int] = []

    def find(self, photo: Photo) -> list[DetectedPlate]:
        crop = np.zeros((9, 9, 3), np.uint8)
        return [DetectedPlate(Detection(QUAD, 0.92, "HK"), crop)] if photo.mean() > 100 else []

    def read(self, found: Sequence[DetectedPlate]) -> list[PlateReading]:
        self.reads.append(len(found))
        return [PLATE for _ in found]


@pytest.fixture
def recogniser(monkeypatch: pytest.MonkeyPatch) -> OnePlateOnLightPhotos:
    fake = OnePlateOnLightPhotos()
    monkeypatch.setattr("hkplates.recognition.recogniser.open_recogniser", lambda *_: fake)
    return fake


pytestmark = pytest.mark.usefixtures("recogniser")


def photo(path: Path, shade: int = 200) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (120, 80), (shade, shade, shade)).save(path)
    return str(path)


def read(
    capsys: pytest.CaptureFixture[str], *paths: str, draw: Path | None = None
) -> tuple[int, list[dict[str, Any]]]:
    status = read_photos(paths, True, draw, Settings())
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_photograph_is_one_json_object_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = photo(tmp_path / "gate.jpg")
    status, printed = read(capsys, path)
    assert status == 0
    assert printed == [
        {
            "image": path,
            "width": 120,
            "height": 80,
            "error": None,
            "plates": [
                {
                    "mark": "AG5555",
                    "text": "AG 5555",
                    "region": "HK",
                    "series": "usual",
                    "rows": 1,
                    "colour": "white",
                    "confidence": 0.8765,
                    "box": [10.0, 20.0, 60.0, 16.0],
                    "quad": [[10.0, 20.0], [70.0, 22.0], [70.0, 36.0], [10.0, 34.0]],
                    "reader": "fake",
                    "detector_score": 0.92,
                    "character_confidences": [0.98] * 6,
                    "candidates": [{"text": "AG 5555", "confidence": 0.95}],
                    "complete": True,
                    "pattern": "AG5555",
                }
            ],
        }
    ]


def test_a_photograph_without_plates_has_an_empty_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed = read(capsys, photo(tmp_path / "dark.png", shade=5))
    assert (status, printed[0]["plates"], printed[0]["error"]) == (0, [], None)


def test_what_cannot_be_read_says_why_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, empty = tmp_path / "notes.jpg", tmp_path / "empty.jpg"
    text.write_text("dear diary")
    empty.write_bytes(b"")
    missing = str(tmp_path / "missing.jpg")
    names = [str(text), missing, photo(tmp_path / "good.jpg"), str(empty), str(tmp_path / "a\0b")]
    status, printed = read(capsys, *names)
    assert status == 1
    assert [line["image"] for line in printed] == names
    reasons = [line["error"] and line["error"]["reason"] for line in printed]
    assert reasons == ["undecodable", "missing", None, "empty", "missing"]
    assert all(line["error"]["detail"] for line in printed if line["error"])
    assert (printed[0]["width"], printed[0]["plates"]) == (None, [])
    assert printed[2]["plates"][0]["mark"] == "AG5555"


def test_a_letter_printed_for_a_digit_is_told_beside_the_mark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    narita = replace(PLATE, mark="NAR1TA", text="NAR ITA", series="personalised")
    monkeypatch.setattr(OnePlateOnLightPhotos, "read", lambda self, found: [narita] * len(found))
    read_photos([photo(tmp_path / "gate.jpg")], False, None, Settings())
    assert "NAR1TA (HK, white, 88%, I is printed for 1)" in capsys.readouterr().out


def test_nothing_of_what_was_named_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "no" / "such" / "folder")
    (tmp_path / "empty").mkdir()
    for names in ([missing], [missing, missing], [missing, str(tmp_path / "empty")]):
        status, printed = read(capsys, *names)
        assert status == ExitStatus.SOURCE_UNREADABLE
        assert {line["error"]["reason"] for line in printed} == {"missing"}
    status, _ = read(capsys, missing, photo(tmp_path / "gate.jpg"))
    assert status == ExitStatus.SOME_FAILED


def test_a_plate_that_no_reader_read_has_no_confidence_to_print(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = replace(PLATE, mark="", text="", confidence=0.0, reader="none")
    monkeypatch.setattr(OnePlateOnLightPhotos, "read", lambda self, found: [unread] * len(found))
    read_photos([photo(tmp_path / "gate.jpg")], False, None, Settings())
    assert capsys.readouterr().out.endswith("gate.jpg: a plate, not read (HK, white)\n")


def test_a_file_over_the_limit_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HKPLATES_MAX_IMAGE_BYTES", "100")
    status, printed = read(capsys, photo(tmp_path / "gate.jpg"))
    assert (status, printed[0]["error"]["reason"]) == (1, "too_large")


def test_a_folder_gives_its_photographs_at_any_depth_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.jpg", "a.png", "2026/07/c.JPG", "2026/d.webp"):
        photo(tmp_path / name)
    (tmp_path / "labels.jsonl").write_text("{}")
    _, printed = read(capsys, str(tmp_path))
    names = [str(Path(line["image"]).relative_to(tmp_path)) for line in printed]
    assert names == ["a.png", "b.jpg", "2026/d.webp", "2026/07/c.JPG"]


def test_a_pattern_gives_the_files_that_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "b.png", "deep/c.jpg"):
        photo(tmp_path / name)
    _, printed = read(capsys, f"{tmp_path}/**/*.jpg")
    assert {Path(line["image"]).name for line in printed} == {"a.jpg", "c.jpg"}


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = photo(tmp_path / "gate[1].jpg")
    assert [line["image"] for line in read(capsys, path)[1]] == [path]


def test_a_link_out_of_the_folder_is_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = photo(tmp_path / "outside" / "secret.jpg")
    photo(tmp_path / "inside" / "own.jpg")
    (tmp_path / "inside" / "link.jpg").symlink_to(outside)
    (tmp_path / "inside" / "folder").symlink_to(tmp_path / "outside")
    _, printed = read(capsys, str(tmp_path / "inside"))
    assert [Path(line["image"]).name for line in printed] == ["own.jpg"]


@pytest.mark.parametrize("name", ["", "*.jpg"])
def test_where_there_is_nothing_to_read_one_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceEmpty):
        read_photos([str(tmp_path / name)], True, None, Settings())


def test_the_plates_of_many_photographs_are_read_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recogniser: OnePlateOnLightPhotos
) -> None:
    for number in range(reading.BATCH + 3):
        photo(tmp_path / f"{number:03}.jpg")
    _, printed = read(capsys, str(tmp_path))
    assert len(printed) == reading.BATCH + 3
    assert recogniser.reads == [reading.BATCH, 3]


def test_without_json_a_line_for_each_photograph_is_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, dark = photo(tmp_path / "good.jpg"), photo(tmp_path / "dark.jpg", shade=5)
    odd = str(tmp_path / "no\x1b.jpg")
    assert read_photos([good, dark, odd], False, None, Settings()) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{good}: AG5555 (HK, white, 88%)"
    assert lines[1] == f"{dark}: no plate"
    assert "not read (missing)" in lines[2]
    assert "\x1b" not in lines[2]


def test_marked_copies_are_written_and_not_read_as_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo(tmp_path / "gate.jpg")
    photo(tmp_path / "deep" / "gate.jpg")
    for _ in range(2):
        status, printed = read(capsys, str(tmp_path), draw=tmp_path / "drawn")
        assert (status, len(printed)) == (0, 2)
    copies = sorted((tmp_path / "drawn").iterdir())
    assert len(copies) == 2
    for copy in copies:
        assert decode(copy.read_bytes(), max_pixels=10**6).pixels.shape == (80, 120, 3)


def test_a_folder_for_copies_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = photo(tmp_path / "gate.jpg")
    with pytest.raises(SettingInvalid, match="--draw"):
        read_photos([file], True, Path(file), Settings())


def test_an_empty_folder_does_not_keep_the_others_from_being_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    good = photo(tmp_path / "good.jpg")
    assert read_photos([str(tmp_path / "empty"), good], True, None, Settings()) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["image"] for line in said.out.splitlines()] == [good]
    assert "No photographs lie in the folder" in said.err


def test_a_photograph_that_changes_before_it_is_drawn_does_not_end_the_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    recogniser: OnePlateOnLightPhotos,
) -> None:
    names = [photo(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    found = recogniser.read

    def remove_the_first(plates: Sequence[DetectedPlate]) -> list[PlateReading]:
        Path(names[0]).unlink(missing_ok=True)
        return found(plates)

    monkeypatch.setattr(recogniser, "read", remove_the_first)
    assert read_photos(names, True, tmp_path / "drawn", Settings()) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["error"] for line in said.out.splitlines()] == [None, None]
    assert "a.jpg changed while it was read and was not drawn" in said.err
    assert len(list((tmp_path / "drawn").iterdir())) == 1
