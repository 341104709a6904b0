/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "base/base64url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TENANT_LEN = sizeof BENCH_TENANT - 1 };

/* The tenant that an issuer of Entra's form has in it. */
static const char *tenant_of(const char *issuer)
{
    static const char host[] = "https://login.microsoftonline.com/";
    bool entra = strncmp(issuer, host, sizeof host - 1) == 0 && strlen(issuer) >= sizeof host - 1 + TENANT_LEN;
    return entra ? issuer + sizeof host - 1 : BENCH_TENANT;
}

char *bench_payload(const char *issuer, const char *audience, long long expires_in)
{
    char *payload = NULL;
    long long now = (long long)time(NULL);
    int len = asprintf(
        &payload,
        "{\"aud\":\"%s\",\"iss\":\"%s\",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld,"
        "\"acct\":0,\"acrs\":[\"p1\"],\"aio\":\"AaQAW/8YAAAAtCgT9vY5mPq1n0c7rXy0sB2wYb4fS8xN3jZ6hT1kQ5dV9eL7uR2o\","
        "\"azp\":\"0b1e6f4a-3c5d-4f7e-9a8b-1c2d3e4f5a6b\",\"azpacr\":\"1\",\"email\":\"casey@contoso.example\","
        "\"groups\":[\"f3a1c0de-5b7e-4d2a-8f60-9a1b2c3d4e5f\",\"0d9c8b7a-6f5e-4d3c-2b1a-a0b1c2d3e4f5\"],"
        "\"idtyp\":\"user\",\"ipaddr\":\"203.0.113.77\",\"name\":\"Casey M\\u00fcller\","
        "\"oid\":\"c1f5b3a2-7d8e-4f90-a1b2-c3d4e5f60718\",\"preferred_username\":\"casey@contoso.example\","
        "\"rh\":\"0.AXkAv4j5cvGGr0GRqy180BHbR.\",\"roles\":[\"Task.Read\",\"Task.Write\"],"
        "\"scp\":\"access_as_user\",\"sid\":\"004f1c2d-3b4a-5968-7786-95a4b3c2d1e0\","
        "\"sub\":\"AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ\",\"tid\":\"%.*s\","
        "\"uti\":\"fqiBqXLPj0eQa82S-IYFAA\",\"ver\":\"2.0\"}",
        audience, issuer, now, now, now + expires_in, TENANT_LEN, tenant_of(issuer));
    bench_must(len > 0, "memory");
    return payload;
}

static char *header_of(const mint_key *key)
{
    char *header = NULL;
    int len = asprintf(&header, "{\"typ\":\"JWT\",\"alg\":\"%s\",\"kid\":\"%s\"}", mint_key_algorithm(key), BENCH_KID);
    bench_must(len > 0, "memory");
    return header;
}

char *bench_token(const mint_key *key, const char *issuer, const char *audience, long long expires_in)
{
    char *header = header_of(key);
    char *payload = bench_payload(issuer, audience, expires_in);
    char *token = mint_sign(key, mint_key_algorithm(key), header, payload);
    free(header);
    free(payload);
    return token;
}

uint8_t *bench_signature(const char *token, size_t *input_len, size_t *signature_len)
{
    const char *dot = strrchr(token, '.');
    bench_must(dot != NULL, "no token");
    size_t len = strlen(dot + 1);
    uint8_t *signature = malloc(ASSAY_BASE64URL_DECODED(len));
    bench_must(signature != NULL && assay_base64url_decode(dot + 1, len, signature, signature_len), "signature");
    *input_len = (size_t)(dot - token);
    return signature;
}
