"""Tests the text that Postgres gets, and the digest that tells images apart."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hkplates.database.text import image_digest, sanitise_text

MARK = "\N{REPLACEMENT CHARACTER}"
# Surrogates too: what stands for the bytes of a file name that are not UTF-8.
anything = st.text(st.characters(exclude_categories=()), max_size=60)
parts = st.tuples(*[st.text(max_size=12)] * 4)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_what_is_stored_holds_nothing_that_postgres_refuses(text: str) -> None:
    kept = sanitise_text(text)
    assert "\0" not in kept
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert len(kept) == len(text)
    assert sanitise_text(kept) == kept


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_text_that_can_be_stored_is_stored_as_it_is(text: str) -> None:
    assert sanitise_text(text) == text


def test_each_byte_that_cannot_be_stored_is_marked() -> None:
    assert sanitise_text("a\0b\udcffc\ud83d") == f"a{MARK}b{MARK}c{MARK}"


@settings(max_examples=100, deadline=None)
@given(parts, parts)
def test_two_digests_are_equal_exactly_where_all_parts_are(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    assert (image_digest(*one) == image_digest(*other)) == (one == other)


@given(st.text(min_size=1, max_size=8), st.text(max_size=8))
def test_moving_text_from_one_part_to_the_next_is_another_image(first: str, rest: str) -> None:
    assert image_digest("s3", "b", first + rest, "e") != image_digest("s3", "b" + first, rest, "e")
