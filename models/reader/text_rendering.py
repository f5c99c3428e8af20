"""Renders gray synthetic Hong Kong plates with their labels, for the reader's training.

Colour does not matter to the reader and costs time, so that plates are gray here, from the fonts
and marks of models/synthesis. Irregular plates of garages are rendered on purpose: a bare bar for
1, the letter O for 0, rows that touch, bolts and makers' marks beside the first letter.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from models.synthesis.fonts import Font, FontLibrary, Mask
from models.synthesis.marks import LETTERS, WORDS, PrintedMark, letters, number

ONE_ROW_HEIGHT = 64
TWO_ROW_HEIGHT = 104
MARGIN = 24  # pixels of surroundings around a plate

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
    plate = _paint_plate(rng, fonts, ink)
    text = "".join(lines).replace(" ", "")
    label = Label(text, len(lines), len(lines[0]) if len(lines) == 2 else len(text))
    return _mount_on_vehicle(rng, fonts, plate, surroundings, label)


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
    for line in lines:
        row = _render_row(font, line, tall, style)
        widest = round(width * rng.uniform(0.88, 0.97))
        if row.shape[1] > widest:
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


def _paint_plate(rng: np.random.Generator, fonts: FontLibrary, ink: Mask) -> np.ndarray:
    height, width = ink.shape
    ground, dark = rng.uniform(130, 255), rng.uniform(5, 95)
    alpha = ink.astype(np.float32) * np.float32(1 / 255)
    plate = ground + (dark - ground) * alpha
    if rng.random() < 0.35:  # pressed from behind: one side of each stroke catches the light
        shift = (int(rng.integers(-2, 3)), int(rng.integers(-2, 3)))
        plate += (alpha - np.roll(alpha, shift, (0, 1))) * np.float32(rng.uniform(-70, 70))
    if rng.random() < 0.3:
        cv2.rectangle(plate, (2, 2), (width - 3, height - 3), dark, int(rng.integers(1, 3)))
    if rng.random() < 0.45:
        _draw_bolts(rng, plate)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.75, 0.15, 0.1]))):
        _draw_screw(rng, plate, ink)
    if rng.random() < 0.25:
        _draw_makers_mark(rng, fonts, plate, dark)
    if rng.random() < 0.3:
        plate = _add_dirt(rng, plate)
    return plate


def _draw_bolts(rng: np.random.Generator, plate: np.ndarray) -> None:
    """Draws two or four heads, dark or bright, some with a rim; they may cover a character."""
    height, width = plate.shape
    inset, level = rng.uniform(0.02, 0.3), rng.uniform(0.08, 0.92)
    radius = max(2, round(min(height, 64) * rng.uniform(0.03, 0.075)))
    value = float(rng.uniform(30, 240))
    levels = (level, 1 - level) if rng.random() < 0.25 else (level,)
    for x in (inset, 1 - inset):
        for y in levels:
            centre = (round(width * x), round(height * y))
            cv2.circle(plate, centre, radius, value, -1, cv2.LINE_AA)
            if rng.random() < 0.4:
                cv2.circle(plate, centre, radius, 255.0 - value, 1, cv2.LINE_AA)


def _draw_screw(rng: np.random.Generator, plate: np.ndarray, ink: Mask) -> None:
    """Draws a head right on a stroke, where it closes a gap or cuts a bar: a D seen as a 0."""
    rows, columns = np.nonzero(ink)
    if not len(rows):
        return
    place = rng.integers(len(rows))
    radius = max(2, round(min(plate.shape[0], 64) * rng.uniform(0.03, 0.07)))
    centre = (int(columns[place]), int(rows[place]))
    cv2.circle(plate, centre, radius, float(rng.uniform(20, 255)), -1, cv2.LINE_AA)


def _draw_makers_mark(
    rng: np.random.Generator, fonts: FontLibrary, plate: np.ndarray, dark: float
) -> None:
    """Draws a badge at the plate's edge, or small print along its foot."""
    height, width = plate.shape
    if rng.random() < 0.4:
        side, y = (0.035 if rng.random() < 0.5 else 0.965), rng.uniform(0.15, 0.85)
        axes = (round(height * rng.uniform(0.03, 0.08)), round(height * rng.uniform(0.03, 0.1)))
        cv2.ellipse(plate, (round(width * side), round(height * y)), axes, 0, 0, 360, dark, -1)
        return
    word = WORDS[rng.integers(len(WORDS))] + " MOTORS"
    ink = fonts.pick(rng).row(word, max(4, height // 13))
    top, left = height - ink.shape[0] - 2, round((width - ink.shape[1]) * rng.uniform(0.1, 0.9))
    if left >= 0:
        area = plate[top : top + ink.shape[0], left : left + ink.shape[1]]
        area[ink > 100] = dark


def _add_dirt(rng: np.random.Generator, plate: np.ndarray) -> np.ndarray:
    small = rng.random((4, 10)).astype(np.float32)
    cover = cv2.resize(small, plate.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cover = np.clip(cover - 0.4, 0, 1) * np.float32(rng.uniform(0.3, 1.2))
    return plate + (np.float32(rng.uniform(60, 140)) - plate) * cover


def _mount_on_vehicle(
    rng: np.random.Generator,
    fonts: FontLibrary,
    plate: np.ndarray,
    surroundings: np.ndarray,
    label: Label,
) -> RenderedPlate:
    """Pastes the plate on its surroundings, some in a frame, under uneven light."""
    height, width = plate.shape
    size = (width + 2 * MARGIN, height + 2 * MARGIN)
    scene = cv2.resize(surroundings, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    scene *= np.float32(rng.uniform(0.2, 1.1))
    if rng.random() < 0.4:
        _draw_frame(rng, scene, height, width)
    if rng.random() < 0.15:
        _draw_dealers_strip(rng, fonts, scene, height, width)
    scene[MARGIN : MARGIN + height, MARGIN : MARGIN + width] = plate
    across = np.linspace(rng.uniform(0.75, 1.0), rng.uniform(0.75, 1.0), size[0])
    down = np.linspace(rng.uniform(0.75, 1.0), rng.uniform(0.75, 1.0), size[1])
    scene *= (down[:, None] * across[None]).astype(np.float32)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) + MARGIN
    return RenderedPlate(np.clip(scene, 0, 255).astype(np.uint8), corners, label)


def _draw_frame(rng: np.random.Generator, scene: np.ndarray, height: int, width: int) -> None:
    edges = rng.integers(2, 9, 4)
    value = rng.uniform(5, 70) if rng.random() < 0.75 else rng.uniform(120, 230)
    scene[
        MARGIN - edges[0] : MARGIN + height + edges[1],
        MARGIN - edges[2] : MARGIN + width + edges[3],
    ] = value


def _draw_dealers_strip(
    rng: np.random.Generator, fonts: FontLibrary, scene: np.ndarray, height: int, width: int
) -> None:
    """Draws the dealer's name on a strip right under the plate, or right above it."""
    tall = int(rng.integers(8, 20))
    top = MARGIN + height if rng.random() < 0.75 else MARGIN - tall
    light = rng.random() < 0.4
    ground, text = (rng.uniform(170, 250), 20.0) if light else (rng.uniform(5, 60), 225.0)
    strip = scene[top : top + tall, MARGIN : MARGIN + width]
    strip[:] = ground
    name = f"{WORDS[rng.integers(len(WORDS))]} {WORDS[rng.integers(len(WORDS))]}"
    ink = fonts.pick(rng).row(name, max(4, tall - 6))[:, : width - 4]
    left = int(rng.integers(0, max(1, width - ink.shape[1])))
    strip[3 : 3 + ink.shape[0], left : left + ink.shape[1]][ink > 100] = text
