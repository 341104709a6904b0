/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the checks of Entra add to those of any issuer, on the same tokens, and what its tenants cost. */

enum { TOKENS = 64, MANY = 10000 };

/* One set for all: a key as the v2 endpoint serves it. Generic issuers don't look at what it says of its tenants. */
static assay_keyset *entra_keys(const mint_key *key)
{
    char *jwk = NULL;
    const char *bare = mint_key_bare_jwk(key);
    assay_keyset *keys = NULL;
    int len = asprintf(&jwk,
                       "%.*s,\"use\":\"sig\",\"kid\":\"" BENCH_KID
                       "\",\"issuer\":\"https://login.microsoftonline.com/{tenantid}/v2.0\","
                       "\"cloud_instance_name\":\"microsoftonline.com\"}",
                       (int)strlen(bare) - 1, bare);
    bench_must(len > 0, "memory");
    bench_must(assay_keyset_new(NULL, &keys, NULL) == ASSAY_OK &&
                   assay_keyset_add_json(keys, jwk, (size_t)len, NULL) == ASSAY_OK && assay_keyset_count(keys) == 1,
               "key set");
    free(jwk);
    return keys;
}

/* The i-th of @p count tenants, as bench_issuer_name() names them. */
static void name_tenant(size_t index, size_t count, char tenant[40])
{
    char name[128];
    bench_issuer_name(index, count, name, sizeof name);
    (void)snprintf(tenant, 40, "%.36s", strstr(name, ".com/") + 5);
}

/* Takes the issuer. */
static assay_validator *make(assay_issuer *issuer, assay_keyset *keys)
{
    assay_validator *validator = NULL;
    bench_must(assay_issuer_add_audience(issuer, BENCH_AUDIENCE, NULL) == ASSAY_OK &&
                   assay_issuer_set_keys(issuer, keys, NULL) == ASSAY_OK &&
                   assay_validator_new(NULL, &issuer, 1, &validator, NULL) == ASSAY_OK,
               "validator");
    assay_issuer_free(issuer);
    return validator;
}

static assay_validator *generic(assay_keyset *keys)
{
    assay_issuer *issuer = NULL;
    bench_must(assay_issuer_new(BENCH_ISSUER, &issuer, NULL) == ASSAY_OK, "issuer");
    return make(issuer, keys);
}

/* With so many tenants; 0: any organisation. */
static assay_validator *entra(size_t tenants, assay_keyset *keys)
{
    assay_issuer *issuer = NULL;
    bench_must(assay_issuer_entra_new(NULL, &issuer, NULL) == ASSAY_OK, "issuer");
    for (size_t i = 0; i < tenants; i++) {
        char tenant[40];
        name_tenant(i, tenants, tenant);
        bench_must(assay_issuer_entra_add_tenant(issuer, tenant, NULL) == ASSAY_OK, "tenant");
    }
    if (tenants == 0)
        bench_must(assay_issuer_entra_allow_any_organization(issuer, NULL) == ASSAY_OK, "tenants");
    return make(issuer, keys);
}

void bench_entra(void)
{
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    assay_keyset *keys = entra_keys(key);
    char *of_one[TOKENS], *of_many[TOKENS];
    for (size_t i = 0; i < TOKENS; i++) {
        char name[128];
        bench_issuer_name(i * (MANY - 1) / (TOKENS - 1), MANY, name, sizeof name);
        of_one[i] = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600);
        of_many[i] = bench_token(key, name, BENCH_AUDIENCE, 3600);
    }
    printf("# entra: a token of %zu bytes\n", strlen(of_one[0]));
    bench_case cases[4] = {
        {.name = "entra.generic"}, {.name = "entra.validate"}, {.name = "entra.tenants10000"}, {.name = "entra.any"}};
    bench_check(generic(keys), of_one, TOKENS, ASSAY_OK, &cases[0]);
    bench_check(entra(1, keys), of_one, TOKENS, ASSAY_OK, &cases[1]);
    bench_check(entra(MANY, keys), of_many, TOKENS, ASSAY_OK, &cases[2]);
    bench_check(entra(0, keys), of_many, TOKENS, ASSAY_OK, &cases[3]);
    bench_rounds(cases, 4);
    for (size_t i = 0; i < 4; i++)
        bench_print(cases[i].name, bench_median(&cases[i]), "ns");
    bench_print("entra.ratio", bench_ratio(&cases[1], &cases[0]), "ratio");
    bench_print("entra.tenants10000.ratio", bench_ratio(&cases[2], &cases[1]), "ratio");
}
