"""Tells which classes name a plate, which attributes hold its text, and what a text says."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hkplates.recognition import marks

TEXT_NAMES = (
    *("text", "platetext", "platenumber", "licenseplate", "licenceplate", "numberplate"),
    *("licenseplatenumber", "licenceplatenumber", "licensenumber", "licencenumber", "lpnumber"),
    *("registration", "registrationmark", "reg", "mark", "plate", "number", "ocr", "lp"),
    *("transcription", "recognition", "utf8string", "value", "characters", "caption"),
    *("車牌", "車牌號碼", "車牌號", "車牌文字", "车牌", "车牌号", "车牌号码", "号牌", "號牌"),
)
"""Names of attributes that hold the text, the likeliest first, as `plain` writes them."""

LINE_NAMES = ("lines", "line", "rows", "row", "numlines", "numrows", "行", "行數", "行数")
COLOUR_NAMES = ("color", "colour", "platecolor", "platecolour", "顏色", "颜色")
REGION_NAMES = ("region", "country", "jurisdiction", "地區", "地区")
UNREADABLE_NAMES = ("unreadable", "illegible", "notlegible")
READABLE_NAMES = ("readable", "legible")

FOREIGN_WORDS = frozenset(
    {"mainland", "china", "cn", "macau", "macao", "mo", "foreign", "other", "內地", "大陸", "澳門"}
)
"""Words in a class of plates that say that it is another place's."""

_PLATE = re.compile(r"plate|licen[cs]e|車牌|车牌|號牌|号牌")
_PLATE_WORDS = frozenset({"lp", "lpr", "alpr", "anpr", "vrm", "vrn", "lpn"})
_NO_PLATE_WORDS = frozenset(
    {"no", "non", "without", "char", "chars", "character", "characters", "digit", "letter"}
    | {"holder", "frame", "template", "driver"}
)
KNOWN_OTHERS = frozenset(
    {"car", "vehicle", "truck", "lorry", "bus", "minibus", "coach", "van", "taxi", "tram", "train"}
    | {"motorcycle", "motorbike", "motor", "bicycle", "bike", "cyclist", "rider", "scooter", "cab"}
    | {"person", "people", "pedestrian", "driver", "face", "head", "helmet", "wheel", "tyre"}
    | {"tire", "light", "headlight", "taillight", "logo", "brand", "sign", "window", "windscreen"}
    | {"traffic light", "traffic sign", "trafficlight", "trafficsign", "suv", "sedan", "trailer"}
    | {"車", "汽車", "車輛", "车", "汽车", "车辆", "人", "行人", "的士", "巴士", "貨車", "货车"}
)
"""Classes of street photographs that are no plates: objects of these are left out."""

_UNREADABLE = re.compile(
    r"\W*|n/?a|none|null|unknown|unread(able)?|illegible|not ?legible|blank|x+"
)
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}


@dataclass(frozen=True, slots=True)
class PlateText:
    """What a label says of a plate's text.

    `text` is in our form, None where it is no Latin mark; `raw` is then what was written. `rows` is
    2 where it was written in two lines.
    """

    text: str | None = None
    raw: str | None = None
    rows: Literal[2] | None = None


def plain(name: str) -> str:
    """Returns a name in lower case without what is no letter or digit, to compare it."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def names_plate(name: str) -> bool:
    """Checks whether a class is a plate's by its name."""
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold())
    if _NO_PLATE_WORDS & set(words):
        return False
    return bool(_PLATE.search(plain(name)) or _PLATE_WORDS & set(words))


def foreign_region(name: str) -> str:
    """Returns the place that a class of plates names, "" where it names none or Hong Kong."""
    words = set(re.findall(r"[^\W_]+", name.casefold())) & FOREIGN_WORDS
    return min(words, default="")


def names_other(name: str) -> bool:
    """Checks whether a class is known to be no plate's."""
    return name.casefold().strip().replace("_", " ").replace("-", " ") in KNOWN_OTHERS


def looks_like_mark(name: str) -> bool:
    """Checks whether an object's name may be the mark itself: `AB1234`, but not `1` or `car`."""
    mark = marks.canonical(name)
    digits = any(c.isdigit() for c in unicodedata.normalize("NFKC", name))
    return digits and len(mark) > 1 and marks.is_mark(mark) and bool(_written(name))


def read_text(written: str) -> PlateText:
    """Reads a text as people write it: small letters, blanks, dots, full-width, in two lines."""
    lines = [line for line in unicodedata.normalize("NFKC", written).splitlines() if line.strip()]
    rows: Literal[2] | None = 2 if len(lines) == 2 else None
    whole = " ".join(line.strip() for line in lines)
    if _UNREADABLE.fullmatch(whole.casefold()):
        return PlateText()
    text = _written(whole)
    return PlateText(text, None if text else whole, rows)


def lookup(attributes: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """Returns the attribute that the first of `names` names, None where none has a value."""
    by_name = {plain(name): value for name, value in attributes.items() if value.strip()}
    return next((by_name[name] for name in names if name in by_name), None)


def is_unreadable(attributes: Mapping[str, str]) -> bool:
    """Checks whether an attribute says that nobody can read the plate."""
    unreadable = lookup(attributes, UNREADABLE_NAMES) or ""
    readable = lookup(attributes, READABLE_NAMES) or ""
    return unreadable.casefold() in _YES or readable.casefold() in _NO


def _written(text: str) -> str | None:
    """Returns the text in our form, A-Z and 0-9 as printed; None where that is no mark."""
    bare = re.sub(r"[\s.·•_\u2013\u2014-]", "", unicodedata.normalize("NFKC", text).upper())
    return bare if re.fullmatch("[A-Z0-9]+", bare) and marks.is_mark(bare) else None
