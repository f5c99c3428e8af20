"""Reads photographs from S3, or a server that speaks its protocol, through boto3.

Credentials and endpoint come from boto3's own chain: AWS_ACCESS_KEY_ID and its siblings, profiles,
roles, AWS_ENDPOINT_URL_S3. s3_errors.py translates errors into ours.
"""

import threading
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from urllib3.exceptions import HTTPError

from hkplates.errors import ImageChanged, ImageEmpty, ImageTooLarge, SettingInvalid
from hkplates.storage import s3_errors
from hkplates.storage.base import Entry

CLIENT_CONFIG = Config(
    connect_timeout=5,  # seconds
    read_timeout=30,  # seconds between two packets
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=64,  # the most fetching threads that one worker may have
)
# Servers other than AWS rarely have a DNS name for each bucket, and send no checksums.
COMPATIBLE_CONFIG = CLIENT_CONFIG.merge(
    Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
)
MODIFIED_PREFIX = "modified-"
"""Prefix of the etag that we derive for an object listed without one: by time and size."""
SIZE_PREFIX = "size-"
"""The same, where the listing does not even give the time of modification: by size alone."""

# OSError: raised for a certificate bundle that cannot be read.
S3_ERRORS = (BotoCoreError, ClientError, HTTPError, OSError)


class S3Store:
    """Objects of buckets; the client is made at first use and shared by all threads."""

    def __init__(self) -> None:
        self._client: Any = None
        self._client_lock = threading.Lock()

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        """Yields every object, page by page, in the order of keys (UTF-8)."""
        try:
            pages = self._get_client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after or ""):
                yield from map(_entry, page.get("Contents", ()))
        except S3_ERRORS as error:
            raise s3_errors.bucket_error(error, bucket, self._endpoint()) from None

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        """Returns the bytes of one object; reads nothing of a body that is too large."""
        condition = (
            {} if etag.startswith((MODIFIED_PREFIX, SIZE_PREFIX)) else {"IfMatch": f'"{etag}"'}
        )
        try:
            found = self._get_client().get_object(Bucket=bucket, Key=key, **condition)
            with found["Body"] as body:
                _check(found, key, etag, limit)
                data: bytes = body.read()
        except S3_ERRORS as error:
            raise s3_errors.image_error(error, bucket, key, self._endpoint()) from None
        return data

    def require_credentials(self) -> None:
        """Obtains credentials, without a request to a bucket.

        Raises:
            CredentialsMissing: none are named, or those named cannot be used.
            CredentialsRejected: the role that is named is refused.
            StoreUnreachable: their provider does not answer.
        """
        try:
            credentials = boto3.Session().get_credentials()
            if credentials is None:
                raise NoCredentialsError
            credentials.get_frozen_credentials()  # raises for those of an expired login
        except S3_ERRORS as error:
            raise s3_errors.bucket_error(error, "", self._endpoint()) from None

    def _get_client(self) -> Any:
        with self._client_lock:  # boto3 cannot make clients in parallel
            if self._client is None:
                self._client = make_client()
        return self._client

    def _endpoint(self) -> str:
        return (
            "S3"
            if self._client is None
            else s3_errors.host_and_port(self._client.meta.endpoint_url)
        )


def make_client() -> Any:
    """Makes a client of the store that boto3's own variables and files name.

    Raises:
        SettingInvalid: AWS_ENDPOINT_URL_S3 is not a URL.
    """
    try:
        session = boto3.Session()
        client = session.client("s3", config=CLIENT_CONFIG)
        if s3_errors.is_aws(client.meta.endpoint_url):
            return client
        return session.client("s3", config=COMPATIBLE_CONFIG)
    except ValueError:  # boto3's, for an endpoint that is not a URL
        raise SettingInvalid(
            "AWS_ENDPOINT_URL_S3 cannot be used; expected a URL like https://s3.example.com:9000"
        ) from None


def _entry(listed: dict[str, Any]) -> Entry:
    return Entry(listed["Key"], _content_names(listed, listed["Size"])[0], listed["Size"])


def _content_names(described: dict[str, Any], size: int) -> list[str]:
    """Returns the etags that may identify a content, the most specific first; at least one.

    Gateways over a folder have no ETag for files put there, and a listing may hold less than the
    response to a read.
    """
    etag, modified_at = described.get("ETag", "").strip('"'), described.get("LastModified")
    modified = f"{MODIFIED_PREFIX}{modified_at.timestamp():.0f}-{size}" if modified_at else ""
    return [name for name in (etag, modified, f"{SIZE_PREFIX}{size}") if name]


def _check(found: dict[str, Any], key: str, etag: str, limit: int) -> None:
    """Checks that an object is the one listed, and its size; raises an ImageRejected."""
    size = found["ContentLength"]
    # Not every server heeds If-Match.
    if etag not in _content_names(found, size):
        raise ImageChanged(f"{key} was replaced after it was listed; submit its prefix again")
    if size == 0:
        raise ImageEmpty(f"{key} has no bytes")
    if size > limit:
        raise ImageTooLarge(f"{key} has {size:,} bytes, more than the {limit:,} allowed")
