"""Tests `hkplates read` as a process, with the models of this checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

KEYS = {"image", "width", "height", "error", "plates"}


def hkplates(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
    )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, kind in enumerate(("jpg", "png", "webp")):
        Image.effect_noise((320, 240), 20 + number).convert("RGB").save(folder / f"{number}.{kind}")
    return folder


def test_photographs_are_reported_one_json_object_a_line(photos: Path) -> None:
    done = hkplates("read", "--json", str(photos))
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [Path(line["image"]).name for line in printed] == ["0.jpg", "1.png", "2.webp"]
    assert all(set(line) == KEYS for line in printed)
    assert all((line["width"], line["height"]) == (320, 240) for line in printed)


def test_a_bad_file_is_reported_among_the_others_and_the_status_is_1(photos: Path) -> None:
    (photos / "bad.jpg").write_bytes((photos / "0.jpg").read_bytes()[:900])
    done = hkplates("read", "--json", str(photos), str(photos / "missing.jpg"))
    printed = {Path(p["image"]).name: p for p in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, done.stderr) == (1, "")
    assert printed["bad.jpg"]["error"]["reason"] == "truncated"
    assert printed["missing.jpg"]["error"]["reason"] == "missing"
    assert printed["0.jpg"]["error"] is None


def test_copies_are_written_where_asked(photos: Path, tmp_path: Path) -> None:
    done = hkplates("read", str(photos), "--draw", str(tmp_path / "new" / "drawn"))
    assert done.returncode == 0
    assert len(list((tmp_path / "new" / "drawn").glob("*.jpg"))) == 3


def test_a_missing_model_is_one_sentence_and_status_5(photos: Path, tmp_path: Path) -> None:
    done = hkplates("read", "--json", str(photos), HKPLATES_MODELS=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("hkplates: ")
    assert "Traceback" not in done.stderr


def test_nothing_heavy_that_is_not_needed_is_loaded(photos: Path) -> None:
    program = (
        "import sys\n"
        "from cli.sightings.read import read_photos\n"
        "from hkplates.settings import read_settings\n"
        "assert 'cv2' not in sys.modules\n"
        "read_photos([sys.argv[1]], True, None, read_settings())\n"
        "assert not {'tensorflow', 'celery', 'sqlalchemy', 'boto3'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(photos)], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
