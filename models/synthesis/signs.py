"""Draws the lettering of Hong Kong's streets that passes for a plate: numbers, signs, emblems."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from models.synthesis.fonts import Font, FontLibrary, Mask
from models.synthesis.marks import DIGITS, LETTERS, WORDS, letters, number
from models.synthesis.plates import ground_colour, paint

_PLACES = """
CENTRAL ADMIRALTY KENNEDY TOWN NORTH POINT WAN CHAI HAPPY VALLEY SHAU KEI WAN ABERDEEN STANLEY
MONG KOK TSUEN WAN SHA TIN TAI PO YUEN LONG TUEN MUN KWUN TONG AIRPORT PEAK STAR FERRY OCEAN PARK
"""
_TRADES = """
HOTEL TOURS COACH MOTORS AUTO TRADING LIMITED TRANSPORT LOGISTICS EXPRESS SCHOOL BUS CLINIC BANK
PHARMACY SEAFOOD HAIR SALON CAFE NOODLES JEWELLERY WATCH FURNITURE MOVERS CARPARK RENTAL GARAGE SALE
"""
_BRANDS = """
TOYOTA LEXUS HONDA NISSAN MAZDA SUBARU BMW AUDI BENZ MG MG5 TESLA VOLVO ISUZU HINO FUSO MINI JAGUAR
PORSCHE BYD KIA GWAGEN GOLF JIMNY ALPHARD HIACE COASTER CROWN SIENTA NOAH VELLFIRE SWIFT CIVIC
"""
_NOTICES = """
NO PARKING|NO MOBILE PHONE|NO ENTRY|NO SMOKING|KEEP CLEAR|WAY OUT|EXIT ONLY|PUSH BUTTON|MIND THE GAP
NO STOPPING|CAUTION|DANGER|HEADROOM 4.5 M|MAX 30|LONG VEHICLE|HOW IS MY DRIVING|LPG|PAY HERE
STAFF ONLY|STOP|SLOW|CALL 23456789|FIRE EXIT|NO WAITING|GIVE WAY|24 HRS|BUS LANE|LOADING ONLY
"""
PLACES, TRADES, BRANDS = (tuple(words.split()) for words in (_PLACES, _TRADES, _BRANDS))
NOTICES = tuple(notice for line in _NOTICES.split("\n") for notice in line.split("|") if notice)
EMERGENCY = ("AMBULANCE", "POLICE", "FIRE", "FIRE SERVICES", "RESCUE", "CUSTOMS", "PARAMEDIC")
CHINESE_WORDS = (
    "的士",
    "巴士",
    "小巴",
    "出口",
    "入口",
    "停車場",
    "酒店",
    "藥房",
    "銀行",
    "救護車",
    "警察",
)
_AMBER, _RED, _BLUE = (255, 165, 30), (200, 25, 30), (25, 45, 140)
HEIGHT = 60  # pixels of a row of letters

Rgb = Sequence[float]


def draw_street_sign(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws a sign of a random kind, (height, width, 3) uint8 RGB."""
    kinds = tuple(STREET_SIGNS)
    return STREET_SIGNS[kinds[rng.integers(len(kinds))]](rng, fonts)


def draw_route_number(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws the number on a tram or bus: painted on its bodywork, or lamps on black."""
    text = number(rng, 3)
    if rng.random() < 0.4:
        text = letters(rng, 1, "ABENRSX") * (rng.random() < 0.4) + text + letters(rng, 1, "ABMPRSX")
    if rng.random() < 0.4:
        return _lamps(rng, _row(fonts.pick(rng), rng, text))
    return _board(rng, _row(fonts.pick(rng), rng, text), *_light_on_colour(rng))


def draw_destination(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws a bus's destination in lamps: Chinese above, English below, often the route beside."""
    upper = _chinese_row(rng, fonts, _pick(rng, CHINESE_WORDS) + _pick(rng, CHINESE_WORDS))
    lower = _row(fonts.pick(rng), rng, f"{_pick(rng, PLACES)} {_pick(rng, PLACES)}", 34)
    ink = _stack((upper, lower))
    if rng.random() < 0.6:
        route = _row(fonts.pick(rng), rng, number(rng, 3) + letters(rng, 1, "XMP"), ink.shape[0])
        ink = _beside((route, np.zeros((ink.shape[0], 20), np.uint8), ink))
    return _lamps(rng, ink)


def draw_emergency(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws the lettering of an ambulance or a police car, often mirrored, on its bodywork."""
    ink = _row(fonts.pick(rng), rng, _pick(rng, EMERGENCY))
    colours = [(_RED, (235, 235, 235)), (_BLUE, (235, 235, 235)), (_RED, (235, 215, 40))]
    text, ground = colours[rng.integers(len(colours))]
    sign = _board(rng, ink, ground, text)
    return sign[:, ::-1] if rng.random() < 0.45 else sign


def draw_notice(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws a notice of one to three rows: forbidding ones in red and white, warnings on yellow."""
    words, font = _pick(rng, NOTICES).split(" "), fonts.pick(rng)
    lines = words if rng.random() < 0.5 else [" ".join(words)]
    rows = [_row(font, rng, line) for line in lines]
    chance = rng.random()
    if chance < 0.25:
        return _board(rng, _stack(rows), ground_colour(rng, "yellow"), np.full(3, 20.0))
    if chance < 0.5:
        return _board(rng, _stack(rows), np.full(3, 235.0), np.array(_RED, float))
    if chance < 0.7:
        return _board(rng, _stack(rows), np.full(3, 235.0), np.full(3, rng.uniform(5, 60)))
    return _board(rng, _stack(rows), *_colours(rng))


def draw_roof_sign(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws the lit box on a taxi's roof."""
    rows = [_row(fonts.pick(rng), rng, "TAXI", 46)]
    if rng.random() < 0.5:
        rows.insert(int(rng.integers(2)), _chinese_row(rng, fonts, "的士", 30))
    text = np.full(3, 25.0) if rng.random() < 0.5 else np.array(_RED, float)
    ground = ground_colour(rng, "yellow") if rng.random() < 0.35 else np.full(3, 245.0)
    sign = _board(rng, _stack(rows), ground, text)
    edge = round(sign.shape[0] * rng.uniform(0, 0.12))
    value = rng.uniform(10, 200)
    return cv2.copyMakeBorder(sign, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=[value] * 3)


def draw_shop_sign(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws a shop's sign: a name, Chinese characters, often a telephone number."""
    name = f"{_pick(rng, WORDS)} {_pick(rng, TRADES)}" if rng.random() < 0.6 else _pick(rng, TRADES)
    rows = [_row(fonts.pick(rng), rng, name)]
    if rng.random() < 0.6:
        rows.insert(0, _chinese_row(rng, fonts, _pick(rng, CHINESE_WORDS) * 2))
    if rng.random() < 0.4:
        rows.append(_row(fonts.pick(rng), rng, _telephone(rng), 32))
    return _board(rng, _stack(rows), *_colours(rng))


def draw_coach_lettering(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws a company's name or its telephone number on a coach or a lorry."""
    prefix = ("", "TEL ", "HK ", "(852) ")[rng.integers(4)]
    text = prefix + _telephone(rng)
    if rng.random() < 0.5:
        text = f"{_pick(rng, WORDS)} {_pick(rng, TRADES)}"
    return _board(rng, _row(fonts.pick(rng), rng, text), *_colours(rng))


def draw_numbered_box(rng: np.random.Generator, fonts: FontLibrary) -> np.ndarray:
    """Draws a label of letters and digits: a bay, a fleet or a container number.

    Never dark on white or yellow, as a plate may bear the same.
    """
    shapes = ("AA9999", "A99", "99", "999", "A9", "AAAU999999", "9A", "A-99", "P9", "B9")
    text = "".join(
        letters(rng, 1) if c == "A" else letters(rng, 1, DIGITS) if c == "9" else c
        for c in shapes[rng.integers(len(shapes))]
    )
    return _board(rng, _row(fonts.pick(rng), rng, text.replace("-", " ")), *_light_on_colour(rng))


def dealers_text(rng: np.random.Generator) -> str:
    """Draws what stands on a dealer's plate, where the number plate will hang: a make or a name."""
    make, chance = _pick(rng, BRANDS), rng.random()
    if chance < 0.5:
        return make
    if chance < 0.75:
        return f"{_pick(rng, WORDS)} {_pick(rng, ('MOTORS', 'AUTO', 'CARS', 'GARAGE'))}"
    return f"{make} {letters(rng, 1, DIGITS + LETTERS)}"


def _telephone(rng: np.random.Generator) -> str:
    first = letters(rng, 1, "23569") + letters(rng, 3, DIGITS)
    return f"{first} {letters(rng, 4, DIGITS)}"


def _pick(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[rng.integers(len(words))]


def _row(font: Font, rng: np.random.Generator, text: str, height: int = HEIGHT) -> Mask:
    return font.row(text.replace("  ", " "), height, rng.uniform(0.7, 1.25), rng.uniform(0.06, 0.3))


def _chinese_row(
    rng: np.random.Generator, fonts: FontLibrary, text: str, height: int = HEIGHT
) -> Mask:
    """Draws Chinese characters; a row of capitals where no font has them."""
    font = fonts.chinese(rng)
    if font is None:
        return _row(fonts.pick(rng), rng, letters(rng, len(text)), height)
    glyphs = [cv2.resize(font.glyph(character), (height, height)) for character in text]
    return _beside([cv2.copyMakeBorder(glyph, 0, 0, 4, 4, cv2.BORDER_CONSTANT) for glyph in glyphs])


def _beside(parts: Sequence[Mask]) -> Mask:
    return np.hstack(list(parts))


def _stack(rows: Sequence[Mask]) -> Mask:
    """Stacks rows, each in the middle, a little apart."""
    width = max(row.shape[1] for row in rows)
    spaced = []
    for row in rows:
        left = (width - row.shape[1]) // 2
        right = width - row.shape[1] - left
        spaced.append(cv2.copyMakeBorder(row, 5, 5, left, right, cv2.BORDER_CONSTANT, value=0))
    return np.vstack(spaced)


def _board(rng: np.random.Generator, ink: Mask, ground: Rgb, text: Rgb) -> np.ndarray:
    """Paints ink on a board with room around it."""
    pad_x, pad_y = (int(v) for v in rng.integers(4, (44, 30)))
    ink = cv2.copyMakeBorder(ink, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_CONSTANT, value=0)
    return paint(rng, ink, np.asarray(ground, float), np.asarray(text, float))


def _lamps(rng: np.random.Generator, ink: Mask) -> np.ndarray:
    """Paints ink as lit dots on black, as display boards show it."""
    colour = np.array(_AMBER if rng.random() < 0.7 else (245, 245, 240), float)
    dots = np.zeros_like(ink)
    dots[1::4, 1::4] = 255
    lit = cv2.GaussianBlur(cv2.bitwise_and(cv2.dilate(dots, np.ones((3, 3))), ink), (0, 0), 1.0)
    return _board(rng, lit if rng.random() < 0.7 else ink, np.full(3, rng.uniform(5, 35)), colour)


def _light_on_colour(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws a ground and a lighter colour on it."""
    return rng.uniform(0, 150, 3), np.clip(rng.uniform(180, 255) + rng.uniform(-60, 0, 3), 0, 255)


def _colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws ground and text: light on a colour, dark on white or yellow, or any two."""
    chance = rng.random()
    light, dark = np.full(3, rng.uniform(200, 255)), np.full(3, rng.uniform(5, 60))
    colour = rng.uniform(0, 170, 3)
    if chance < 0.4:
        return colour, light
    if chance < 0.65:
        return light, dark if rng.random() < 0.5 else colour
    if chance < 0.8:
        return ground_colour(rng, "yellow"), dark if rng.random() < 0.6 else np.array(_RED, float)
    return rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)


STREET_SIGNS: dict[str, Callable[[np.random.Generator, FontLibrary], np.ndarray]] = {
    "route": draw_route_number,
    "destination": draw_destination,
    "emergency": draw_emergency,
    "notice": draw_notice,
    "roof": draw_roof_sign,
    "shop": draw_shop_sign,
    "coach": draw_coach_lettering,
    "numbered": draw_numbered_box,
}
