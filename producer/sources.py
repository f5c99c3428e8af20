"""Parses the source of photographs that a person names: a bucket's prefix or a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from hkplates.errors import FolderMissing, SourceInvalid
from hkplates.jobs import LONGEST_KEY, StoreKind

EXAMPLES = "s3://car-park/2026/07/ or a folder like /data/photos"


@dataclass(frozen=True, slots=True)
class Source:
    """A place that can be listed. For a folder `bucket` is its absolute path, `prefix` empty."""

    store: StoreKind
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}" if self.store == "s3" else self.bucket


def parse_source(text: str) -> Source:
    """Parses s3://bucket/prefix or the path of a folder.

    Raises:
        SourceInvalid: it is neither.
        FolderMissing: there is no such folder.
    """
    if text.startswith("s3://"):
        return _bucket(text)
    if "://" in text:
        scheme = text.partition("://")[0]
        raise SourceInvalid(f"{scheme}:// cannot be read; expected {EXAMPLES}")
    return _folder(text)


def _bucket(text: str) -> Source:
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket or any(character.isspace() for character in bucket):
        raise SourceInvalid(f"{text!r} names no bucket; expected {EXAMPLES}")
    return Source("s3", bucket, prefix)


def _folder(text: str) -> Source:
    if not text.strip() or "\0" in text:
        raise SourceInvalid(f"No source was named; expected {EXAMPLES}")
    # Resolved, so that a folder is the same source by whatever path it is named.
    # ~name stays as it is where there is no such user.
    try:
        path = Path(os.path.expanduser(text)).resolve()
    except UnicodeEncodeError:
        raise SourceInvalid(
            f"{text!r} holds characters that no path of this system can; expected {EXAMPLES}"
        ) from None
    if path.is_file():
        raise SourceInvalid(f"{text} is a file; name its folder, or try: hkplates read {text}")
    if not path.is_dir():
        raise FolderMissing(f"There is no folder {text}; expected {EXAMPLES}")
    if not str(path).isprintable() or len(str(path)) > LONGEST_KEY:
        raise SourceInvalid("The folder's path holds characters that cannot be stored; rename it")
    return Source("folder", str(path), "")
