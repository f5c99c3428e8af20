"""Opens outputs that appear whole or not at all: a file, standard output, an object in S3."""

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from hkplates.errors import HkplatesError, OutputUnwritable

if TYPE_CHECKING:
    from hkplates.storage.s3_upload import S3Upload

STANDARD_OUTPUT = "-"
EXAMPLES = "a file, - for standard output, or s3://bucket/key"


class Output(Protocol):
    """Takes the bytes of an export; `commit` makes them appear at their destination.

    Raises:
        OutputUnwritable, SourceError: it cannot be written.
        StoreUnreachable: the store does not answer.
    """

    def write(self, data: bytes | memoryview) -> int: ...

    def commit(self) -> None: ...

    def abort(self) -> None:
        """Removes what was written."""
        ...


@contextmanager
def open_output(text: str, *, force: bool) -> Iterator[Output]:
    """Opens the output that a person named; commits it at the end, aborts it after an error.

    Raises:
        typer.BadParameter: the name is none of an output, or exists and may not be replaced.
    """
    output = _open(text, force)
    try:
        yield output
        output.commit()
    except BaseException:
        try:
            output.abort()
        except HkplatesError as error:
            typer.echo(f"hkplates: part of {text} was left behind: {error}", err=True)
        raise


def _open(text: str, force: bool) -> Output:
    if text == STANDARD_OUTPUT:
        return StandardOutput()
    if text.startswith("s3://"):
        return _open_upload(text, force)
    if "://" in text or not text:
        raise typer.BadParameter(f"--output expected {EXAMPLES}, got {text!r}")
    return FileOutput(Path(text).expanduser(), force)


def _open_upload(text: str, force: bool) -> "S3Upload":
    from hkplates.storage.s3_upload import S3Upload

    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not bucket or not key or key.endswith("/"):
        raise typer.BadParameter(f"--output expected s3://bucket/key, got {text!r}")
    upload = S3Upload(bucket, key)
    if not force and upload.exists():
        raise typer.BadParameter(_exists_already(text))
    upload.begin()
    return upload


def _exists_already(text: str) -> str:
    return f"{text} is there already; name another, or replace it with --force"


class StandardOutput:
    """Passes each piece on at once: what reads the pipe takes it as it comes."""

    def write(self, data: bytes | memoryview) -> int:
        sys.stdout.buffer.write(data)
        return len(data)

    def commit(self) -> None:
        sys.stdout.buffer.flush()

    def abort(self) -> None:
        """Takes nothing back: what was sent is gone."""


class FileOutput:
    """Writes a file beside its name and renames it when it is whole."""

    def __init__(self, path: Path, force: bool) -> None:
        self._path = path.resolve()  # where a link leads, so that the link stays
        self._force = force
        self._require_free()
        self._part = self._path.with_name(f".hkplates-{secrets.token_hex(4)}.part")
        with self._translated_errors():
            # With the rights that any new file of this user has.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._part, flags, 0o666), "wb")

    def write(self, data: bytes | memoryview) -> int:
        with self._translated_errors():
            self._file.write(data)
        return len(data)

    def commit(self) -> None:
        with self._translated_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._require_free()  # while it was written
        with self._translated_errors():
            self._part.replace(self._path)

    def abort(self) -> None:
        with suppress(OSError):  # it tries again to write what a full disk did not take
            self._file.close()
        with self._translated_errors():
            self._part.unlink(missing_ok=True)

    def _require_free(self) -> None:
        with self._translated_errors():
            if not self._path.exists():
                return
            if not stat.S_ISREG(self._path.stat().st_mode):
                raise typer.BadParameter(f"{self._path} is no file; --output expected {EXAMPLES}")
        if not self._force:
            raise typer.BadParameter(_exists_already(str(self._path)))

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputUnwritable(
                f"{self._path} cannot be written: {error.strerror}; choose another place with "
                "--output"
            ) from None
