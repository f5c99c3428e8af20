"""Reading a folder of this machine, and nothing outside it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hkplates.errors import (
    FolderMissing,
    HkplatesError,
    ImageChanged,
    ImageEmpty,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    StoreUnreachable,
)
from hkplates.storage.folder import FolderStore

LIMIT = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    return root


def write(root: Path, *keys: str) -> None:
    for key in keys:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pixels of " + key.encode())


def listed(root: Path, prefix: str = "", after: str | None = None) -> list[str]:
    return [entry.key for entry in FolderStore().list(str(root), prefix, after=after)]


def etag(root: Path, key: str) -> str:
    return next(e.etag for e in FolderStore().list(str(root), "") if e.key == key)


def read(root: Path, key: str, etag: str, limit: int = LIMIT) -> bytes:
    return FolderStore().read(str(root), key, etag, limit=limit)


def test_files_are_listed_in_the_order_of_keys(root: Path) -> None:
    keys = ["a-1.jpg", "a.jpg", "a/b/c.jpg", "a/z.jpg", "a0.jpg", "b c+d%.jpg", "車.jpg"]
    write(root, *reversed(keys))
    assert listed(root) == keys == sorted(keys)


def test_a_listing_goes_on_after_any_key(root: Path) -> None:
    keys = ["a-1.jpg", "a.jpg", "a/b/c.jpg", "a/z.jpg", "a0.jpg", "b.jpg"]
    write(root, *keys)
    for number, key in enumerate(keys):
        assert listed(root, after=key) == keys[number + 1 :]


def test_a_prefix_narrows_a_listing(root: Path) -> None:
    write(root, "a/1.jpg", "ab.jpg", "b.jpg")
    assert listed(root, "a") == ["a/1.jpg", "ab.jpg"]


def test_a_listed_file_is_read(root: Path) -> None:
    write(root, "a b/車.jpg")
    [entry] = FolderStore().list(str(root), "")
    data = read(root, entry.key, entry.etag)
    assert data == "pixels of a b/車.jpg".encode()
    assert len(data) == entry.size


def test_a_replaced_file_is_not_read_as_the_old_one(root: Path) -> None:
    write(root, "a.jpg")
    before = etag(root, "a.jpg")
    (root / "a.jpg").write_bytes(b"other")
    with pytest.raises(ImageChanged, match="submit the folder again"):
        read(root, "a.jpg", before)


def test_a_removed_file_is_missing(root: Path) -> None:
    write(root, "a.jpg")
    before = etag(root, "a.jpg")
    (root / "a.jpg").unlink()
    with pytest.raises(ImageMissing):
        read(root, "a.jpg", before)


def test_an_empty_file_is_rejected(root: Path) -> None:
    (root / "a.jpg").touch()
    with pytest.raises(ImageEmpty):
        read(root, "a.jpg", etag(root, "a.jpg"))


def test_a_file_over_the_limit_is_rejected(root: Path) -> None:
    write(root, "a.jpg")
    with pytest.raises(ImageTooLarge, match="more than the 3 allowed"):
        read(root, "a.jpg", etag(root, "a.jpg"), limit=3)


@pytest.mark.parametrize(
    "key",
    ["../secret.jpg", "/etc/hostname", "a/../../secret.jpg", "..", ".", "out.jpg", "out/x.jpg"],
)
def test_nothing_outside_the_folder_is_read(root: Path, key: str) -> None:
    write(root.parent, "secret.jpg", "elsewhere/x.jpg")
    (root / "a").mkdir()
    (root / "out.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "out").symlink_to(root.parent / "elsewhere")
    with pytest.raises(ImageForbidden, match="leads out of the folder"):
        read(root, key, "e")


def test_a_link_within_the_folder_is_read(root: Path) -> None:
    write(root, "a.jpg")
    (root / "link.jpg").symlink_to("a.jpg")
    assert listed(root) == ["a.jpg", "link.jpg"]
    assert read(root, "link.jpg", etag(root, "link.jpg")) == b"pixels of a.jpg"


def test_a_link_that_leads_nowhere_is_missing_and_called_what_it_is(root: Path) -> None:
    (root / "gone.jpg").symlink_to("nobody.jpg")
    (root / "circle.jpg").symlink_to("circle.jpg")
    assert listed(root) == ["circle.jpg", "gone.jpg"]
    for key in ("circle.jpg", "gone.jpg"):
        with pytest.raises(ImageMissing, match=f"{key} in .* is a link that leads nowhere"):
            read(root, key, "e")


def test_links_in_a_circle_end(root: Path) -> None:
    (root / "loop").symlink_to(root)
    (root / "self.jpg").symlink_to("self.jpg")
    assert listed(root) == ["self.jpg"]
    with pytest.raises(HkplatesError):
        read(root, "self.jpg", etag(root, "self.jpg"))


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe.jpg")
    with pytest.raises(ImageForbidden, match="not a file"):
        read(root, "pipe.jpg", etag(root, "pipe.jpg"))


def test_a_socket_is_no_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.jpg")
        with pytest.raises(ImageForbidden, match="not a file"):
            read(root, "socket.jpg", etag(root, "socket.jpg"))


@pytest.mark.parametrize("target", ["/dev/zero", "/proc/self/mem", "/etc/hostname", "../out.jpg"])
def test_a_link_to_anything_outside_is_never_opened(root: Path, target: str) -> None:
    write(root.parent, "out.jpg")
    (root / "link.jpg").symlink_to(target)
    with pytest.raises(ImageForbidden, match="leads out of the folder"):
        read(root, "link.jpg", etag(root, "link.jpg"))


def test_a_folder_swapped_for_a_link_while_it_is_read_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "a/x.jpg")
    write(root.parent, "elsewhere/x.jpg")
    before, resolve = etag(root, "a/x.jpg"), Path.resolve

    def resolve_then_swap(path: Path, strict: bool = False) -> Path:
        found = resolve(path, strict)
        if path.name == "x.jpg":
            (root / "a").rename(root / "b")
            (root / "a").symlink_to(root.parent / "elsewhere")
        return found

    monkeypatch.setattr(Path, "resolve", resolve_then_swap)
    with pytest.raises(ImageMissing):
        read(root, "a/x.jpg", before)


def nest(root: Path, name: str, depth: int) -> None:
    """Makes folders of one name within each other, from within: a path's length is limited."""
    inside = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=inside)
        below = os.open(name, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(inside)


@pytest.fixture
def deep(root: Path) -> Iterator[Path]:
    """Removes them by a program that does not recurse for each folder, as Python's does."""
    yield root
    subprocess.run(["rm", "-rf", str(root)], check=True)


def test_folders_may_lie_a_thousand_deep(deep: Path) -> None:
    key = "d/" * 1100 + "a.jpg"
    nest(deep, "d", 1100)
    write(deep, "z.jpg")
    (deep / key).write_bytes(b"pixels")
    assert listed(deep) == [key, "z.jpg"]
    assert read(deep, key, etag(deep, key)) == b"pixels"


def test_a_folder_deeper_than_any_path_does_not_end_the_listing(deep: Path) -> None:
    nest(deep, "d" * 250, 20)
    write(deep, "z.jpg")
    assert listed(deep) == ["z.jpg"]


def test_a_key_that_is_no_path_is_missing(root: Path) -> None:
    with pytest.raises(ImageMissing):
        read(root, "a" * 4000, "e")
    with pytest.raises(ImageMissing):
        read(root, "a\0b", "e")


def test_a_missing_folder_cannot_be_listed(root: Path) -> None:
    with pytest.raises(FolderMissing, match="check the path"):
        listed(root / "nowhere")


def test_a_folder_that_this_machine_lacks_is_no_fault_of_the_image(root: Path) -> None:
    with pytest.raises(StoreUnreachable, match="mount it here"):
        read(root / "nowhere", "a.jpg", "e")


def test_a_name_that_is_not_utf8_says_so(root: Path) -> None:
    (root / "車\udcff.jpg").write_bytes(b"pixels")
    [key] = listed(root)
    assert key == "車\udcff.jpg"
    with pytest.raises(ImageMissing, match="a name that is not UTF-8; rename it"):
        read(root, "車\N{REPLACEMENT CHARACTER}.jpg", etag(root, key))
