"""Fuses detector score and reading into P(Hong Kong plate): what a plate says is evidence too.

A lamp or a shop sign that passes for a plate reads as nothing in particular, with a low confidence;
a far or dazzled plate with a low detector score may still say two letters and a number. Other
countries' plates say more than a Hong Kong one may, or mix letters and digits as no owner does.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from hkplates.recognition import marks
from hkplates.recognition.calibration import logit, sigmoid

if TYPE_CHECKING:  # bundles are opened where no array is needed
    from hkplates.recognition.types import TextReading

ReadingForm = Literal[
    "lettered",
    "lettered_short",
    "word",
    "word_short",
    "digits",
    "mixed",
    "foreign",
    "lettering",
]
"""Forms of a text that tell apart Hong Kong plates, other countries' plates, and signs.

lettered: two letters and a number of three digits and more, of a series that has them;
lettered_short: the same with fewer digits; word: four letters and more; word_short: fewer;
digits; foreign: letters and digits change more than once, three letters and more precede three
digits and more, or digits precede letters, as on the plates of most countries; lettering: one of
STREET_WORDS; mixed: any other.
"""

FORMS: tuple[ReadingForm, ...] = get_args(ReadingForm)

TWO_LETTER_SERIES = frozenset({"usual", "government", "legislative", "zg", "vip", "cross_boundary"})
"""Series of two letters and up to four digits, which few other countries' marks look like."""

STREET_WORDS = frozenset(
    marks.canonical(word)
    for word in (
        *("TAXI", "BUS", "POLICE", "CUSTOMS", "FIRE", "AMBULANCE", "SCHOOL", "LEARNER", "TOUR"),
        *("STOP", "SLOW", "ONLY", "EXIT", "ENTRANCE", "TOLL", "PARKING", "NO ENTRY", "PHONE"),
    )
)
"""Words that stand on vehicles, roads and signs of Hong Kong far more often than on plates."""

UNREAD_THRESHOLD = 0.5
"""Detector score below which a detection without text is called no Hong Kong plate."""

MIN_READING_CONFIDENCE = 0.01
"""Confidence to which lower ones are raised: below it a reading is a guess, however unsure."""

_LETTERED_LENGTH = 5  # characters from which two letters and a number are rarely chance
_WORD_LENGTH = 4
_CHANGE = re.compile(r"(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Z])")
_OTHER_GRAMMAR = re.compile("[A-Z]{3,}[0-9]{3,}|[0-9]+[A-Z]+")


@dataclass(frozen=True, slots=True)
class ScoreFusion:
    """A logistic regression on the detector's score and on what was read (models/score_fusion.py).

    `form_weights` are log-odds of each form of text, counted as far as the reading may be right.
    `threshold` is the probability from which a detection with text is called a Hong Kong plate.
    With the default weights the score is the probability.
    """

    score_weight: float = 1.0
    reading_weight: float = 0.0
    form_weights: Mapping[str, float] = field(default_factory=dict)
    bias: float = 0.0
    threshold: float = UNREAD_THRESHOLD

    def __post_init__(self) -> None:
        rising = self.score_weight >= 0 and self.reading_weight >= 0
        finite = math.isfinite(sum(self.form_weights.values()) + self.bias)
        if not (
            rising and finite and 0 <= self.threshold <= 1 and {*self.form_weights} <= {*FORMS}
        ):
            raise ValueError(
                "expected a score fusion that rises, weights of known forms and a share as "
                f"threshold, got {self}"
            )

    def is_hong_kong(self, score: float, reading: "TextReading") -> bool:
        """Checks that a detection is to be called a Hong Kong plate."""
        return self.probability(score, reading) >= (
            self.threshold if reading.text else UNREAD_THRESHOLD
        )

    def probability(self, score: float, reading: "TextReading") -> float:
        """Returns P(Hong Kong plate) of a detection; `score` (0 to 1) is the detector's.

        Without text it is the score itself: it may be a plate that nobody can read.
        """
        if not reading.text:
            return score
        # The weights stand in the order of `fusion_features`.
        forms = (self.form_weights.get(form, 0.0) for form in FORMS)
        weights = (self.score_weight, self.reading_weight, *forms, self.bias)
        return sigmoid(
            sum(a * b for a, b in zip(weights, fusion_features(score, reading), strict=True))
        )


def fusion_features(score: float, reading: "TextReading") -> tuple[float, ...]:
    """Returns the regression's features: log-odds of score and of reading, each of FORMS, 1.

    A form counts as far as the reading may be right: that of a misread text says nothing.
    """
    form = reading_form(reading.text)
    confidence = reading.confidence
    return (
        logit(score),
        logit(max(confidence, MIN_READING_CONFIDENCE)),
        *(confidence if form == one else 0.0 for one in FORMS),
        1.0,
    )


def reading_form(text: str) -> ReadingForm:
    """Returns the form of a text as printed: I and O are letters, but in a series of two letters.

    `reading_form("AG 5555") == "lettered"`, `reading_form("18 BES") == "foreign"`.
    """
    mark = marks.canonical(text)
    if mark in STREET_WORDS:
        return "lettering"
    if marks.series(mark) in TWO_LETTER_SERIES:
        return "lettered" if len(mark) >= _LETTERED_LENGTH else "lettered_short"
    printed = re.sub("[^A-Z0-9]", "", text.upper())
    if printed.isdigit():
        return "digits"
    changes = len(_CHANGE.findall(printed))
    if changes == 0:
        return "word" if len(printed) >= _WORD_LENGTH else "word_short"
    is_foreign = changes > 1 or len(printed) > marks.MAX_LENGTH
    return "foreign" if is_foreign or _OTHER_GRAMMAR.fullmatch(printed) else "mixed"
