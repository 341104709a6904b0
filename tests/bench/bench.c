/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <assay/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints one figure a line, `NAME VALUE UNIT`. Arguments choose groups by name; without any, all are measured. */

#define TENANTS 64

static void print_case(const bench_case *measured)
{
    bench_print(measured->name, bench_median(measured), "ns");
}

/* One algorithm: bare OpenSSL, ours, and the peers that can. */
static void measure_algorithm(const char *algorithm, const char *group)
{
    typedef bool (*peer_function)(const mint_key *, const char *, bench_case *);
    static const struct {
        const char *name;
        peer_function make;
    } peers[] = {{"cjose", bench_cjose}, {"liboauth2", bench_liboauth2}, {"rhonabwy", bench_rhonabwy}};
    mint_key *key = mint_key_new(algorithm, BENCH_KID);
    char *token = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600);
    printf("# %s: a token of %zu bytes\n", group, strlen(token));
    bench_case cases[5] = {{.state = NULL}};
    size_t count = 2;
    (void)snprintf(cases[0].name, sizeof cases[0].name, "%s.openssl", group);
    (void)snprintf(cases[1].name, sizeof cases[1].name, "%s.validate", group);
    bench_openssl(key, token, &cases[0]);
    bench_assay(key, token, &cases[1]);
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        (void)snprintf(cases[count].name, sizeof cases[count].name, "%s.%s", group, peers[i].name);
        if (peers[i].make(key, token, &cases[count]))
            count++;
        else
            printf("# %s: not installed, or does not know %s\n", cases[count].name, algorithm);
    }
    bench_rounds(cases, count);
    for (size_t i = 0; i < count; i++)
        print_case(&cases[i]);
    char name[40];
    (void)snprintf(name, sizeof name, "%s.ratio", group);
    bench_print(name, bench_ratio(&cases[1], &cases[0]), "ratio");
    free(token);
    mint_key_free(key);
}

static void measure_rs256(void)
{
    measure_algorithm("RS256", "rs256");
}

static void measure_es256(void)
{
    measure_algorithm("ES256", "es256");
}

static void measure_ed25519(void)
{
    measure_algorithm("EdDSA", "ed25519");
}

static void measure_threads(void)
{
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    char *token = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600);
    bench_threads(key, token);
    free(token);
    mint_key_free(key);
}

/* Tokens that come again: one, and as many as a small service has callers at a time. Two threads have the same one, or each its own. */
static void measure_cached(void)
{
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    char *tokens[TENANTS];
    for (size_t i = 0; i < TENANTS; i++)
        tokens[i] = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600 + (long long)i);
    assay_validator *validator = bench_validator(key, 1, 4096);
    bench_case cases[5] = {{.name = "cached.validate"}, {.name = "cached64.validate"}, {.name = "cached.checked"}};
    bench_check(validator, tokens, 1, ASSAY_OK, &cases[0]);
    bench_check(validator, tokens, TENANTS, ASSAY_OK, &cases[1]);
    bench_assay(key, tokens[0], &cases[2]);
    bench_check(validator, &tokens[1], 1, ASSAY_OK, &cases[3]);
    bench_check(validator, &tokens[2], 1, ASSAY_OK, &cases[4]);
    bench_rounds(cases, 3);
    for (size_t i = 0; i < 3; i++)
        print_case(&cases[i]);
    bench_print("cached.threads2.same", bench_two_threads(&cases[3], &cases[3]), "ratio");
    bench_print("cached.threads2.own", bench_two_threads(&cases[3], &cases[4]), "ratio");
}

/* Refusals that need no key. Their cost is what a flood of bad tokens costs. */
static void measure_refusals(void)
{
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    assay_validator *validator = bench_validator(key, 1, 0);
    char *issuer = bench_token(key, "https://login.example.com/somebody-else/v2.0", BENCH_AUDIENCE, 3600);
    char *audience = bench_token(key, BENCH_ISSUER, "2f0dc6a3-0000-4843-9ff4-e66a39bb12e3", 3600);
    char *expired = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, -3600);
    /* A payload without its last bracket: noticed at its end, when all the rest was read. */
    char *payload = bench_payload(BENCH_ISSUER, BENCH_AUDIENCE, 3600);
    payload[strlen(payload) - 1] = '\0';
    char *malformed = mint_sign(key, "RS256", "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"" BENCH_KID "\"}", payload);
    bench_case cases[4] = {{.name = "refuse.issuer"},
                           {.name = "refuse.audience"},
                           {.name = "refuse.expired"},
                           {.name = "refuse.malformed"}};
    bench_check(validator, &issuer, 1, ASSAY_E_ISSUER, &cases[0]);
    bench_check(validator, &audience, 1, ASSAY_E_AUDIENCE, &cases[1]);
    bench_check(validator, &expired, 1, ASSAY_E_EXPIRED, &cases[2]);
    bench_check(validator, &malformed, 1, ASSAY_E_PAYLOAD, &cases[3]);
    bench_rounds(cases, 4);
    for (size_t i = 0; i < 4; i++)
        print_case(&cases[i]);
}

/* As many different tokens on both sides, so that the number of issuers is all that differs. */
static void measure_issuers(void)
{
    const size_t many = 10000;
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    char *of_one[TENANTS], *of_many[TENANTS];
    for (size_t i = 0; i < TENANTS; i++) {
        char name[128];
        bench_issuer_name(i * (many - 1) / (TENANTS - 1), many, name, sizeof name);
        of_one[i] = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600);
        of_many[i] = bench_token(key, name, BENCH_AUDIENCE, 3600);
    }
    bench_case cases[2] = {{.name = "issuers1.validate"}, {.name = "issuers10000.validate"}};
    bench_check(bench_validator(key, 1, 0), of_one, TENANTS, ASSAY_OK, &cases[0]);
    bench_check(bench_validator(key, many, 0), of_many, TENANTS, ASSAY_OK, &cases[1]);
    bench_rounds(cases, 2);
    bench_print("issuers10000.ratio", bench_ratio(&cases[1], &cases[0]), "ratio");
}

static void measure_parts(void)
{
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    char *token = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600);
    char *payload = bench_payload(BENCH_ISSUER, BENCH_AUDIENCE, 3600);
    bench_case cases[2] = {{.name = "scan.payload"}, {.name = "base64url.payload"}};
    bench_scan(payload, &cases[0]);
    bench_base64url(token, &cases[1]);
    bench_rounds(cases, 2);
    printf("# parts: a payload of %zu bytes\n", strlen(payload));
    print_case(&cases[0]);
    print_case(&cases[1]);
}

static const struct {
    const char *name;
    void (*measure)(void);
} groups[] = {
    {"rs256", measure_rs256},     {"es256", measure_es256},       {"ed25519", measure_ed25519},
    {"threads", measure_threads}, {"refusals", measure_refusals}, {"issuers", measure_issuers},
    {"entra", bench_entra},       {"parts", measure_parts},       {"latency", bench_latency},
    {"start", bench_starts},      {"cached", measure_cached},     {"tokens", bench_tokens},
};

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    printf("# %s\n", assay_version_details());
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (is_wanted(groups[i].name, argc, argv))
            groups[i].measure();
    }
    return 0;
}
