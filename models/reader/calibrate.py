"""Fits the decoder's few figures on plates that the network was not trained on.

Real plates are few, so that drawn ones are added; both weigh the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.decoding import Decoder, ScoredCandidate, decoder_features
from hkplates.recognition.reading.neural import NeuralReader
from hkplates.recognition.types import Crop, Quad
from models import logistic_regression
from models.reader import evaluate
from models.reader.dataset import Mixture, SampleGenerator
from models.reader.network import SYMBOLS
from models.reader.photo_crops import HeldOut, RealPlate

SYNTHETIC_PLATES = 600
CROPS_PER_PLATE = 6  # crops of each real plate
# From this confidence on a plate is looked at once. Of dev's 50 plates and five copies of each or
# some (yellow, small, turned, scaled, blurred), 350 in all, as detector and refiner cut them out,
# 325 are read at one look and with a vote under 0.5 or 0.7, 323 with one under 0.9. Votes are for
# corners that are far off: of 432 crops of train/ with corners off by 6% of the height by chance,
# each read by the fold that was kept from it, 390 were read at one look, 410 with a vote under 0.9.
TTA_BELOW = 0.5
# Not fitted: too few such plates are held out. Nine in ten marks are two letters and a number; of
# the others hardly any is one shape away from that, and most of what is read so is misread.
NEARLY_USUAL, ONE_SHAPE_OFF = -1.5, -2.5

UNFITTED_DECODER: dict[str, Any] = {
    "slot_share": 0.5,
    "prior": {"personalised": -1.0, "unknown": -3.0},
    "calibration": [0.5, 0.1, 0.3, 1.0, 1.0],
    "calibration_of_views": [0.5, 0.1, 0.3, 1.0, 1.0],
    "sure": TTA_BELOW,
}
# Drawn plates as in the last phase, without real ones.
MIXTURE = Mixture(
    hong_kong=0, others=0, negatives=0, personalised=0.15, smallest=6, jitter=(0.01, 0.07)
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A crop of a plate whose mark is known, as candidates of one look and of several.

    `weight` is how much the crop counts.
    """

    single_view: Sequence[ScoredCandidate]
    tta: Sequence[ScoredCandidate]
    mark: str
    weight: float = 1.0


def fit(photographed: Sequence[Example], synthetic: Sequence[Example]) -> dict[str, Any]:
    """The decoder's figures for config.json."""
    examples = [*_with_total_weight(photographed, max(len(synthetic), 1)), *synthetic]
    slot_share, personalised = max(
        product((0.3, 0.4, 0.5, 0.6, 0.7), (-0.5, -1.0, -1.5, -2.0, -3.0)),
        key=lambda pair: _tta_accuracy(examples, *pair),
    )
    chosen = _unfitted_decoder(slot_share, personalised)
    return {
        "slot_share": slot_share,
        "prior": dict(chosen.prior),
        "calibration": _fit_confidence([(e.single_view, e) for e in examples], chosen),
        "calibration_of_views": _fit_confidence([(e.tta, e) for e in examples], chosen),
        "sure": TTA_BELOW,
        "fitted_on": {
            "crops": len(examples),
            "right": round(_tta_accuracy(examples, slot_share, personalised), 4),
        },
    }


def photo_examples(reader: NeuralReader, plates: Sequence[RealPlate]) -> list[Example]:
    """Examples of real plates, which the reader must not have been trained on."""
    pieces = evaluate.labelled_crops(plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=7)
    return [_example(reader, crop, text) for crop, text in pieces]


def synthetic_examples(
    reader: NeuralReader, data: Path, fonts: Sequence[Path], count: int
) -> list[Example]:
    """Examples of `count` drawn plates; `data` has the backgrounds they stand before."""
    return [_example(reader, crop, text) for crop, text in synthetic_crops(data, fonts, count)]


def synthetic_crops(data: Path, fonts: Sequence[Path], count: int) -> list[tuple[Crop, str]]:
    """`count` drawn plates, cut out, and what they say."""
    samples = SampleGenerator(data, 99, HeldOut(0, 1), fonts)
    views = [samples.simulated_photo(MIXTURE) for _ in range(count)]
    return [(_rectify_gray(pixels, corners), label.text) for pixels, corners, label in views]


def _with_total_weight(examples: Sequence[Example], weight: float) -> list[Example]:
    """The examples, weighing so much together."""
    return [replace(e, weight=weight / len(examples)) for e in examples]


def _rectify_gray(pixels: np.ndarray, corners: np.ndarray) -> Crop:
    return rectify(np.repeat(pixels[:, :, None], 3, axis=2), Quad.from_array(corners))


def _example(reader: NeuralReader, crop: Crop, text: str) -> Example:
    plain = _unfitted_decoder(0.5, 0.0)
    first = reader.forward_crop(crop)
    often = plain.rank_views([first, *reader.tta_views(crop)])
    return Example(plain.rank_views([first]), often, marks.canonical(text))


def _unfitted_decoder(slot_share: float, personalised: float) -> Decoder:
    prior = {
        "personalised": personalised,
        "unknown": min(2 * personalised, -1.0),
        "nearly_usual": NEARLY_USUAL,
        "one_shape_off": ONE_SHAPE_OFF,
    }
    weights = tuple(UNFITTED_DECODER["calibration"])
    return Decoder(SYMBOLS, slot_share, prior, weights, weights)


def _tta_accuracy(examples: Sequence[Example], slot_share: float, personalised: float) -> float:
    """The weighted share read exactly, with several looks at all."""
    decoder = _unfitted_decoder(slot_share, personalised)
    right = [decoder.rank_candidates(e.tta)[0].mark == e.mark for e in examples]
    return float(np.average(right, weights=[e.weight for e in examples]))


def _fit_confidence(
    pairs: Sequence[tuple[Sequence[ScoredCandidate], Example]], decoder: Decoder
) -> list[float]:
    """A logistic regression of being right on the evidence."""
    ranked = [decoder.rank_candidates(candidates) for candidates, _ in pairs]
    seen = np.stack([decoder_features(scored) for scored in ranked])
    right = np.array([s[0].mark == e.mark for s, (_, e) in zip(ranked, pairs, strict=True)], float)
    weight = np.array([e.weight for _, e in pairs])
    return [round(float(f), 4) for f in logistic_regression.fit(seen, right, sample_weight=weight)]
