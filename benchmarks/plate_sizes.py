"""Measures how the same plates are read at every size: cut out and enlarged, and shrunk.

    python -m benchmarks.plate_sizes FOLDER [--misses]

FOLDER is a labelled folder as benchmarks/accuracy.py takes it. Each Hong Kong plate that a person
could read is cut out so that it fills a share of the picture's width, and its photograph is shrunk
until the plate is so many pixels wide; photographs on which it is narrower already are left out.
For each size: plates asked for, the shares found and read exactly, and the share that is wrong
though sure, which is read as another mark with a confidence of SURE and more.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.accuracy import MATCH_IOU, Box, Plates, box_iou, read_folder, read_labels
from hkplates.recognition.marks import canonical
from hkplates.recognition.types import Photo

SHARES = (0.2, 0.35, 0.5, 0.7, 0.9)
"""Widths of the plate in widths of the picture that it is cut out to."""

WIDTHS = (60, 40, 30, 24)
"""Widths of the plate in pixels that its photograph is shrunk to."""

MIN_PICTURE_WIDTH = 320  # pixels; smaller pictures are enlarged to it
CUT_ASPECT = 0.75  # height of the picture over its width, where the plate is not higher
CUT_MARGIN = 1.15  # height of the picture in heights of the plate, at least
JPEG_QUALITY = 92
SURE = 0.8


@dataclass(frozen=True, slots=True)
class Case:
    """One plate at one size: the picture that shows it, its box there, and its mark."""

    size: str
    file: str
    pixels: Photo
    box: tuple[float, ...]
    mark: str


@dataclass
class SizeTally:
    """Counts of the plates at one size."""

    asked: int = 0
    found: int = 0
    exact: int = 0
    sure_wrong: int = 0

    def add(self, mark: str, box: Box, plates: Plates) -> bool:
        """Counts one plate; returns whether it was read exactly."""
        reports = [plate for plate in plates if plate["region"] == "HK"]
        best = max(reports, key=lambda plate: box_iou(plate["box"], box), default=None)
        self.asked += 1
        if best is None or box_iou(best["box"], box) < MATCH_IOU:
            return False
        right = bool(canonical(best["mark"]) == mark)
        self.found += 1
        self.exact += right
        self.sure_wrong += not right and best["confidence"] >= SURE
        return right


def cut_out(photo: Photo, box: Box, share: float) -> tuple[Photo, tuple[float, ...]]:
    """Cuts a plate out so that it fills `share` of the picture's width; returns its box there."""
    high, wide = photo.shape[:2]
    x, y, box_width, box_height = box
    cut_width = min(box_width / share, wide)
    cut_height = min(max(box_width / share * CUT_ASPECT, box_height * CUT_MARGIN), high)
    left = min(max(0, x + box_width / 2 - cut_width / 2), wide - cut_width)
    top = min(max(0, y + box_height / 2 - cut_height / 2), high - cut_height)
    left, top = round(left), round(top)
    part = photo[top : round(top + cut_height), left : round(left + cut_width)]
    scale = max(1.0, MIN_PICTURE_WIDTH / part.shape[1])
    enlarged = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return enlarged, tuple(side * scale for side in (x - left, y - top, box_width, box_height))


def cases(photo: Photo, name: str, number: int, box: Box, mark: str) -> Iterator[Case]:
    """Yields a plate at each size that it can be shown at."""
    for share in SHARES:
        pixels, inside = cut_out(photo, box, share)
        percent = f"{share:.0%}"
        yield Case(f"fills {percent}", f"fill{percent[:-1]}-{number}-{name}", pixels, inside, mark)
    for width in WIDTHS:
        if box[2] > width:
            scale = width / box[2]
            small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            inside = tuple(side * scale for side in box)
            yield Case(f"{width} px", f"wide{width}-{number}-{name}", small, inside, mark)


def write_cases(folder: Path, out: Path) -> list[Case]:
    """Writes every case of a labelled folder as a JPEG into `out`, its pixels left out after."""
    written = []
    for label in read_labels(folder):
        asked = [p for p in label["plates"] if p.get("hk") and p.get("text")]
        photo = cv2.imread(str(folder / label["file"])) if asked else None
        for number, plate in enumerate(asked):
            name = f"{Path(label['file']).stem}.jpg"
            for case in cases(photo, name, number, plate["box"], canonical(plate["text"])):
                quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
                cv2.imwrite(str(out / case.file), case.pixels, quality)
                written.append(Case(case.size, case.file, case.pixels[:0], case.box, case.mark))
    return written


def main() -> None:
    """Cuts, reads, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true", help="list what was not read exactly")
    options = parser.parse_args()
    tallies: dict[str, SizeTally] = defaultdict(SizeTally)
    with tempfile.TemporaryDirectory() as scratch:
        asked = write_cases(options.folder, Path(scratch))
        printed = [json.loads(line) for line in read_folder(Path(scratch), [c.file for c in asked])]
    for case, photo in zip(asked, printed, strict=True):
        right = tallies[case.size].add(case.mark, case.box, photo["plates"])
        if options.misses and not right:
            print(f"{case.file}: {case.mark} read as {[p['mark'] for p in photo['plates']]}")
    print(f"{'':10}{'asked':>6}{'found':>8}{'exact':>8}{'sure and wrong':>16}")
    for size, tally in tallies.items():
        shares = (count / tally.asked for count in (tally.found, tally.exact, tally.sure_wrong))
        found, exact, sure_wrong = shares
        print(f"{size:10}{tally.asked:6d}{found:8.3f}{exact:8.3f}{sure_wrong:16.3f}")


if __name__ == "__main__":
    main()
