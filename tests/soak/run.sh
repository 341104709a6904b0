#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Makes and releases validators, drivers, refresh threads and children, and says what is left of memory, descriptors and threads:
#   tests/soak/run.sh [CYCLES]
# 10,000 cycles unless told otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

tree=build/gcc
if [ ! -e $tree/build.ninja ]; then
    CC=gcc meson setup $tree -Dtests=enabled -Dcli=enabled >/dev/null
fi
ninja -C $tree -j "${ASSAY_JOBS:-2}" tests/soak/soak >/dev/null
exec $tree/tests/soak/soak "${1:-10000}"
