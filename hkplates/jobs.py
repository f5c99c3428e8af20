"""Defines the queue's contract: the form of a message, and the names both ends use.

Standard library only, so that a producer needs nothing else to speak to the workers. A message is
JSON and carries references, never credentials and never pixels::

    {"version": 1, "images": [{"id": 17, "store": "s3", "bucket": "car-park",
                               "key": "2026/07/a.jpg", "etag": "9b2c"}]}
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

TASK_RECOGNISE_CHUNK = "hkplates.recognise_chunk"
QUEUE = "hkplates"
WORKER = "hkplates-worker"
"""Start of the names of workers' connections to Redis: `WORKER@host:process`."""
MESSAGE_VERSION = 1
LARGEST_CHUNK = 1000  # images; a message of more is not one of ours
LONGEST_KEY = 4096  # characters; S3 allows 1,024 bytes, a file system path 4,096

StoreKind = Literal["s3", "folder"]
STORES: tuple[StoreKind, ...] = ("s3", "folder")


class MessageInvalid(ValueError):
    """The message is not one that a producer of this version sends."""


def image_uri(store: StoreKind, bucket: str, key: str) -> str:
    """Returns an image's URI as the view sightings shows it: s3://bucket/key or file:///root/key."""
    return f"s3://{bucket}/{key}" if store == "s3" else f"file://{bucket.rstrip('/')}/{key}"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A reference to an image in a store, at one content.

    `id` is its row in `images`. For the store "folder", `bucket` is the absolute path of the root
    and `key` the path below it, with forward slashes. `etag` names the content: the S3 ETag
    without quotes, or for a file its time of change and size.
    """

    id: int
    store: StoreKind
    bucket: str
    key: str
    etag: str

    @property
    def uri(self) -> str:
        return image_uri(self.store, self.bucket, self.key)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A batch of images in one message, worked together."""

    images: tuple[ImageRef, ...]

    def to_message(self) -> dict[str, Any]:
        """Returns the JSON object to send."""
        return {"version": MESSAGE_VERSION, "images": [asdict(image) for image in self.images]}

    @classmethod
    def from_message(cls, message: object) -> "Chunk":
        """Parses a message, trusting nothing in it.

        Raises:
            MessageInvalid: naming the first thing that is wrong.
        """
        if not isinstance(message, Mapping):
            raise MessageInvalid(f"expected an object, got {type(message).__name__}")
        if message.get("version") != MESSAGE_VERSION:
            raise MessageInvalid(
                f"expected version {MESSAGE_VERSION}, got {message.get('version')!r:.40}"
            )
        images = message.get("images")
        if not isinstance(images, list) or not 1 <= len(images) <= LARGEST_CHUNK:
            raise MessageInvalid(f"expected images to be a list of 1 to {LARGEST_CHUNK}")
        return cls(tuple(_image(number, image) for number, image in enumerate(images)))


def _image(number: int, fields: object) -> ImageRef:
    if not isinstance(fields, Mapping) or set(fields) != set(ImageRef.__dataclass_fields__):
        raise MessageInvalid(
            f"expected images[{number}] to have {', '.join(ImageRef.__dataclass_fields__)}"
        )
    identifier = fields["id"]
    if (
        not isinstance(identifier, int)
        or isinstance(identifier, bool)
        or not 0 < identifier < 2**63
    ):
        raise MessageInvalid(f"expected images[{number}].id to be a positive integer")
    if fields["store"] not in STORES:
        raise MessageInvalid(f"expected images[{number}].store to be one of {', '.join(STORES)}")
    for name in ("bucket", "key", "etag"):
        value = fields[name]
        if not isinstance(value, str) or not value or len(value) > LONGEST_KEY or "\0" in value:
            raise MessageInvalid(
                f"expected images[{number}].{name} to be text of 1 to {LONGEST_KEY} characters"
            )
    return ImageRef(**cast(dict[str, Any], dict(fields)))
