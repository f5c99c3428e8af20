"""Fuzzes the API with Schemathesis, from its OpenAPI document."""

import os
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image
from servers.processes import PROGRAMS
from support.page_with_users import REVIEWER_TOKEN, app_over, security_with_users, served
from support.seeded_rows import PHOTOS, seed_rows

from hkplates.storage.folder import FolderStore
from web.auth.rate_limit import SlidingWindow
from web.auth.state import RateLimits

EXAMPLES = os.environ.get("HKPLATES_TEST_SCHEMATHESIS_EXAMPLES", "10")
"""Examples of each endpoint; more by hand."""
# What a mark or a time may be is more than a schema can say: there a valid text may be refused. And
# of two kinds of review, what breaks the schema of one may be the other; test_web_api_reviews.py
# has what is neither.
SETTINGS = """
[[operations]]
include-path-regex = "/(search|reviews/queue)$"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/api/v1/sightings/{plate_id}/reviews"
checks.negative_data_rejection.enabled = false
"""


@pytest.fixture
def archive(engine: sa.Engine, tmp_path: Path) -> sa.Engine:
    """Two days at a car park, with photographs that are there."""
    seed_rows(engine)
    photos = tmp_path / "photos"
    for key in {photo.key for photo in PHOTOS}:
        (photos / key).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (640, 480)).save(photos / key)
    moved = sa.text(
        "UPDATE images SET store = 'folder', bucket = :bucket, etag = :etag WHERE key = :key"
    )
    with engine.begin() as connection:
        for entry in FolderStore().list(str(photos), ""):
            values = {"bucket": str(photos), "key": entry.key, "etag": entry.etag}
            connection.execute(moved, values)
    return engine


@pytest.mark.timeout(3600)
def test_the_api_is_as_it_says_whatever_it_is_asked(archive: sa.Engine, tmp_path: Path) -> None:
    security = security_with_users(limits=RateLimits(searches=SlidingWindow(10**9, 60)))
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    with app_over(archive, tmp_path, security) as app, served(app) as address:
        asked = [str(PROGRAMS / "st"), "run", f"{address}/api/openapi.json"]
        asked += [f"--header=Authorization: Bearer {REVIEWER_TOKEN}", "--continue-on-failure"]
        asked += [f"--max-examples={EXAMPLES}", "--seed=1", "--no-color"]
        run = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    (tmp_path / "schemathesis.txt").write_text(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
