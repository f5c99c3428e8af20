"""Paints gray plates for the reader's training, and mounts them on vehicles."""

import cv2
import numpy as np

from models.synthesis.fonts import FontLibrary, Mask
from models.synthesis.marks import WORDS

MARGIN = 24  # pixels of surroundings around a plate


def paint(rng: np.random.Generator, fonts: FontLibrary, ink: Mask) -> np.ndarray:
    """Paints ink (height, width) on paper, with bolts, a maker's mark and dirt on some; float32."""
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


def mount(
    rng: np.random.Generator, fonts: FontLibrary, plate: np.ndarray, surroundings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pastes the plate on its surroundings, some in a frame, under uneven light.

    Returns pixels (height, width) uint8, and the plate's corners (4, 2) in them.
    """
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
    return np.clip(scene, 0, 255).astype(np.uint8), corners


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
