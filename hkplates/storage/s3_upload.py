"""Writes one object to S3 by multipart upload: it appears whole, or not at all."""

from typing import Any

from botocore.exceptions import ClientError

from hkplates.errors import BucketForbidden
from hkplates.storage import s3_errors
from hkplates.storage.s3 import S3_ERRORS, make_client

PART_BYTES = 16 * 1024 * 1024
"""Size of a part, held in memory until it is sent. S3 takes 10,000: 160 GB at most an object."""


class S3Upload:
    """An object that appears in its bucket when `commit` is called, and never in part.

    Every method raises:
        BucketMissing, BucketForbidden, SourceInvalid: it cannot be written there.
        CredentialsMissing, CredentialsRejected: the store does not accept the credentials.
        StoreUnreachable: the store does not answer.
    """

    def __init__(self, bucket: str, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._client: Any = make_client()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._buffer = bytearray()

    def exists(self) -> bool:
        """Returns whether an object of this key is there."""
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key)
        except S3_ERRORS as error:
            status = s3_errors.http_status(error) if isinstance(error, ClientError) else 0
            if status == 404:
                return False
            if status == 403:
                # What S3 also answers where there is none, to those who may not list.
                raise BucketForbidden(
                    f"These credentials may not see whether s3://{self._bucket}/{self._key} is "
                    "there: they need s3:GetObject and s3:ListBucket; or write it with --force"
                ) from None
            raise self._translate(error) from None
        return True

    def begin(self) -> None:
        """Begins the upload, which fails at once where it may not be written."""
        self._upload_id = self._call("create_multipart_upload")["UploadId"]

    def write(self, data: bytes | memoryview) -> int:
        """Buffers bytes and sends each part that is full; returns how many bytes it took."""
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(memoryview(self._buffer)[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return len(data)

    def commit(self) -> None:
        """Completes the upload: the object appears."""
        if not self._parts:
            # Also where it is empty, as no multipart upload may be.
            self._call("put_object", Body=bytes(self._buffer))
            self.abort()
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        parts = {"Parts": self._parts}
        self._call("complete_multipart_upload", UploadId=self._upload_id, MultipartUpload=parts)
        self._upload_id = None

    def abort(self) -> None:
        """Aborts the upload: the store discards its parts."""
        self._buffer.clear()
        if self._upload_id is not None:
            upload, self._upload_id = self._upload_id, None
            self._call("abort_multipart_upload", UploadId=upload)

    def _send(self, data: bytes) -> None:
        number = len(self._parts) + 1
        sent = self._call("upload_part", UploadId=self._upload_id, PartNumber=number, Body=data)
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, Key=self._key, **arguments)
        except S3_ERRORS as error:
            raise self._translate(error) from None

    def _translate(self, error: Exception) -> Exception:
        endpoint = s3_errors.host_and_port(self._client.meta.endpoint_url)
        return s3_errors.upload_error(error, self._bucket, self._key, endpoint)
