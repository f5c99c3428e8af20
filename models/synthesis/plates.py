"""Draws Hong Kong number plates seen straight on, as a maker with a press and a font would.

Proportions were measured on photographs: one-row plates are 3.4 to 5 times as wide as high, two-row
plates 1.66 to 1.98 times.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from models.synthesis.fonts import Font, FontLibrary, Mask
from models.synthesis.marks import WORDS, PrintedMark, Rows, draw_mark

HEIGHT_ONE_ROW = 72  # pixels; drawn large enough for the largest plate of a training view
HEIGHT_TWO_ROWS = 116

Region = Literal["HK", "CN", "MO", "other"]


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate seen straight on, with its frame, if it has one.

    `pixels` (height, width, 3) uint8 RGB; `corners` (4, 2) x, y of the plate itself inside
    `pixels`, clockwise from its top left. `text` as printed without blanks, top row first.
    """

    pixels: np.ndarray
    corners: np.ndarray
    text: str
    rows: Rows
    colour: Literal["white", "yellow", "other"]
    region: Region


def draw_plate(
    rng: np.random.Generator,
    fonts: FontLibrary,
    *,
    mark: PrintedMark | None = None,
    rows: Rows | None = None,
    colour: Literal["white", "yellow"] | None = None,
    square: bool = False,
) -> Plate:
    """Draws a Hong Kong plate; what is not given is chosen by chance.

    `square` gives a plate of one row the shape of one of two, as some bear personalised marks.
    """
    mark = mark or draw_mark(rng)
    rows = rows or _rows(rng, mark)
    colour = colour or ("yellow" if rng.random() < 0.35 else "white")
    if mark.series == "trade":
        colour = "white"
    size = plate_size(rng, 2 if square else rows)
    ink = _layout(rng, fonts.pick(rng), mark, rows, size)
    ground = ground_colour(rng, colour)
    text_colour = _text_colour(rng, mark)
    pixels = paint(rng, ink, ground, text_colour)
    pixels, corners = finish(rng, fonts, pixels)
    return Plate(pixels, corners, mark.text, rows, colour, "HK")


def plate_size(rng: np.random.Generator, rows: Rows) -> tuple[int, int]:
    """Draws height and width in pixels, in the proportions seen on streets."""
    if rows == 2:
        return HEIGHT_TWO_ROWS, round(HEIGHT_TWO_ROWS * rng.uniform(1.62, 2.0))
    wide = rng.uniform(3.4, 4.2) if rng.random() < 0.3 else rng.uniform(4.1, 5.0)
    return HEIGHT_ONE_ROW, round(HEIGHT_ONE_ROW * wide)


def ground_colour(rng: np.random.Generator, colour: str) -> np.ndarray:
    """Draws the plate's own colour, RGB, from new to faded."""
    if colour == "yellow":
        return np.array([rng.uniform(215, 255), rng.uniform(150, 220), rng.uniform(0, 70)])
    return np.full(3, rng.uniform(205, 255)) + rng.uniform(-8, 8, 3)


def paint(
    rng: np.random.Generator, ink: Mask, ground: np.ndarray, text_colour: np.ndarray
) -> np.ndarray:
    """Paints ink on ground, with shading across the plate and, on some, raised characters."""
    height, width = ink.shape
    alpha = (ink.astype(np.float32) / 255)[..., None]
    shade = np.linspace(rng.uniform(0.86, 1.0), rng.uniform(0.86, 1.0), width)[None, :, None]
    shade = shade * np.linspace(rng.uniform(0.9, 1.0), rng.uniform(0.9, 1.0), height)[:, None, None]
    pixels = (ground * (1 - alpha) + text_colour * alpha) * shade
    if rng.random() < 0.3:
        edge = ink.astype(np.float32) - np.roll(ink, (2, 2), (0, 1)).astype(np.float32)
        pixels += edge[..., None] * rng.uniform(-0.2, 0.2)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def finish(
    rng: np.random.Generator, fonts: FontLibrary, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Adds bolts, a maker's mark, a border, dirt and a frame; returns pixels and corners (4, 2)."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    if rng.random() < 0.35:
        cv2.rectangle(pixels, (2, 2), (width - 3, height - 3), _dark(rng), int(rng.integers(1, 3)))
    if rng.random() < 0.45:
        _bolts(rng, pixels)
    if rng.random() < 0.2:
        _screws(rng, pixels)
    if rng.random() < 0.2:
        _makers_mark(rng, fonts, pixels)
    if rng.random() < 0.3:
        pixels = _add_dirt(rng, pixels)
    return _frame(rng, fonts, pixels)


def _rows(rng: np.random.Generator, mark: PrintedMark) -> Rows:
    if len(mark.groups) == 1 and len(mark.text) < 4:
        return 1
    return 2 if rng.random() < 0.45 else 1


def _layout(
    rng: np.random.Generator,
    font: Font,
    mark: PrintedMark,
    rows: Rows,
    size: tuple[int, int],
) -> Mask:
    lines = (" ".join(mark.groups),) if rows == 1 else _two_lines(mark)
    height, width = size
    ink = np.zeros(size, np.uint8)
    tall = round(height * rng.uniform(*_row_height_range(rows, height)))
    stretch, gap = rng.uniform(0.8, 1.2), rng.uniform(0.06, 0.2)
    between = round(height * rng.uniform(0.02, 0.08))
    top = (height - tall * len(lines) - between * (len(lines) - 1)) // 2
    for line in lines:
        row = font.row(line, tall, stretch, gap)
        if " " in line and rng.random() < 0.15:
            row = _set_apart(rng, font, mark, (tall, stretch, gap))
        row = _limit_width(row, round(width * 0.94))
        left = (width - row.shape[1]) // 2
        ink[top : top + tall, left : left + row.shape[1]] = row
        top += tall + between
    return _stroke_weight(rng, ink)


def _set_apart(
    rng: np.random.Generator, font: Font, mark: PrintedMark, style: tuple[int, float, float]
) -> Mask:
    """Draws letters and digits with a gap between them as wide as one or two characters."""
    between = np.zeros((style[0], round(style[0] * rng.uniform(0.6, 1.6))), np.uint8)
    pieces: list[Mask] = []
    for group in mark.groups:
        pieces += [font.row(group, *style), between]
    return np.hstack(pieces[:-1])


def _row_height_range(rows: Rows, height: int) -> tuple[float, float]:
    """Returns the least and greatest height of a row of characters, as shares of the plate's."""
    if rows == 2:
        return 0.36, 0.44
    return (0.6, 0.82) if height == HEIGHT_ONE_ROW else (0.4, 0.7)


def _two_lines(mark: PrintedMark) -> tuple[str, ...]:
    if len(mark.groups) == 2:
        return mark.groups
    text = mark.text
    middle = (len(text) + 1) // 2
    return text[:middle], text[middle:]


def _limit_width(row: Mask, widest: int) -> Mask:
    if row.shape[1] <= widest:
        return row
    return cv2.resize(row, (widest, row.shape[0]), interpolation=cv2.INTER_AREA)


def _stroke_weight(rng: np.random.Generator, ink: Mask) -> Mask:
    chance = rng.random()
    if chance < 0.2:
        return cv2.dilate(ink, np.ones((3, 3), np.uint8))
    if chance < 0.3:
        return cv2.erode(ink, np.ones((3, 3), np.uint8))
    return ink


def _text_colour(rng: np.random.Generator, mark: PrintedMark) -> np.ndarray:
    if mark.series == "trade":
        return np.array([rng.uniform(170, 220), rng.uniform(10, 50), rng.uniform(10, 50)])
    return np.full(3, rng.uniform(5, 60))


def _dark(rng: np.random.Generator) -> tuple[int, int, int]:
    value = int(rng.integers(10, 90))
    return value, value, value


def _bolts(rng: np.random.Generator, pixels: np.ndarray) -> None:
    height, width = pixels.shape[:2]
    inset, middle = rng.uniform(0.03, 0.25), rng.uniform(0.1, 0.9)
    radius = max(2, round(min(height, width) * rng.uniform(0.025, 0.05)))
    value = int(rng.integers(40, 230))
    for x in (inset, 1 - inset):
        centre = (round(width * x), round(height * middle))
        cv2.circle(pixels, centre, radius, (value, value, value), -1, cv2.LINE_AA)


def _screws(rng: np.random.Generator, pixels: np.ndarray) -> None:
    """Draws a pair of screws where the car has its holes: often through a character."""
    height, width = pixels.shape[:2]
    apart, level = rng.uniform(0.12, 0.34), rng.uniform(0.2, 0.8)
    radius = max(2, round(min(height, 80) * rng.uniform(0.04, 0.065)))
    head = rng.uniform(70, 200)
    for x in (0.5 - apart, 0.5 + apart):
        centre = (round(width * x), round(height * level))
        cv2.circle(pixels, (centre[0] + 1, centre[1] + 1), radius, _dark(rng), -1, cv2.LINE_AA)
        cv2.circle(pixels, centre, radius, (head,) * 3, -1, cv2.LINE_AA)
        turn = rng.uniform(0, np.pi)
        slot = round(0.7 * radius * np.cos(turn)), round(0.7 * radius * np.sin(turn))
        ends = [(centre[0] + sign * slot[0], centre[1] + sign * slot[1]) for sign in (-1, 1)]
        cv2.line(pixels, ends[0], ends[1], (head * 0.4,) * 3, 1, cv2.LINE_AA)


def _makers_mark(rng: np.random.Generator, fonts: FontLibrary, pixels: np.ndarray) -> None:
    height, width = pixels.shape[:2]
    ink = fonts.pick(rng).row("MOTORS" if rng.random() < 0.5 else "AUTOPLATE", max(5, height // 14))
    top, left = height - ink.shape[0] - 3, round((width - ink.shape[1]) * rng.uniform(0.1, 0.9))
    if left < 0:
        return
    area = pixels[top : top + ink.shape[0], left : left + ink.shape[1]]
    area[ink > 100] = _dark(rng)


def _add_dirt(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    small = rng.random((4, 12)).astype(np.float32)
    cover = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    cover = np.clip(cover - 0.5, 0, 1) * rng.uniform(0.2, 0.9)
    mud = np.array([rng.uniform(60, 130)] * 3) * np.array([1.0, 0.92, 0.8])
    return (pixels * (1 - cover) + mud * cover).astype(np.uint8)


def _frame(
    rng: np.random.Generator, fonts: FontLibrary, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    height, width = pixels.shape[:2]
    edge, bottom = 0, 0
    if rng.random() < 0.35:
        edge = round(height * rng.uniform(0.03, 0.09))
        bottom = edge + (round(height * rng.uniform(0.03, 0.18)) if rng.random() < 0.4 else 0)
    value = rng.uniform(10, 60) if rng.random() < 0.75 else rng.uniform(120, 220)
    framed = cv2.copyMakeBorder(
        pixels, edge, bottom, edge, edge, cv2.BORDER_CONSTANT, value=[value] * 3
    )
    if bottom - edge > 6:
        _dealers_name(rng, fonts, framed[height + edge :], value)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) + edge
    return framed, corners


def _dealers_name(
    rng: np.random.Generator, fonts: FontLibrary, strip: np.ndarray, value: float
) -> None:
    """Prints a dealer's name on the strip below a framed plate."""
    name = f"{WORDS[rng.integers(len(WORDS))]} {WORDS[rng.integers(len(WORDS))]}"
    ink = fonts.pick(rng).row(name, max(4, round(strip.shape[0] * 0.6)))[:, : strip.shape[1] - 4]
    top, left = (strip.shape[0] - ink.shape[0]) // 2, (strip.shape[1] - ink.shape[1]) // 2
    area = strip[top : top + ink.shape[0], left : left + ink.shape[1]]
    area[ink > 100] = 235 if value < 100 else 30
