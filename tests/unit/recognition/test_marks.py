"""Normalises and classifies Hong Kong registration marks (Cap. 374E, regulation 12E)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.marks import (
    ALPHABET,
    RULES,
    canonical,
    differing_positions,
    is_mark,
    printing_differences,
    series,
    usual_spelling,
)

MARKS = st.text(ALPHABET, min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("printed", "mark"),
    [
        pytest.param("AG 5555", "AG5555", id="blank"),
        pytest.param("NARITA", "NAR1TA", id="I is 1"),
        pytest.param("LOVE BB", "L0VEBB", id="O is 0"),
        pytest.param("ab12", "AB12", id="lower case"),
        pytest.param("AB\n1234", "AB1234", id="two rows"),
        pytest.param("·RK-706.", "RK706", id="dots"),
        pytest.param("粤Z·50Q1港", "Z50Q1", id="not Latin"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_marks_are_written_as_the_registry_does(printed: str, mark: str) -> None:
    assert canonical(printed) == mark


@given(st.text())
def test_a_canonical_mark_is_its_own_canonical_mark(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.text())
def test_a_canonical_mark_has_only_letters_and_digits_and_no_i_nor_o(text: str) -> None:
    assert set(canonical(text)) <= set(ALPHABET + "Q")


def test_the_alphabet_is_33_characters_without_i_o_and_q() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 33
    assert not set("IOQ") & set(ALPHABET)


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("AG5555", "usual"),
        ("HK1", "usual"),
        ("XX9999", "usual"),
        ("4", "numeral"),
        ("9999", "numeral"),
        ("AM189", "government"),
        ("A123", "ambulance"),
        ("F1234", "fire"),
        ("LC12", "legislative"),
        ("ZG99", "zg"),
        ("VV88", "vip"),
        ("T1234", "trade"),
        ("T12345", "trade"),
        ("1234T", "trailer"),
        ("12345T", "trailer"),
        ("FT1", "cross_boundary"),
        ("FU1234", "cross_boundary"),
        ("FV7042", "cross_boundary"),
        ("NAR1TA", "personalised"),
        ("NARITA", "personalised"),
        ("BABYBABY", "personalised"),
        ("AB0123", "personalised"),  # the usual series has no leading zero
        ("AB12345", "personalised"),
        ("ABC123", "personalised"),
        ("12AB", "personalised"),
        ("AQ1234", "unknown"),  # no mark has a Q
        ("ABCDEFGHJ", "unknown"),  # nor nine characters
        ("", "unknown"),
    ],
)
def test_each_mark_has_its_series(mark: str, name: str) -> None:
    assert series(mark) == name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_example_of_a_series_is_of_that_series(rule) -> None:
    assert series(rule.example) == rule.name


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("AG5555", ()),
        ("AG 5555", ("a blank is printed",)),
        ("NARITA", ("I is printed for 1",)),
        ("OI OI", ("I is printed for 1", "O is printed for 0", "a blank is printed")),
        ("", ()),
    ],
)
def test_printing_differences_are_explained(text: str, reasons: tuple[str, ...]) -> None:
    assert printing_differences(text) == reasons


@given(st.text(ALPHABET + "IO ", max_size=9))
def test_print_and_mark_differ_exactly_where_a_difference_is_explained(text: str) -> None:
    assert bool(printing_differences(text)) == (canonical(text) != text.strip())


@given(MARKS)
def test_everything_of_the_alphabet_is_a_mark_of_some_series(mark: str) -> None:
    assert is_mark(mark)
    assert series(mark) != "unknown"


@given(st.text())
def test_a_text_that_is_no_mark_has_no_series(text: str) -> None:
    assert is_mark(text) == (series(text) != "unknown")


@pytest.mark.parametrize(
    ("read", "usual"),
    [("RKB19", "RK819"), ("UZS171", "UZ5171"), ("8S3303", "BS3303"), ("ABZZ", "AB22")],
)
def test_like_shapes_are_exchanged_for_a_usual_mark(read: str, usual: str) -> None:
    assert usual_spelling(read) == usual
    assert series(usual) == "usual"


@pytest.mark.parametrize("read", ["AG5555", "4", "AM12", "NAR1TA", "L0VEBB", "", "WILLIU", "AB012"])
def test_a_mark_is_left_alone_where_it_has_a_series_or_cannot_be_usual(read: str) -> None:
    assert usual_spelling(read) is None


@given(MARKS)
def test_a_spelling_differs_only_at_its_differing_positions(mark: str) -> None:
    spelling = usual_spelling(mark)
    if spelling is not None:
        places = differing_positions(mark, spelling)
        kept = [character for place, character in enumerate(mark) if place not in places]
        assert kept == [spelling[place] for place in range(len(mark)) if place not in places]
        assert places
