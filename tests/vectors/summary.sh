#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Prints a table of all sets of vectors from the logs of test runs: tests/vectors/summary.sh LOG…
# Each set says `vectors: NAME: N ran, N passed, N out of scope (reason: n, reason: n)`. The status is 0 where at least one set is there and all that ran
# passed.
set -uo pipefail
[ "$#" -gt 0 ] || { sed -n '4,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# meson writes \n inside its JSON log; a set that stands in several logs is taken once.
grep -hoE 'vectors: [^:]+: [0-9]+ ran, [0-9]+ passed, [0-9]+ out of scope( \([^)]*\))?' "$@" | sort -u | awk -F': ' '
BEGIN { printf "%-44s %6s %6s %6s\n", "vectors", "ran", "passed", "out of scope" }
{
    name = $2
    split($3, numbers, /[^0-9]+/)
    reasons = ""
    at = index($0, "(")
    if (at > 0) reasons = " " substr($0, at)
    printf "%-44s %6d %6d %6d%s\n", name, numbers[1], numbers[2], numbers[3], reasons
    ran += numbers[1]; passed += numbers[2]; outside += numbers[3]
}
END {
    printf "%-44s %6d %6d %6d\n", "all " NR " sets", ran, passed, outside
    exit !(NR > 0 && ran == passed)
}'
