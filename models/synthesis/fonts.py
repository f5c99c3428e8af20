"""Loads fonts to draw plates and signs with: from folders, the system's, or Pillow's own."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SYSTEM_FONTS = Path("/usr/share/fonts")
GLYPH_SIZE = 88  # pixels; glyphs are scaled from this, and no plate is drawn much larger
# Plates are sans serif and upright: fonts of these names are for signs, or for nothing.
_NOT_ON_PLATES = """
italic oblique thin light hairline black outline symbol math z003 d050000l chorus cursor roman
serif termes bonum pagella schola c059 p052 bookman mono fallback wqy cjk awesome emoji
"""
NOT_ON_PLATES = tuple(_NOT_ON_PLATES.split())
CHINESE = ("wqy-", "droidsansfallback", "notosanscjk")

Mask = np.ndarray
"""An ink mask: (height, width) uint8, 255 where ink is."""


class Font:
    """A font; its glyphs are drawn once and cached."""

    def __init__(self, path: Path | None) -> None:
        """Takes the path of a font file; None for the font built into Pillow."""
        self.name = path.stem if path else "built in"
        self._path = path
        self.glyph = lru_cache(maxsize=128)(self._draw)

    def _draw(self, character: str) -> Mask:
        """Draws the character; returns its ink mask, cropped to it."""
        picture = Image.new("L", (GLYPH_SIZE * 2, GLYPH_SIZE * 2))
        draw = ImageDraw.Draw(picture)
        draw.text((GLYPH_SIZE // 2, GLYPH_SIZE // 3), character, fill=255, font=self._font())
        box = picture.getbbox() or (0, 0, 1, 1)
        return np.asarray(picture.crop(box))

    def _font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        if self._path is None:
            return ImageFont.load_default(GLYPH_SIZE)
        return ImageFont.truetype(str(self._path), GLYPH_SIZE)

    def draws_capitals(self) -> bool:
        """Checks that A, 8 and W come out as three different drawings with ink."""
        try:
            glyphs = [self._draw(character) for character in "A8W"]
        except OSError:  # not a font FreeType can open
            return False
        return (
            all(g.size > 100 and g.max() > 128 for g in glyphs)
            and glyphs[0].shape != glyphs[2].shape
        )

    def row(self, text: str, height: int, stretch: float = 1.0, gap: float = 0.1) -> Mask:
        """Draws a row of characters `height` pixels high; `gap` in units of the height."""
        space = max(1, round(height * gap))
        pieces: list[Mask] = []
        for character in text:
            if character == " ":
                pieces.append(np.zeros((height, round(height * 0.32)), np.uint8))
                continue
            glyph = self.glyph(character)
            width = max(2, round(glyph.shape[1] * height / glyph.shape[0] * stretch))
            width = min(width, height * 2)  # a dash would be stretched without end
            pieces.append(cv2.resize(glyph, (width, height), interpolation=cv2.INTER_AREA))
            pieces.append(np.zeros((height, space), np.uint8))
        if not pieces:
            return np.zeros((height, 1), np.uint8)
        return np.hstack(pieces[:-1] or pieces)


class FontLibrary:
    """The fonts that can be drawn with."""

    def __init__(self, folders: Iterable[Path] = (), *, system: bool = True) -> None:
        """Searches `folders` (and the system's fonts) for fonts fit for plates.

        Fonts found in `folders`, as those asked for, are picked a quarter of the time together.
        """
        self._requested = _load(_files(folders))
        found = _files([SYSTEM_FONTS]) if system else []
        self._plain = _load([path for path in found if _fit_for_plates(path)]) or [Font(None)]
        self._chinese = _load([p for p in found if p.name.lower().startswith(CHINESE)])

    def __len__(self) -> int:
        return len(self._requested) + len(self._plain)

    def pick(self, rng: np.random.Generator) -> Font:
        """Picks a random font."""
        if self._requested and rng.random() < 0.25:
            return self._requested[rng.integers(len(self._requested))]
        return self._plain[rng.integers(len(self._plain))]

    def chinese(self, rng: np.random.Generator) -> Font | None:
        """Picks a font with Chinese characters, where the system has one."""
        return self._chinese[rng.integers(len(self._chinese))] if self._chinese else None


def _files(folders: Iterable[Path]) -> list[Path]:
    found = (path for folder in folders for path in Path(folder).rglob("*"))
    return sorted(path for path in found if path.suffix.lower() in (".ttf", ".otf", ".ttc"))


def _load(files: Sequence[Path]) -> list[Font]:
    return [font for font in map(Font, files) if font.draws_capitals()]


def _fit_for_plates(path: Path) -> bool:
    name = path.stem.lower()
    return not any(word in name for word in NOT_ON_PLATES)
