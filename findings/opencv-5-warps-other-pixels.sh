#!/usr/bin/env bash
# OpenCV 5.0's warpPerspective returns other pixels than 4.14's for the same photograph, matrix and
# flags; resize returns the same. A program that pins "opencv >= 4" reads with another pixel grid
# after an update, without an error and without a changed interface.
# Seen with opencv-python-headless 4.11.0.86, 4.14.0.94 and 5.0.0.93, numpy 2.4.1, Python 3.11,
# x86-64: of this picture 8.1% of the values differ between 4.14 and 5.0, by one level (of
# photographs a third, by up to four); 4.11 and 4.14 agree to the bit.
# Exit status 0 while that is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/warp.py" <<'PYTHON'
import sys

import cv2
import numpy as np

# A smooth picture with edges and noise: what photographs hold.
random = np.random.default_rng(1)
rows, columns = np.mgrid[0:240, 0:320]
picture = 128 + 60 * np.sin(columns / 9.0) + 50 * (rows // 40 % 2) + random.normal(0, 6, (240, 320))
picture = np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
source = np.float32([[40, 60], [280, 30], [290, 190], [30, 200]])
target = np.float32([[0, 0], [200, 0], [200, 80], [0, 80]])
matrix = cv2.getPerspectiveTransform(source, target)
warped = cv2.warpPerspective(picture, matrix, (200, 80), flags=cv2.INTER_LINEAR)
resized = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_LINEAR)
np.savez(sys.argv[1], warped=warped, resized=resized)
print("opencv", cv2.__version__)
PYTHON

for version in 4.11.0.86 4.14.0.94 5.0.0.93; do
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/$version" \
    "opencv-python-headless==$version" numpy==2.4.1
  PYTHONPATH="$folder/$version" python3 "$folder/warp.py" "$folder/$version.npz"
done

PYTHONPATH="$folder/5.0.0.93" python3 - "$folder" <<'PYTHON'
import sys

import numpy as np

old, last, new = (np.load(f"{sys.argv[1]}/{v}.npz") for v in ("4.11.0.86", "4.14.0.94", "5.0.0.93"))


def compare(name, first, second):
    gap = np.abs(first[name].astype(int) - second[name].astype(int))
    print(f"{name}: {(gap > 0).mean():.1%} of the values differ, by up to {gap.max()} levels")
    return gap.max()


print("4.11 and 4.14:")
same = compare("warped", old, last) == 0
print("4.14 and 5.0:")
differs = compare("warped", last, new) > 0
resized = compare("resized", last, new) == 0
sys.exit(0 if same and differs and resized else 1)
PYTHON
