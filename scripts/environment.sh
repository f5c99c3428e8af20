#!/usr/bin/env bash
# Makes .venv and installs the project into it: scripts/environment.sh EXTRA[,EXTRA...]
# What is installed already is left alone, so a second call takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=$1
stamp=".venv/.installed-${extras//,/-}"

python_of_311_or_later() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "hkplates needs Python 3.11 or later; install it, or name it: make PYTHON=/path/of/python3" >&2
  return 1
}

make_venv() {
  local python
  python=$(python_of_311_or_later)
  # Debian keeps venv's pip in a package of its own.
  "$python" -c 'import ensurepip, venv' 2>/dev/null || scripts/apt-install.sh python3-venv \
    || { echo "Python's venv module is missing; install the package python3-venv." >&2; return 1; }
  "$python" -m venv .venv
}

if [ -e "$stamp" ] && [ "$stamp" -nt pyproject.toml ] && [ "$stamp" -nt constraints.txt ]; then
  exit 0
fi
[ -x .venv/bin/python ] || make_venv
echo "Installing hkplates[$extras] into .venv (the first time takes a few minutes) ..." >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
  --constraint constraints.txt --editable ".[$extras]"
touch "$stamp"
