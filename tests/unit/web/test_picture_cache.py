"""Tests of the picture cache: files are whole or absent, and never exceed the limit."""

import os
from pathlib import Path

import structlog

from web.pictures.cache import PictureCache


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*/*")}


def test_what_was_kept_is_found_again_by_its_name_alone(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path / "pictures", 1000)
    cache.put("ab12", b"picture")
    assert cache.get("ab12") == b"picture"
    assert cache.get("ab13") is None


def test_those_unused_the_longest_make_room(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path, 1000)
    for number in range(9):
        cache.put(f"{number}0", bytes(100))
        os.utime(tmp_path / f"{number}0" / f"{number}0", (number, number))
    assert cache.get("00") == bytes(100)  # used just now
    cache.put("90", bytes(150))
    assert kept(tmp_path) == {f"{number}0" for number in (0, *range(3, 10))}


def test_what_an_earlier_process_kept_counts(tmp_path: Path) -> None:
    PictureCache(tmp_path, 1000).put("aa", bytes(900))
    os.utime(tmp_path / "aa" / "aa", (1, 1))
    PictureCache(tmp_path, 1000).put("bb", bytes(200))
    assert kept(tmp_path) == {"bb"}


def test_a_disk_that_cannot_be_written_is_told_once_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = PictureCache(tmp_path / "file", 1000)
    with structlog.testing.capture_logs() as logs:
        cache.put("ab", b"picture")
        cache.put("cd", b"picture")
    assert cache.get("ab") is None
    assert [line["event"] for line in logs] == ["picture_not_kept"]
