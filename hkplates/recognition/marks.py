"""Hong Kong registration marks: what they are made of, and which series one belongs to.

Road Traffic (Registration and Licensing of Vehicles) Regulations, Cap. 374E, regulation 12E: a
mark uses the digits and the letters without I, O and Q; a personalised mark has up to 8
characters, blanks counted. 1 and 0 may be printed as I and O there: NARITA is NAR1TA. The grammar
names what was read; it never changes or hides it.
"""

import re
from typing import Literal

ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
"""Every character of a registration mark."""

LONGEST = 8

Series = Literal[
    "usual",
    "numeral",
    "government",
    "ambulance",
    "fire",
    "legislative",
    "zg",
    "vip",
    "trade",
    "trailer",
    "cross_boundary",
    "personalised",
    "unknown",
]

_FOLD = str.maketrans({"I": "1", "O": "0"})
_NUMBER = "[1-9][0-9]{0,3}"  # 1 to 9999 without a leading zero

# The first that fits names the series: the reserved prefixes are two letters as well.
_SERIES: tuple[tuple[Series, str], ...] = (
    ("government", f"AM{_NUMBER}"),
    ("legislative", f"LC{_NUMBER}"),
    ("zg", f"ZG{_NUMBER}"),
    ("vip", f"VV{_NUMBER}"),
    ("cross_boundary", f"F[TUV]{_NUMBER}"),
    ("ambulance", f"A{_NUMBER}"),
    ("fire", f"F{_NUMBER}"),
    ("trade", f"T{_NUMBER}[0-9]?"),
    ("trailer", f"{_NUMBER}[0-9]?T"),
    ("numeral", _NUMBER),
    ("usual", f"[A-HJ-NPR-Z]{{2}}{_NUMBER}"),
)
_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in _SERIES)


def canonical(text: str) -> str:
    """What is printed, in the registry's form: upper case, I as 1, O as 0, nothing else kept.

    `canonical("AG 5555") == "AG5555"` and `canonical("NARITA") == "NAR1TA"`. Applying it twice
    changes nothing. Characters outside A-Z and 0-9 (blanks, dots, dashes) are dropped.
    """
    return re.sub("[^A-Z0-9]", "", text.upper()).translate(_FOLD)


def is_mark(text: str) -> bool:
    """Whether the text, in the registry's form, can be a mark: 1 to 8 characters of ALPHABET."""
    mark = canonical(text)
    return 1 <= len(mark) <= LONGEST and all(character in ALPHABET for character in mark)


def series(mark: str) -> Series:
    """The series a mark belongs to; "unknown" where it is no mark at all.

    Anything of the right characters and length may be a personalised mark, so "personalised" says
    only that no other series fits.
    """
    mark = canonical(mark)
    for name, pattern in _PATTERNS:
        if pattern.fullmatch(mark):
            return name
    return "personalised" if is_mark(mark) else "unknown"


# Pairs that optical readers mix up, by what the usual series wants at a place.
_AS_DIGIT = {"S": "5", "B": "8", "Z": "2", "G": "6", "D": "0", "A": "4", "Q": "0"}
_AS_LETTER = {"5": "S", "8": "B", "2": "Z", "6": "G", "0": "D", "4": "A"}


def usual_spelling(mark: str) -> str | None:
    """The usual mark (two letters and a number) that may have been misread as `mark`.

    Only characters of like shape are exchanged: RKB19 gives RK819. None where `mark` has a series
    of its own already, or cannot be made a usual one.
    """
    mark = canonical(mark)
    if series(mark) not in ("personalised", "unknown") or not 3 <= len(mark) <= 6:
        return None
    letters = [_AS_LETTER.get(character, character) for character in mark[:2]]
    digits = [_AS_DIGIT.get(character, character) for character in mark[2:]]
    spelling = "".join(letters + digits)
    return None if series(spelling) in ("personalised", "unknown") else spelling


def changed_places(mark: str, spelling: str) -> list[int]:
    """Where two marks of one length differ."""
    return [
        place for place, pair in enumerate(zip(mark, spelling, strict=True)) if len({*pair}) > 1
    ]
