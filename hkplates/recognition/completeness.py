"""Tells which plates are not seen whole, and where in the mark something is missing."""

from hkplates.recognition import marks
from hkplates.recognition.types import DetectedPlate, TextReading


def find_gaps(plate: DetectedPlate, reading: TextReading) -> tuple[int, ...]:
    """Returns the places in the mark of a reading where characters may stand that are not seen.

    0 is before its first character, the mark's length behind its last; none where the plate is
    seen whole.
    """
    if plate.photo_size is None:
        return ()
    width, height = plate.photo_size
    size = len(marks.canonical(reading.text))
    quad = plate.detection.quad
    starts = quad.top_left[0] < 0 and quad.bottom_left[0] < 0
    ends = quad.top_right[0] > width and quad.bottom_right[0] > width
    starts |= quad.top_left[1] < 0 and quad.top_right[1] < 0
    ends |= quad.bottom_left[1] > height and quad.bottom_right[1] > height
    return tuple(dict.fromkeys((0,) * starts + (size,) * ends))
