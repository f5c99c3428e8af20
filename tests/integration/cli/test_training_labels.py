"""Tests `hkplates corrections`: reviews as labels for training, with the photographs."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
import typer
from pydantic import SecretStr
from servers.archive import PLATE, Archive, quad
from servers.ledgers import Ledger, execute, take

from cli.sightings.training_labels import PhotographFetcher, run_corrections
from hkplates.database.results.save import ImageDone, Results
from hkplates.database.reviews.reviews import record
from hkplates.database.text import image_digest
from hkplates.errors import (
    CredentialsMissing,
    ImageMissing,
    ImageRejected,
    OutputUnwritable,
    StoreUnreachable,
)
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.reporting.training_labels import photo_file_name
from hkplates.settings import Settings
from hkplates.storage.folder import FolderStore
from models.detector.dataset import HONG_KONG, read_dataset

PART = replace(PLATE, mark="AB123", text="AB 123", series="unknown", gaps=(5,))
KEYS = ("a b/one.PNG", "none.png", "two.png")
READ = replace(PLATE, mark="A81234", text="A8 1234", rows=2, colour="yellow")
NEIGHBOUR = replace(PLATE, quad=quad(200))
MAINLAND = replace(PLATE, mark="", text="粤Z·1234港", region="CN", quad=quad(200, 100))


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(DATABASE_URL=SecretStr(database_url))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Makes three photographs of different grays."""
    folder = tmp_path / "archive"
    for number, key in enumerate(KEYS):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / key), np.full((240, 400, 3), 40 * number + 40, np.uint8))
    return folder


@pytest.fixture
def plates(engine: sa.Engine, ledger: Ledger, archive: Path) -> list[int]:
    """Saves what was read on them, two plates on the first; returns the plates' numbers."""
    submission = ledger.intake.open_submission(str(archive))
    ledger.intake.add_images(
        submission.id, "folder", str(archive), [*FolderStore().list(str(archive), "")]
    )
    found = {KEYS[0]: (READ, NEIGHBOUR), KEYS[1]: (PLATE,), KEYS[2]: (MAINLAND, PLATE)}
    results = Results(engine)
    version = results.register_model(ModelVersion("d", "r", {}))
    images = sorted(take(ledger), key=lambda image: image.key)
    results.save(version, [ImageDone(one, 400, 240, None, 9, found[one.key]) for one in images])
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM plates ORDER BY id")).scalars())


@pytest.fixture
def reviewed(engine: sa.Engine, plates: list[int]) -> list[int]:
    """Corrects the first plate, rejects that of the second photograph, accepts the mainland's."""
    record(engine, plates[0], "corrected", text="ab 1234", reviewer="ada")
    record(engine, plates[2], "not_a_plate", reviewer="ada")
    record(engine, plates[3], "accepted", reviewer="ada")
    return plates


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_labels_say_what_people_said(
    reviewed: list[int], settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "labels.jsonl"
    assert run_corrections(str(path), None, settings, force=False, as_json=False) == 0
    first, empty, third = sorted(written(path), key=lambda row: row["source"])
    assert (first["width"], first["height"], first["country"]) == (400, 240, "HK")
    assert first["plates"] == [
        {"box": [10, 20, 100, 30], "quad": [[10, 20], [110, 20], [110, 50], [10, 50]],
         "text": "AB1234", "lines": 2, "color": "yellow", "hk": True, "mark": "AB1234"},
        {"box": [200, 20, 100, 30], "quad": [[200, 20], [300, 20], [300, 50], [200, 50]],
         "text": None, "lines": 1, "color": "white", "hk": True,
         "note": "nobody has looked at it"},
    ]  # fmt: skip
    assert empty["plates"] == []
    assert [(one["text"], one.get("raw_text"), one["hk"]) for one in third["plates"]] == [
        (None, "粤Z·1234港", False),
        (None, None, True),
    ]


@pytest.mark.parametrize(
    ("review", "text", "note"),
    [
        ({"verdict": "corrected", "text": "AB 1234"}, None, "not seen whole"),
        ({"verdict": "accepted"}, "AB123", None),
    ],
)
def test_a_label_says_no_more_than_the_photograph_shows(
    engine: sa.Engine,
    settings: Settings,
    tmp_path: Path,
    review: dict[str, str],
    text: str | None,
    note: str | None,
) -> None:
    archive = Archive(engine)
    archive.read_first(archive.version("v"), {"cut.jpg": [PART]})
    record(engine, 1, reviewer="ada", **review)
    path = tmp_path / "labels.jsonl"
    assert run_corrections(str(path), None, settings, force=False, as_json=False) == 0
    [label] = written(path)[0]["plates"]
    assert (label["text"], label.get("note")) == (text, note)


def test_the_photographs_lie_beside_their_labels_and_training_reads_both(
    reviewed: list[int], settings: Settings, archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "more" / "train"
    assert run_corrections(None, folder, settings, force=False, as_json=False) == 0
    rows = written(folder / "train.jsonl")
    assert {path.name for path in folder.iterdir()} == {row["file"] for row in rows} | {
        "train.jsonl"
    }
    album = {picture.file: picture for picture in read_dataset(folder)}
    [row] = [row for row in rows if row["source"].endswith(KEYS[0])]
    picture = album[row["file"]]
    assert (picture.pixels == cv2.imread(str(archive / KEYS[0]))[..., ::-1]).all()
    assert [(one.text, one.label, one.exact, one.rows) for one in picture.plates] == [
        ("AB1234", HONG_KONG, True, 2),
        (None, HONG_KONG, True, 1),
    ]


def test_the_reader_trains_on_them(reviewed: list[int], settings: Settings, tmp_path: Path) -> None:
    crops = pytest.importorskip("models.reader.photo_crops", reason="needs the extra `tensorflow`")
    folder = tmp_path / "train"
    run_corrections(None, folder, settings, force=False, as_json=False)
    [plate] = crops.hong_kong_plates(folder)
    assert (plate.label.text, plate.label.rows, plate.label.upper) == ("AB1234", 2, 2)
    assert plate.colour == "yellow"


def test_a_photograph_that_cannot_be_fetched_is_left_out_and_told(
    reviewed: list[int],
    settings: Settings,
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (archive / KEYS[1]).unlink()
    (archive / KEYS[2]).write_bytes(b"another content")
    folder = tmp_path / "train"
    assert run_corrections(None, folder, settings, force=False, as_json=True) == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["photographs"], report["plates"], len(report["missing"])) == (1, 2, 2)
    assert err.count("hkplates: left out image") == 2
    assert len(written(folder / "train.jsonl")) == 1


def test_what_lies_there_already_is_not_fetched_again(
    reviewed: list[int], settings: Settings, archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "train"
    run_corrections(None, folder, settings, force=False, as_json=False)
    for key in KEYS:
        (archive / key).unlink()
    with pytest.raises(typer.BadParameter, match="--force"):
        run_corrections(None, folder, settings, force=False, as_json=False)
    assert run_corrections(None, folder, settings, force=True, as_json=False) == 0
    assert len(written(folder / "train.jsonl")) == 3


def test_a_photograph_that_was_replaced_is_left_out(
    engine: sa.Engine, reviewed: list[int], settings: Settings, archive: Path, tmp_path: Path
) -> None:
    execute(engine, "UPDATE images SET superseded = true WHERE key <> 'two.png'")
    path = tmp_path / "labels.jsonl"
    run_corrections(str(path), None, settings, force=False, as_json=False)
    assert [row["source"] for row in written(path)] == [f"file://{archive}/two.png"]


def test_a_folder_that_cannot_be_is_refused(
    reviewed: list[int], settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="choose another place with --photos"):
        run_corrections(None, tmp_path / "file", settings, force=False, as_json=False)
    with pytest.raises(typer.BadParameter, match="folder of this machine"):
        run_corrections(None, Path("s3://b/k"), settings, force=False, as_json=False)


@pytest.mark.parametrize(
    ("key", "ending"),
    [
        ("a/b.JPG", "jpg"),
        ("../../etc/passwd", "jpg"),
        ("x.png/../y", "jpg"),
        (".tiff", "tiff"),
        ("no\nline.webp", "webp"),
    ],
)
def test_a_file_is_named_by_number_and_digest_whatever_its_key_holds(key: str, ending: str) -> None:
    assert re.fullmatch(
        f"7-[0-9a-f]{{8}}\\.{ending}", photo_file_name(ImageRef(7, "s3", "b", key, "e"))
    )


def test_a_name_means_a_content() -> None:
    image = ImageRef(12, "s3", "b", "k.jpg", "e")
    others = [
        replace(image, **changed)  # type: ignore[arg-type]
        for changed in ({"etag": "f"}, {"key": "l.jpg"}, {"bucket": "c"}, {"store": "folder"})
    ]
    assert len({photo_file_name(one) for one in (image, *others)}) == 5
    assert photo_file_name(image).startswith(
        f"12-{image_digest('s3', 'b', 'k.jpg', 'e').hex()[:8]}."
    )


def test_a_photograph_that_its_store_does_not_serve_is_left_out_and_told(
    reviewed: list[int],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unserved(monkeypatch, {KEYS[0]})
    folder = tmp_path / "train"
    assert run_corrections(None, folder, settings, force=False, as_json=False) == 1
    assert re.search("left out image [0-9]+: .*a b/one.PNG is not served", capsys.readouterr().err)
    assert {Path(row["source"]).name for row in written(folder / "train.jsonl")} == set(KEYS[1:])


def test_where_no_photograph_is_served_it_ends_and_leaves_no_labels(
    reviewed: list[int], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unserved(monkeypatch, set(KEYS))
    folder = tmp_path / "train"
    with pytest.raises(StoreUnreachable, match="is not served"):
        run_corrections(None, folder, settings, force=False, as_json=False)
    assert list(folder.iterdir()) == []


def test_a_bucket_that_is_away_is_not_asked_for_every_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = unserved(monkeypatch, {f"{number}.jpg" for number in range(100)} - {"3.jpg"})
    store = FolderStore()
    fetcher = PhotographFetcher({"s3": store, "folder": store}, tmp_path, 9)
    (tmp_path / "here").mkdir()
    for number in range(20):
        with pytest.raises((StoreUnreachable, ImageRejected)):
            fetcher.fetch(ImageRef(number, "s3", "away", f"{number}.jpg", "e"))
    # The fourth was answered for, so that the counting began anew.
    assert asked == [f"{number}.jpg" for number in range(9)]
    with pytest.raises(ImageRejected):
        fetcher.fetch(ImageRef(3, "folder", str(tmp_path / "here"), "3.jpg", "e"))


def test_missing_credentials_are_told_before_anything_is_written(
    engine: sa.Engine,
    reviewed: list[int],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    execute(engine, "UPDATE images SET store = 's3', bucket = 'car-park' WHERE key = 'two.png'")
    folder = tmp_path / "train"
    with pytest.raises(CredentialsMissing, match="AWS_ACCESS_KEY_ID") as told:
        run_corrections(None, folder, settings, force=False, as_json=False)
    assert told.value.exit_code == 3
    assert list(folder.iterdir()) == []
    assert run_corrections("-", None, settings, force=False, as_json=False) == 0


def unserved(monkeypatch: pytest.MonkeyPatch, keys: set[str]) -> list[str]:
    """Returns a store that is away for these keys, and the list of keys it was asked for."""
    asked: list[str] = []
    read = FolderStore.read

    def read_or_fail(self: FolderStore, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        asked.append(key)
        if key in keys:
            raise StoreUnreachable(f"{key} is not served")
        if not Path(bucket).is_absolute():
            raise ImageMissing(f"{key} is not there any more")
        return read(self, bucket, key, etag, limit=limit)

    monkeypatch.setattr(FolderStore, "read", read_or_fail)
    return asked
