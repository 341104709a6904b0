#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The example of README.md works with this build: test_quickstart.sh COMMAND BUILD
set -eu
cd "$(dirname "$0")/../.."
command -v curl >/dev/null && command -v jq >/dev/null || { printf 'skipped: no curl or no jq\n'; exit 77; }
ASSAY_BUILD=$2 exec examples/quickstart.sh
