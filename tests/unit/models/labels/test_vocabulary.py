"""Names of classes and texts of plates are read as people write them."""

import pytest

from models.labels import vocabulary
from models.labels.vocabulary import PlateText

FULL_WIDTH = "".join(chr(ord(character) - ord("!") + 0xFF01) for character in "AB1234")


@pytest.mark.parametrize(
    ("name", "is_plate"),
    [
        pytest.param(name, is_plate, id=name)
        for name, is_plate in [
            *[("plate", True), ("License Plate", True), ("license-plate", True), ("licence", True)],
            *[("number_plate", True), ("numberPlate", True), ("LP", True), ("車牌", True)],
            *[("号牌", True), ("hk_plate_white", True), ("car", False), ("help", False)],
            *[("no_plate", False), ("plate_character", False), ("digit", False), ("A", False)],
        ]
    ],
)
def test_classes_that_name_a_plate(name, is_plate):
    assert vocabulary.names_plate(name) is is_plate


@pytest.mark.parametrize(
    ("name", "is_mark"),
    [
        pytest.param(name, is_mark, id=name)
        for name, is_mark in [
            *[("AB1234", True), ("ab 1234", True), ("HK1", True), ("NARITA", False)],
            *[("car", False), ("1", False), ("A", False), ("AQ12", False), ("粤Z1234港", False)],
            *[("AB12345678", False), ("plate?1", False)],
        ]
    ],
)
def test_names_that_look_like_a_mark(name, is_mark):
    assert vocabulary.looks_like_mark(name) is is_mark


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("AB1234", PlateText("AB1234"), id="plain"),
        pytest.param(" ab 12-34 ", PlateText("AB1234"), id="blanks, dash, small letters"),
        pytest.param("AB\n1234", PlateText("AB1234", rows=2), id="in two lines"),
        pytest.param(FULL_WIDTH, PlateText("AB1234"), id="full width"),
        pytest.param("NARITA", PlateText("NARITA"), id="I is kept"),
        *[
            pytest.param(word, PlateText(), id=f"unreadable: {word}")
            for word in ("", "?", "###", "unknown", "N/A", "Illegible", "xxx", "-")
        ],
        pytest.param("AB12?4", PlateText(raw="AB12?4"), id="one character not read"),
        pytest.param("AQ1234", PlateText(raw="AQ1234"), id="a letter no mark has"),
        pytest.param("AB12345678", PlateText(raw="AB12345678"), id="too long"),
        pytest.param("粤Z1234港", PlateText(raw="粤Z1234港"), id="a mainland plate"),
    ],
)
def test_texts(written, expected):
    assert vocabulary.read_text(written) == expected


def test_the_likeliest_attribute_is_the_text():
    attributes = {"Number": "2", "Licence Plate": "AB1234", "colour": "white"}

    assert vocabulary.lookup(attributes, vocabulary.TEXT_NAMES) == "AB1234"


@pytest.mark.parametrize("attributes", [{"readable": "false"}, {"Illegible": "True"}])
def test_a_plate_may_be_said_to_be_unreadable(attributes):
    assert vocabulary.is_unreadable(attributes)
    assert not vocabulary.is_unreadable({"text": "AB1234"})
