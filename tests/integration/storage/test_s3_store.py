"""Listing and reading through boto3, from a real S3 API and from one that misbehaves on purpose."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from servers.s3 import S3

from hkplates.errors import (
    BucketForbidden,
    BucketMissing,
    CredentialsMissing,
    CredentialsRejected,
    HkplatesError,
    ImageArchived,
    ImageChanged,
    ImageEmpty,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    SettingInvalid,
    SourceInvalid,
    StoreUnreachable,
)
from hkplates.storage import s3_errors
from hkplates.storage.s3 import S3Store

LIMIT = 1000
BUCKET = "car-park"
KEYS = [
    "a/1.jpg",
    "a/b c+d%20&=?.jpg",
    "a/line\nbreak.jpg",
    "a/車牌/ñ.jpg",
    "a/" + "k" * 1000 + ".jpg",
    "b/2.jpg",
]


@pytest.fixture(scope="module")
def bucket(s3: S3) -> Iterator[Any]:
    """Makes a bucket with a few objects; yields the client."""
    client = s3.client()
    client.create_bucket(Bucket=BUCKET)
    for key in KEYS:
        client.put_object(Bucket=BUCKET, Key=key, Body=f"pixels of {key}".encode())
    yield client
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def owner(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, s3.environment())


def use(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Points boto3 at an S3 server, as in a program started with these variables."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # boto3 keeps a session for the whole process.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def etag(key: str) -> str:
    return next(entry.etag for entry in S3Store().list(BUCKET, "") if entry.key == key)


@pytest.mark.usefixtures("bucket", "owner")
class TestARealServer:
    def test_every_object_is_listed_in_the_order_of_keys(self) -> None:
        found = list(S3Store().list(BUCKET, ""))
        assert [entry.key for entry in found] == sorted(KEYS, key=str.encode)
        assert all(entry.size > 0 and '"' not in entry.etag for entry in found)

    def test_a_prefix_narrows_a_listing(self) -> None:
        assert [entry.key for entry in S3Store().list(BUCKET, "b/")] == ["b/2.jpg"]

    def test_a_listing_goes_on_after_a_key(self) -> None:
        ordered = sorted(KEYS, key=str.encode)
        found = S3Store().list(BUCKET, "", after=ordered[2])
        assert [entry.key for entry in found] == ordered[3:]

    def test_what_is_listed_can_be_read_from_several_threads(self) -> None:
        store = S3Store()

        def read(entry: Any) -> bytes:
            return store.read(BUCKET, entry.key, entry.etag, limit=LIMIT * 2)

        entries = list(store.list(BUCKET, ""))
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(read, entries))
        assert found == [f"pixels of {entry.key}".encode() for entry in entries]

    def test_a_missing_object_is_missing(self) -> None:
        with pytest.raises(ImageMissing):
            S3Store().read(BUCKET, "a/nothing.jpg", "e", limit=LIMIT)

    def test_a_replaced_object_is_not_read_as_the_old_one(self, bucket: Any) -> None:
        bucket.put_object(Bucket=BUCKET, Key="b/2.jpg", Body=b"old")
        before = etag("b/2.jpg")
        bucket.put_object(Bucket=BUCKET, Key="b/2.jpg", Body=b"new")
        with pytest.raises(ImageChanged, match="submit its prefix again"):
            S3Store().read(BUCKET, "b/2.jpg", before, limit=LIMIT)

    def test_an_object_over_the_limit_is_rejected(self) -> None:
        with pytest.raises(ImageTooLarge, match="more than the 3 allowed"):
            S3Store().read(BUCKET, "a/1.jpg", etag("a/1.jpg"), limit=3)

    def test_an_empty_object_is_rejected(self, bucket: Any) -> None:
        bucket.put_object(Bucket=BUCKET, Key="empty.jpg", Body=b"")
        with pytest.raises(ImageEmpty):
            S3Store().read(BUCKET, "empty.jpg", etag("empty.jpg"), limit=LIMIT)

    def test_a_missing_bucket_is_named(self) -> None:
        with pytest.raises(BucketMissing, match="There is no bucket no-such-bucket at 127"):
            list(S3Store().list("no-such-bucket", ""))

    def test_a_bucket_that_this_worker_lacks_is_no_fault_of_the_image(self) -> None:
        with pytest.raises(StoreUnreachable, match="has no bucket"):
            S3Store().read("no-such-bucket", "a.jpg", "e", limit=LIMIT)

    def test_a_name_that_no_bucket_can_have_is_refused(self) -> None:
        with pytest.raises(SourceInvalid, match="cannot be the name of a bucket"):
            list(S3Store().list("Not/A/Bucket!", ""))

    def test_a_stranger_may_not_list(self, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
        if not s3.stranger_access_key:
            pytest.skip("HKPLATES_TEST_S3_STRANGER_ACCESS_KEY names no second user")
        use(monkeypatch, s3.stranger_environment())
        with pytest.raises(BucketForbidden, match="s3:ListBucket"):
            list(S3Store().list(BUCKET, ""))
        with pytest.raises(ImageForbidden, match="s3:GetObject"):
            S3Store().read(BUCKET, "a/1.jpg", "e", limit=LIMIT)

    @pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
    def test_wrong_credentials_are_told_without_showing_them(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        use(monkeypatch, {name: "not-the-s3cret"})
        with pytest.raises(CredentialsRejected) as caught:
            list(S3Store().list(BUCKET, ""))
        assert "not-the-s3cret" not in str(caught.value)
        with pytest.raises(StoreUnreachable, match="worker's credentials"):
            S3Store().read(BUCKET, "a/1.jpg", "e", limit=LIMIT)


def test_missing_credentials_say_what_to_set(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, s3.environment())
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsMissing, match="set AWS_ACCESS_KEY_ID"):
        list(S3Store().list(BUCKET, ""))


ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>no</Message></Error>"
WHOLE = {"ETag": '"e"', "Content-Length": "9"}


@contextmanager
def answers(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Iterator[str]:
    """Serves the same answer to everyone, then closes; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status:
                self.send_response(status)
                for name, value in (headers or {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    environment = S3(url, "someone", "s3cret").environment()
    use(monkeypatch, environment)
    monkeypatch.setattr("hkplates.storage.s3.CLIENT_CONFIG.retries", {"total_max_attempts": 1})
    monkeypatch.setattr("hkplates.storage.s3.COMPATIBLE_CONFIG.retries", {"total_max_attempts": 1})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        pytest.param(503, "SlowDown", StoreUnreachable, id="busy"),
        pytest.param(500, "InternalError", StoreUnreachable, id="broken"),
        pytest.param(429, "TooManyRequests", StoreUnreachable, id="throttled"),
        pytest.param(400, "ExpiredToken", CredentialsRejected, id="expired"),
        pytest.param(403, "RequestTimeTooSkewed", CredentialsRejected, id="wrong clock"),
        pytest.param(403, "AccessDenied", BucketForbidden, id="denied"),
        pytest.param(404, "NoSuchBucket", BucketMissing, id="no bucket"),
        pytest.param(400, "IllegalLocationConstraintException", SourceInvalid, id="region"),
    ],
)
def test_a_failed_listing_says_who_must_act(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[HkplatesError]
) -> None:
    with answers(status, ERROR.format(code).encode()) as url:
        point_to(monkeypatch, url)
        with pytest.raises(kind):
            list(S3Store().list(BUCKET, ""))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        pytest.param(503, "SlowDown", StoreUnreachable, id="busy"),
        pytest.param(400, "ExpiredToken", StoreUnreachable, id="expired"),
        pytest.param(403, "InvalidObjectState", ImageArchived, id="archived"),
        pytest.param(403, "AccessDenied", ImageForbidden, id="denied"),
        pytest.param(412, "PreconditionFailed", ImageChanged, id="changed"),
        pytest.param(404, "NoSuchKey", ImageMissing, id="missing"),
    ],
)
def test_a_failed_read_says_who_must_act(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[HkplatesError]
) -> None:
    with answers(status, ERROR.format(code).encode()) as url:
        point_to(monkeypatch, url)
        with pytest.raises(kind):
            S3Store().read(BUCKET, "a.jpg", "e", limit=LIMIT)


@pytest.mark.parametrize(
    ("status", "body"),
    [pytest.param(0, b"", id="no answer"), pytest.param(200, b"half", id="half an answer")],
)
def test_a_connection_that_breaks_is_a_temporary_fault(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    with answers(status, body, WHOLE) as url:
        point_to(monkeypatch, url)
        with pytest.raises(StoreUnreachable, match="does not answer"):
            S3Store().read(BUCKET, "a.jpg", "e", limit=LIMIT)


def test_a_server_that_ignores_the_condition_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answers(200, b"new bytes", {**WHOLE, "ETag": '"other"'}) as url:
        point_to(monkeypatch, url)
        with pytest.raises(ImageChanged):
            S3Store().read(BUCKET, "a.jpg", "e", limit=LIMIT)


LISTED_WITHOUT_ETAG = b"""<?xml version="1.0"?><ListBucketResult><Name>b</Name><Contents>
<Key>a.jpg</Key><Size>9</Size><LastModified>2026-07-01T08:00:00.000Z</LastModified>
</Contents></ListBucketResult>"""
UNCHANGED = {"Content-Length": "9", "Last-Modified": "Wed, 01 Jul 2026 08:00:00 GMT"}


@pytest.mark.parametrize("etag", [{}, {"ETag": '"made on reading"'}], ids=["none", "later"])
def test_an_object_listed_without_etag_is_known_by_its_time_and_size(
    monkeypatch: pytest.MonkeyPatch, etag: dict[str, str]
) -> None:
    with answers(200, LISTED_WITHOUT_ETAG) as url:
        point_to(monkeypatch, url)
        (entry,) = S3Store().list(BUCKET, "")
    with answers(200, b"nine byte", {**UNCHANGED, **etag}) as url:
        point_to(monkeypatch, url)
        assert S3Store().read(BUCKET, "a.jpg", entry.etag, limit=LIMIT) == b"nine byte"
    replaced = {**UNCHANGED, **etag, "Last-Modified": "Wed, 01 Jul 2026 09:00:00 GMT"}
    with answers(200, b"new bytes", replaced) as url:
        point_to(monkeypatch, url)
        with pytest.raises(ImageChanged):
            S3Store().read(BUCKET, "a.jpg", entry.etag, limit=LIMIT)


def test_an_answer_that_is_no_s3_is_a_temporary_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with answers(200, b"<html>welcome</html") as url:
        point_to(monkeypatch, url)
        with pytest.raises(StoreUnreachable):
            list(S3Store().list(BUCKET, ""))


def test_an_endpoint_that_refuses_connections_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://someone:s3cret@127.0.0.1:1")
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:1 does not answer") as caught:
        list(S3Store().list(BUCKET, ""))
    assert "s3cret" not in str(caught.value)


def test_an_endpoint_that_is_no_url_is_a_setting_to_correct(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point_to(monkeypatch, "nonsense")
    with pytest.raises(SettingInvalid, match="AWS_ENDPOINT_URL_S3 cannot be used"):
        list(S3Store().list(BUCKET, ""))


def test_an_unknown_profile_is_a_credential_to_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsMissing, match="nobody"):
        list(S3Store().list(BUCKET, ""))


LISTED_BARE = b"""<?xml version="1.0"?><ListBucketResult><Name>b</Name><Contents>
<Key>a.jpg</Key><Size>9</Size></Contents></ListBucketResult>"""


def test_an_object_listed_with_neither_etag_nor_time_is_known_by_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answers(200, LISTED_BARE) as url:
        point_to(monkeypatch, url)
        (entry,) = S3Store().list(BUCKET, "")
    assert entry.etag
    with answers(200, b"nine byte", {**UNCHANGED, "ETag": '"x"'}) as url:
        point_to(monkeypatch, url)
        assert S3Store().read(BUCKET, "a.jpg", entry.etag, limit=LIMIT) == b"nine byte"
    with answers(200, b"ten  bytes", {**UNCHANGED, "Content-Length": "10"}) as url:
        point_to(monkeypatch, url)
        with pytest.raises(ImageChanged):
            S3Store().read(BUCKET, "a.jpg", entry.etag, limit=LIMIT)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            "[profile p]\nsso_start_url = https://x\nsso_region = us-east-1\n"
            "sso_account_id = 1\nsso_role_name = r\n",
            id="not logged in",
        ),
        pytest.param("[profile p]\ncredential_process = false\n", id="a program that fails"),
        pytest.param(
            "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = gone\n",
            id="a role of nobody",
        ),
        pytest.param("this is no configuration", id="no configuration"),
    ],
)
def test_a_login_that_cannot_be_used_is_no_endpoint_that_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: str
) -> None:
    point_to(monkeypatch, "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(settings)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CredentialsMissing) as caught:
        list(S3Store().list(BUCKET, ""))
    assert caught.value.exit_code == 3


def test_a_role_that_is_not_given_is_a_credential() -> None:
    refused = ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")
    assert isinstance(s3_errors.bucket_error(refused, BUCKET, "S3"), CredentialsRejected)
    assert isinstance(s3_errors.image_error(refused, BUCKET, "k", "S3"), StoreUnreachable)


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "junk"])
def test_a_wrong_certificate_bundle_is_a_setting_to_correct(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with answers(200, b"") as url:
        point_to(monkeypatch, url.replace("http://", "https://"))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        with pytest.raises(SettingInvalid, match="AWS_CA_BUNDLE"):
            list(S3Store().list(BUCKET, ""))
