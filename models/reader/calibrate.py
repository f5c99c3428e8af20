"""Fits the decoder's few figures on plates that the network was not trained on.

Real plates held out are few, so that drawn ones are added; both weigh the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.decoding import Decoder, Heads, Scored, evidence
from hkplates.recognition.reader import NeuralReader, open_reader
from models.reader import evaluate, real
from models.reader.dataset import Mixture, Samples
from models.reader.network import SYMBOLS

UNFITTED: dict[str, Any] = {
    "slot_share": 0.5,
    "prior": {"personalised": -1.0, "unknown": -3.0},
    "calibration": [0.5, 0.1, 0.3, 1.0, 1.0],
}
DRAWN = 600
TIMES = 6  # views of each held-out plate
# Drawn plates as in the last phase, without real ones.
MIXTURE = Mixture(
    hong_kong=0, others=0, negatives=0, personalised=0.15, smallest=6, jitter=(0.01, 0.07)
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One view of a plate whose mark is known, its candidates, and how much it weighs."""

    candidates: Sequence[Scored]
    mark: str
    weight: float


def fit(bundle: Path, data: Path, share: float, fonts: Sequence[Path]) -> dict[str, Any]:
    """The decoder's figures for config.json, for the weights in `bundle`."""
    reader = open_reader(bundle)
    examples = _real(reader, data, share) + _drawn(reader, data, fonts)
    slot_share, personalised = max(
        product((0.3, 0.4, 0.5, 0.6, 0.7), (0.0, -0.5, -1.0, -1.5, -2.0, -3.0)),
        key=lambda pair: _right(examples, *pair),
    )
    chosen = _decoder(slot_share, personalised)
    right = round(_right(examples, slot_share, personalised), 4)
    return {
        "slot_share": slot_share,
        "prior": dict(chosen.prior),
        "calibration": _calibrate(examples, chosen),
        "fitted_on": {"views": len(examples), "right": right},
    }


def _real(reader: NeuralReader, data: Path, share: float) -> list[Example]:
    rng = np.random.default_rng(7)
    plates = [p for p in real.hong_kong(data / "train") if real.held_out(p.label, share)]
    return [
        Example(
            _scored(reader.look(crop)),
            marks.canonical(plate.label.text),
            DRAWN / len(plates) / TIMES,
        )
        for plate in plates
        for crop in evaluate.crops(plate, TIMES, evaluate.OFF, rng)
    ]


def _drawn(reader: NeuralReader, data: Path, fonts: Sequence[Path]) -> list[Example]:
    samples = Samples(data, 99, 1.0, fonts)
    drawn = [samples.sample(MIXTURE) for _ in range(DRAWN)]
    return [
        Example(_scored(reader.look_at(pixels)), marks.canonical(label.text), 1.0)
        for pixels, label in drawn
    ]


def _scored(heads: Heads) -> Sequence[Scored]:
    return _decoder(0.5, 0.0).rank([heads])


def _decoder(slot_share: float, personalised: float) -> Decoder:
    prior = {"personalised": personalised, "unknown": min(2 * personalised, -1.0)}
    return Decoder(SYMBOLS, slot_share, prior, tuple(UNFITTED["calibration"]))


def _right(examples: Sequence[Example], slot_share: float, personalised: float) -> float:
    """The weighted share read exactly."""
    decoder = _decoder(slot_share, personalised)
    right = [decoder.order(e.candidates)[0].mark == e.mark for e in examples]
    return float(np.average(right, weights=[e.weight for e in examples]))


def _calibrate(examples: Sequence[Example], decoder: Decoder) -> list[float]:
    """A logistic regression of being right on the evidence, by Newton's method."""
    ranked = [decoder.order(e.candidates) for e in examples]
    seen = np.stack([evidence(scored) for scored in ranked])
    right = np.array([s[0].mark == e.mark for s, e in zip(ranked, examples, strict=True)], float)
    weight = np.array([e.weight for e in examples])
    factors = np.zeros(seen.shape[1])
    for _ in range(50):
        told = 1 / (1 + np.exp(-seen @ factors))
        slope = seen.T @ (weight * (right - told)) - factors
        bend = (seen * (weight * told * (1 - told))[:, None]).T @ seen + np.eye(len(factors))
        factors += np.linalg.solve(bend, slope)
    return [round(float(f), 4) for f in factors]
