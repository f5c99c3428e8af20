"""Photographs and plates as pictures, and what is shown where there is none."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from PIL import Image
from servers.s3 import S3
from support.browserless_client import BrowserlessClient, browserless_client
from support.page_with_users import audit_rows
from support.photos_with_rows import record_as_read

from hkplates.database.engine import open_engine
from hkplates.database.schema.images import Image as ImageRow
from hkplates.recognition.images.decode import decode

SIZE = (48, 32)
RED, GREEN, WHITE, BLUE = (200, 30, 30), (30, 180, 40), (240, 240, 240), (40, 60, 210)


def save(path: Path, size: tuple[int, int] = SIZE, turn: int = 1) -> Path:
    """Red, green, white and blue quarters, clockwise from the top left, turned as a camera does."""
    picture = Image.new("RGB", size, RED)
    wide, high = size[0] // 2, size[1] // 2
    for colour, place in ((GREEN, (wide, 0)), (WHITE, (wide, high)), (BLUE, (0, high))):
        picture.paste(colour, (*place, place[0] + wide, place[1] + high))
    exif = Image.Exif()
    exif[0x0112] = turn
    picture.save(path, "JPEG", quality=95, subsampling=0, exif=exif)
    return path


def quarters(data: bytes) -> list[tuple[int, int, int]]:
    """Returns the colours of the quarters, as near as JPEG keeps them."""
    pixels = decode(data, max_pixels=10**9).pixels
    high, wide = pixels.shape[:2]
    places = ((1, 1), (1, 3), (3, 3), (3, 1))
    seen = [pixels[y * high // 4, x * wide // 4] for y, x in places]
    known = (RED, GREEN, WHITE, BLUE)
    return [
        min(known, key=lambda one: sum(abs(int(a) - b) for a, b in zip(colour, one, strict=True)))
        for colour in seen
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def client(engine: sa.Engine, tmp_path: Path) -> Iterator[BrowserlessClient]:
    with browserless_client(engine, tmp_path / "data") as one:
        yield one


def get(client: BrowserlessClient, address: str, **headers: str) -> Any:
    return client.http.get(address, headers=headers)


def test_a_photograph_is_shown_upright_as_jpeg(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    save(folder / "turned.jpg", turn=3)
    [number] = record_as_read(engine, folder, SIZE)
    answer = get(client, f"/photos/{number}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"].startswith("private")
    assert quarters(answer.content) == [WHITE, BLUE, RED, GREEN]


@pytest.mark.parametrize(
    ("size", "expected"),
    [("thumbnail", (320, 213)), ("page", (1600, 1067)), ("large", (1800, 1200))],
)
def test_a_photograph_is_no_larger_than_was_asked(
    engine: sa.Engine, folder: Path, client: BrowserlessClient, size: str, expected: tuple[int, int]
) -> None:
    save(folder / "wide.jpg", (1800, 1200))
    [number] = record_as_read(engine, folder, (1800, 1200))
    data = get(client, f"/photos/{number}?size={size}").content
    high, wide = decode(data, max_pixels=10**9).pixels.shape[:2]
    assert (wide, high) == expected


def test_a_plate_is_cut_out_of_its_photograph(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    save(folder / "car.jpg", (480, 320))
    # The white quarter, lying on its left side.
    record_as_read(engine, folder, (480, 320), [[240, 310], [240, 170], [470, 170], [470, 310]])
    pixels = decode(get(client, "/plates/1/crop").content, max_pixels=10**9).pixels
    high, wide = pixels.shape[:2]
    middle = pixels[high // 2 - 20 : high // 2 + 20, wide // 2 - 20 : wide // 2 + 20]
    assert middle.reshape(-1, 3).min() > 225


def test_a_picture_is_kept_and_a_browser_that_has_it_is_sent_nothing(
    engine: sa.Engine, folder: Path, client: BrowserlessClient, tmp_path: Path
) -> None:
    path = save(folder / "car.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    first = get(client, f"/photos/{number}")
    path.unlink()
    assert get(client, f"/photos/{number}").content == first.content
    again = get(client, f"/photos/{number}", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    kept = tmp_path / "data" / "web" / "pictures"
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("harm", "status", "words"),
    [
        (lambda path: path.unlink(), 404, "It is not there any more"),
        (lambda path: os.utime(path, (1, 1)), 410, "It was replaced after it was listed"),
        (lambda path: (path.unlink(), os.mkfifo(path)), 403, "Reading it is not allowed"),
    ],
    ids=["gone", "changed", "forbidden"],
)
def test_a_photograph_that_cannot_be_had_is_a_picture_of_the_reason(
    engine: sa.Engine, folder: Path, client: BrowserlessClient, harm: Any, status: int, words: str
) -> None:
    path = save(folder / "car.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    harm(path)
    for address in (f"/photos/{number}", "/plates/1/crop"):
        answer = get(client, address)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "image/svg+xml")
        assert words in answer.text
        assert answer.headers["cache-control"] == "no-store"


def test_a_store_that_is_away_is_told_and_asked_again_later(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    save(folder / "car.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    folder.rename(folder.with_name("elsewhere"))
    answer = get(client, f"/photos/{number}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")
    assert "does not serve this page" in answer.text


def test_a_photograph_larger_than_the_limits_is_not_decoded(
    engine: sa.Engine, folder: Path, tmp_path: Path
) -> None:
    save(folder / "wide.jpg", (400, 300))
    [number] = record_as_read(engine, folder, (400, 300))
    with browserless_client(engine, tmp_path / "data", max_image_pixels=100_000) as client:
        answer = get(client, f"/photos/{number}")
    assert answer.status_code == 422
    assert "larger than the limits" in answer.text


@pytest.mark.parametrize("address", ["/photos/7", "/plates/7/crop"])
def test_a_number_that_nothing_has_is_not_found(client: BrowserlessClient, address: str) -> None:
    answer = get(client, address)
    assert answer.status_code == 404
    assert "There is no such photograph" in answer.text


@pytest.mark.parametrize(
    "address",
    [f"/photos/{2**63}", "/photos/0", "/photos/x", "/photos/1?size=huge", "/photos/../hkplates"],
)
def test_nothing_but_a_number_names_a_photograph(client: BrowserlessClient, address: str) -> None:
    assert get(client, address).status_code in (404, 422)


def test_a_key_that_leads_out_of_its_folder_shows_nothing(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    secret = save(folder.with_name("secret.jpg"))
    save(folder / "car.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    with engine.begin() as connection:
        etag = f"{secret.stat().st_mtime_ns}-{secret.stat().st_size}"
        connection.execute(sa.update(ImageRow).values(key="../secret.jpg", etag=etag))
    answer = get(client, f"/photos/{number}")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def in_a_bucket(engine: sa.Engine, s3: S3, folder: Path) -> int:
    """Uploads a photograph to S3 and records it as read; returns its image id."""
    bucket, client = f"photos-{secrets.token_hex(3)}", s3.client()
    client.create_bucket(Bucket=bucket)
    client.upload_file(str(save(folder / "car.jpg")), bucket, "gate é/car.jpg")
    etag = client.head_object(Bucket=bucket, Key="gate é/car.jpg")["ETag"].strip('"')
    [number] = record_as_read(engine, folder, SIZE)
    place = {"store": "s3", "bucket": bucket, "key": "gate é/car.jpg", "etag": etag}
    with engine.begin() as connection:
        connection.execute(sa.update(ImageRow).values(place))
    return number


def test_a_photograph_comes_from_its_bucket_through_the_page(
    engine: sa.Engine, folder: Path, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = in_a_bucket(engine, s3, folder)
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    with browserless_client(engine, tmp_path / "data") as client:
        answer = get(client, f"/photos/{number}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert quarters(answer.content) == [RED, GREEN, WHITE, BLUE]


def test_a_bucket_that_does_not_know_the_page_is_told_without_its_credentials(
    engine: sa.Engine, folder: Path, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = in_a_bucket(engine, s3, folder)
    wrong = {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    for name, value in (s3.environment() | wrong).items():
        monkeypatch.setenv(name, value)
    with (
        browserless_client(engine, tmp_path / "data") as client,
        structlog.testing.capture_logs() as logs,
    ):
        answer = get(client, f"/photos/{number}")
    assert answer.status_code == 503
    assert [line["event"] for line in logs] == ["picture_failed"]
    assert "does not accept" in logs[0]["error"]
    for output in (answer.text, str(logs)):
        assert "not-the-secret" not in output
        assert s3.access_key not in output


def test_a_photograph_that_broke_the_workers_is_not_decoded_by_the_page(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    save(folder / "breaker.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    with engine.begin() as connection:
        connection.execute(sa.update(ImageRow).values(state="quarantined", reason="crashed"))
    for address in (f"/photos/{number}", "/plates/1/crop"):
        answer = get(client, address)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "image/svg+xml")
        assert "It took the reading" in answer.text


def test_each_photograph_in_full_leaves_a_row_and_small_pictures_none(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    save(folder / "car.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    photo = f"/api/v1/images/{number}/photo"
    for address in (f"/photos/{number}", f"/photos/{number}?size=large", photo):
        assert get(client, address).status_code == 200
    rows = [(row["action"], row["subject"]) for row in audit_rows(engine)]
    assert rows == [("photograph", {"image": number})] * 3
    small = (f"/photos/{number}?size=thumbnail", "/plates/1/crop", f"{photo}?size=thumbnail")
    for address in (*small, "/photos/77"):
        get(client, address)
    assert len(audit_rows(engine)) == 3


def test_without_its_row_no_photograph_is_shown(
    engine: sa.Engine, folder: Path, client: BrowserlessClient
) -> None:
    save(folder / "car.jpg")
    [number] = record_as_read(engine, folder, SIZE)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit RENAME TO elsewhere"))
    assert get(client, f"/photos/{number}?size=thumbnail").status_code == 200
    answer = get(client, f"/photos/{number}")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "image/svg+xml")
    assert get(client, f"/api/v1/images/{number}/photo").status_code == 503


@pytest.mark.parametrize("address", ["/photos/54", "/plates/54/crop"])
def test_with_the_database_away_there_is_a_picture_that_says_so(
    tmp_path: Path, address: str
) -> None:
    away = open_engine("postgresql://ada@127.0.0.1:1/hkplates")
    with browserless_client(away, tmp_path) as client:
        answer = get(client, address)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "image/svg+xml")
    assert "cannot ask its database" in answer.text
