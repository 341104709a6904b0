#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Describe the ABI of the built library anew: update_baseline.sh [LIBRARY]. From version 1.0 on only additions may move it.
set -eu
cd "$(dirname "$0")/../.."
library=${1:-build/gcc/lib/libassay.so.0.1.0}
python3 tests/abi/check_exports.py --write "$library"
tests/abi/describe.sh "$library" >tests/abi/baseline.abi
printf 'tests/abi/baseline.abi describes %s\n' "$library"
