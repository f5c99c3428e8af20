#!/usr/bin/env bash
# Makes sure of Tesseract. Exit status 1 with one line where it cannot be had.
set -euo pipefail
command -v tesseract >/dev/null && exit 0
"$(dirname "$0")/apt-install.sh" tesseract-ocr && exit 0
echo "Tesseract is not installed: the neural reader reads alone. For HKPLATES_READER=tesseract install it" \
  "(Debian and Ubuntu: tesseract-ocr, Fedora: tesseract, macOS: brew install tesseract)." >&2
exit 1
