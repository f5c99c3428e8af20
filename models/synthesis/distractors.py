"""Draws distractors: other places' plates, and signs."""

import cv2
import numpy as np

from models.synthesis.fonts import Font, FontLibrary, Mask
from models.synthesis.marks import DIGITS, LETTERS, WORDS, letters, number
from models.synthesis.plates import Plate, Region, finish, ground_colour, paint
from models.synthesis.signs import dealers_text

_SIGN_WORDS = """
EXIT ONLY POLICE TAXI BUS STOP PARKING SLOW AHEAD ENTRY COACH TOURS EXPRESS LIMITED HOTEL
AMBULANCE FIRE SCHOOL HSBC BANK SHOP SALE OPEN 24H TEL CAFE TOYOTA ISUZU NISSAN HINO VOLVO BENZ
28888 90888 23456789 KMB CTB NWFB 968X 101 E23 A21 9M
AMBULANCE PHONE MOBILE NO WAY TURN LEFT RIGHT ONE CAR PARK KEEP CLEAR LOADING HOSPITAL SERVICE
TOILET CHURCH MARKET PRESS METER FARE LICENSED DANGER CAUTION HEIGHT LIMIT TUNNEL AIRPORT FERRY
155 155M 70A 35X 118 690P N11 S1
"""
SIGN_WORDS = (*_SIGN_WORDS.split(), *WORDS[:20])
PROVINCES = "粤京沪浙苏闽湘川"


def draw_foreign_plate(
    rng: np.random.Generator, fonts: FontLibrary, kind: str | None = None
) -> Plate:
    """Draws a plate of another place; `kind` is a key of FOREIGN_PLATES, else chosen by chance."""
    names = tuple(FOREIGN_PLATES)
    kind = kind or names[rng.integers(len(names))]
    return FOREIGN_PLATES[kind](rng, fonts)


def draw_mainland(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a mainland plate: black with white characters on cross-border cars, else in colour."""
    black = rng.random() < 0.75
    text = ("Z" if black else letters(rng, 1)) + letters(rng, 1) + letters(rng, 3, DIGITS + LETTERS)
    height, width = 72, round(72 * rng.uniform(2.9, 3.5))
    side = round(width * 0.14)  # of the Chinese characters at both ends
    ink = np.zeros((height, width), np.uint8)
    row = fonts.pick(rng).row(text[:1] + " " + text[1:], 48, 0.8, 0.12)
    end = width - side if black else width
    ink[:, side:end] = _centred(row, height, end - side)
    province = "粤" if black else PROVINCES[rng.integers(len(PROVINCES))]
    ink[12:60, :side] = _chinese(rng, fonts, province, side)
    if black:
        ink[12:60, -side:] = _chinese(rng, fonts, "港", side)
    ground = _ground_colour(
        rng, ((15, 15, 20), (10, 40, 150), (20, 130, 90)), (0.75, 0.2, 0.05), black
    )
    return _finished_plate(rng, fonts, ink, ground, np.full(3, rng.uniform(190, 250)), text, "CN")


def draw_macau(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a Macau plate: black, white characters, two letters and two pairs of digits."""
    groups = (letters(rng, 2, "MABCDEX"), letters(rng, 2, DIGITS), letters(rng, 2, DIGITS))
    height, width = 72, round(72 * rng.uniform(3.6, 4.8))
    ink = _centred(fonts.pick(rng).row(" ".join(groups), 46, 1.0, 0.14), height, width)
    for x in (0.36, 0.64):  # the dashes between the groups
        left = round(width * x)
        ink[33:39, left - 6 : left + 6] = 255
    ground = np.array([15.0, 15.0, 18.0]) + rng.uniform(0, 25)
    text_colour = np.full(3, rng.uniform(190, 250))
    return _finished_plate(rng, fonts, ink, ground, text_colour, "".join(groups), "MO")


def draw_european(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a European plate: white with a blue band on the left, on some another on the right."""
    text = f"{letters(rng, 2)} {letters(rng, 3, DIGITS)} {letters(rng, int(rng.integers(1, 4)))}"
    return _with_band(rng, fonts, text, yellow=False, band=True, end=rng.random() < 0.2)


def draw_american(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws an American plate: twice as wide as high, coloured, with a state's name above."""
    text = f"{letters(rng, 3)} {letters(rng, int(rng.integers(3, 5)), DIGITS)}"
    height, width = 110, 214
    ink = _centred(fonts.pick(rng).row(text, 50, 0.75, 0.1), height, width)
    state = fonts.pick(rng).row(WORDS[rng.integers(len(WORDS))], 12)
    ink[6:18, 60 : 60 + state.shape[1]] = state[:, : width - 60]
    ground, text_colour = rng.uniform(120, 255, 3), rng.uniform(0, 120, 3)
    return _finished_plate(rng, fonts, ink, ground, text_colour, text.replace(" ", ""), "other")


def draw_asian(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a two-row plate of another Asian grammar: digits and a letter, five digits below."""
    top, bottom = f"{rng.integers(11, 99)}-{letters(rng, 1)}{rng.integers(1, 9)}", number(rng, 5)
    height, width = 116, round(116 * rng.uniform(1.25, 1.45))
    font = fonts.pick(rng)
    ink = np.zeros((height, width), np.uint8)
    ink[8:54] = _centred(font.row(top.replace("-", " "), 40, 0.8), 46, width)
    ink[60:112] = _centred(font.row(bottom, 44, 0.8), 52, width)
    ground, dark = np.full(3, rng.uniform(200, 255)), np.full(3, rng.uniform(5, 50))
    return _finished_plate(rng, fonts, ink, ground, dark, (top + bottom).replace("-", ""), "other")


def draw_south_american(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a grey, red or white plate: a town's name above three letters and four digits."""
    text = f"{letters(rng, 3)} {letters(rng, 4, DIGITS)}"
    height, width = 84, round(84 * rng.uniform(2.7, 3.3))
    ink = np.zeros((height, width), np.uint8)
    ink[24:80] = _centred(fonts.pick(rng).row(text, 50, 0.75), 56, width)
    ink[6:18] = _centred(fonts.pick(rng).row(WORDS[rng.integers(len(WORDS))], 11), 12, width)
    ground = _ground_colour(
        rng, ((165, 165, 170), (180, 20, 30), (235, 235, 235)), (0.7, 0.15, 0.15), False
    )
    dark = np.full(3, 235.0 if ground[1] < 60 else rng.uniform(5, 50))
    return _finished_plate(rng, fonts, ink, ground, dark, text.replace(" ", ""), "other")


def draw_british(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a British plate, in the font of Hong Kong's: yellow behind, seven characters."""
    text = f"{letters(rng, 2)}{letters(rng, 2, DIGITS)} {letters(rng, 3)}"
    if rng.random() < 0.35:  # up to 2001: a letter for the year, or the whole the other way round
        number_ = str(rng.integers(1, 999))
        groups = [letters(rng, 1) + number_, letters(rng, 3)]
        text = " ".join(groups if rng.random() < 0.6 else (groups[1], number_ + groups[0][:1]))
    yellow = rng.random() < 0.65
    return _with_band(rng, fonts, text, yellow=yellow, band=rng.random() < 0.4, end=False)


def draw_dutch(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a Dutch plate: yellow, groups with dashes, a blue band on the left."""
    pairs = [letters(rng, 2, DIGITS), letters(rng, 2), letters(rng, 2)]
    if rng.random() < 0.5:
        pairs = [letters(rng, 1), letters(rng, 3, DIGITS), letters(rng, 2)]
    order = rng.permutation(3)
    text = "-".join(pairs[i] for i in order)
    return _with_band(rng, fonts, text, yellow=True, band=True, end=False)


def draw_israeli(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws an Israeli plate: yellow, seven or eight digits with dashes."""
    sizes = (2, 3, 2) if rng.random() < 0.5 else (3, 2, 3)
    text = "-".join(letters(rng, size, DIGITS) for size in sizes)
    return _with_band(rng, fonts, text, yellow=True, band=rng.random() < 0.6, end=False)


def draw_romanian(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws a Romanian plate: a county, two or three digits, three letters; some on yellow."""
    county = "B" if rng.random() < 0.6 else letters(rng, 2)
    digits = letters(rng, 3 if rng.random() < 0.3 else 2, DIGITS)
    text = f"{county} {digits} {letters(rng, 3)}"
    return _with_band(rng, fonts, text, yellow=rng.random() < 0.35, band=True, end=False)


def draw_irish(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws an Irish plate: the year, the county, a number."""
    year = f"{rng.integers(5, 25):02d}{letters(rng, 1, '12') * int(rng.integers(2))}"
    county = ("D", "C", "G", "KE", "LH", "WX")[rng.integers(6)]
    text = f"{year}-{county}-{rng.integers(100, 60000)}"
    return _with_band(rng, fonts, text, yellow=False, band=rng.random() < 0.8, end=False)


def draw_dealers(rng: np.random.Generator, fonts: FontLibrary) -> Plate:
    """Draws what dealers and shows hang in a plate's place: a make, a model or their own name.

    Dark on white or yellow it would be a personalised mark, so that it is smaller there.
    """
    height, width = 72, round(72 * rng.uniform(3.4, 4.8))
    if rng.random() < 0.25:
        height, width = 116, round(116 * rng.uniform(1.65, 2.0))
    ground = np.full(3, rng.uniform(10, 255)) if rng.random() < 0.7 else rng.uniform(0, 200, 3)
    light = ground.mean() > 128
    text_colour = np.full(3, 20.0 if light else 235.0)
    tall = round(rng.uniform(20, 32) if light else rng.uniform(26, 52))
    row = fonts.pick(rng).row(dealers_text(rng), tall, rng.uniform(0.7, 1.2))
    ink = _centred(row, height, width)
    return _finished_plate(rng, fonts, ink, ground, text_colour, "", "other")


def _with_band(
    rng: np.random.Generator, fonts: FontLibrary, text: str, *, yellow: bool, band: bool, end: bool
) -> Plate:
    """Draws one row on white or yellow, with or without blue bands at its left and right end."""
    height, width = 72, round(72 * rng.uniform(4.2, 4.9))
    left, right = round(width * 0.09) * band, round(width * 0.09) * end
    ink = np.zeros((height, width), np.uint8)
    row = _dashed(fonts.pick(rng), text, round(rng.uniform(44, 56)))
    ink[:, left : width - right] = _centred(row, height, width - left - right)
    ground = ground_colour(rng, "yellow" if yellow else "white")
    plate = paint(rng, ink, ground, np.full(3, rng.uniform(5, 50)))
    blue = [int(v) for v in rng.integers((0, 30, 120), (40, 80, 200))]
    plate[:, :left] = blue
    plate[:, width - right :] = blue
    pixels, corners = finish(rng, fonts, plate)
    printed = text.replace(" ", "").replace("-", "")
    return Plate(pixels, corners, printed, 1, "yellow" if yellow else "white", "other")


def _dashed(font: Font, text: str, height: int) -> Mask:
    """Draws a row with dashes between groups; a font's own would be stretched to a block."""
    dash = np.zeros((height, round(height * 0.4)), np.uint8)
    thick = max(2, round(height * 0.06))
    dash[height // 2 - thick : height // 2 + thick, dash.shape[1] // 5 : -dash.shape[1] // 5] = 255
    pieces: list[Mask] = []
    for group in text.split("-"):
        pieces += [font.row(group, height, 0.8, 0.12), dash]
    return np.hstack(pieces[:-1])


def draw_sign(rng: np.random.Generator, fonts: FontLibrary, *, yellow: bool = False) -> np.ndarray:
    """Draws a lettered board: road and shop signs, makers' names, route numbers.

    With `yellow` it is dark on yellow and of two words: one alone may be a personalised mark.

    Returns (height, width, 3) uint8 RGB.
    """
    count = 2 if yellow else rng.integers(1, 3)
    words = [SIGN_WORDS[i] for i in rng.integers(0, len(SIGN_WORDS), count)]
    ink = fonts.pick(rng).row(" ".join(words), 48, rng.uniform(0.7, 1.3), rng.uniform(0.05, 0.25))
    pad_x, pad_y = (int(v) for v in rng.integers(4, 40, 2))
    ink = cv2.copyMakeBorder(ink, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_CONSTANT, value=0)
    ground, text_colour = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    if rng.random() < 0.6:  # white on a colour, the commonest sign
        text_colour = np.full(3, rng.uniform(200, 255))
        ground = np.minimum(ground, 150)
    if yellow:
        ground, text_colour = ground_colour(rng, "yellow"), np.full(3, rng.uniform(5, 60))
    return paint(rng, ink, ground, text_colour)


def _finished_plate(
    rng: np.random.Generator,
    fonts: FontLibrary,
    ink: Mask,
    ground: np.ndarray,
    text_colour: np.ndarray,
    text: str,
    region: Region,
) -> Plate:
    pixels, corners = finish(rng, fonts, paint(rng, ink, ground, text_colour))
    return Plate(pixels, corners, text, 1, "other", region)


def _centred(row: Mask, height: int, width: int) -> Mask:
    if row.shape[1] > width * 0.94:
        row = cv2.resize(row, (round(width * 0.94), row.shape[0]), interpolation=cv2.INTER_AREA)
    ink = np.zeros((height, width), np.uint8)
    top, left = (height - row.shape[0]) // 2, (width - row.shape[1]) // 2
    ink[top : top + row.shape[0], left : left + row.shape[1]] = row
    return ink


def _chinese(rng: np.random.Generator, fonts: FontLibrary, character: str, width: int) -> Mask:
    """Draws the character 48 pixels high; random bars where no font has it."""
    font = fonts.chinese(rng)
    if font is not None:
        return _centred(cv2.resize(font.glyph(character), (width - 6, 48)), 48, width)
    bars = (rng.random((6, 4)) < 0.5).astype(np.uint8) * 255
    return _centred(cv2.resize(bars, (width - 8, 48), interpolation=cv2.INTER_NEAREST), 48, width)


def _ground_colour(
    rng: np.random.Generator,
    colours: tuple[tuple[int, int, int], ...],
    chances: tuple[float, ...],
    first: bool,
) -> np.ndarray:
    chosen = 0 if first else rng.choice(len(colours), p=chances)
    return np.clip(np.array(colours[chosen], float) + rng.uniform(0, 20), 0, 255)


FOREIGN_PLATES = {
    "mainland": draw_mainland,
    "macau": draw_macau,
    "european": draw_european,
    "american": draw_american,
    "asian": draw_asian,
    "south_american": draw_south_american,
    "british": draw_british,
    "dutch": draw_dutch,
    "israeli": draw_israeli,
    "romanian": draw_romanian,
    "irish": draw_irish,
    "dealers": draw_dealers,
}
