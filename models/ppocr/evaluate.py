"""Measures the PP-OCR reader on the plates of labelled photographs, on true and jittered corners.

    python -m models.ppocr.evaluate --data DATA [--split dev] [--bundle FOLDER]

`HKPLATES_READER=ppocr make accuracy` measures the whole, detector included.
"""

import argparse
from pathlib import Path

from hkplates.recognition.reading.ppocr.reader import open_reader
from models.reader import photo_crops
from models.tesseract.evaluate import print_tables

BUNDLE = Path(__file__).with_name("bundle")


def main() -> None:
    """Parses the command line and prints the tables."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--split", default="dev")
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    given = cli.parse_args()
    plates = photo_crops.hong_kong_plates(given.data / given.split)
    print_tables(open_reader(given.bundle), plates)


if __name__ == "__main__":
    main()
