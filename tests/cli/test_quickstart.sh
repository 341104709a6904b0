#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The example of README.md works with this build, and says what it promises: test_quickstart.sh COMMAND BUILD
set -eu
cd "$(dirname "$0")/../.."
command -v curl >/dev/null && command -v jq >/dev/null || { printf 'skipped: no curl or no jq\n'; exit 77; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# A developer has variables of Azure and a proxy; neither is for what runs here.
AZURE_CLIENT_SECRET=other https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9 ASSAY_BUILD=$2 examples/quickstart.sh >"$log" 2>&1 || status=$?
cat "$log"
[ "$status" -eq 0 ] || exit "$status"

# expect COUNT PATTERN
expect() {
    local found
    found=$(grep -cE "$2" "$log" || true)
    [ "$found" -eq "$1" ] || { printf 'FAILED: %s lines of "%s" instead of %s\n' "$found" "$2" "$1"; exit 1; }
}
expect 8 '^== refused: '
expect 1 '^accepted: issuer https://127\.0\.0\.1:[0-9]+, subject alice$'
expect 1 '^200 tasks for application entra\|[0-9a-f-]{36}\|[0-9a-f-]{36}$'
expect 1 '^no token: ASSAY_E_GRANT: .*AADSTS700213'
expect 1 '^  row: +4, federation-subject: '
expect 1 '^  fix: .*subject "system:serviceaccount:default:orders"'
expect 1 '^Shown: '
expect 0 'eyJ[A-Za-z0-9_-]{20}' # not even a part of a token
