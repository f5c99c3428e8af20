"""Tests `hkplates export`: what is in the files, and what is left where it fails."""

import csv
import json
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas
import psycopg
import pytest
import sqlalchemy as sa
from servers.processes import eventually, hkplates, variables
from support.seeded_rows import BOX, QUAD, SeededPlate, plate_row, seed_rows
from typer.testing import CliRunner

from cli.commands import filters
from cli.export.export import export
from cli.export.outputs import open_output
from cli.main import app
from hkplates.database.queries.export import COLUMNS, stream_sightings
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import image_digest
from hkplates.errors import DatabaseUnreachable, OutputUnwritable

ODD_KEYS = (
    "a b+c%20&=?.jpg",
    "quotes \"and\" 'others', commas; \\ and \t tabs.jpg",
    "line\nbreak\r\nand\rreturn.jpg",
    "車牌/ñ/🚗\u2028.jpg",
    "k" * 1024,
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)")


@pytest.fixture
def archive(engine: sa.Engine) -> sa.Engine:
    """Seeds some days, and photographs under the keys that people and programs stumble over."""
    seed_rows(engine)
    with engine.begin() as connection:
        for key in (*ODD_KEYS, *FORMULAS):
            row = {"submission_id": 2, "store": "folder", "bucket": "/data/odd", "key": key}
            digest = image_digest("folder", "/data/odd", key, "e")
            row |= {"etag": "e", "size": 1, "digest": digest, "state": "done"}
            number = connection.execute(
                sa.insert(Image).values(**row, model_version_id=2).returning(Image.id)
            ).scalar_one()
            connection.execute(
                sa.insert(Plate), plate_row(number, 0, SeededPlate("ZZ9", "ZZ 9", 0.5))
            )
    return engine


def expected(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
        found = connection.execute(sa.text("SELECT * FROM sightings ORDER BY plate_id"))
        return [dict(row) for row in found.mappings()]


def run(engine: sa.Engine, *arguments: object) -> Any:
    url = engine.url.render_as_string(hide_password=False)
    command = ["export", *map(str, arguments)]
    return CliRunner().invoke(app, command, env={"DATABASE_URL": url}, catch_exceptions=False)


def words(done: Any) -> str:
    """Returns the error message without the box that is drawn around it."""
    return " ".join(done.output.replace("│", " ").split())


def written(engine: sa.Engine, path: Path, *arguments: object) -> Path:
    done = run(engine, "--output", path, *arguments)
    assert done.exit_code == 0, done.output
    return path


def test_csv_holds_the_views_rows_whatever_the_keys(archive: sa.Engine, tmp_path: Path) -> None:
    with written(archive, tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: int(row["plate_id"]))
    rows = expected(archive)
    assert list(found[0]) == list(rows[0]) == list(COLUMNS)
    assert len(found) == len(rows) > 20
    for line, row in zip(found, rows, strict=True):
        assert line["uri"] == row["uri"]
        assert line["key"] == ("'" if row["key"] in FORMULAS else "") + row["key"]
        assert (line["text"], line["mark"]) == (row["text"], row["mark"])
        assert float(line["confidence"]) == row["confidence"]
        assert json.loads(line["box"]) == row["box"] == BOX
        assert json.loads(line["quad"]) == row["quad"] == QUAD
        assert json.loads(line["candidates"]) == row["candidates"]
        assert line["taken_at"] == (row["taken_at"].isoformat() if row["taken_at"] else "")


def test_json_lines_hold_the_views_rows_whatever_the_keys(
    archive: sa.Engine, tmp_path: Path
) -> None:
    path = written(archive, tmp_path / "a.jsonl")
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    found = sorted(map(json.loads, lines), key=lambda row: int(row["plate_id"]))
    for row in found:
        for name in ("taken_at", "processed_at"):
            row[name] = row[name] and datetime.fromisoformat(row[name])
    assert found == expected(archive)
    assert {row["key"] for row in found} >= {*ODD_KEYS, *FORMULAS}


def test_parquet_opens_in_duckdb_with_the_views_rows_and_types(
    archive: sa.Engine, tmp_path: Path
) -> None:
    path = written(archive, tmp_path / "a.parquet")
    with duckdb.connect() as duck:
        table = duck.read_parquet(str(path)).order("plate_id")
        types = dict(zip(table.columns, map(str, table.types), strict=True))
        # As text, which says the zone without one being installed.
        moments = table.project("cast(epoch_us(taken_at) AS BIGINT)").fetchall()
        rest = table.project("* EXCLUDE (taken_at, processed_at)").fetchall()
    assert types == {
        **dict.fromkeys(COLUMNS, "VARCHAR"),
        **dict.fromkeys(("plate_id", "image_id", "submission_id"), "BIGINT"),
        "model_version_id": "INTEGER",
        **dict.fromkeys(("rows", "position"), "SMALLINT"),
        **dict.fromkeys(("confidence", "detector_score"), "FLOAT"),
        **dict.fromkeys(("taken_at", "processed_at"), "TIMESTAMP WITH TIME ZONE"),
        "complete": "BOOLEAN",
        "box": "FLOAT[]",
        "quad": "FLOAT[][]",
        "candidates": 'STRUCT("text" VARCHAR, confidence FLOAT)[]',
    }
    rows = expected(archive)
    assert [moment for [moment] in moments] == [
        row["taken_at"] and round(row["taken_at"].timestamp() * 1_000_000) for row in rows
    ]
    names = [name for name in COLUMNS if name not in ("taken_at", "processed_at")]
    reals = ("confidence", "detector_score", "candidates")
    for values, row in zip(rest, rows, strict=True):
        found = dict(zip(names, values, strict=True))
        assert found["confidence"] == pytest.approx(row["confidence"])
        assert [other["text"] for other in found["candidates"]] == [
            other["text"] for other in row["candidates"]
        ]
        assert {n: found[n] for n in names if n not in reals} == {
            n: row[n] for n in names if n not in reals
        }


def test_parquet_opens_in_pandas_with_the_views_rows_and_types(
    archive: sa.Engine, tmp_path: Path
) -> None:
    frame = pandas.read_parquet(written(archive, tmp_path / "a.parquet")).sort_values("plate_id")
    kinds = {name: str(frame[name].dtype) for name in COLUMNS}
    assert kinds["taken_at"] == "datetime64[us, UTC]"
    assert (kinds["confidence"], kinds["rows"], kinds["plate_id"]) == ("float32", "int16", "int64")
    rows = expected(archive)
    assert list(frame["key"]) == [row["key"] for row in rows]
    assert [None if pandas.isna(one) else one.to_pydatetime() for one in frame["taken_at"]] == [
        row["taken_at"] for row in rows
    ]
    assert [list(map(list, quad)) for quad in frame["quad"]] == [QUAD] * len(rows)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_no_sightings_make_a_file_that_opens(
    archive: sa.Engine, tmp_path: Path, ending: str
) -> None:
    path = written(archive, tmp_path / f"a.{ending}", "--mark", "NOSUCH")
    if ending == "csv":
        assert path.read_text(encoding="utf-8").strip() == ",".join(COLUMNS)
    elif ending == "jsonl":
        assert path.read_bytes() == b""
    else:
        frame = pandas.read_parquet(path)
        assert (len(frame), tuple(frame.columns)) == (0, COLUMNS)


@pytest.mark.parametrize(
    ("arguments", "marks"),
    [
        pytest.param(["--mark", "ab 1234"], ["AB1234"] * 3, id="a mark"),
        pytest.param(["--mark", "?B*"], ["AB1234"] * 3 + ["SB888"], id="a pattern"),
        pytest.param(["--mark", "HX 128"], ["HX128"], id="a corrected mark"),
        pytest.param(["--mark", "HX 123"], [], id="what it was misread as"),
        pytest.param(["--mark", "nicecar"], ["N1CECAR"], id="folded"),
        pytest.param(["--since", "2026-07-16T09:00"], ["AG5555"], id="since"),
        pytest.param(
            ["--since", "2026-07-15T08:20", "--until", "2026-07-15T08:30"],
            ["", "FU1234"],
            id="until",
        ),
        pytest.param(["--prefix", "tunnel/16"], ["AG5555"], id="a key's beginning"),
        pytest.param(["--prefix", "s3://car-park/tunnel/16"], ["AG5555"], id="an address"),
        pytest.param(["--prefix", "/data/odd/="], ["ZZ9"], id="a folder"),
        pytest.param(["--submission", "2"], ["ZZ9"] * 9, id="a submission"),
        pytest.param(["--region", "CN"], [""], id="a region"),
        pytest.param(["--min-confidence", "0.99"], ["AG5555", "KL77"], id="a confidence"),
        pytest.param(["--mark", "K*", "--min-confidence", "0.95"], ["KL77"], id="two at once"),
        pytest.param(["--mark", "XR746"], [], id="a plate not seen whole bears no mark"),
        pytest.param(["--mark", "XR746", "--incomplete"], ["XR746"], id="also not seen whole"),
        pytest.param(["--prefix", "gate-south/16/073"], ["XR746"], id="without a mark, all"),
        pytest.param(
            ["--prefix", "gate-south/16/073", "--no-incomplete"], [], id="only seen whole"
        ),
    ],
)
def test_a_filter_leaves_only_what_it_names(
    archive: sa.Engine, tmp_path: Path, arguments: Sequence[str], marks: list[str]
) -> None:
    path = written(archive, tmp_path / "a.jsonl", *arguments)
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert sorted(json.loads(line)["mark"] for line in lines if line) == marks


def test_all_is_of_one_moment(archive: sa.Engine) -> None:
    before = len(expected(archive))
    with closing(stream_sightings(archive, SightingFilter())) as batches:
        first = next(batches)
        with archive.begin() as connection:
            connection.execute(sa.delete(Plate))
        assert len(first) + sum(map(len, batches)) == before


def test_a_file_that_is_there_is_replaced_only_when_asked(
    archive: sa.Engine, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("precious")
    refused = run(archive, "--output", path)
    assert refused.exit_code == 2
    assert "replace it with --force" in words(refused)
    assert path.read_text() == "precious"
    assert written(archive, path, "--force").read_text(encoding="utf-8").startswith("plate_id,")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_not_replaced(archive: sa.Engine, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert run(archive, "--output", pipe, "--force").exit_code == 2
    assert pipe.is_fifo()


def test_a_folder_that_is_not_there_is_told(archive: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="No such file or directory"):
        run(archive, "--output", tmp_path / "no" / "a.csv")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_export_that_breaks_off_leaves_nothing(
    archive: sa.Engine, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hkplates.database.queries.export.BATCH_ROWS", 5)

    def cut(sightings: int) -> None:
        with psycopg.connect(archive.url.set(drivername="postgresql").render_as_string(False)) as c:
            c.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    path = tmp_path / f"a.{ending}"
    with pytest.raises(DatabaseUnreachable), open_output(str(path), force=False) as output:
        export(archive, SightingFilter(), ending, output, cut)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # bytes; EFBIG, as ENOSPC would
    try:
        with (
            pytest.raises(OutputUnwritable, match="choose another place"),
            open_output(str(tmp_path / "a.csv"), force=False) as output,
        ):
            output.write(b"," * 2000)  # held until the end
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(
    archive: sa.Engine, tmp_path: Path, by: signal.Signals
) -> None:
    url = archive.url.render_as_string(hide_password=False)
    with archive.begin() as connection:
        # The export waits for this before its first row.
        connection.execute(sa.text("LOCK TABLE plates"))
        process = hkplates(variables(url), "export", "--output", str(tmp_path / "a.csv"))
        eventually(lambda: list(tmp_path.glob(".*.part")), "the export has begun")
        process.send_signal(by)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "Interrupted. Nothing was written; begin again.\n"
    assert list(tmp_path.iterdir()) == []


def test_standard_output_takes_nothing_but_the_sightings(archive: sa.Engine) -> None:
    url = archive.url.render_as_string(hide_password=False)
    process = hkplates(variables(url), "export", "--format", "jsonl")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert len(out.removesuffix("\n").split("\n")) == len(expected(archive))


def test_whoever_reads_may_stop_early(archive: sa.Engine) -> None:
    url = archive.url.render_as_string(hide_password=False)
    with archive.begin() as connection:
        # More than a pipe holds.
        row = plate_row(1, 0, SeededPlate("ZZ9", "ZZ 9", 0.5))
        connection.execute(sa.insert(Plate), [{**row, "position": n} for n in range(1, 3000)])
    process = hkplates(variables(url), "export")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_the_report_is_one_json_object(archive: sa.Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    done = run(archive, "--output", path, "--json")
    report = json.loads(done.stdout)
    assert report.pop("seconds") >= 0
    assert report == {
        "output": str(path),
        "format": "csv",
        "sightings": len(expected(archive)),
        "bytes": path.stat().st_size,
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--json"], "--output"),
        (["--output", "http://host/a.csv"], "s3://bucket/key"),
        (["--output", "s3://bucket/"], "s3://bucket/key"),
        (["--since", "yesterday"], "2026-07-15"),
        (["--mark", "!"], "expected a mark"),
        (["--format", "xlsx"], "parquet"),
    ],
)
def test_wrong_usage_is_told(archive: sa.Engine, arguments: list[str], told: str) -> None:
    done = run(archive, *arguments)
    assert done.exit_code == 2
    assert told in words(done)


def test_the_columns_are_the_views(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert tuple(connection.execute(sa.text("SELECT * FROM sightings")).keys()) == COLUMNS


def test_filters_and_sql_understand_hours_alike(archive: sa.Engine) -> None:
    wanted = SightingFilter(since=filters.since("2026-07-16"), until=filters.until("2026-07-16"))
    with closing(stream_sightings(archive, wanted)) as batches:
        found = sum(map(len, batches))
    query = "SELECT count(*) FROM sightings WHERE (taken_at AT TIME ZONE 'Asia/Hong_Kong')::date"
    with archive.connect() as connection:
        assert found == connection.execute(sa.text(f"{query} = '2026-07-16'")).scalar_one() > 0
