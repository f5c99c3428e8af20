"""Prepares text for Postgres: values, LIKE patterns, prefixes and the digest of an image."""

import hashlib
import re

_REFUSED = re.compile("[\0\ud800-\udfff]")


def sanitise_text(text: str) -> str:
    """Returns the text without NUL (which Postgres refuses) and without half characters.

    Half characters (lone surrogates) stand for bytes of a file name that are not UTF-8.
    """
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)


def like(pattern: str) -> str:
    """Returns a LIKE pattern of a mark with ? for one character and * for any number."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("?", "_").replace("*", "%")


def uri_or_key_prefix(prefix: str | None) -> str | None:
    """Returns a typed prefix as the start of a sighting's `uri` (with `://`), else of its `key`.

    A folder's path becomes that of a URI: `uri_or_key_prefix("/data/") == "file:///data/"`.
    """
    if not prefix:
        return None
    return f"file://{prefix}" if prefix.startswith("/") else prefix


def image_digest(store: str, bucket: str, key: str, etag: str) -> bytes:
    """Returns a SHA-256 digest, equal exactly where all four parts are.

    Each part is led by its length.
    """
    digest = hashlib.sha256()
    for part in (store, bucket, key, etag):
        data = part.encode("utf-8")
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.digest()
