#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes what a caller can see of a library's ABI, without paths and line numbers: describe.sh LIBRARY
set -eu
here=$(dirname "$(realpath "$0")")
exec abidw --exported-interfaces-only --suppressions "$here/suppressions.ini" --no-show-locs --no-corpus-path \
    --no-comp-dir-path --no-elf-needed "$1"
