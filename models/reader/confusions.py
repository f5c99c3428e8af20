"""Measures which characters the reader confuses, on synthetic plates that are hard to read.

    python -m models.reader.confusions --data DATA [--seconds 600] [--seed 1]

Prints the table of migration 0003 (`confusable_characters`): a line for each character that is
read, with the characters that it was in truth, where it was wrong, and how often. `-` stands for no
character: as what was read, that one was lost; as the truth, that one was added.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from hkplates.recognition import marks
from hkplates.recognition.reading.neural import open_reader
from models.reader import augmentation
from models.reader.dataset import Mixture, SampleGenerator
from models.reader.photo_crops import HeldOut

BUNDLE = Path(__file__).with_name("bundle")
# Smaller and with more corner jitter than most plates: exact readings are no use here.
HARD_PLATES = Mixture(
    hong_kong=0, others=0, negatives=0, personalised=0.1, smallest=6, jitter=(0.01, 0.09)
)
LOOKALIKES = (
    "8B",
    "5S",
    "2Z",
    "0D",
    "6G",
    "17",
    "4A",
    "0Q",
    "1T",
    "1L",
    "CG",
    "UV",
    "VY",
    "PR",
    "EF",
)
"""Pairs that every reader of plates confuses, each counted LOOKALIKE_COUNT times beside what is
measured: few plates are drawn with some of them."""
LOOKALIKE_COUNT = 3
MIN_COUNT, MIN_SHARE = 3, 0.01  # of a pair that is kept
NO_CHARACTER = "-"


@dataclass(frozen=True, slots=True)
class ReadingPair:
    """The mark on a plate and the mark that was read."""

    true: str
    read: str


def read_synthetic_plates(data: Path, seconds: float, seed: int) -> Iterator[ReadingPair]:
    """Draws plates and reads them, for so long."""
    samples, reader = SampleGenerator(data, seed, HeldOut(0, 1)), open_reader(BUNDLE)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pixels, corners, label = samples.simulated_photo(HARD_PLATES)
        [reading] = reader.read([augmentation.rectify_gray(pixels, corners)])
        yield ReadingPair(marks.canonical(label.text), marks.canonical(reading.text))


def character_errors(pair: ReadingPair) -> list[tuple[str, str]]:
    """Returns (read, true) of each wrong character; empty where more than two are, or none is.

    Readings of the right length are compared place by place, others where one character is lost
    or added.
    """
    true, read = pair.true, pair.read
    if len(true) == len(read):
        wrong = [(b, a) for a, b in zip(true, read, strict=True) if a != b]
        return wrong if len(wrong) <= 2 else []
    match Levenshtein.editops(read, true).as_list():
        case [("insert", _, place)] if read:
            return [(NO_CHARACTER, true[place])]
        case [("delete", place, _)] if true:
            return [(read[place], NO_CHARACTER)]
    return []


def confusion_shares(pairs: Iterable[ReadingPair]) -> dict[str, dict[str, float]]:
    """Returns, by the character read, the share of its errors for each true character.

    Under NO_CHARACTER: the share of wrong readings that had lost just that character.
    """
    counts: Counter[tuple[str, str]] = Counter()
    wrong = 0
    for pair in pairs:
        if pair.read and pair.read != pair.true:
            wrong += 1
            counts.update(character_errors(pair))
    for one, other in LOOKALIKES:
        counts[one, other] += LOOKALIKE_COUNT
        counts[other, one] += LOOKALIKE_COUNT
    total: Counter[str] = Counter()
    for (read, _), count in counts.items():
        total[read] += count
    total[NO_CHARACTER] = wrong
    found: dict[str, dict[str, float]] = {}
    for (read, true), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        if count >= MIN_COUNT and count / total[read] >= MIN_SHARE * (read != NO_CHARACTER):
            found.setdefault(read, {})[true] = count / total[read]
    return found


def main() -> None:
    """Parses the command line, measures and prints."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--seconds", type=float, default=600)
    cli.add_argument("--seed", type=int, default=1)
    given = cli.parse_args()
    pairs = list(read_synthetic_plates(given.data, given.seconds, given.seed))
    wrong = sum(pair.read not in ("", pair.true) for pair in pairs)
    print(f"# {len(pairs)} plates, {wrong} misread")
    for read, shares in confusion_shares(pairs).items():
        print(read, " ".join(f"{true} {share:.4f}" for true, share in shares.items()))


if __name__ == "__main__":
    main()
