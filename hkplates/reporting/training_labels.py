"""Turns reviews into labels that models/ trains on, one JSON line a photograph."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hkplates.database.reviews.corrections import Correction
from hkplates.database.text import image_digest
from hkplates.jobs import ImageRef
from hkplates.recognition.images.formats import looks_like_image

LATIN = re.compile("[A-Z0-9]+")
"""The characters that the reader learns."""


def json_line(row: dict[str, Any]) -> bytes:
    """Encodes a label as a line of a file of JSON lines."""
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def photo_file_name(image: ImageRef) -> str:
    """Names a file by the image's number, whatever its key holds, and the beginning of its digest,
    with the ending of a photograph: no other content, of another database neither, has this name.
    """
    ending = image.key.rpartition(".")[2].lower() if looks_like_image(image.key) else "jpg"
    digest = image_digest(image.store, image.bucket, image.key, image.etag).hex()
    return f"{image.id}-{digest[:8]}.{ending}"


def training_label(plates: Sequence[Correction]) -> dict[str, Any]:
    """Builds the label of a photograph; what is no plate is not among its plates."""
    image, real = plates[0].image, [one for one in plates if one.verdict != "not_a_plate"]
    return {
        "file": photo_file_name(image),
        "width": plates[0].width,
        "height": plates[0].height,
        "source": image.uri,
        "country": "HK" if any(one.region == "HK" for one in real) else "unknown",
        "plates": [dict(_fields(one)) for one in real],
    }


def _fields(plate: Correction) -> Iterator[tuple[str, Any]]:
    printed = re.sub("[ .-]", "", plate.text or "")
    # A reader must not learn to tell what the photograph does not show.
    text = printed if LATIN.fullmatch(printed) and not plate.beyond_sight else None
    yield "box", [round(side, 1) for side in plate.box]
    yield "quad", [[round(x, 1), round(y, 1)] for x, y in plate.quad]
    yield "text", text
    yield "lines", plate.rows
    yield "color", plate.colour
    yield "hk", plate.region == "HK"
    if plate.region == "HK" and text:
        yield "mark", plate.mark
    if plate.text and not text:
        yield "raw_text", plate.text
    if note := _note(plate):
        yield "note", note


def _note(plate: Correction) -> str | None:
    if plate.verdict is None:
        return "nobody has looked at it"
    # As the reader's training asks for plates that it must not read.
    elsewhere = {"CN": "mainland China", "MO": "Macau"}
    if plate.region in elsewhere:
        return elsewhere[plate.region]
    if not plate.text:
        return "not legible"
    return "not seen whole" if plate.beyond_sight else None
