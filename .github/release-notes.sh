#!/usr/bin/env bash
# Prints the section of CHANGELOG.md that has this version: release-notes.sh 0.1.0
set -euo pipefail
cd "$(dirname "$0")/.."

notes=$(awk -v version="$1" '/^## /{inside = ($2 == version)} inside && !/^## /' CHANGELOG.md)
if [ -z "$notes" ]; then
  echo "error: CHANGELOG.md has no section \"## $1\"; add one, with what callers and operators must know" >&2
  exit 1
fi
echo "$notes"
