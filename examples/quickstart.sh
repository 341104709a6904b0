#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a fresh Debian 12 to accepted tokens, Entra's among them, refused forgeries, and a pod's token exchanged for one of Entra: examples/quickstart.sh
# Builds into build/quickstart, or uses the build that ASSAY_BUILD names. Everything stays on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

# What this machine's own environment says of proxies and of Azure is not meant for what runs here.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
unset "${!AZURE_@}"

work=$(mktemp -d)
issuer_pids=()
cleanup() {
    local each
    for each in "${issuer_pids[@]}"; do
        { kill "$each" && wait "$each"; } 2>/dev/null || true
    done
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

# start_issuer NAME OPTION…: a development issuer with TLS on loopback; $url and $base are its own
start_issuer() {
    local name=$1
    shift
    "$assay" issuer --tls --port 0 --ca-out "$work/$name.pem" --json "$@" >"$work/$name.json" 2>"$work/$name.log" &
    issuer_pids+=($!)
    for _ in $(seq 100); do
        url=$(jq -r '.url // empty' "$work/$name.json" 2>/dev/null || true)
        [ -z "$url" ] || break
        kill -0 $! 2>/dev/null || fail "the issuer ended: $(cat "$work/$name.log")"
        sleep 0.1
    done
    [ -n "$url" ] || fail 'the issuer did not start within 10 seconds'
    base=$(jq -r .base "$work/$name.json")
    ca=$work/$name.pem
    printf '%s\n' "$url"
}

step 'starting a development issuer with TLS on loopback'
start_issuer issuer

# mint FILE BODY: a token of the issuer that was started last
mint() {
    curl -sS --fail --cacert "$ca" -H 'Content-Type: application/json' -d "$2" "${base%/}/mint" >"$work/$1" || fail "no token: $1"
}
alice="\"claims\":{\"aud\":\"$audience\",\"sub\":\"alice\"}"
verify() { "$assay" verify --issuer "$url" --audience "$audience" --ca-file "$ca" "$@"; }

step 'a genuine token is accepted: keys by OIDC Discovery, then signature, issuer, audience, times'
mint good "{$alice}"
verify "$work/good" || fail 'the genuine token was refused'
if [ -x "$build/examples/verify_token" ]; then
    step 'and by a C program of 70 lines, examples/verify_token.c'
    "$build/examples/verify_token" "$url" "$audience" "$ca" <"$work/good" || fail 'the example refused the genuine token'
fi

# refuse WHAT CODE BODY: a forgery must be refused, and for that reason
refuse() {
    local status=0
    step "refused: $1"
    mint forged "$3"
    verify "$work/forged" 2>&1 | tee "$work/output" || status=${PIPESTATUS[0]}
    [ "$status" -eq 1 ] || fail "$1: status $status instead of 1"
    grep -qwF "$2" "$work/output" || fail "$1: refused, but not with $2"
}
refuse 'the signature was altered' ASSAY_E_SIGNATURE "{$alice,\"forge\":\"signature\"}"
refuse 'the token is meant for another audience' ASSAY_E_AUDIENCE "{$alice,\"forge\":\"audience\"}"
refuse 'the algorithm is "none"' ASSAY_E_ALGORITHM_NONE "{$alice,\"forge\":\"none\"}"
refuse 'signed by HS256 with the public key as its secret' ASSAY_E_ALGORITHM "{$alice,\"forge\":\"hs256-public-key\"}"
refuse 'the token has expired' ASSAY_E_EXPIRED "{$alice,\"forge\":\"expired\"}"

step 'starting another one, with the shapes of Entra ID'
client_id=11111111-2222-3333-4444-555555555555
start_issuer entra --entra --audience "$client_id"
jq -n --arg ca "$ca" --arg base "$base" --arg audience "$client_id" '{
    runtime: {ca_file: $ca},
    issuers: [{profile: "entra", cloud: $base, v1_issuer: "\($base)/sts/{tenantid}/", cloud_instance: "microsoftonline.com",
               tenants: "common", audiences: $audience}]}' >"$work/entra-config.json"
verify() { "$assay" verify --config "$work/entra-config.json" "$@"; }

for version in 1 2; do
    step "a user's token of version $version is accepted"
    mint good "{\"entra\":\"user\",\"version\":$version}"
    verify "$work/good" || fail "the token of version $version was refused"
done
refuse 'a key of personal accounts signed for an organisation' ASSAY_E_KEY_ISSUER '{"entra":"user","forge":"consumer-key"}'
refuse 'a key of another cloud signed it' ASSAY_E_KEY_CLOUD '{"entra":"user","forge":"gov-key"}'
refuse 'it is an ID token' ASSAY_E_ID_TOKEN '{"entra":"id-token"}'

# The other half: a workload obtains a token. The pod's identity is a token of its cluster in a file, which Entra exchanges.
step 'starting a third one, as a cluster that gives its pods tokens'
entra_base=$base entra_ca=$ca
start_issuer cluster --kubernetes --audience api://AzureADTokenExchange
tenant=aaaabbbb-0000-cccc-1111-dddd2222eeee
workload=00001111-aaaa-2222-bbbb-3333cccc4444
workload_app() { # SUBJECT: the application of Entra with its federated credential, and the role that the service demands
    jq -n --arg id "$workload" --arg tenant "$tenant" --arg issuer "$url" --arg ca "$ca" --arg subject "$1" '{
        client_id: $id, tenant: $tenant, claims: {roles: ["Tasks.Read.All"]},
        federated: {issuer: $issuer, ca_file: $ca, subject: $subject, audience: "api://AzureADTokenExchange"}}' |
        curl -sS --fail --cacert "$entra_ca" -H 'Content-Type: application/json' -d @- "$entra_base/apps" >/dev/null
}
workload_app system:serviceaccount:default:orders || fail 'the application was not registered'

# What the webhook of AKS does for a pod: the file, and the variables that name it.
mint azure-identity-token '{}'
export AZURE_CLIENT_ID=$workload AZURE_TENANT_ID=$tenant AZURE_AUTHORITY_HOST=$entra_base
export AZURE_FEDERATED_TOKEN_FILE=$work/azure-identity-token

step 'a service behind Entra ID, examples/entra_service.c'
"$build/examples/entra_service" "$client_id" "$tenant" --dev-issuer "$entra_base" --ca-file "$entra_ca" \
    >"$work/service.out" 2>"$work/service.log" &
issuer_pids+=($!)
for _ in $(seq 100); do
    ! grep -q '^listening on ' "$work/service.out" || break
    kill -0 $! 2>/dev/null || fail "the service ended: $(cat "$work/service.log")"
    sleep 0.1
done
tasks=http://127.0.0.1:$(sed -n 's/^listening on //p' "$work/service.out")/tasks

step 'a pod exchanges its token and calls the service, examples/pod.c'
pod() { "$build/examples/pod" "$tasks" "$client_id" --ca-file "$entra_ca"; }
pod 2>&1 | tee "$work/output" || fail 'the pod got no token, or the service refused it'
grep -q '^200 tasks for application ' "$work/output" || fail 'the service answered something else'

step 'no token: the federated credential is for another service account, and the pod says what to do'
workload_app system:serviceaccount:default:billing
status=0
pod 2>&1 | tee "$work/output" || status=${PIPESTATUS[0]}
[ "$status" -eq 3 ] || fail "status $status instead of 3"
grep -q 'row: *4, federation-subject' "$work/output" || fail 'refused, but not with row 4'

printf '\nShown: genuine tokens accepted, by the command and by C programs, of a plain issuer and of Entra; eight others refused, each with its reason; '
printf "a pod's token exchanged for one of Entra that a service accepts, and an exchange that is refused, with its cause and its fix.\n"
