"""Encodes sightings as CSV, JSON lines or Parquet, batch by batch."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, Protocol

from cli.csv_guard import escape_formula
from hkplates.database.queries.export import COLUMNS
from hkplates.errors import RuntimeMissing

FormatName = Literal["csv", "jsonl", "parquet"]

ROW_GROUP_ROWS = 50_000
"""Rows of one Parquet row group; as many are held in memory, packed."""

Rows = Sequence[Sequence[Any]]


class Sink(Protocol):
    """A destination of bytes."""

    def write(self, data: bytes | memoryview) -> int: ...


class Format(Protocol):
    """Writes sightings to a sink."""

    def write(self, rows: Rows) -> None: ...

    def close(self) -> None:
        """Writes the rows still held and the end of the file."""
        ...

    def abandon(self) -> None:
        """Closes without writing anything more."""
        ...


@contextmanager
def opened_format(name: FormatName, sink: Sink) -> Iterator[Format]:
    """Opens the writer of a format; the file is whole at the end, or abandoned after an error.

    Raises:
        RuntimeMissing: the library that writes it is not installed.
    """
    kinds: dict[FormatName, Callable[[Sink], Format]] = {
        "csv": Csv,
        "jsonl": JsonLines,
        "parquet": Parquet,
    }
    opened = kinds[name](sink)
    try:
        yield opened
        opened.close()
    except BaseException:
        opened.abandon()
        raise


class Csv:
    """Writes RFC 4180 in UTF-8, after a line of names; nested values as JSON, nothing for NULL.

    A text that a spreadsheet would take for a formula is led by an apostrophe: keys are chosen by
    whoever puts objects into a bucket. `uri` begins with its scheme and holds each key as it is.
    """

    _TEXTS = ("mark", "text", "series", "bucket", "key", "reader", "pattern")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        # Both characters of a line's end are quoted in values only if both are in this.
        self._buffer = io.StringIO(newline="")
        self._csv = csv.writer(self._buffer, lineterminator="\r\n")
        self._converters = _converters(
            {
                **dict.fromkeys(self._TEXTS, escape_formula),
                **dict.fromkeys(("taken_at", "processed_at"), _iso),
                **dict.fromkeys(("box", "quad", "candidates"), _json),
            }
        )
        self._csv.writerow(COLUMNS)
        self._flush()

    def write(self, rows: Rows) -> None:
        self._csv.writerows(_converted(rows, self._converters))
        self._flush()

    def close(self) -> None:
        """Holds nothing."""

    def abandon(self) -> None:
        """Holds nothing."""

    def _flush(self) -> None:
        self._sink.write(self._buffer.getvalue().encode())
        self._buffer.seek(0)
        self._buffer.truncate()


class JsonLines:
    """Writes one object a line, its keys the names of the view's columns."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._converters = _converters({"taken_at": _iso, "processed_at": _iso})

    def write(self, rows: Rows) -> None:
        lines = (
            _json(dict(zip(COLUMNS, row, strict=True)))
            for row in _converted(rows, self._converters)
        )
        self._sink.write("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Holds nothing."""

    def abandon(self) -> None:
        """Holds nothing."""


class Parquet:
    """Writes the types of the view: moments in UTC, 4-byte floats, lists and structures."""

    def __init__(self, sink: Sink) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ModuleNotFoundError:
            raise RuntimeMissing(
                "Parquet is written with pyarrow, which is not installed; run: "
                "pip install 'hkplates[export]'"
            ) from None
        self._arrow = pyarrow
        self._schema = _schema(pyarrow)
        self._batches: list[Any] = []
        self._rows = 0
        self._file = _ArrowFile(sink)
        self._writer = parquet.ParquetWriter(self._file, self._schema, compression="zstd")

    def write(self, rows: Rows) -> None:
        columns = zip(*rows, strict=True)
        arrays = [
            self._arrow.array(column, type=field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._batches.append(self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= ROW_GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        self._write_group()
        self._writer.close()

    def abandon(self) -> None:
        # Arrow's writer ends its file when it is collected, whatever happened before.
        self._file.discarding = True
        self._writer.close()

    def _write_group(self) -> None:
        table = self._arrow.Table.from_batches(self._batches, schema=self._schema)
        self._batches, self._rows = [], 0
        if len(table):
            self._writer.write_table(table, row_group_size=len(table))


class _ArrowFile(io.RawIOBase):
    """Adapts a sink to the file object that Arrow writes to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._position = 0
        self.discarding = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = len(data) if self.discarding else self._sink.write(memoryview(data))
        self._position += written
        return written

    def tell(self) -> int:
        return self._position


def _schema(arrow: Any) -> Any:
    """Returns the Arrow schema of COLUMNS; a column that is not named here is text."""
    real, moment = arrow.float32(), arrow.timestamp("us", tz="UTC")
    candidate = arrow.struct([("text", arrow.string()), ("confidence", real)])
    types = {
        **dict.fromkeys(("plate_id", "image_id", "submission_id"), arrow.int64()),
        "model_version_id": arrow.int32(),
        **dict.fromkeys(("rows", "position"), arrow.int16()),
        **dict.fromkeys(("confidence", "detector_score"), real),
        **dict.fromkeys(("taken_at", "processed_at"), moment),
        "complete": arrow.bool_(),
        "box": arrow.list_(real),
        "quad": arrow.list_(arrow.list_(real)),
        "candidates": arrow.list_(candidate),
    }
    return arrow.schema([(name, types.get(name, arrow.string())) for name in COLUMNS])


Converter = Callable[[Any], Any]


def _converters(by_name: dict[str, Converter]) -> list[tuple[int, Converter]]:
    return [(COLUMNS.index(name), form) for name, form in by_name.items()]


def _converted(rows: Rows, forms: list[tuple[int, Converter]]) -> Iterable[list[Any]]:
    for row in rows:
        values = list(row)
        for index, form in forms:
            values[index] = form(values[index])
        yield values


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


# Made once: json.dumps would make one for each value.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
