#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a fresh Debian 12 to one accepted token and five refused forgeries: examples/quickstart.sh
# Builds into build/quickstart, or uses the build that ASSAY_BUILD names. Everything stays on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
issuer_pid=
cleanup() {
    [ -z "$issuer_pid" ] || { kill "$issuer_pid" && wait "$issuer_pid"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

step() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\nFAILED: %s\n' "$*" >&2
    exit 1
}

# install PACKAGE-OF-COMMAND-OR-FILE…: only what is not there yet
install_missing() {
    local missing=() each
    for each in gcc:gcc meson:meson ninja:ninja-build pkg-config:pkg-config curl:curl openssl:openssl jq:jq \
        /etc/ssl/certs/ca-certificates.crt:ca-certificates; do
        case ${each%:*} in
        /*) [ -e "${each%:*}" ] || missing+=("${each#*:}") ;;
        *) command -v "${each%:*}" >/dev/null || missing+=("${each#*:}") ;;
        esac
    done
    for each in openssl:libssl-dev libcurl:libcurl4-openssl-dev jansson:libjansson-dev libmicrohttpd:libmicrohttpd-dev; do
        pkg-config --exists "${each%:*}" 2>/dev/null || missing+=("${each#*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "please install: ${missing[*]}"
        root=(sudo)
    fi
    command -v apt-get >/dev/null || fail "please install (names of Debian 12): ${missing[*]}"
    step "installing ${missing[*]}"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

build=${ASSAY_BUILD:-}
if [ -z "$build" ]; then
    build=build/quickstart
    install_missing
    step "building into $build"
    [ -e "$build/build.ninja" ] || meson setup "$build" -Dtests=disabled >/dev/null
    ninja -C "$build" --quiet
fi
assay=$build/cli/assay
audience=api://quickstart

step 'starting a development issuer with TLS on loopback'
"$assay" issuer --tls --port 0 --ca-out "$work/ca.pem" --json >"$work/issuer.json" 2>"$work/issuer.log" &
issuer_pid=$!
for _ in $(seq 100); do
    url=$(jq -r '.url // empty' "$work/issuer.json" 2>/dev/null || true)
    [ -z "$url" ] || break
    kill -0 "$issuer_pid" 2>/dev/null || fail "the issuer ended: $(cat "$work/issuer.log")"
    sleep 0.1
done
[ -n "$url" ] || fail 'the issuer did not start within 10 seconds'
printf '%s\n' "$url"

# mint FILE MEMBERS-OF-JSON
mint() {
    curl -sS --fail --cacert "$work/ca.pem" -H 'Content-Type: application/json' -d "{\"claims\":{\"aud\":\"$audience\",\"sub\":\"alice\"}$2}" \
        "${url%/}/mint" >"$work/$1" || fail "no token: $1"
}
verify() { "$assay" verify --issuer "$url" --audience "$audience" --ca-file "$work/ca.pem" "$@"; }

step 'a genuine token is accepted: keys by OIDC Discovery, then signature, issuer, audience, times'
mint good ''
verify "$work/good" || fail 'the genuine token was refused'
if [ -x "$build/examples/verify_token" ]; then
    step 'and by a C program of 70 lines, examples/verify_token.c'
    "$build/examples/verify_token" "$url" "$audience" "$work/ca.pem" <"$work/good" || fail 'the example refused the genuine token'
fi

# refuse WHAT CODE MEMBERS-OF-JSON: a forgery must be refused, and for that reason
refuse() {
    local status=0
    step "refused: $1"
    mint forged ",\"forge\":\"$3\""
    verify "$work/forged" 2>&1 | tee "$work/output" || status=${PIPESTATUS[0]}
    [ "$status" -eq 1 ] || fail "$1: status $status instead of 1"
    grep -qwF "$2" "$work/output" || fail "$1: refused, but not with $2"
}
refuse 'the signature was altered' ASSAY_E_SIGNATURE signature
refuse 'the token is meant for another audience' ASSAY_E_AUDIENCE audience
refuse 'the algorithm is "none"' ASSAY_E_ALGORITHM_NONE none
refuse 'signed by HS256 with the public key as its secret' ASSAY_E_ALGORITHM hs256-public-key
refuse 'the token has expired' ASSAY_E_EXPIRED expired

printf '\nShown: one genuine token accepted by the command and by a C program, five forgeries refused, each with its reason.\n'
