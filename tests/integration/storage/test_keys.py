"""Keys of every kind that a store may hold, from the listing through the ledger to the bytes."""

import json
import os
import secrets
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError
from servers.ledgers import Ledger
from servers.s3 import S3

from hkplates.errors import ImageChanged, ImageMissing
from hkplates.jobs import Chunk, ImageRef
from hkplates.storage.base import Store
from hkplates.storage.folder import FolderStore
from hkplates.storage.s3 import S3Store
from producer.listing import Batches
from producer.sources import Source, parse_source

LIMIT = 10_000
LEASE = 300.0
NAMES = {
    "spaces": " a  b .jpg",
    "composed": unicodedata.normalize("NFC", "Côte d\N{RIGHT SINGLE QUOTATION MARK}Été 車牌.jpg"),
    "decomposed": unicodedata.normalize("NFD", "Côte d\N{RIGHT SINGLE QUOTATION MARK}Été 車牌.jpg"),
    "plus and percent": "1+1=2 %2B %20 100%.jpg",
    "a percent sign and two digits": "%E8%BB%8A.jpg",
    "new lines": "a\nb\r\nc.jpg",
    "controls": "bell\x07 tab\t escape\x1b[31m delete\x7f.jpg",
    "quotes": "a'b\"c`d\N{RIGHT SINGLE QUOTATION MARK}.jpg",
    "backslashes": "C:\\photos\\n.jpg",
    "what a shell or SQL would heed": "$(rm -rf x); --' OR 1=1; DROP TABLE images.jpg",
    "what a URL would heed": "a?b=c&d#e@f:g,h;i.jpg",
    "emoji": "🚗🇭🇰👩‍👩‍👧.jpg",
    "from right to left": "\u202egnp.\u202c شارع.jpg",
    "no width": "a\u200bb\ufeffc.jpg",
    "dots": "a/.../b/.hidden.jpg",
    "a dash": "-rf.jpg",
    "markup": "<img src=x onerror=alert(1)>&amp;.jpg",
    "a format": "{0} %s %(name)s ${HOME}.jpg",
}
OF_BUCKETS = {
    "a leading slash": "/a.jpg",
    "double slashes": "a//b///c.jpg",
    "a segment of dots": "a/../b.jpg",
    "only up": "../../etc/passwd.jpg",
    "here": "./a/./b.jpg",
    "1,024 bytes": "a/" + "k" * 1018 + ".jpg",
    "1,024 bytes of Chinese": "車" * 340 + ".jpg",
}


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Makes an empty bucket, and an environment that reaches it."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    name, client = f"odd-keys-{secrets.token_hex(3)}", s3.client()
    client.create_bucket(Bucket=name)
    yield name
    for entry in S3Store().list(name, ""):
        client.delete_object(Bucket=name, Key=entry.key)
    client.delete_bucket(Bucket=name)


def pixels_of(key: str) -> bytes:
    return b"pixels of " + os.fsencode(key)


def sent(ledger: Ledger, store: Store, source: Source) -> list[ImageRef]:
    """Returns the images that workers would be sent: through the listing, the ledger and JSON."""
    submission = ledger.intake.open_submission(str(source))
    for batch in Batches(store, source, size=7):
        added = ledger.intake.add_images(
            submission.id, source.store, source.bucket, batch.entries, listed_to=batch.listed_to
        )
        assert added.new == len(batch.entries)
    ledger.intake.listing_finished(submission.id)
    chunk = Chunk(tuple(ledger.dispatch.take_pending(1000, LEASE)))
    arrived = Chunk.from_message(json.loads(json.dumps(chunk.to_message()))).images
    assert ledger.claims.claim(arrived, LEASE) == list(arrived)
    return list(arrived)


def in_rows(engine: sa.Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(sa.text("SELECT key FROM images")).scalars())


def test_every_key_that_a_bucket_holds_is_listed_recorded_and_read(
    s3: S3, bucket: str, ledger: Ledger, engine: sa.Engine
) -> None:
    client, kept = s3.client(), dict[str, str]()
    for what, key in {**NAMES, **OF_BUCKETS}.items():
        try:
            client.put_object(Bucket=bucket, Key=key, Body=pixels_of(key))
        except ClientError as refused:
            print(f"the server refuses {what}: {refused}")  # noqa: T201  (shown by -s)
        else:
            kept[what] = key
    assert len(kept) >= len(NAMES)
    refs = sent(ledger, S3Store(), parse_source(f"s3://{bucket}/"))
    assert {ref.key for ref in refs} == in_rows(engine) == set(kept.values())
    for ref in refs:
        data = S3Store().read(ref.bucket, ref.key, ref.etag, limit=LIMIT)
        assert data == pixels_of(ref.key)


def test_every_name_that_a_folder_holds_is_listed_recorded_and_read(
    tmp_path: Path, ledger: Ledger, engine: sa.Engine
) -> None:
    for name in NAMES.values():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(pixels_of(name))
    refs = sent(ledger, FolderStore(), parse_source(str(tmp_path)))
    assert {ref.key for ref in refs} == in_rows(engine) == set(NAMES.values())
    for ref in refs:
        data = FolderStore().read(ref.bucket, ref.key, ref.etag, limit=LIMIT)
        assert data == pixels_of(ref.key)


def test_a_name_that_is_not_utf8_is_recorded_and_ends_as_missing(
    tmp_path: Path, ledger: Ledger, engine: sa.Engine
) -> None:
    (tmp_path / os.fsdecode(b"gr\xfc\xdfe.jpg")).write_bytes(b"pixels")
    (tmp_path / "whole.jpg").write_bytes(b"pixels")
    refs = sent(ledger, FolderStore(), parse_source(str(tmp_path)))
    odd = "gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e.jpg"
    assert in_rows(engine) == {odd, "whole.jpg"}
    (ref,) = [ref for ref in refs if ref.key == odd]
    with pytest.raises(ImageMissing, match="a name that is not UTF-8; rename it"):
        FolderStore().read(ref.bucket, ref.key, ref.etag, limit=LIMIT)


def test_what_is_replaced_or_deleted_after_it_was_listed_is_not_read(
    s3: S3, bucket: str, ledger: Ledger
) -> None:
    client = s3.client()
    for key in ("gone.jpg", "replaced.jpg", "same.jpg", "gone and back.jpg"):
        client.put_object(Bucket=bucket, Key=key, Body=pixels_of(key))
    refs = {ref.key: ref for ref in sent(ledger, S3Store(), parse_source(f"s3://{bucket}"))}
    client.delete_object(Bucket=bucket, Key="gone.jpg")
    client.put_object(Bucket=bucket, Key="replaced.jpg", Body=b"another photograph")
    client.delete_object(Bucket=bucket, Key="gone and back.jpg")
    client.put_object(Bucket=bucket, Key="gone and back.jpg", Body=b"yet another photograph")
    ends = {key: end_of(S3Store(), ref) for key, ref in refs.items()}
    assert ends == {
        "gone.jpg": ImageMissing,
        "replaced.jpg": ImageChanged,
        "same.jpg": None,
        "gone and back.jpg": ImageChanged,
    }


def end_of(store: Store, ref: ImageRef) -> type[Exception] | None:
    try:
        store.read(ref.bucket, ref.key, ref.etag, limit=LIMIT)
    except (ImageMissing, ImageChanged) as error:
        return type(error)
    return None
