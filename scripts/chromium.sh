#!/usr/bin/env bash
# Makes sure of Chromium, which the tests of the page drive. Exit status 1 with one line where it cannot be had.
set -euo pipefail
command -v chromium >/dev/null && exit 0
"$(dirname "$0")/apt-install.sh" chromium && exit 0
echo "Chromium is not installed: the page is tested without a browser. To test it in one install chromium" \
  "(Debian: chromium), or name one: HKPLATES_TEST_CHROMIUM=/path/of/chromium." >&2
exit 1
