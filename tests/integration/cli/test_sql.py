"""Tests `hkplates sql` on embedded servers: started, and stopped if nobody else came."""

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.sightings import sql as psql
from hkplates.embedded import servers
from hkplates.settings import read_settings


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not pytest's own folder: root's PostgreSQL runs as a user who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="hkplates-sql-"))
    folder.chmod(0o755)
    monkeypatch.setenv("HKPLATES_DATA", str(folder / "data"))
    yield folder / "data"
    servers.stop(folder / "data")
    shutil.rmtree(folder)


def test_servers_started_for_a_question_stop_unless_somebody_else_uses_them(
    data: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert psql.run_psql("select 6 * 7 as answer", read_settings()) == 0
    assert "42" in capfd.readouterr().out
    assert servers.running(data) is None

    monkeypatch.setattr(psql, "DISCONNECT_GRACE_SECONDS", 0.3)
    with psql._database(read_settings()) as url:
        other = psycopg.connect(url)
    with other:
        assert servers.running(data) is not None
        assert other.execute("SELECT 1").fetchone() == (1,)
    assert psql.run_psql("select 1", read_settings()) == 0
    assert servers.running(data) is not None  # nor does it stop what it did not start


DOUBTFUL = "select mark, key, box, candidates, processed_at from sightings where mark = 'DE5678'"


@pytest.fixture
def seeded(seeded_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", seeded_url)
    monkeypatch.setenv("PGTZ", "UTC")


@pytest.mark.usefixtures("seeded")
class TestAnswersForPrograms:
    def test_json_is_one_object_a_line_with_the_types_of_postgres(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert psql.run_psql(f"{DOUBTFUL} -- a comment", read_settings(), as_json=True) == 0
        assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
            {
                "mark": "DE5678",
                "key": "gate-south/16/072000.jpg",
                "box": [100, 200, 120, 30.5],
                "candidates": [
                    {"text": "DE 6678", "confidence": 0.45},
                    {"text": "OE 5678", "confidence": 0.02},
                ],
                "processed_at": "2026-07-16T01:03:20+00:00",
            }
        ]

    def test_a_column_may_have_any_name(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert psql.run_psql("select 6 * 7 as answer;", read_settings(), as_json=True) == 0
        assert json.loads(capfd.readouterr().out) == {"answer": 42}

    def test_csv_has_names_and_quotes(self, capfd: pytest.CaptureFixture[str]) -> None:
        question = "select mark, E'a,\"b\"\\nc' as odd from sightings order by plate_id limit 2"
        assert psql.run_psql(question, read_settings(), as_csv=True) == 0
        rows = list(csv.reader(capfd.readouterr().out.splitlines(keepends=True)))
        assert rows == [["mark", "odd"], ["AB1234", 'a,"b"\nc'], ["AB1234", 'a,"b"\nc']]

    @pytest.mark.parametrize("arguments", [["--json"], ["--csv"], ["--csv", "--json", "select 1"]])
    def test_wrong_usage_ends_with_status_2(self, arguments: list[str]) -> None:
        assert CliRunner().invoke(app, ["sql", *arguments]).exit_code == 2

    def test_what_postgres_refuses_is_told_with_psqls_status(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert psql.run_psql("delete from plates", read_settings(), as_json=True) == 1
        assert "syntax error" in capfd.readouterr().err


def test_psql_takes_all_that_the_address_says(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PGSERVICE", raising=False)
    joined = "&" if "?" in database_url else "?"
    address = f"{database_url}{joined}application_name=asked&keepalives_idle=7&sslpassword=s3cret"
    monkeypatch.setenv("DATABASE_URL", address)
    asked = "select current_setting('application_name'), 6 * 7"
    assert psql.run_psql(asked, read_settings(), as_csv=True) == 0
    assert "asked,42" in capfd.readouterr().out

    monkeypatch.setenv("DATABASE_URL", f"{address}&require_auth=gss")
    assert psql.run_psql(asked, read_settings(), as_csv=True) != 0
    assert "auth" in capfd.readouterr().err
