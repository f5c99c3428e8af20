"""Tests that an export takes the same memory however many sightings there are."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.export import FORMATS, TENTH, fill, measure_export

SIGHTINGS = 100_000


@pytest.fixture
def filled_url(engine: sa.Engine) -> str:
    fill(engine, SIGHTINGS)
    return engine.url.render_as_string(hide_password=False)


def test_ten_times_the_sightings_take_the_same_memory(filled_url: str, tmp_path: Path) -> None:
    """Exports what, held in memory, would take more than 200 MB; the bare process has 90."""
    for name in FORMATS:
        path = tmp_path / f"a.{name}"
        tenth = measure_export(filled_url, path, SIGHTINGS // 10, "--submission", str(TENTH))
        whole = measure_export(filled_url, path, SIGHTINGS)
        assert whole.file_bytes > 3 * tenth.file_bytes
        # Parquet keeps 50,000 rows together, and the tenth has fewer.
        assert whole.peak_bytes < tenth.peak_bytes + 100e6, name
