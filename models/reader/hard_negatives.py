"""Collects what a detector takes for plates and is none: lettering, lamps, grilles."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.detection.detector import open_detector
from hkplates.recognition.geometry import quad_iou
from models.reader.photo_crops import RealPlate, box_corners, crop_piece, read_rows
from models.reader.text_rendering import Label

DETECTOR = Path(__file__).parents[1] / "detector" / "bundle"
THRESHOLD = 0.03  # far below the shipped one: what is doubtful there is what teaches here
TOUCHING = 0.02  # intersection over union from which a find may be a labelled plate


def false_finds(data: Path, detector: Path = DETECTOR) -> list[RealPlate]:
    """Detects plates in backgrounds/ and beside the labelled ones of train/; returns them unread.

    Photographs of Hong Kong, or of who knows where, are left out: they show Hong Kong plates that
    nobody labelled.
    """
    network = open_detector(detector, "litert", THRESHOLD)
    finds = []
    for path, labelled in _photos(data):
        photo = cv2.imread(str(path))
        if photo is None:
            continue
        gray = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
        for found in network.detect(np.ascontiguousarray(photo[:, :, ::-1])):
            corners = found.quad.to_array()
            if all(quad_iou(corners.tolist(), other) < TOUCHING for other in labelled):
                piece, moved = crop_piece(gray, corners)
                finds.append(RealPlate(piece, moved, Label("", 1, None), path.name, "other"))
    return finds


def _photos(data: Path) -> Iterator[tuple[Path, list[list[list[float]]]]]:
    """Yields photographs with the corners of their labelled plates."""
    for path in sorted((data / "backgrounds").glob("*.jpg")):
        yield path, []
    for row in read_rows(data / "train"):
        # The dash camera's many photographs (RO) show the same little again and again.
        if row.get("country") not in (None, "HK", "RO"):
            boxes = [plate["quad"] or box_corners(plate["box"]) for plate in row["plates"]]
            yield data / "train" / row["file"], boxes
