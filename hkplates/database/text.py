"""Text that Postgres can hold, patterns of marks, and the digest that tells images apart."""

import hashlib
import re

_REFUSED = re.compile("[\0\ud800-\udfff]")


def sanitise_text(text: str) -> str:
    """The text without NUL (which Postgres refuses) and without half characters.

    Half characters (lone surrogates) stand for bytes of a file name that are not UTF-8.
    """
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)


def like(pattern: str) -> str:
    """A mark with ? for one character and * for any number, as LIKE understands it."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("?", "_").replace("*", "%")


def uri_or_key_prefix(prefix: str | None) -> str | None:
    """What a typed prefix is the beginning of: with `://` of a sighting's `uri`, else of its `key`.

    A folder's path is one of addresses: `uri_or_key_prefix("/data/") == "file:///data/"`.
    """
    if not prefix:
        return None
    return f"file://{prefix}" if prefix.startswith("/") else prefix


def image_digest(store: str, bucket: str, key: str, etag: str) -> bytes:
    """SHA-256 that is equal exactly where all four parts are; each part is led by its length."""
    digest = hashlib.sha256()
    for part in (store, bucket, key, etag):
        data = part.encode("utf-8")
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.digest()
