"""`hkplates sql` on embedded servers that did not run: started, and stopped if nobody else came."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hkplates import embedded
from hkplates.settings import read_settings
from producer import psql


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not pytest's own folder: root's PostgreSQL runs as a user who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="hkplates-sql-"))
    folder.chmod(0o755)
    monkeypatch.setenv("HKPLATES_DATA", str(folder / "data"))
    yield folder / "data"
    embedded.stop(folder / "data")
    shutil.rmtree(folder)


def test_servers_started_for_a_question_stop_unless_somebody_else_uses_them(
    data: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert psql.run_psql("select 6 * 7 as answer", read_settings()) == 0
    assert "42" in capfd.readouterr().out
    assert embedded.running(data) is None

    monkeypatch.setattr(psql, "LEAVING_SECONDS", 0.3)
    with psql._database(read_settings()) as url:
        other = psycopg.connect(url)
    with other:
        assert embedded.running(data) is not None
        assert other.execute("SELECT 1").fetchone() == (1,)
    assert psql.run_psql("select 1", read_settings()) == 0
    assert embedded.running(data) is not None  # nor does it stop what it did not start
