"""Tests the writers of exports alone: what they hold, and what they leave when abandoned."""

import gc
import sys

import pyarrow
import pytest
import typer
from pyarrow import parquet

from cli.export import formats as export_formats
from cli.export.export import run_export
from cli.export.formats import FormatName, opened_format
from hkplates.database.queries.export import COLUMNS
from hkplates.database.sighting_filter import SightingFilter
from hkplates.errors import RuntimeMissing
from hkplates.settings import read_settings

NUMBERS = ("plate_id", "image_id", "submission_id", "model_version_id", "rows", "position")
REALS = ("confidence", "detector_score")
NESTED = {"box": [1.0] * 4, "quad": [[1.0, 2.0]] * 4, "candidates": []}
MOMENTS = ("taken_at", "processed_at")
ROW = [
    1
    if name in NUMBERS
    else 0.5
    if name in REALS
    else None
    if name in MOMENTS
    else True
    if name == "complete"
    else NESTED.get(name, "AB1234")
    for name in COLUMNS
]


class Memory(bytearray):
    """A sink that keeps everything, or breaks after so many bytes."""

    limit = 1 << 30

    def write(self, data: bytes | memoryview) -> int:
        if len(self) + len(data) > self.limit:
            raise BrokenPipeError(32, "Broken pipe")
        self += data
        return len(data)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_formats, "ROW_GROUP_ROWS", 100)


def write(name: FormatName, sink: Memory, times: int, then: type[BaseException] | None) -> None:
    with opened_format(name, sink) as to:
        for _ in range(times):
            to.write([ROW] * 10)
        if then:
            raise then


def test_parquet_is_written_in_groups_as_the_rows_come() -> None:
    sink, grew = Memory(), []
    with opened_format("parquet", sink) as to:
        for _ in range(24):
            to.write([ROW] * 10)
            grew.append(len(sink))
    assert len(set(grew)) == 3  # its beginning, and two whole groups
    file = parquet.ParquetFile(pyarrow.BufferReader(bytes(sink)))
    groups = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    assert groups == [100, 100, 40]


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_a_format_that_is_given_up_writes_no_end(name: FormatName) -> None:
    whole, broken = Memory(), Memory()
    write(name, whole, 12, None)
    with pytest.raises(KeyboardInterrupt):
        write(name, broken, 12, KeyboardInterrupt)
    gc.collect()  # Arrow's writer would end its file when it is collected
    assert whole.startswith(broken)
    assert name != "parquet" or len(broken) < len(whole)


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_a_sink_that_breaks_is_told_as_it_said_it(name: FormatName) -> None:
    sink = Memory()
    sink.limit = 1000
    with pytest.raises(BrokenPipeError):
        write(name, sink, 30, None)
    gc.collect()
    assert len(sink) <= 1000


def test_parquet_without_what_writes_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RuntimeMissing, match=r"pip install 'hkplates\[export\]'"):
        write("parquet", Memory(), 1, None)


def test_parquet_is_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(typer.BadParameter, match="not for a terminal"):
        run_export("-", "parquet", SightingFilter(), read_settings(), force=False, as_json=False)
