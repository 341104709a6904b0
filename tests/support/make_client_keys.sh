#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Make private keys of clients and their certificates for one run of the tests, in the directory given:
#   root.pem sub.pem           two authorities, one above the other
#   client.key client.pem      RSA under the second; client.sha1 client.sha256: fingerprints of the certificate, in hexadecimal
#   mixed.pem                  the key amid its certificates and one of somebody else, in no order
#   next.key next.pem          the pair that takes the place of the first
#   traditional.key            client.key in the older form
#   encrypted.key legacy.key   client.key under the passphrase "correct horse", in PKCS#8 and in the form of RFC 1421
#   client.p12 open.p12        client.key with its certificates, the first under that passphrase; old.p12: with RC2, where OpenSSL still can
#   ec.key ec.pem ec_old.key ec_bare.key   EC: PKCS#8, the form of SEC 1, and that without the public point
#   weak.key pss.key three.key x25519.key brainpool.key   keys that nothing is to be signed with
# Files are 0600.
set -euo pipefail

dir=${1:?usage: make_client_keys.sh DIR}
umask 077
mkdir -p "$dir"
cd "$dir"
pass='correct horse'

new_key() {
    openssl genpkey -out "$@" 2>/dev/null
}

rsa() {
    new_key "$1" -algorithm RSA -pkeyopt "rsa_keygen_bits:$2"
}

# certify NAME AUTHORITY EXTENSIONS
certify() {
    openssl req -new -key "$1.key" -subj "/CN=assay test $1" -out "$1.csr"
    printf '%b' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 8)" -days 20 -sha256 \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm -f "$1.csr" "$1.ext"
}

authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
leaf='basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n'

for name in root sub ec; do
    new_key "$name.key" -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve
done
openssl req -x509 -new -key root.key -sha256 -days 30 -subj '/CN=assay test root' -out root.pem \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
certify sub root "$authority"
rsa client.key 2048
rsa next.key 2048
certify client sub "$leaf"
certify next sub "$leaf"
certify ec sub "$leaf"
openssl x509 -in client.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' >client.sha1
openssl x509 -in client.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' >client.sha256

{ cat root.pem; openssl x509 -in client.pem -text; cat client.key ec.pem sub.pem; } >mixed.pem
openssl rsa -in client.key -traditional -out traditional.key 2>/dev/null
openssl pkcs8 -topk8 -in client.key -v2 aes-256-cbc -passout "pass:$pass" -out encrypted.key
openssl rsa -in client.key -traditional -aes256 -passout "pass:$pass" -out legacy.key 2>/dev/null
cat sub.pem root.pem >chain.pem
openssl pkcs12 -export -inkey client.key -in client.pem -certfile chain.pem -passout "pass:$pass" -out client.p12
openssl pkcs12 -export -inkey client.key -in client.pem -passout pass: -out open.p12
openssl pkcs12 -export -inkey client.key -in client.pem -passout "pass:$pass" -legacy -out old.p12 2>/dev/null || rm -f old.p12
openssl ec -in ec.key -out ec_old.key 2>/dev/null
openssl ec -in ec.key -no_public -out ec_bare.key 2>/dev/null
rsa weak.key 1024
new_key pss.key -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
new_key three.key -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3
new_key x25519.key -algorithm X25519
new_key brainpool.key -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1
rm -f root.key sub.key
chmod 600 ./*
