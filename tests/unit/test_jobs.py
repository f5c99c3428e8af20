"""Messages: what we send is what arrives, and nothing else is believed."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hkplates.jobs import LARGEST_CHUNK, LONGEST_KEY, Chunk, ImageRef, MessageInvalid

names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=60
)
refs = st.builds(
    ImageRef,
    id=st.integers(1, 2**63 - 1),
    store=st.sampled_from(("s3", "folder")),
    bucket=names,
    key=names,
    etag=names,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
GOOD: dict[str, Any] = {"id": 1, "store": "s3", "bucket": "b", "key": "k", "etag": "e"}


@settings(max_examples=40, deadline=None)
@given(st.lists(refs, min_size=1, max_size=5))
def test_a_chunk_survives_the_queue(images: list[ImageRef]) -> None:
    chunk = Chunk(tuple(images))
    assert Chunk.from_message(json.loads(json.dumps(chunk.to_message()))) == chunk


@settings(max_examples=40, deadline=None)
@given(anything)
def test_no_message_raises_anything_but_that_it_is_invalid(message: object) -> None:
    with pytest.raises(MessageInvalid):
        Chunk.from_message(message)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(GOOD)), anything)
def test_a_field_of_another_kind_is_refused_or_read_as_it_is(name: str, value: object) -> None:
    fields = {**GOOD, name: value}
    try:
        chunk = Chunk.from_message({"version": 1, "images": [fields]})
    except MessageInvalid:
        return
    assert chunk.to_message()["images"] == [fields]


# As json.loads may give it: NaN, endless numbers, halves of characters, and nearly right messages.
hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=12)
    | st.sampled_from([1, "s3", "folder", "\0", "k" * (LONGEST_KEY + 1)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, inner))
        | st.fixed_dictionaries({"version": st.just(1) | inner, "images": inner})
        | st.fixed_dictionaries({"version": st.just(1), "images": st.lists(inner, max_size=2)})
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(hostile)
def test_a_message_is_invalid_or_is_what_it_says(message: object) -> None:
    try:
        chunk = Chunk.from_message(message)
    except MessageInvalid as error:
        assert len(str(error)) < 200  # noqa: PT017  (what is logged is short, whatever was sent)
        return
    assert chunk.to_message() == message


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        lambda fields, more: {**fields, **more},
        st.just(GOOD),
        st.dictionaries(names, hostile, max_size=2),
    )
)
def test_a_field_that_is_not_ours_is_refused(fields: dict[str, object]) -> None:
    if set(fields) == set(GOOD):
        fields = {**fields, "more": 1}
    with pytest.raises(MessageInvalid):
        Chunk.from_message({"version": 1, "images": [fields]})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"id": 0}, "positive integer", id="no id"),
        pytest.param({"id": True}, "positive integer", id="a boolean as id"),
        pytest.param({"id": 2**63}, "positive integer", id="an id beyond bigint"),
        pytest.param({"store": "ftp"}, "one of s3, folder", id="an unknown store"),
        pytest.param({"store": ["s3"]}, "one of s3, folder", id="a list as store"),
        pytest.param({"key": ""}, "text of 1 to", id="an empty key"),
        pytest.param({"key": "a\0b"}, "text of 1 to", id="NUL in the key"),
        pytest.param({"key": "k" * (LONGEST_KEY + 1)}, "text of 1 to", id="an endless key"),
        pytest.param({"extra": 1}, "to have id, store", id="one field more"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(MessageInvalid, match=says):
        Chunk.from_message({"version": 1, "images": [{**GOOD, **change}]})


@pytest.mark.parametrize("count", [0, LARGEST_CHUNK + 1])
def test_a_chunk_has_a_size(count: int) -> None:
    with pytest.raises(MessageInvalid, match="list of 1 to"):
        Chunk.from_message({"version": 1, "images": [GOOD] * count})


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(MessageInvalid, match="expected version 1"):
        Chunk.from_message({"version": version, "images": [GOOD]})
