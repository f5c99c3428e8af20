#!/usr/bin/env bash
# Installs Debian packages where this user may, and fails quietly where not: scripts/apt-install.sh PACKAGE...
set -euo pipefail
command -v apt-get >/dev/null || exit 1
as_root=()
if [ "$(id -u)" != 0 ]; then
  # Only without a password prompt: a build must not stop to ask.
  sudo -n true 2>/dev/null || exit 1
  as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
install() { "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
install "$@" 2>/dev/null || { "${as_root[@]}" apt-get update -qq >/dev/null && install "$@"; }
