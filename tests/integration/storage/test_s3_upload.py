"""Uploads to S3 appear whole or not at all, and their errors say what to do."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError
from servers.s3 import S3
from support.seeded_rows import seed_rows
from typer.testing import CliRunner

from cli.export.outputs import open_output
from cli.main import app
from hkplates.errors import (
    BucketForbidden,
    BucketMissing,
    CredentialsMissing,
    CredentialsRejected,
    HkplatesError,
    SourceInvalid,
    StoreUnreachable,
)
from hkplates.storage import s3_errors, s3_upload
from hkplates.storage.s3_upload import S3Upload

BUCKET = "for-colleagues"
PART = 5 * 1024 * 1024  # the least that S3 takes for any part but the last


@pytest.fixture(scope="module")
def client(s3: S3) -> Iterator[Any]:
    client = s3.client()
    client.create_bucket(Bucket=BUCKET)
    yield client
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture(autouse=True)
def owner(s3: S3, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, s3.environment())
    monkeypatch.setattr(s3_upload, "PART_BYTES", PART)


def use(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # kept for the whole process


def body(client: Any, key: str) -> bytes:
    found: bytes = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return found


def unfinished(client: Any) -> list[str]:
    found = client.list_multipart_uploads(Bucket=BUCKET)
    return [one["Key"] for one in found.get("Uploads", ())]


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(0, id="nothing"),
        pytest.param(7, id="less than a part"),
        pytest.param(PART, id="one part"),
        pytest.param(2 * PART + 7, id="three parts"),
    ],
)
def test_what_was_written_is_what_is_there(client: Any, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    key = f"sizes/車 {size}+.csv"
    with open_output(f"s3://{BUCKET}/{key}", force=False) as output:
        for start in range(0, size, 1_000_003):
            output.write(memoryview(data[start : min(start + 1_000_003, size)]))
        with pytest.raises(ClientError):
            body(client, key)  # not before it is whole
    assert body(client, key) == data[:size]
    assert unfinished(client) == []


def test_an_upload_that_breaks_off_leaves_nothing(client: Any) -> None:
    def broken() -> None:
        with open_output(f"s3://{BUCKET}/broken.csv", force=False) as output:
            output.write(b"x" * (PART + 1))
            assert unfinished(client) == ["broken.csv"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert unfinished(client) == []
    with pytest.raises(ClientError):
        body(client, "broken.csv")


def test_the_command_exports_to_a_bucket_and_replaces_only_when_asked(
    client: Any, engine: sa.Engine
) -> None:
    seed_rows(engine)
    environment = {"DATABASE_URL": engine.url.render_as_string(hide_password=False)}
    command = ["export", "--output", f"s3://{BUCKET}/july.jsonl"]
    done = CliRunner().invoke(app, [*command, "--mark", "AB1234"], env=environment)
    assert done.exit_code == 0, done.output
    assert body(client, "july.jsonl").count(b"\n") == 3
    assert CliRunner().invoke(app, command, env=environment).exit_code == 2
    assert body(client, "july.jsonl").count(b"\n") == 3
    assert CliRunner().invoke(app, [*command, "--force"], env=environment).exit_code == 0
    assert body(client, "july.jsonl").count(b"\n") > 3


def test_a_bucket_that_is_not_there_is_told_before_anything_is_sent() -> None:
    with (
        pytest.raises(BucketMissing, match="There is no bucket nowhere-to-be"),
        open_output("s3://nowhere-to-be/a.csv", force=False),
    ):
        raise AssertionError("it opened")


def test_a_stranger_may_not_write(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    if not s3.stranger_access_key:
        pytest.skip("HKPLATES_TEST_S3_STRANGER_ACCESS_KEY names no second user")
    use(monkeypatch, s3.stranger_environment())
    with pytest.raises(BucketForbidden, match="may not see whether"):
        S3Upload(BUCKET, "a.csv").exists()
    with pytest.raises(BucketForbidden, match="s3:PutObject"):
        S3Upload(BUCKET, "a.csv").begin()


def test_wrong_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"AWS_SECRET_ACCESS_KEY": "not-the-s3cret"})
    with pytest.raises(CredentialsRejected) as caught:
        S3Upload(BUCKET, "a.csv").begin()
    assert "s3cret" not in str(caught.value)


def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(CredentialsMissing, match="AWS_ACCESS_KEY_ID"):
        S3Upload(BUCKET, "a.csv").begin()


def test_a_store_that_is_away_is_a_temporary_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:1"):
        S3Upload(BUCKET, "a.csv").begin()


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("SlowDown", 503, StoreUnreachable),
        ("InternalError", 500, StoreUnreachable),
        ("NoSuchBucket", 404, BucketMissing),
        ("NoSuchUpload", 404, SourceInvalid),
        ("AccessDenied", 403, BucketForbidden),
        ("ExpiredToken", 400, CredentialsRejected),
        ("EntityTooLarge", 400, SourceInvalid),
    ],
)
def test_each_answer_has_its_meaning(code: str, status: int, expected: type[HkplatesError]) -> None:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = ClientError(answer, "UploadPart")
    assert type(s3_errors.upload_error(error, BUCKET, "a.csv", "host")) is expected


def test_what_cannot_be_taken_back_is_told(
    client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        with open_output(f"s3://{BUCKET}/left.csv", force=False) as output:
            monkeypatch.setattr(
                output, "_client", boto3.client("s3", endpoint_url="http://[::1]:1")
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert f"part of s3://{BUCKET}/left.csv was left behind" in capsys.readouterr().err
    with suppress(ClientError):
        for one in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"])
