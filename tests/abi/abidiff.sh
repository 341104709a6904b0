#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The built library against the stored description of its ABI: abidiff.sh LIBRARY
# While the version is 0 the description moves by tests/abi/update_baseline.sh, with a line in CHANGELOG.md for each change.
set -eu
library=$(realpath "$1")
cd "$(dirname "$0")/../.."
baseline=tests/abi/baseline.abi
command -v abidiff >/dev/null || { printf 'no abidiff: install abigail-tools\n'; exit 77; }
[ -e "$baseline" ] || { printf '%s is missing: tests/abi/update_baseline.sh %s\n' "$baseline" "$1"; exit 1; }
now=$(mktemp --suffix=.abi)
trap 'rm -f "$now"' EXIT
tests/abi/describe.sh "$library" >"$now"
abidiff --no-show-locs "$baseline" "$now" || {
    printf 'the ABI is another one; if it is meant to be: tests/abi/update_baseline.sh, and a line in CHANGELOG.md\n'
    exit 1
}
# Every exported function stands in the list of the change log.
missing=$(sed -n 's/^    \(assay_[a-z0-9_]*\);$/\1/p' lib/assay.map | while read -r name; do
    grep -qF "\`$name\`" CHANGELOG.md || printf '%s ' "$name"
done)
[ -z "$missing" ] || { printf 'CHANGELOG.md does not name: %s\n' "$missing"; exit 1; }
[ "$(readelf -d "$library" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')" = libassay.so.0 ] || { printf 'the soname is not libassay.so.0\n'; exit 1; }
