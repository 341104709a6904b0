#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Make a certificate authority for one run of the tests, and server certificates under it, in the directory given:
#   ca.pem                          the authority, to be trusted
#   server.pem server.key           localhost, 127.0.0.1, ::1
#   wrong_name.pem wrong_name.key   another host's
#   expired.pem expired.key         localhost, but its time is over
#   self_signed.pem self_signed.key localhost, signed by itself
# Server certificates are followed by nothing: the authority is in ca.pem alone. Keys are EC P-256, files 0600.
set -euo pipefail

dir=${1:?usage: make_ca.sh DIR}
umask 077
mkdir -p "$dir"
cd "$dir"

new_key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

local_names='DNS:localhost,IP:127.0.0.1,IP:::1'

extensions() {
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
    printf 'subjectKeyIdentifier=hash\nsubjectAltName=%s\n' "$1"
}

# issue NAME SUBJECT_ALT_NAMES DAYS: a negative number of days is over before it began
issue() {
    local name=$1 names=$2 days=$3
    new_key "$name.key"
    openssl req -new -key "$name.key" -subj "/CN=assay test $name" -out "$name.csr"
    extensions "$names" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" -days "$days" \
        -sha256 -extfile "$name.ext" -out "$name.pem" 2>/dev/null
    rm -f "$name.csr" "$name.ext"
}

new_key ca.key
openssl req -x509 -new -key ca.key -sha256 -days 2 -subj '/CN=assay test authority' -out ca.pem \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'

issue server "$local_names" 2
issue wrong_name 'DNS:other.test' 2
issue expired "$local_names" -1

new_key self_signed.key
openssl req -x509 -new -key self_signed.key -sha256 -days 2 -subj '/CN=assay test self_signed' -out self_signed.pem \
    -addext "subjectAltName=$local_names" -addext 'basicConstraints=critical,CA:FALSE'

rm -f ca.key
chmod 600 ./*.pem ./*.key
