"""Normalises Hong Kong registration marks and classifies them by series.

Source: Road Traffic (Registration and Licensing of Vehicles) Regulations, Cap. 374E. Regulation 12E
limits personalised marks: at most 8 letters and numerals, each blank counted as one; no
I, O or Q; no two blanks together; and blanks do not make one mark differ from another. Registration
marks of the other series are of the same alphabet. The meaning of prefixes is the Transport
Department's practice, not the regulations' text.

Plates are made by garages: on personalised ones 1 and 0 are often printed as I and O, so that
NARITA is the mark NAR1TA. The grammar classifies readings; it never changes or hides one.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
"""Every character of a registration mark."""

MAX_LENGTH = 8

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

PRINTED_SUBSTITUTES = (("I", "1"), ("O", "0"))
"""Pairs of a letter that no mark has and the digit that it is printed for."""

_FOLD = str.maketrans(dict(PRINTED_SUBSTITUTES))
_NUMBER = "[1-9][0-9]{0,3}"  # 1 to 9999 without a leading zero


@dataclass(frozen=True, slots=True)
class Rule:
    """Grammar of one series: `pattern` matches its marks, `bearers` are its vehicles or owners."""

    name: Series
    pattern: str
    bearers: str
    example: str


# The first rule that matches names the series: reserved prefixes come before the usual two letters.
RULES = (
    Rule("government", f"AM{_NUMBER}", "the government", "AM1234"),
    Rule("legislative", f"LC{_NUMBER}", "the Legislative Council", "LC12"),
    Rule("zg", f"ZG{_NUMBER}", "the garrison", "ZG1234"),
    Rule("vip", f"VV{_NUMBER}", "village vehicles", "VV88"),
    Rule("cross_boundary", f"F[TUV]{_NUMBER}", "cars of the mainland and Macau", "FV7042"),
    Rule("ambulance", f"A{_NUMBER}", "ambulances", "A123"),
    Rule("fire", f"F{_NUMBER}", "the Fire Services", "F1234"),
    Rule("trade", f"T{_NUMBER}[0-9]?", "dealers, in red on white", "T12345"),
    Rule("trailer", f"{_NUMBER}[0-9]?T", "trailers", "1234T"),
    Rule("numeral", _NUMBER, "the oldest marks, now auctioned", "9999"),
    Rule("usual", f"[A-HJ-NPR-Z]{{2}}{_NUMBER}", "everybody", "AG5555"),
)
"""Rules of the series that have a form of their own; any other mark is "personalised"."""

_PATTERNS = tuple((rule.name, re.compile(rule.pattern)) for rule in RULES)


def canonical(text: str) -> str:
    """Normalises printed text to the registry's form: upper case, I as 1, O as 0.

    `canonical("AG 5555") == "AG5555"` and `canonical("NARITA") == "NAR1TA"`. Applying it twice
    changes nothing. Characters outside A-Z and 0-9 (blanks, dots, dashes) are dropped.
    """
    return re.sub("[^A-Z0-9]", "", text.upper()).translate(_FOLD)


def is_mark(text: str) -> bool:
    """Checks whether the text, once canonical, can be a mark: 1 to 8 characters of ALPHABET."""
    mark = canonical(text)
    return 1 <= len(mark) <= MAX_LENGTH and all(character in ALPHABET for character in mark)


def printing_differences(text: str) -> tuple[str, ...]:
    """Explains in words how the printed text differs from its mark; empty where it does not.

    `printing_differences("NAR ITA") == ("I is printed for 1", "a blank is printed")`.
    """
    reasons = [
        f"{letter} is printed for {digit}"
        for letter, digit in PRINTED_SUBSTITUTES
        if letter in text
    ]
    if " " in text.strip():
        reasons.append("a blank is printed")
    return tuple(reasons)


def series(mark: str) -> Series:
    """Classifies a mark by its series; "unknown" where the text is no mark.

    Any text of the right characters and length may be a personalised mark, so "personalised" means
    only that no other series fits.
    """
    mark = canonical(mark)
    for name, pattern in _PATTERNS:
        if pattern.fullmatch(mark):
            return name
    return "personalised" if is_mark(mark) else "unknown"


# Pairs of like shape that readers confuse; the usual series decides which of a pair is meant.
_AS_DIGIT = {"S": "5", "B": "8", "Z": "2", "G": "6", "D": "0", "A": "4", "Q": "0"}
_AS_LETTER = {"5": "S", "8": "B", "2": "Z", "6": "G", "0": "D", "4": "A"}


@lru_cache(maxsize=4096)  # candidates of a plate come again with each view of it
def usual_spelling(mark: str) -> str | None:
    """Returns the usual mark (two letters, a number) that may have been misread as `mark`.

    Only characters of like shape are exchanged: RKB19 gives RK819. None where `mark` has a series
    of its own already, or cannot be made a usual one.
    """
    mark = canonical(mark)
    # A usual mark has two letters and one to four digits.
    if series(mark) not in ("personalised", "unknown") or not 3 <= len(mark) <= 6:
        return None
    letters = [_AS_LETTER.get(character, character) for character in mark[:2]]
    digits = [_AS_DIGIT.get(character, character) for character in mark[2:]]
    spelling = "".join(letters + digits)
    return None if series(spelling) in ("personalised", "unknown") else spelling


def differing_positions(mark: str, spelling: str) -> list[int]:
    """Returns the positions, from 0, at which two marks of one length differ."""
    return [
        place for place, pair in enumerate(zip(mark, spelling, strict=True)) if len({*pair}) > 1
    ]
