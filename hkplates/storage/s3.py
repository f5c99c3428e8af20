"""Photographs in S3 or a server that speaks its protocol, through boto3.

Credentials and endpoint come from boto3's own chain: AWS_ACCESS_KEY_ID and its siblings, profiles,
roles, AWS_ENDPOINT_URL_S3. Errors become ours in s3_errors.py.
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
    max_pool_connections=64,  # as many as one worker may have fetching threads
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
"""Begins what names the content of an object that was listed without an ETag."""
SIZE_PREFIX = "size-"
"""The same, where the listing says not even when it was modified."""

# OSError: as what a certificate bundle that cannot be read may come.
S3_ERRORS = (BotoCoreError, ClientError, HTTPError, OSError)


class S3Store:
    """Objects of buckets; the client is made at first use and shared by all threads."""

    def __init__(self) -> None:
        self._client: Any = None
        self._client_lock = threading.Lock()

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        """Every object, page by page, in the order of keys (UTF-8)."""
        try:
            pages = self._get_client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after or ""):
                yield from map(_entry, page.get("Contents", ()))
        except S3_ERRORS as error:
            raise s3_errors.bucket_error(error, bucket, self._endpoint()) from None

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        """The bytes of one object; nothing of a body that is too large is read."""
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
        """Ask for credentials, and nothing of a bucket.

        Raises:
            CredentialsMissing: none are named, or those that are cannot be used.
            CredentialsRejected: the role that is named is not given.
            StoreUnreachable: whoever gives them does not answer.
        """
        try:
            credentials = boto3.Session().get_credentials()
            if credentials is None:
                raise NoCredentialsError
            credentials.get_frozen_credentials()  # such as those of a login that has expired
        except S3_ERRORS as error:
            raise s3_errors.bucket_error(error, "", self._endpoint()) from None

    def _get_client(self) -> Any:
        with self._client_lock:  # making clients is the one thing boto3 does not do in parallel
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
    """A client of the store that boto3's own variables and files name.

    Raises:
        SettingInvalid: AWS_ENDPOINT_URL_S3 is no URL.
    """
    try:
        session = boto3.Session()
        client = session.client("s3", config=CLIENT_CONFIG)
        if s3_errors.is_aws(client.meta.endpoint_url):
            return client
        return session.client("s3", config=COMPATIBLE_CONFIG)
    except ValueError:  # boto3's for an endpoint that is no URL
        raise SettingInvalid(
            "AWS_ENDPOINT_URL_S3 cannot be used; expected a URL like https://s3.example.com:9000"
        ) from None


def _entry(listed: dict[str, Any]) -> Entry:
    return Entry(listed["Key"], _content_names(listed, listed["Size"])[0], listed["Size"])


def _content_names(described: dict[str, Any], size: int) -> list[str]:
    """What may name a content, the surest first: gateways over a folder have no ETag for files put
    there, and a listing may say less than an answer to a read. Never empty."""
    etag, when = described.get("ETag", "").strip('"'), described.get("LastModified")
    modified = f"{MODIFIED_PREFIX}{when.timestamp():.0f}-{size}" if when else ""
    return [name for name in (etag, modified, f"{SIZE_PREFIX}{size}") if name]


def _check(found: dict[str, Any], key: str, etag: str, limit: int) -> None:
    size = found["ContentLength"]
    # Not every server heeds If-Match.
    if etag not in _content_names(found, size):
        raise ImageChanged(f"{key} was replaced after it was listed; submit its prefix again")
    if size == 0:
        raise ImageEmpty(f"{key} has no bytes")
    if size > limit:
        raise ImageTooLarge(f"{key} has {size:,} bytes, more than the {limit:,} allowed")
