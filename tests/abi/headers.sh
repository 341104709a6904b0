#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each public header compiles alone, as C99 and C++17 and newer, with warnings as errors.
set -eu
cd "$(dirname "$0")/../.."
bad=0
compile() { # COMPILER LANGUAGE STANDARD
    command -v "$1" >/dev/null || { printf 'skipped: no %s\n' "$1"; return 0; }
    for header in include/assay/*.h; do
        # Twice, so that a missing include guard shows.
        printf '#include <assay/%s>\n#include <assay/%s>\n' "${header##*/}" "${header##*/}" |
            "$1" -x "$2" -std="$3" -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only - || {
            printf '%s: not with %s -std=%s\n' "$header" "$1" "$3"
            bad=1
        }
    done
}
for standard in c99 c11 c2x; do
    compile gcc c $standard
    compile clang c $standard
done
for standard in c++11 c++17 c++20; do
    compile g++ c++ $standard
    compile clang++ c++ $standard
done
exit $bad
