"""Recognises plates with a fake detector and a fake reader."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.images.annotate import annotated_name, draw_plates, save_annotated
from hkplates.recognition.recogniser import Recogniser, open_recogniser
from hkplates.recognition.score_fusion import ScoreFusion
from hkplates.recognition.types import (
    MAX_INCOMPLETE_CONFIDENCE,
    Candidate,
    Crop,
    Detection,
    Photo,
    PlateReading,
    Quad,
    Region,
    TextReading,
)

WHITE, YELLOW, BLACK, GREEN = (235, 235, 235), (230, 180, 20), (15, 15, 15), (20, 160, 90)


def quad(left: float, top: float, width: float = 100, height: float = 24) -> Quad:
    right, bottom = left + width, top + height
    return Quad((left, top), (right, top), (right, bottom), (left, bottom))


class Finds:
    """A detector that finds the same plates in every photograph."""

    sha256 = "d" * 64

    def __init__(self, *detections: Detection) -> None:
        self._detections = list(detections)

    def detect(self, photo: Photo) -> list[Detection]:
        return list(self._detections)


class Reads:
    """A reader that gives its texts in order, and remembers how often it was asked."""

    name, version = "fake", "fake 1"

    def __init__(self, *texts: str, confidence: float = 0.8) -> None:
        self._texts = iter(texts)
        self._confidence = confidence
        self.calls: list[int] = []

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        self.calls.append(len(crops))
        return [self._reading(next(self._texts)) for _ in crops]

    def _reading(self, text: str) -> TextReading:
        if not text:
            return TextReading("", 0.0, (), 1)
        letters = tuple(self._confidence for letter in text if letter != " ")
        candidates = (Candidate(text, self._confidence),)
        return TextReading(text, self._confidence, letters, 1, candidates)


def photo(paper: tuple[int, int, int] = WHITE) -> Photo:
    """Draws 400 x 300 pixels of one colour with dark bars where characters would be."""
    pixels = np.full((300, 400, 3), paper, np.uint8)
    ink = WHITE if paper == BLACK else BLACK
    pixels[:, ::12] = pixels[:, 1::12] = ink
    return pixels


def one(text: str, paper: tuple[int, int, int] = WHITE, region: Region = "HK") -> PlateReading:
    detector = Finds(Detection(quad(100, 100), 0.9, region))
    return Recogniser(detector, Reads(text)).recognise([photo(paper)])[0][0]


def test_a_plate_is_reported_as_printed_and_as_the_registry_writes_it() -> None:
    plate = one("NARITA")
    assert (plate.text, plate.mark, plate.series) == ("NARITA", "NAR1TA", "personalised")
    assert (plate.reader, plate.rows, plate.quad) == ("fake", 1, quad(100, 100))


def test_the_confidence_is_that_of_finding_and_of_reading() -> None:
    plate = one("AG 5555")
    assert plate.confidence == pytest.approx(0.9 * 0.8)
    assert plate.detector_score == pytest.approx(0.9)
    assert plate.character_confidences == (0.8,) * 6
    assert plate.candidates == (Candidate("AG 5555", 0.8),)


def test_a_plate_that_the_edge_cuts_is_no_whole_mark() -> None:
    detector = Finds(Detection(quad(-2, 100, 72), 0.9, "HK"))
    plate = Recogniser(detector, Reads("4086", confidence=1.0)).recognise([photo()])[0][0]
    assert (plate.mark, plate.pattern, plate.complete) == ("4086", "?4086", False)
    assert plate.series == "unknown"
    assert plate.confidence == pytest.approx(0.9 * 0.5)


def test_a_plate_that_cannot_be_read_is_still_reported() -> None:
    plate = one("")
    assert (plate.mark, plate.text, plate.series, plate.confidence) == ("", "", "unknown", 0.0)


def test_what_is_no_mark_is_not_hidden() -> None:
    plate = one("EXIT ONLY NOW")
    assert (plate.mark, plate.series, plate.region) == ("EX1T0NLYN0W", "unknown", "HK")


def test_all_plates_of_all_photographs_are_read_in_one_call() -> None:
    detector = Finds(Detection(quad(10, 10), 0.9, "HK"), Detection(quad(10, 60), 0.9, "HK"))
    reader = Reads("AA1", "AA2", "AA3", "AA4", "AA5", "AA6")
    read = Recogniser(detector, reader).recognise([photo()] * 3)
    assert reader.calls == [6]
    assert [[plate.mark for plate in plates] for plates in read] == [
        ["AA1", "AA2"],
        ["AA3", "AA4"],
        ["AA5", "AA6"],
    ]


def test_plates_come_left_to_right_then_top_to_bottom() -> None:
    places = [(200.0, 10.0), (10.0, 90.0), (10.0, 20.0)]
    detector = Finds(*(Detection(quad(x, y), 0.9, "HK") for x, y in places))
    plates = Recogniser(detector, Reads("A1", "A2", "A3")).recognise([photo()])[0]
    assert [(plate.box.left, plate.box.top) for plate in plates] == sorted(places)


def test_a_photograph_without_plates_gives_none() -> None:
    assert Recogniser(Finds(), Reads()).recognise([photo()]) == [[]]


@pytest.mark.parametrize(
    ("paper", "colour"),
    [(WHITE, "white"), (YELLOW, "yellow"), (BLACK, "other"), (GREEN, "other")],
    ids=["white", "yellow", "black", "green"],
)
def test_the_papers_colour_is_told(paper: tuple[int, int, int], colour: str) -> None:
    assert one("AB1234", paper).colour == colour


def test_a_plate_in_shadow_stays_what_the_detector_says() -> None:
    assert one("LOVE B", BLACK).region == "HK"
    assert one("AB 1234", BLACK).region == "HK"


def test_a_plate_of_elsewhere_stays_so_whatever_is_read() -> None:
    assert one("AB 123 CD", WHITE, "other").region == "other"
    assert one("B123", WHITE, "other").region == "other"
    assert one("NARITA", YELLOW, "other").region == "other"


def test_the_version_names_all_that_the_readings_depend_on() -> None:
    version = Recogniser(Finds(), Reads(), {"threshold": 0.4}).version
    assert (version.detector, version.reader) == ("d" * 64, "fake 1")
    assert version.config == {"threshold": 0.4}


@pytest.mark.parametrize("place", [(0.0, 0.0), (300.0, 276.0), (-30.0, 290.0), (150.0, 5.0)])
def test_a_drawing_leaves_the_photograph_as_it_was(place: tuple[float, float]) -> None:
    before = photo()
    plates = Recogniser(Finds(Detection(quad(*place), 0.9, "HK")), Reads("AB1")).recognise([before])
    drawn = draw_plates(before, plates[0])
    assert drawn.shape == before.shape
    assert (drawn != before).any()
    assert np.array_equal(before, photo())


def test_a_drawing_of_a_plate_hides_no_other_plate() -> None:
    blank = np.full((300, 400, 3), 128, np.uint8)
    upper, lower = quad(100, 100), quad(100, 126)
    detector = Finds(Detection(upper, 0.9, "HK"), Detection(lower, 0.9, "other"))
    plates = Recogniser(detector, Reads("AB1234", "Z1234G")).recognise([blank])[0]
    drawn = draw_plates(blank, plates)
    for inside in (drawn[104:120, 104:196], drawn[130:146, 104:196]):
        assert (inside == 128).all()


def test_drawings_of_one_name_do_not_meet_and_do_not_leave_the_folder(tmp_path: Path) -> None:
    sources = [
        "a/gate.jpg",
        "b/gate.jpg",
        "../gate.jpg",
        "/etc/../gate.png",
        "..",
        "x/\n\x1b[2J.jpg",
    ]
    paths = {save_annotated(photo(), [], source, tmp_path) for source in sources}
    assert len(paths) == len(sources)
    assert {path.resolve().parent for path in paths} == {tmp_path.resolve()}
    assert all(path.stat().st_size > 100 for path in paths)


def test_a_drawing_has_the_same_name_each_time() -> None:
    assert annotated_name("a/gate.jpg") == annotated_name("a/gate.jpg")
    assert annotated_name("a/gate.jpg").startswith("gate-")


FUSION = ScoreFusion(
    score_weight=0.4,
    reading_weight=0.4,
    form_weights={"lettered": 1.4, "foreign": -1.4},
    bias=-0.6,
    threshold=0.3,
)


@pytest.mark.parametrize(
    ("score", "text", "confidence", "region"),
    [
        pytest.param(0.4, "AUDREY", 0.9, "HK", id="doubted where it is, plainly read"),
        pytest.param(0.9, "AUDREY", 0.2, "HK", id="plain where it is, hardly read"),
        pytest.param(0.4, "UUUT", 0.2, "other", id="neither"),
        pytest.param(0.2, "NR 6232", 0.7, "HK", id="a usual mark, read rather than not"),
        pytest.param(0.6, "JJ 71", 0.02, "other", id="a usual mark, guessed"),
        pytest.param(0.6, "", 0.0, "HK", id="no text, rather a plate"),
        pytest.param(0.4, "", 0.0, "other", id="no text, rather none"),
    ],
)
def test_what_is_read_helps_to_tell_what_was_found(
    score: float, text: str, confidence: float, region: Region
) -> None:
    detector = Finds(Detection(quad(100, 100), score, "HK"))
    recogniser = Recogniser(detector, Reads(text, confidence=confidence), score_fusion=FUSION)

    ((plate,),) = recogniser.recognise([photo()])

    assert plate.region == region


def test_the_bundles_score_fusion_is_the_one_that_counts() -> None:
    models = Path(__file__).parents[3] / "models"
    recogniser = open_recogniser(models, "litert", None, "none")
    assert recogniser.score_fusion == open_bundle(models / "detector" / "bundle").score_fusion
    assert recogniser.score_fusion != ScoreFusion()


def test_the_confidence_is_that_of_a_plate_which_reads_so() -> None:
    detector = Finds(Detection(quad(100, 100), 0.4, "HK"))
    recogniser = Recogniser(detector, Reads("AB 1234", confidence=0.9), score_fusion=FUSION)

    ((plate,),) = recogniser.recognise([photo()])

    assert plate.detector_score > 0.4
    assert plate.confidence == pytest.approx(plate.detector_score * 0.9)


def test_another_places_design_that_reads_as_a_usual_mark_is_hong_kongs() -> None:
    detector = Finds(Detection(quad(100, 100), 0.6, "other", 0.35))
    recogniser = Recogniser(detector, Reads("TL 690", confidence=0.9), score_fusion=FUSION)

    ((plate,),) = recogniser.recognise([photo()])

    assert plate.region == "HK"
    assert plate.detector_score > 0.35


def test_a_part_of_a_mark_is_not_held_against_a_plate_that_looks_like_hong_kongs() -> None:
    """At the photograph's left edge a plate of 90 x 24 shows 4086: its letters are cut off."""
    detector = Finds(Detection(quad(0, 100, 90), 0.9, "HK", 0.9))
    fusion = ScoreFusion(1.0, 0.0, {"digits": -5.0}, threshold=0.5)
    recogniser = Recogniser(detector, Reads("4086", confidence=0.9), score_fusion=fusion)

    ((plate,),) = recogniser.recognise([photo()])

    assert (plate.region, plate.pattern, plate.series) == ("HK", "?4086", "unknown")
    assert plate.confidence == pytest.approx(0.9 * 0.9 * MAX_INCOMPLETE_CONFIDENCE)


def test_of_another_countrys_plate_the_score_stays_as_it_is() -> None:
    detector = Finds(Detection(quad(100, 100), 0.4, "other"))
    recogniser = Recogniser(detector, Reads("AB 123 C", confidence=0.9), score_fusion=FUSION)

    ((plate,),) = recogniser.recognise([photo()])

    assert plate.confidence == pytest.approx(0.4 * 0.9)
