"""Draws a street to put cars on: sky, houses with windows, shop signs, pavement and road."""

import cv2
import numpy as np

from models.synthesis.distractors import draw_sign
from models.synthesis.fonts import FontLibrary
from models.synthesis.layers import shade
from models.synthesis.perspective import paste, perspective_quad

HORIZON = 0.44  # of the height
SKIES = (
    ((118, 164, 214), (214, 226, 236)),
    ((176, 186, 196), (222, 224, 224)),
    ((98, 120, 158), (238, 206, 170)),
)
NIGHT = ((10, 12, 26), (44, 38, 52))
WALLS = (
    (176, 168, 158),
    (142, 150, 156),
    (196, 186, 166),
    (120, 112, 108),
    (168, 140, 120),
    (204, 204, 200),
    (104, 116, 126),
)


def draw_street(
    rng: np.random.Generator, fonts: FontLibrary, width: int, height: int, *, night: bool
) -> np.ndarray:
    """Draws a street (height, width, 3) uint8 RGB, seen from the road at a person's height."""
    picture = np.zeros((height, width, 3), np.uint8)
    sky = NIGHT if night else SKIES[rng.integers(len(SKIES))]
    picture[:] = shade(picture.shape, np.array([0, height * HORIZON]), *sky)
    _houses(rng, picture, night=night, far=True)
    _houses(rng, picture, night=night, far=False)
    _shops(rng, fonts, picture, night=night)
    _road(rng, picture, night=night)
    return picture


def _houses(rng: np.random.Generator, picture: np.ndarray, *, night: bool, far: bool) -> None:
    height, width = picture.shape[:2]
    foot, left = round(height * (HORIZON + 0.06)), -int(rng.integers(0, 80))
    while left < width:
        wide = int(rng.integers(90, 170) if far else rng.integers(170, 330))
        top = round(height * (rng.uniform(-0.05, 0.12) if far else rng.uniform(0.02, 0.22)))
        wall = np.array(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.85, 1.05)
        if far:  # haze
            wall = wall * 0.55 + 90
        wall = wall * (0.18 if night else 1.0)
        _house(rng, picture, (left, max(top, 0), left + wide, foot), wall, night=night)
        left += wide + int(rng.integers(0, 60) if far else rng.integers(-4, 30))


def _house(
    rng: np.random.Generator,
    picture: np.ndarray,
    place: tuple[int, int, int, int],
    wall: np.ndarray,
    *,
    night: bool,
) -> None:
    left, top, right, foot = place
    area = picture[top:foot, max(left, 0) : max(right, 0)]
    if area.size == 0:
        return
    area[:] = shade(area.shape, np.array([0, foot - top]), wall * 1.06, wall * 0.84)
    across, down = int(rng.integers(20, 34)), int(rng.integers(24, 36))
    wide, high = across * rng.uniform(0.45, 0.75), down * rng.uniform(0.45, 0.65)
    for y in range(top + 10, foot - 40, down):
        for x in range(left + 8, right - across + 4, across):
            glass = _glass(rng, wall, night=night)
            corner = (round(x + wide), round(y + high))
            cv2.rectangle(picture, (x, y), corner, glass.tolist(), -1)
            cv2.line(picture, (x, corner[1] + 1), corner, (wall * 1.2).clip(0, 255).tolist(), 1)
            if rng.random() < 0.2:  # an air conditioner
                box = (x + 3, corner[1] + 2), (x + 12, corner[1] + 8)
                cv2.rectangle(picture, *box, (wall * 0.7 + 30).tolist(), -1)


def _glass(rng: np.random.Generator, wall: np.ndarray, *, night: bool) -> np.ndarray:
    if night:
        lit = rng.random() < 0.4
        return np.array([236, 206, 140]) * rng.uniform(0.5, 1.0) if lit else wall * 0.5
    return wall * rng.uniform(0.35, 0.6) + np.array([10, 18, 26])


def _shops(
    rng: np.random.Generator, fonts: FontLibrary, picture: np.ndarray, *, night: bool
) -> None:
    """Draws shop fronts along the foot of the houses, with lettered boards, some hung out."""
    height, width = picture.shape[:2]
    top, foot, left = round(height * (HORIZON - 0.07)), round(height * (HORIZON + 0.07)), 0
    while left < width:
        wide = int(rng.integers(120, 240))
        inside = (210, 196, 150) if night else (70, 74, 78)
        cv2.rectangle(picture, (left + 3, top + 24), (left + wide - 4, foot), inside, -1)
        for x in range(left + 3, left + wide, 40):
            cv2.line(picture, (x, top + 24), (x, foot), (44, 46, 50), 3)
        _board(rng, fonts, picture, (left + 2, top - 8, left + wide - 3, top + 24))
        left += wide
    for _ in range(int(rng.integers(2, 5))):
        sign = draw_sign(rng, fonts)
        wide = rng.uniform(50, 110)
        size = (wide, wide * sign.shape[0] / sign.shape[1])
        where = (rng.uniform(0, width), rng.uniform(0.08, 0.3) * height)
        _paste_sign(picture, sign, perspective_quad(rng, where, size))


def _board(
    rng: np.random.Generator,
    fonts: FontLibrary,
    picture: np.ndarray,
    place: tuple[int, int, int, int],
) -> None:
    left, top, right, bottom = place
    sign = draw_sign(rng, fonts)
    cv2.rectangle(picture, (left, top), (right, bottom), sign[2, 2].tolist(), -1)
    wide = min((bottom - top) * sign.shape[1] / sign.shape[0], right - left)
    middle = (left + right) / 2
    low, high = middle - wide / 2, middle + wide / 2
    quad = np.array([[low, top], [high, top], [high, bottom], [low, bottom]], np.float32)
    _paste_sign(picture, sign, quad)


def _paste_sign(picture: np.ndarray, sign: np.ndarray, quad: np.ndarray) -> None:
    height, width = sign.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    paste(picture, sign, corners, quad)


def _road(rng: np.random.Generator, picture: np.ndarray, *, night: bool) -> None:
    height, width = picture.shape[:2]
    kerb, edge = round(height * (HORIZON + 0.07)), round(height * (HORIZON + 0.12))
    pavement = np.array([168, 164, 158]) * (0.3 if night else 1.0)
    picture[kerb:edge] = pavement
    for x in range(-20, width, 46):  # a railing along the pavement
        cv2.line(picture, (x, kerb - 22), (x, edge - 6), (pavement * 0.62).tolist(), 3, cv2.LINE_AA)
    for y in (kerb - 22, kerb - 6, edge - 12):
        cv2.line(picture, (0, y), (width, y), (pavement * 0.7).tolist(), 3)
    asphalt = np.array([92, 92, 96]) * (0.42 if night else 1.0)
    road = picture[edge:]
    road[:] = shade(road.shape, np.array([0, height - edge]), asphalt * 1.12, asphalt * 0.8)
    grain = rng.normal(0, 5, (*road.shape[:2], 1))
    road[:] = np.clip(road + grain, 0, 255).astype(np.uint8)
    cv2.line(picture, (0, edge), (width, edge), (asphalt * 1.5).clip(0, 255).tolist(), 4)
    _lanes(rng, picture, edge, (np.array([226, 224, 214]) * (0.55 if night else 0.9)).tolist())


def _lanes(rng: np.random.Generator, picture: np.ndarray, edge: int, colour: list[float]) -> None:
    """Draws dashes that run towards a point on the horizon."""
    height, width = picture.shape[:2]
    vanish = np.array([width * rng.uniform(0.4, 0.6), height * (HORIZON + 0.02)])
    for foot in (-0.35, 0.18, 0.82, 1.35):
        near = np.array([width * foot, height * 1.02])
        for start in np.linspace(0.05, 0.9, 6):
            quad = [near + (vanish - near) * t for t in (start, start + 0.06)]
            thick = [np.array([9.0, 0]) * (1 - t) for t in (start, start + 0.06)]
            points = [
                quad[0] - thick[0],
                quad[0] + thick[0],
                quad[1] + thick[1],
                quad[1] - thick[1],
            ]
            dash = np.round(points).astype(np.int32)
            if dash[:, 1].min() > edge + 4:
                cv2.fillPoly(picture, [dash], colour, cv2.LINE_AA)
