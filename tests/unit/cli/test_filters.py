"""Tests the options that filter sightings, in the words people type."""

from datetime import UTC, datetime

import pytest
import typer

from cli.commands import filters


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        pytest.param("2026", (2025, 12, 31, 16), (2026, 12, 31, 16), id="a year"),
        pytest.param("2026-12", (2026, 11, 30, 16), (2026, 12, 31, 16), id="a month"),
        pytest.param("2026-02-28", (2026, 2, 27, 16), (2026, 2, 28, 16), id="a day"),
        pytest.param("2026-07-15T08:30", *[(2026, 7, 15, 0, 30)] * 2, id="a moment"),
        pytest.param("2026-07-15 08:30Z", *[(2026, 7, 15, 8, 30)] * 2, id="a moment in UTC"),
        pytest.param(" 2026-07-15 ", (2026, 7, 14, 16), (2026, 7, 15, 16), id="blanks around"),
    ],
)
def test_since_begins_with_a_time_and_until_includes_all_of_it(
    text: str, begins: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    assert filters.since(text) == datetime(*begins, tzinfo=UTC)  # type: ignore[arg-type,misc]
    assert filters.until(text) == datetime(*ends, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize("text", ["", "26", "July", "2026-13", "2026-02-30", "9999", "2026-07-15T"])
def test_what_is_no_time_is_told_with_what_was_expected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--until expected a year, month, day or moment"):
        filters.until(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ab o?23*", "AB0?23*"), ("I*", "1*"), ("*", "*"), ("AG 5555", "AG5555")],
)
def test_a_mark_is_asked_for_in_the_form_it_is_stored_in(text: str, expected: str) -> None:
    assert filters.mark(text) == expected


def test_a_mark_without_a_character_of_marks_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="expected a mark like"):
        filters.mark("車")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026/07/", "2026/07/"),
        ("s3://car-park/2026/", "s3://car-park/2026/"),
        ("/data/photos/", "file:///data/photos/"),
        ("", None),
    ],
)
def test_a_prefix_is_one_of_keys_or_with_a_place_one_of_addresses(
    text: str, expected: str | None
) -> None:
    assert filters.prefix(text) == expected


def test_nothing_asked_narrows_nothing() -> None:
    asked = (filters.since, filters.until, filters.prefix, filters.mark)
    assert [one(None) for one in asked] == [None] * 4
