"""Renders gray synthetic Hong Kong plates with their labels, for the reader's training.

Colour does not matter to the reader and costs time, so that plates are gray here, from the fonts
and marks of models/synthesis. Irregular plates of garages are rendered on purpose: a bare bar for
1, the letter O for 0, rows that touch, bolts and makers' marks beside the first letter.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from models.reader import plate_paint
from models.synthesis.fonts import Font, FontLibrary, Mask
from models.synthesis.marks import LETTERS, WORDS, PrintedMark, letters, number

ONE_ROW_HEIGHT = 64
TWO_ROW_HEIGHT = 104

_VOWELS, _CONSONANTS = "AEIOU", "BCDFGHJKLMNPRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Label:
    """A plate's text as printed, without blanks, top row first, and its rows.

    `upper` is the number of characters in the top row, None where it is not known; `text` is empty
    for a crop that shows no Hong Kong plate.
    """

    text: str
    rows: int
    upper: int | None


@dataclass(frozen=True, slots=True, eq=False)
class RenderedPlate:
    """A plate in surroundings: `pixels` (height, width) uint8, its `corners` (4, 2) in them."""

    pixels: np.ndarray
    corners: np.ndarray
    label: Label


def random_personalised_mark(rng: np.random.Generator) -> PrintedMark:
    """Draws a personalised mark: syllables, words, repeats, or any 1 to 8 characters."""
    kind = rng.random()
    if kind < 0.3:
        text = _syllables(rng, int(rng.integers(2, 9)))
    elif kind < 0.5:
        text = WORDS[rng.integers(len(WORDS))] + _word_suffix(rng)
    elif kind < 0.75:
        text = _repeated_characters(rng)
    else:
        alphabet = LETTERS + "IO" + ("0123456789" if rng.random() < 0.5 else "")
        text = letters(rng, int(rng.integers(1, 9)), alphabet)
    text = text.replace("Q", "K")[:8]
    return PrintedMark(_random_groups(rng, text), "personalised")


def random_short_mark(rng: np.random.Generator) -> PrintedMark:
    """Draws a mark of one to three digits, with two letters, one or none before them."""
    head = letters(rng, int(rng.choice([0, 1, 2, 2, 2])))
    digits = number(rng, 3)
    return PrintedMark((head, digits) if head else (digits,), "usual")


def _syllables(rng: np.random.Generator, length: int) -> str:
    start = int(rng.integers(2))
    kinds = (_CONSONANTS, _VOWELS)
    return "".join(letters(rng, 1, kinds[(start + i) % 2]) for i in range(length))


def _word_suffix(rng: np.random.Generator) -> str:
    return number(rng, 3) if rng.random() < 0.5 else WORDS[rng.integers(len(WORDS))]


def _repeated_characters(rng: np.random.Generator) -> str:
    """Returns a text of doubled and tripled characters or a word twice: where a count slips."""
    if rng.random() < 0.35:
        return _syllables(rng, int(rng.integers(2, 5))) * 2
    alphabet = LETTERS + "IO" + "0123456789"
    text = ""
    while len(text) < rng.integers(3, 9):
        text += letters(rng, 1, alphabet) * int(rng.choice([1, 1, 2, 3, 4], p=None))
    return text


def _random_groups(rng: np.random.Generator, text: str) -> tuple[str, ...]:
    if len(text) < 3 or rng.random() < 0.5:
        return (text,)
    cut = int(rng.integers(1, len(text)))
    return text[:cut], text[cut:]


def render_plate(
    rng: np.random.Generator,
    fonts: FontLibrary,
    mark: PrintedMark,
    surroundings: np.ndarray,
) -> RenderedPlate:
    """Renders a plate with this mark among `surroundings`, gray pixels of any size."""
    lines = _break_rows(rng, mark)
    height = ONE_ROW_HEIGHT if len(lines) == 1 else TWO_ROW_HEIGHT
    width = round(height * _random_aspect(rng, len(lines)))
    ink = _render_text(rng, fonts.pick(rng), lines, height, width)
    plate = plate_paint.paint(rng, fonts, ink)
    text = "".join(lines).replace(" ", "")
    label = Label(text, len(lines), len(lines[0]) if len(lines) == 2 else len(text))
    pixels, corners = plate_paint.mount(rng, fonts, plate, surroundings)
    return RenderedPlate(pixels, corners, label)


def _break_rows(rng: np.random.Generator, mark: PrintedMark) -> tuple[str, ...]:
    text, groups = mark.text, mark.groups
    if len(text) < 3 or (len(groups) == 1 and len(text) < 5) or rng.random() < 0.55:
        return (" ".join(groups),)
    if len(groups) == 2:
        return groups[0], groups[1]
    cut = len(text) // 2 + int(rng.integers(0, 2))
    return text[:cut], text[cut:]


def _random_aspect(rng: np.random.Generator, rows: int) -> float:
    # Some marks of few characters stand in one row on a plate made for two.
    if rows == 2 or rng.random() < 0.06:
        return rng.uniform(1.45, 2.1)
    return rng.uniform(3.0, 4.2) if rng.random() < 0.3 else rng.uniform(4.0, 5.1)


@dataclass(frozen=True, slots=True)
class _TextStyle:
    """The typesetting of one plate by one maker; lengths in units of the characters' height."""

    stretch: float
    gap: float
    blank: float
    bare_one: bool
    zero_as_o: bool
    stroke: float


def _random_style(rng: np.random.Generator, rows: int) -> _TextStyle:
    return _TextStyle(
        stretch=rng.uniform(0.75, 1.3) if rows == 1 else rng.uniform(0.8, 1.6),
        gap=rng.uniform(0.03, 0.24),
        # Some makers set letters and digits as far apart as the plate is wide.
        blank=rng.uniform(0.6, 1.8) if rng.random() < 0.15 else rng.uniform(0.1, 0.6),
        bare_one=rng.random() < 0.6,
        zero_as_o=rng.random() < 0.3,
        stroke=rng.uniform(0.14, 0.22),
    )


def _render_text(
    rng: np.random.Generator, font: Font, lines: tuple[str, ...], height: int, width: int
) -> Mask:
    style = _random_style(rng, len(lines))
    ink = np.zeros((height, width), np.uint8)
    if len(lines) == 1:
        tall, between = round(height * rng.uniform(0.5, 0.86)), 0
    else:
        tall = round(height * rng.uniform(0.35, 0.46))
        between = round(height * rng.uniform(-0.03, 0.07))
    total = tall * len(lines) + between * (len(lines) - 1)
    top = (height - total) // 2 + round(rng.normal(0, 0.015) * height)
    full = rng.random() < 0.2  # the text reaches from edge to edge: a 1 may pass for the frame
    for line in lines:
        row = _render_row(font, line, tall, style)
        widest = round(width * (rng.uniform(0.95, 1.0) if full else rng.uniform(0.88, 0.97)))
        if row.shape[1] > widest or (full and row.shape[1] > 0.7 * widest):
            row = cv2.resize(row, (widest, tall), interpolation=cv2.INTER_AREA)
        free = width - row.shape[1]
        left = round(free * np.clip(rng.normal(0.5, 0.1), 0, 1))
        _paste(ink, row, top, left)
        top += tall + between
    return _vary_stroke_weight(rng, ink)


def _paste(ink: Mask, row: Mask, top: int, left: int) -> None:
    first = max(0, top)
    area = ink[first : top + row.shape[0], left : left + row.shape[1]]
    np.maximum(area, row[first - top : first - top + area.shape[0]], out=area)


def _render_row(font: Font, text: str, height: int, style: _TextStyle) -> Mask:
    pieces: list[Mask] = []
    space = np.zeros((height, max(1, round(height * style.gap))), np.uint8)
    for character in text:
        if character == " ":
            pieces.append(np.zeros((height, round(height * style.blank)), np.uint8))
        else:
            pieces += [_render_character(font, character, height, style), space]
    return np.hstack(pieces[:-1])


def _render_character(font: Font, character: str, height: int, style: _TextStyle) -> Mask:
    if character == "1" and style.bare_one:
        bar = max(2, round(height * style.stroke * style.stretch))
        return np.full((height, bar), 255, np.uint8)
    glyph = font.glyph("O" if character == "0" and style.zero_as_o else character)
    width = max(2, round(glyph.shape[1] * height / glyph.shape[0] * style.stretch))
    return cv2.resize(glyph, (min(width, 2 * height), height), interpolation=cv2.INTER_AREA)


def _vary_stroke_weight(rng: np.random.Generator, ink: Mask) -> Mask:
    chance = rng.random()
    if chance < 0.2:
        return cv2.dilate(ink, np.ones((3, 3), np.uint8))
    if chance < 0.35:
        return cv2.erode(ink, np.ones((3, 3), np.uint8))
    return ink
