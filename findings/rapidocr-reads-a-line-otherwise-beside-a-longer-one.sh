#!/usr/bin/env bash
# RapidOCR reads a line of text otherwise when it is given together with a longer one: TextRecognizer
# pads all lines of a batch to the widest, and PP-OCRv6's recogniser sees the padding. Scores change,
# and of small and noisy lines the text too, so that what a picture says hangs on what else is on it.
# (Alone a line is padded too, to 320 pixels.) Of the 30 lines here 26 get another score and 7 another
# text.
# Seen with rapidocr 3.10.0, onnxruntime 1.32.0, numpy 2.4.6, opencv-python-headless 5.0.0.93,
# Python 3.11, x86-64.
# Exit status 0 while that is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  rapidocr==3.10.0 onnxruntime==1.32.0 numpy==2.4.6 opencv-python-headless==5.0.0.93

PYTHONPATH="$folder/packages" python3 - <<'PYTHON'
import logging
import sys

import cv2
import numpy as np
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_rec.typings import TextRecInput

logging.disable(logging.INFO)
random = np.random.default_rng(1)


def line(text: str) -> np.ndarray:
    """Draws a short text, small, blurred and noisy: what a far plate looks like."""
    picture = np.full((48, 26 * len(text) + 20, 3), 225, np.uint8)
    cv2.putText(picture, text, (8, 37), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 4)
    small = cv2.resize(picture, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    noisy = np.clip(small + random.normal(0, 12, small.shape), 0, 255).astype(np.uint8)
    return cv2.resize(noisy, picture.shape[1::-1])


characters = list("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
lines = [line("".join(random.choice(characters, 6))) for _ in range(30)]
longer = np.concatenate([line("ABCDEF")] * 6, axis=1)
engine = RapidOCR()
engine(lines[0], use_det=False, use_cls=False)  # loads the recogniser
recognise = engine.text_rec
alone = [recognise(TextRecInput(img=[one])) for one in lines]
beside = [recognise(TextRecInput(img=[one, longer])) for one in lines]
texts = sum(a.txts[0] != b.txts[0] for a, b in zip(alone, beside, strict=True))
scores = sum(abs(a.scores[0] - b.scores[0]) > 1e-3 for a, b in zip(alone, beside, strict=True))
print(f"of {len(lines)} lines {scores} get another score and {texts} another text")
sys.exit(0 if texts > 0 and scores > len(lines) / 2 else 1)
PYTHON
