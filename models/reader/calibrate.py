"""Fits the decoder's parameters on plates that the network was not trained on.

Real plates are few, so that synthetic ones are added; both weigh the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.reading.decoding import Decoder, ScoredCandidate, decoder_features
from hkplates.recognition.reading.neural import NeuralReader
from hkplates.recognition.types import Crop
from models import logistic_regression
from models.reader import augmentation, evaluate
from models.reader.dataset import Mixture, SampleGenerator
from models.reader.network import SYMBOLS
from models.reader.photo_crops import HeldOut, RealPlate

SYNTHETIC_PLATES = 600
CROPS_PER_PLATE = 6  # crops of each real plate
# Confidence below which a plate is read with test-time augmentation (TTA). Of dev's 50 plates and
# five copies of each or some (yellow, small, turned, scaled, blurred), 350 in all, as detector and
# refiner crop them, 325 are read from one view and with TTA below 0.5 or 0.7, 323 with TTA below
# 0.9. TTA is for corners that are far off: of 432 crops of train/ with corners off by 6% of the
# height by chance, each read by the fold it was held out from, 390 were read from one view, 410
# with TTA below 0.9.
TTA_BELOW = 0.5
# Not fitted: too few such plates are held out. Nine in ten marks are two letters and a number; of
# the others hardly any is one look-alike away from that, and most readings of that kind are wrong.
NEARLY_USUAL, ONE_SHAPE_OFF = -1.5, -2.5

UNFITTED_DECODER: dict[str, Any] = {
    "slot_share": 0.5,
    "prior": {"personalised": -1.0, "unknown": -3.0},
    "calibration": [0.5, 0.1, 0.3, 1.0, 1.0],
    "calibration_of_views": [0.5, 0.1, 0.3, 1.0, 1.0],
    "sure": TTA_BELOW,
}
# Synthetic plates as in the last phase of training, without real ones.
MIXTURE = Mixture(
    hong_kong=0, others=0, negatives=0, personalised=0.15, smallest=4, jitter=(0.01, 0.07)
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """The ranked candidates of a crop whose mark is known, from one view and from all of TTA.

    `weight` is the crop's in every fit.
    """

    single_view: Sequence[ScoredCandidate]
    tta: Sequence[ScoredCandidate]
    mark: str
    weight: float = 1.0


def fit(photographed: Sequence[Example], synthetic: Sequence[Example]) -> dict[str, Any]:
    """Fits the decoder and returns it as the values of config.json.

    Slot weight and prior by grid search on exact readings with TTA, then the two calibrations.
    """
    examples = [*_with_total_weight(photographed, max(len(synthetic), 1)), *synthetic]
    slot_weight, personalised = max(
        product((0.3, 0.4, 0.5, 0.6, 0.7), (-0.5, -1.0, -1.5, -2.0, -3.0)),
        key=lambda pair: _tta_accuracy(examples, *pair),
    )
    chosen = _unfitted_decoder(slot_weight, personalised)
    return {
        "slot_share": slot_weight,
        "prior": dict(chosen.prior),
        "calibration": _fit_confidence([(e.single_view, e) for e in examples], chosen),
        "calibration_of_views": _fit_confidence([(e.tta, e) for e in examples], chosen),
        "sure": TTA_BELOW,
        "fitted_on": {
            "crops": len(examples),
            "right": round(_tta_accuracy(examples, slot_weight, personalised), 4),
        },
    }


def photo_examples(reader: NeuralReader, plates: Sequence[RealPlate]) -> list[Example]:
    """Returns examples of real plates, which the reader must not have been trained on.

    Each comes as large as it is, and as small as far-off ones are.
    """
    crops = evaluate.labelled_crops(plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=7)
    for wide in evaluate.SMALL_WIDTHS:
        far = [evaluate.far_away(plate, wide) for plate in plates]
        crops += evaluate.labelled_crops(far, 1, evaluate.CORNER_JITTER, seed=wide)
    return [_example(reader, crop, text) for crop, text in crops]


def synthetic_examples(
    reader: NeuralReader, data: Path, fonts: Sequence[Path], count: int
) -> list[Example]:
    """Returns examples of `count` synthetic plates; `data` has the backgrounds behind them."""
    return [_example(reader, crop, text) for crop, text in synthetic_crops(data, fonts, count)]


def synthetic_crops(data: Path, fonts: Sequence[Path], count: int) -> list[tuple[Crop, str]]:
    """Draws `count` plates and returns their crops with their texts."""
    samples = SampleGenerator(data, 99, HeldOut(0, 1), fonts)
    photos = [samples.simulated_photo(MIXTURE) for _ in range(count)]
    return [
        (augmentation.rectify_gray(pixels, corners), label.text)
        for pixels, corners, label in photos
    ]


def _with_total_weight(examples: Sequence[Example], weight: float) -> list[Example]:
    """Returns the examples with equal weights that add up to `weight`."""
    return [replace(e, weight=weight / len(examples)) for e in examples]


def _example(reader: NeuralReader, crop: Crop, text: str) -> Example:
    # Both heads' scores do not depend on the decoder's parameters: its totals are made anew by
    # each decoder that is tried.
    decoder = _unfitted_decoder(0.5, 0.0)
    first = reader.forward_crop(crop)
    with_tta = decoder.rank_views([first, *reader.tta_views(crop)])
    return Example(decoder.rank_views([first]), with_tta, marks.canonical(text))


def _unfitted_decoder(slot_weight: float, personalised: float) -> Decoder:
    """Returns a decoder of this slot weight and prior, its calibration not fitted yet."""
    prior = {
        "personalised": personalised,
        "unknown": min(2 * personalised, -1.0),
        "nearly_usual": NEARLY_USUAL,
        "one_shape_off": ONE_SHAPE_OFF,
    }
    weights = tuple(UNFITTED_DECODER["calibration"])
    return Decoder(SYMBOLS, slot_weight, prior, weights, weights)


def _tta_accuracy(examples: Sequence[Example], slot_weight: float, personalised: float) -> float:
    """Returns the weighted share read exactly, with TTA on every plate."""
    decoder = _unfitted_decoder(slot_weight, personalised)
    right = [decoder.rank_candidates(e.tta)[0].mark == e.mark for e in examples]
    return float(np.average(right, weights=[e.weight for e in examples]))


def _fit_confidence(
    pairs: Sequence[tuple[Sequence[ScoredCandidate], Example]], decoder: Decoder
) -> list[float]:
    """Fits the weights of `decoder_features` by logistic regression on being right."""
    ranked = [decoder.rank_candidates(candidates) for candidates, _ in pairs]
    features = np.stack([decoder_features(candidates) for candidates in ranked])
    right = np.array([r[0].mark == e.mark for r, (_, e) in zip(ranked, pairs, strict=True)], float)
    weight = np.array([e.weight for _, e in pairs])
    weights = logistic_regression.fit(features, right, sample_weight=weight)
    return [round(float(w), 4) for w in weights]
