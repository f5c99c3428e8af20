"""Composes street scenes: houses, road, cars, and plates whose corners and text are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.synthesis.camera_noise import add_noise, compress
from models.synthesis.cars import PLATE_WIDTHS, Car, Kind, draw_car
from models.synthesis.distractors import draw_mainland
from models.synthesis.fonts import FontLibrary
from models.synthesis.marks import PrintedMark, Rows, draw_mark
from models.synthesis.perspective import paste_plate, quad_below
from models.synthesis.plates import Plate, draw_plate
from models.synthesis.street import draw_street

WIDTH, HEIGHT = 1280, 853


@dataclass(frozen=True, slots=True)
class ScenePlate:
    """A plate in a scene: `quad` (4, 2) pixels, clockwise from its top left."""

    plate: Plate
    quad: np.ndarray


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene, RGB uint8, and the plates on it."""

    pixels: np.ndarray
    plates: tuple[ScenePlate, ...]


@dataclass(frozen=True, slots=True)
class CarPlan:
    """The specification of one car of a scene."""

    kind: Kind = "saloon"
    rear: bool = False
    rows: Rows = 1
    mainland: bool = False
    plate: bool = True
    mark: PrintedMark | None = None


def draw_scene(
    rng: np.random.Generator,
    fonts: FontLibrary,
    cars: Sequence[CarPlan],
    *,
    night: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Scene:
    """Draws a street with these cars on it, side by side."""
    width, height = size
    picture = draw_street(rng, fonts, width, height, night=night)
    plates: list[ScenePlate] = []
    for number, plan in enumerate(cars):
        middle = width * (number + 0.5) / max(len(cars), 1) + rng.uniform(-0.05, 0.05) * width
        wide = width * (rng.uniform(0.42, 0.52) if len(cars) == 1 else rng.uniform(0.34, 0.42))
        foot = height * rng.uniform(0.86, 0.95)
        plates += _add_car(rng, fonts, picture, plan, (middle, foot, wide), night=night)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 0.8))
    picture = add_noise(picture, rng, 1, 5)
    return Scene(compress(picture, 88), tuple(plates))


def plan_scene(rng: np.random.Generator, number: int) -> tuple[list[CarPlan], bool]:
    """Plans the cars of the scene with this number, and whether it is night.

    Numbers walk through what streets show: one row and two, fronts and rears, taxis and vans,
    mainland plates, two cars; each twelfth has a car without a plate or no car at all.
    """
    kinds: tuple[Kind, ...] = ("saloon", "van", "taxi", "minibus")
    night = number % 9 == 5
    if number % 12 == 11:
        return ([CarPlan(plate=False)] if rng.random() < 0.5 else []), night
    cars = []
    for position in range(2 if number % 5 == 3 else 1):
        kind = kinds[(number + position) % 4]
        rear = bool((number + position) % 3 == 1)
        mainland = not rear and kind != "taxi" and number % 4 == 1
        rows: Rows = 2 if (number + position) % 5 in (1, 4) else 1
        cars.append(CarPlan(kind, rear, rows, mainland, True, _street_mark(rng)))
    return cars, night


def _street_mark(rng: np.random.Generator) -> PrintedMark:
    """Draws a mark, mostly two letters and a number; trade plates are left to the training."""
    while True:
        drawn = draw_mark(rng)
        if drawn.series == "usual" or (rng.random() < 0.5 and drawn.series != "trade"):
            return drawn


def _add_car(
    rng: np.random.Generator,
    fonts: FontLibrary,
    picture: np.ndarray,
    plan: CarPlan,
    place: tuple[float, float, float],
    *,
    night: bool,
) -> list[ScenePlate]:
    car = draw_car(rng, fonts, plan.kind, rear=plan.rear)
    homography = _projection(rng, car, place)
    _shadow(picture, place)
    light = rng.uniform(0.4, 0.55) if night else rng.uniform(0.9, 1.05)
    _blend(picture, car, homography, light)
    if night and not plan.rear:
        _beams(picture, car, homography)
    if not plan.plate:
        return []
    colour = "yellow" if plan.rear else "white"
    plate = draw_plate(rng, fonts, mark=plan.mark, rows=plan.rows, colour=colour)
    quad = _plate_quad(car, plate, homography)
    shown = 0.75 if night else light
    paste_plate(picture, plate, quad, shown)
    plates = [ScenePlate(plate, quad)]
    if plan.mainland:
        second = draw_mainland(rng, fonts)
        width = 1.0 if plate.rows == 1 else 1.55
        low = quad_below(quad, 0.06, 0.95 if plate.rows == 1 else 0.5, width)
        paste_plate(picture, second, low, shown)
        plates.append(ScenePlate(second, low))
    return plates


def _projection(
    rng: np.random.Generator, car: Car, place: tuple[float, float, float]
) -> np.ndarray:
    """Draws a homography from the car's layer to the scene: turned a little, so sides differ."""
    middle, foot, wide = place
    height, width = car.layer.alpha.shape
    scale = wide / car.layer.unit
    turn = rng.uniform(-0.05, 0.05)  # the nearer side is this much higher
    half, high = width * scale / 2 * rng.uniform(0.93, 1.0), height * scale
    projected = [
        (middle - half, foot - high * (1 + turn)),
        (middle + half, foot - high * (1 - turn)),
        (middle + half, foot - 14 * turn),
        (middle - half, foot + 14 * turn),
    ]
    flat = [(0, 0), (width, 0), (width, height), (0, height)]
    return cv2.getPerspectiveTransform(np.array(flat, np.float32), np.array(projected, np.float32))


def _plate_quad(car: Car, plate: Plate, homography: np.ndarray) -> np.ndarray:
    width = PLATE_WIDTHS[plate.rows]
    corners = plate.corners
    aspect = (corners[1, 0] - corners[0, 0]) / (corners[3, 1] - corners[0, 1])
    x, y = car.plate_at
    half, rise = width / 2, width / aspect / 2
    flat = car.layer.at(
        [(x - half, y + rise), (x + half, y + rise), (x + half, y - rise), (x - half, y - rise)]
    )
    return cv2.perspectiveTransform(flat[None].astype(np.float32), homography)[0]


def _blend(picture: np.ndarray, car: Car, homography: np.ndarray, light: float) -> None:
    # Blurred a little first: the layer may be larger than the car will be.
    sheet = cv2.GaussianBlur(np.dstack([car.layer.pixels, car.layer.alpha]), (3, 3), 0.6)
    height, width = car.layer.alpha.shape
    outline = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32)
    projected = cv2.perspectiveTransform(outline, homography)[0]
    left, top = np.maximum(np.floor(projected.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(projected.max(0)).astype(int), picture.shape[1::-1])
    move = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    size = (int(right - left), int(bottom - top))
    drawn = cv2.warpPerspective(sheet, move @ homography, size, flags=cv2.INTER_LINEAR)
    area = picture[top:bottom, left:right]
    alpha = drawn[..., 3:].astype(np.float32) / 255
    mixed = area * (1 - alpha) + drawn[..., :3] * (light * alpha)
    area[:] = np.clip(mixed, 0, 255).astype(np.uint8)


def _shadow(picture: np.ndarray, place: tuple[float, float, float]) -> None:
    middle, foot, wide = place
    top = max(round(foot - wide * 0.13), 0)
    area = picture[top : round(foot + wide * 0.13)]
    mask = np.zeros(area.shape[:2], np.float32)
    axes = (round(wide * 0.52), round(wide * 0.045))
    centre = (round(middle), round(foot) - top)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 0.75, -1, cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (0, 0), wide * 0.02)[..., None]
    area[:] = (area * (1 - mask)).astype(np.uint8)


def _beams(picture: np.ndarray, car: Car, homography: np.ndarray) -> None:
    """Adds light around the headlamps."""
    lamps = car.layer.at([(-0.335, 0.352), (0.335, 0.352)])
    glow = np.zeros(picture.shape[:2], np.float32)
    for x, y in cv2.perspectiveTransform(lamps[None].astype(np.float32), homography)[0]:
        cv2.circle(glow, (round(x), round(y)), 26, 190.0, -1, cv2.LINE_AA)
    glow = cv2.GaussianBlur(glow, (0, 0), 22)[..., None] * np.array([1.0, 0.97, 0.88])
    picture[:] = np.clip(picture + glow, 0, 255).astype(np.uint8)
