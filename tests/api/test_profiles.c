/* SPDX-License-Identifier: MIT */
/* The three profiles and what a request demands of an ID token (RFC 9068; OIDC Core, section 3.1.3.7). */
#include "support/trial.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void open_profile(trial *t, const char *algorithm, const char *profile)
{
    trial_open(t, algorithm);
    must_ok(assay_issuer_set_profile(t->issuer, profile, NULL));
    must_ok(assay_request_new(&t->request, NULL));
}

/* All members but one. */
static char *without(const char *const *members, size_t count, size_t left_out, const char *instead)
{
    char *text = trial_format("{\"z\":0");
    for (size_t i = 0; i < count; i++) {
        const char *member = i == left_out ? instead : members[i];
        if (member == NULL)
            continue;
        char *longer = trial_format("%s,%s", text, member);
        free(text);
        text = longer;
    }
    char *whole = trial_format("%s}", text);
    free(text);
    return whole;
}

static const char *const members[] = {"\"iss\":\"" TRIAL_ISSUER "\"",
                                      "\"exp\":1700003600",
                                      "\"aud\":\"" TRIAL_AUDIENCE "\"",
                                      "\"sub\":\"s\"",
                                      "\"client_id\":\"c\"",
                                      "\"iat\":1700000000",
                                      "\"jti\":\"j\""};
static const char at_header[] = "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}";

static void rfc9068_required_claims(void **state)
{
    (void)state;
    static const struct {
        int missing;
        const char *empty;
        int code;
    } rows[] = {
        {ASSAY_E_ISSUER_MISSING, "\"iss\":\"\"", ASSAY_E_ISSUER},
        {ASSAY_E_EXPIRY_MISSING, "\"exp\":null", ASSAY_E_TIME},
        {ASSAY_E_AUDIENCE_MISSING, "\"aud\":[]", ASSAY_E_AUDIENCE},
        {ASSAY_E_CLAIM_MISSING, "\"sub\":\"\"", ASSAY_E_CLAIM_MISSING},
        {ASSAY_E_CLAIM_MISSING, "\"client_id\":\"\"", ASSAY_E_CLAIM_MISSING},
        {ASSAY_E_CLAIM_MISSING, "\"iat\":\"1\"", ASSAY_E_TIME},
        {ASSAY_E_CLAIM_MISSING, "\"jti\":null", ASSAY_E_CLAIM_TYPE},
    };
    trial t;
    open_profile(&t, "ES256", "rfc9068");
    char *payload = without(members, COUNT_OF(members), SIZE_MAX, NULL);
    trial_accept(&t, trial_token(&t, at_header, payload));
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"ES256\",\"kid\":\"k\"}", payload), ASSAY_E_TYP);
    trial_refuse_payload(&t, payload, ASSAY_E_TYP); /* typ JWT */
    free(payload);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        payload = without(members, COUNT_OF(members), i, NULL);
        trial_refuse(&t, trial_token(&t, at_header, payload), rows[i].missing);
        free(payload);
        payload = without(members, COUNT_OF(members), i, rows[i].empty);
        trial_refuse(&t, trial_token(&t, at_header, payload), rows[i].code);
        free(payload);
    }
    trial_close(&t);
}

static void id_token_required_claims(void **state)
{
    (void)state;
    static const int missing[] = {ASSAY_E_ISSUER_MISSING,
                                  ASSAY_E_EXPIRY_MISSING,
                                  ASSAY_E_AUDIENCE_MISSING,
                                  ASSAY_E_CLAIM_MISSING,
                                  ASSAY_OK,
                                  ASSAY_E_CLAIM_MISSING,
                                  ASSAY_OK};
    trial t;
    open_profile(&t, "ES256", "id-token");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        char *payload = without(members, COUNT_OF(members), i, NULL);
        if (missing[i] == ASSAY_OK)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, missing[i]);
        free(payload);
    }
    trial_close(&t);
}

static void authorized_party(void **state)
{
    (void)state;
    static const struct {
        const char *aud, *azp;
        int without_client, with_client;
    } rows[] = {
        {"\"api://trial\"", "", ASSAY_OK, ASSAY_OK},
        {"[\"api://trial\"]", ",\"azp\":\"other\"", ASSAY_OK, ASSAY_OK},
        {"[\"api://trial\",\"x\"]", "", ASSAY_E_AUTHORIZED_PARTY, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"x\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"api://trial\"", ASSAY_OK, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"client\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_OK},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"clien\\u0074\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_OK},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"Client\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":null", ASSAY_E_CLAIM_TYPE, ASSAY_E_CLAIM_TYPE},
    };
    for (int client = 0; client < 2; client++) {
        trial t;
        open_profile(&t, "ES256", "id-token");
        if (client)
            must_ok(assay_issuer_set_client_id(t.issuer, "client", NULL));
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            char *payload = trial_format("{\"iss\":\"%s\",\"sub\":\"s\",\"iat\":1,\"exp\":1700003600,\"aud\":%s%s}",
                                         TRIAL_ISSUER, rows[i].aud, rows[i].azp);
            int code = client ? rows[i].with_client : rows[i].without_client;
            if (code == ASSAY_OK)
                trial_accept_payload(&t, payload);
            else
                trial_refuse_payload(&t, payload, code);
            free(payload);
        }
        trial_close(&t);
    }
}

/* Left half of the hash that goes with the algorithm. */
static char *half_hash(const char *hash, const char *text)
{
    uint8_t digest[128];
    size_t len = sizeof digest;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
    assert_true(EVP_DigestInit_ex(context, md, NULL) == 1 && EVP_DigestUpdate(context, text, strlen(text)) == 1);
    if (strcmp(hash, "SHAKE256") == 0) {
        len = 114;
        assert_int_equal(EVP_DigestFinalXOF(context, digest, len), 1);
    } else {
        unsigned made = 0;
        assert_int_equal(EVP_DigestFinal_ex(context, digest, &made), 1);
        len = made;
    }
    EVP_MD_free(md);
    EVP_MD_CTX_free(context);
    return mint_base64url(digest, len / 2);
}

static void hashes_of_each_algorithm(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *hash;
    } rows[] = {{"RS256", "SHA256"},   {"RS384", "SHA384"},  {"RS512", "SHA512"}, {"PS256", "SHA256"},
                {"PS384", "SHA384"},   {"PS512", "SHA512"},  {"ES256", "SHA256"}, {"ES384", "SHA384"},
                {"ES512", "SHA512"},   {"ES256K", "SHA256"}, {"EdDSA", "SHA512"}, {"Ed25519", "SHA512"},
                {"Ed448", "SHAKE256"}, {"HS256", "SHA256"},  {"HS384", "SHA384"}, {"HS512", "SHA512"}};
    static const char *const names[] = {"at_hash", "c_hash"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int which = 0; which < 2; which++) {
            trial t;
            open_profile(&t, rows[i].algorithm, "id-token");
            const char *text = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
            if (which == 0)
                must_ok(assay_request_set_access_token(t.request, text, strlen(text), NULL));
            else
                must_ok(assay_request_set_code(t.request, text, strlen(text), NULL));
            char *right = half_hash(rows[i].hash, text), *wrong = half_hash(rows[i].hash, "another");
            char *payload = trial_format(TRIAL_CLAIMS(",\"%s\":\"%s\""), names[which], right);
            trial_accept_payload(&t, payload);
            free(payload);
            char *variants[] = {trial_format("\"%s\":\"%s\"", names[which], wrong),
                                trial_format("\"%s\":\"%.*s\"", names[which], (int)strlen(right) - 1, right),
                                trial_format("\"%s\":\"%s=\"", names[which], right),
                                trial_format("\"%s\":\"\"", names[which]),
                                trial_format("\"%s\":\"%s\"", names[1 - which], right)};
            for (size_t v = 0; v < COUNT_OF(variants); v++) {
                payload = trial_format(TRIAL_CLAIMS(",%s"), variants[v]);
                trial_refuse_payload(&t, payload, ASSAY_E_HASH);
                free(payload);
                free(variants[v]);
            }
            trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_HASH);
            free(right);
            free(wrong);
            trial_close(&t);
        }
    }
}

static void max_age_edges(void **state)
{
    (void)state;
    static const struct {
        int64_t auth_time;
        int code;
    } rows[] = {{TRIAL_NOW - 159, ASSAY_OK},      {TRIAL_NOW - 160, ASSAY_OK}, {TRIAL_NOW - 161, ASSAY_E_AUTH_TIME},
                {0, ASSAY_E_AUTH_TIME},           {TRIAL_NOW + 60, ASSAY_OK},  {TRIAL_NOW + 61, ASSAY_E_AUTH_TIME},
                {253402300799, ASSAY_E_AUTH_TIME}};
    trial t;
    open_profile(&t, "ES256", "id-token");
    must_ok(assay_request_set_max_age(t.request, 100, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *payload = trial_format(TRIAL_CLAIMS(",\"auth_time\":%" PRId64), rows[i].auth_time);
        if (rows[i].code == ASSAY_OK)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, rows[i].code);
        free(payload);
    }
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_AUTH_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":null"), ASSAY_E_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":\"1700000000\""), ASSAY_E_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":-1"), ASSAY_E_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1700000060.5"), ASSAY_E_AUTH_TIME);
    must_ok(assay_request_set_max_age(t.request, 0, NULL));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1699999940"));
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1699999939"), ASSAY_E_AUTH_TIME);
    trial_close(&t);
}

static void acr_values(void **state)
{
    (void)state;
    trial t;
    open_profile(&t, "ES256", "id-token");
    must_ok(assay_request_add_acr(t.request, "urn:two", NULL));
    must_ok(assay_request_add_acr(t.request, "urn:three", NULL));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:two\""));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:three\""));
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":\"\""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:Two\""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:two urn:three\""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":[\"urn:two\"]"), ASSAY_E_CLAIM_TYPE);
    trial_close(&t);
}

static void kinds_of_token(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int generic, id_token, rfc9068;
    } rows[] = {
        {"", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"nonce\":\"n\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"at_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"typ\":\"ID\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"scope\":\"a\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"scp\":\"a\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"scope\":\"a\",\"nonce\":\"n\"", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"typ\":\"Bearer\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"events\":{}", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {",\"typ\":\"Refresh\"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {",\"typ\":\"Offline\"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {",\"typ\":\"Logout\"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
    };
    static const char *const profiles[] = {"generic", "id-token", "rfc9068"};
    for (size_t p = 0; p < 3; p++) {
        trial t;
        open_profile(&t, "ES256", profiles[p]);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            int code = p == 0 ? rows[i].generic : p == 1 ? rows[i].id_token : rows[i].rfc9068;
            char *payload = p == 2 ? trial_format(TRIAL_CLAIMS(",\"client_id\":\"c\",\"jti\":\"j\"%s"), rows[i].more)
                                   : trial_format(TRIAL_CLAIMS("%s"), rows[i].more);
            char *token = p == 2 ? trial_token(&t, at_header, payload) : trial_sign(&t, payload);
            if (code == ASSAY_OK)
                trial_accept(&t, token);
            else
                trial_refuse(&t, token, code);
            free(payload);
        }
        trial_close(&t);
    }
}

static void kid_missing(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    trial_accept(&t, trial_token(&t, "{\"alg\":\"ES256\"}", TRIAL_CLAIMS("")));
    mint_key *other = mint_key_new("ES256", "other");
    trial_add_jwk(&t, mint_key_jwk(other));
    trial_restart(&t);
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"ES256\"}", TRIAL_CLAIMS("")), ASSAY_E_KID_MISSING);
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
    mint_key_free(other);
    trial_close(&t);
}

static void request_arguments(void **state)
{
    (void)state;
    assay_request *request = NULL;
    must_fail(assay_request_new(NULL, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_new(&request, NULL));
    char *longest = trial_repeat("n", 2048), *longer = trial_repeat("n", 2049), *token = trial_repeat("t", 65537);
    must_fail(assay_request_set_nonce(NULL, "n", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, "", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, "\xff", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, longer, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_set_nonce(request, longest, NULL));
    must_fail(assay_request_set_access_token(NULL, "t", 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_access_token(request, NULL, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_access_token(request, token, 0, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_access_token(request, token, 65537, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_set_access_token(request, token, 65536, NULL));
    must_ok(assay_request_set_access_token(request, token, 1, NULL));
    must_fail(assay_request_set_code(NULL, "t", 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_code(request, NULL, 0, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_set_code(request, token, 65536, NULL));
    must_fail(assay_request_set_max_age(NULL, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_max_age(request, -1, &error), ASSAY_E_CONFIG_TIME);
    must_fail(assay_request_set_max_age(request, 315360001, &error), ASSAY_E_CONFIG_TIME);
    must_ok(assay_request_set_max_age(request, 315360000, NULL));
    must_fail(assay_request_add_acr(NULL, "a", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_add_acr(request, "", &error), ASSAY_E_ARGUMENT);
    for (int i = 0; i < 32; i++)
        must_ok(assay_request_add_acr(request, "a", NULL));
    must_fail(assay_request_add_acr(request, "a", &error), ASSAY_E_ARGUMENT);
    assay_request_free(request);
    assay_request_free(NULL);
    free(longest);
    free(longer);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9068_required_claims), cmocka_unit_test(id_token_required_claims),
        cmocka_unit_test(authorized_party),        cmocka_unit_test(hashes_of_each_algorithm),
        cmocka_unit_test(max_age_edges),           cmocka_unit_test(acr_values),
        cmocka_unit_test(kinds_of_token),          cmocka_unit_test(kid_missing),
        cmocka_unit_test(request_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
