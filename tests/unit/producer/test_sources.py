"""Sources parsed from the text that a person types, and their listing."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hkplates.errors import (
    FolderMissing,
    SourceEmpty,
    SourceError,
    SourceInvalid,
    StoreUnreachable,
)
from hkplates.recognition.images.formats import looks_like_image
from hkplates.storage.base import Entry
from hkplates.storage.folder import FolderStore
from producer.listing import Batch, Batches
from producer.sources import Source, parse_source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        pytest.param("s3://b", Source("s3", "b", ""), id="bucket"),
        pytest.param("s3://b/", Source("s3", "b", ""), id="bucket with a slash"),
        pytest.param("s3://b/a/b c+d%20/車", Source("s3", "b", "a/b c+d%20/車"), id="as it is"),
        pytest.param("s3://b//a", Source("s3", "b", "/a"), id="a key that begins with a slash"),
    ],
)
def test_a_bucket_is_read_as_it_is_typed(text: str, source: Source) -> None:
    assert parse_source(text) == source


def test_a_source_prints_as_it_would_be_typed() -> None:
    assert parse_source(str(parse_source("s3://b/a/c"))) == Source("s3", "b", "a/c")


buckets = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1)
typed = st.text(st.characters(exclude_categories=()), max_size=40)


@settings(max_examples=100, deadline=None)
@example("~0")
@example("\ud800")
@given(typed | typed.map("s3://{}".format) | typed.map("{}://x".format))
def test_whatever_is_typed_is_a_source_or_says_why_not(text: str) -> None:
    try:
        source = parse_source(text)
    except SourceError as error:
        assert str(error)  # noqa: PT017
        return
    assert parse_source(str(source)) == source


@settings(max_examples=60, deadline=None)
@given(buckets.filter(lambda name: not any(map(str.isspace, name))), st.text(max_size=30))
def test_a_prefix_of_any_characters_survives_being_shown(bucket: str, prefix: str) -> None:
    source = Source("s3", bucket, prefix)
    assert parse_source(str(source)) == source


@pytest.mark.parametrize("text", ["s3://", "s3:///key", "s3://my bucket/x", "", " ", "a\0b"])
def test_what_names_nothing_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SourceInvalid, match="expected s3://car-park"):
        parse_source(text)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(SourceInvalid, match="https:// cannot be read"):
        parse_source("https://user:secret@example.com/photos")


def test_a_folder_is_one_source_by_whatever_way_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    named = {parse_source(text) for text in ("photos", "./photos/", "link", str(folder))}
    assert named == {Source("folder", str(folder.resolve()), "")}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing, match="There is no folder"):
        parse_source(str(tmp_path / "nowhere"))


def test_a_file_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(SourceInvalid, match="hkplates read"):
        parse_source(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize("key", ["a.jpg", "a/B.JPEG", "a.b.png", "x.heic", ".jpg", "車.webp"])
def test_photographs_are_told_by_their_endings(key: str) -> None:
    assert looks_like_image(key)


@pytest.mark.parametrize("key", ["a.txt", "a.jpg/", "jpg", "a.jpg.json", "x.jpg/y", ""])
def test_other_files_are_left_out(key: str) -> None:
    assert not looks_like_image(key)


def keys(batch: Batch) -> list[str]:
    return [entry.key for entry in batch.entries]


def test_images_come_in_batches(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", "c.png", "d.jpg"):
        (tmp_path / name).write_text(name)
    found = Batches(FolderStore(), parse_source(str(tmp_path)), size=2)
    assert [keys(batch) for batch in found] == [["a.jpg", "c.png"], ["d.jpg"]]


def test_each_batch_tells_the_last_key_that_was_looked_at(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", "c.txt", "d.jpg", "e.txt", "f.txt"):
        (tmp_path / name).write_text(name)
    found = Batches(FolderStore(), parse_source(str(tmp_path)), size=9, max_keys=2)
    told = [(keys(batch), batch.listed_to) for batch in found]
    assert told == [(["a.jpg"], "b.txt"), (["d.jpg"], "d.jpg"), ([], "f.txt")]


def test_a_listing_begins_past_the_key_it_is_told(tmp_path: Path) -> None:
    for name in ("a.jpg", "a-b.jpg", "a/x.jpg", "a/y.jpg", "b.jpg", "z.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    source = parse_source(str(tmp_path))
    [found] = Batches(FolderStore(), source, after="a/x.jpg")
    assert (keys(found), found.listed_to) == (["a/y.jpg", "b.jpg"], "z.txt")
    assert list(Batches(FolderStore(), source, after="z.txt")) == []


def test_a_source_without_images_says_so(tmp_path: Path) -> None:
    (tmp_path / "b.txt").touch()
    with pytest.raises(SourceEmpty, match="No images lie in the folder"):
        next(Batches(FolderStore(), parse_source(str(tmp_path))))


class Restless:
    """A store that fails in the middle of each listing, and records the keys to list after."""

    def __init__(self, store: FolderStore, gives: int) -> None:
        self.store, self.gives, self.asked = store, gives, list[str | None]()

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        self.asked.append(after)
        yield from islice(self.store.list(bucket, prefix, after=after), self.gives)
        raise StoreUnreachable("away")

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        return self.store.read(bucket, key, etag, limit=limit)


def test_a_listing_goes_on_past_the_last_key_when_the_store_is_back(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", "c.jpg", "d.jpg", "e.jpg"):
        (tmp_path / name).write_text(name)
    store = Restless(FolderStore(), gives=2)
    found = Batches(store, parse_source(str(tmp_path)), size=3)
    with pytest.raises(StoreUnreachable):
        next(found)
    assert keys(next(found)) == ["a.jpg", "c.jpg", "d.jpg"]
    found.store = FolderStore()
    with pytest.raises(StoreUnreachable):
        next(found)
    assert keys(next(found)) == ["e.jpg"]
    assert list(found) == []
    assert store.asked == [None, "b.txt"]
