/* SPDX-License-Identifier: MIT */
/* T33 to T54: form, header, times and audience of a token, each bound on the second and on the byte. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ORIGIN "\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\""

static void decide_payload(trial *t, char *payload, int code)
{
    if (code == ASSAY_OK)
        trial_accept_payload(t, payload);
    else
        trial_refuse_payload(t, payload, code);
    free(payload);
}

static void t33_algorithm_none(void **state)
{
    (void)state;
    static const char *const names[] = {"none", "None", "nOnE"};
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < 3; i++) {
        char *header = trial_format("{\"alg\":\"%s\"}", names[i]), *left = mint_base64url(header, strlen(header));
        trial_refuse(&t, trial_format("%s.e30.", left), ASSAY_E_ALGORITHM_NONE);
        free(header);
        free(left);
    }
    trial_close(&t);
}

static void t34_hmac_with_the_public_key(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    const char *pem = mint_key_pem(t.key);
    trial_refuse(&t, mint_hmac("HS256", pem, strlen(pem), TRIAL_HEADER("HS256", ""), TRIAL_CLAIMS("")),
                 ASSAY_E_ALGORITHM);
    trial_close(&t);
}

static void t35_algorithm_not_in_the_list(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    char *bare = trial_format("{\"kid\":\"bare\",%s", mint_key_bare_jwk(t.key) + 1);
    trial_add_jwk(&t, bare);
    free(bare);
    static const char *const names[] = {"RS384", "RS512", "PS256", "PS384", "PS512"};
    for (int listed = 0; listed < 2; listed++) {
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"bare\"}", names[i]);
            char *token = mint_sign(t.key, names[i], header, TRIAL_CLAIMS(""));
            if (listed) {
                trial_restart(&t);
                must_ok(assay_issuer_add_algorithm(t.issuer, names[i], NULL));
                trial_accept(&t, token);
            } else {
                trial_refuse(&t, token, ASSAY_E_ALGORITHM);
            }
            free(header);
        }
    }
    trial_close(&t);
}

/* Microsoft Graph hashes the nonce of the header before it signs: the message says so instead of "signature" alone. */
static void t38_header_nonce_is_named(void **state)
{
    (void)state;
    trial t;
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    trial_open(&t, "RS256");
    trial_start(&t);
    char *token = trial_token(&t, TRIAL_HEADER("RS256", ",\"nonce\":\"abc\""), TRIAL_CLAIMS(""));
    char *signature = strrchr(token, '.') + 10;
    *signature = *signature == 'A' ? 'B' : 'A';
    assert_int_equal(assay_validator_check(t.validator, token, strlen(token), NULL, &claims, &error),
                     ASSAY_E_SIGNATURE);
    assert_null(claims);
    assert_non_null(strstr(assay_error_message(error), "Microsoft Graph"));
    assay_error_free(error);
    free(token);
    trial_close(&t);
}

static void t39_typ(void **state)
{
    (void)state;
    static const struct {
        const char *typ;
        int generic, rfc9068, id_token;
    } rows[] = {
        {NULL, ASSAY_OK, ASSAY_E_TYP, ASSAY_OK},
        {"JWT", ASSAY_OK, ASSAY_E_TYP, ASSAY_OK},
        {"jwt", ASSAY_OK, ASSAY_E_TYP, ASSAY_OK},
        {"application/jwt", ASSAY_OK, ASSAY_E_TYP, ASSAY_OK},
        {"APPLICATION/JWT", ASSAY_OK, ASSAY_E_TYP, ASSAY_OK},
        {"at+jwt", ASSAY_OK, ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"AT+JWT", ASSAY_OK, ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"application/at+jwt", ASSAY_OK, ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"dpop+jwt", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {"logout+jwt", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
    };
    static const char *const profiles[] = {"generic", "rfc9068", "id-token"};
    for (size_t p = 0; p < 3; p++) {
        trial t;
        trial_open(&t, "ES256");
        must_ok(assay_issuer_set_profile(t.issuer, profiles[p], NULL));
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            char *header = rows[i].typ == NULL
                               ? trial_format("{\"alg\":\"ES256\",\"kid\":\"k\"}")
                               : trial_format("{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"%s\"}", rows[i].typ);
            char *token =
                trial_token(&t, header, p == 2 ? TRIAL_CLAIMS("") : TRIAL_CLAIMS(",\"client_id\":\"c\",\"jti\":\"j\""));
            int code = p == 0 ? rows[i].generic : p == 1 ? rows[i].rfc9068 : rows[i].id_token;
            if (code == ASSAY_OK)
                trial_accept(&t, token);
            else
                trial_refuse(&t, token, code);
            free(header);
        }
        trial_close(&t);
    }
}

static void t40_segments(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    char *token = trial_sign(&t, TRIAL_CLAIMS(""));
    int header = (int)(strchr(token, '.') - token), input = (int)(strrchr(token, '.') - token);
    const char *signature = token + input + 1;
    trial_refuse(&t, strndup(token, (size_t)header), ASSAY_E_MALFORMED);
    trial_refuse(&t, strndup(token, (size_t)input), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_format("%s.AA", token), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_format("%s.AA.AA", token), ASSAY_E_ENCRYPTED);
    trial_refuse(&t, trial_format("%s.AA.AA.AA", token), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_format("%s", token + header), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_format("%.*s..%s", header, token, signature), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_format("%.*s.", input, token), ASSAY_E_SIGNATURE);
    trial_accept(&t, token);
    trial_close(&t);
}

/* A good token of exactly so many bytes: a claim is made longer, then the header, until it fits. */
static char *token_of_length(trial *t, size_t wanted)
{
    for (size_t more = 0; more < 4; more++) {
        size_t least = wanted * 3 / 4 - 600;
        for (size_t fill = least; fill < least + 700; fill++) {
            char *pad = trial_repeat("a", fill), *x = trial_repeat("b", more);
            char *payload = trial_format(TRIAL_CLAIMS(",\"x\":\"%s\""), pad),
                 *header = trial_format(TRIAL_HEADER("ES256", ",\"x\":\"%s\""), x);
            size_t len = (strlen(header) * 4 + 2) / 3 + (strlen(payload) * 4 + 2) / 3 + 2 + 86;
            char *token = len == wanted ? trial_token(t, header, payload) : NULL;
            free(pad);
            free(x);
            free(payload);
            free(header);
            if (token != NULL)
                return token;
            if (len > wanted)
                break;
        }
    }
    fail_msg("no token has %zu bytes", wanted);
    return NULL;
}

static void t43_length(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    for (size_t len = 65534; len <= 65538; len++) {
        char *token = token_of_length(&t, len);
        assert_int_equal(strlen(token), len);
        if (len <= 65536)
            trial_accept(&t, token);
        else
            trial_refuse(&t, token, ASSAY_E_TOKEN_SIZE);
    }
    trial_close(&t);
}

static void t44_expiry_forms(void **state)
{
    (void)state;
    static const struct {
        const char *exp;
        int code;
    } rows[] = {
        {"\"1700003600\"", ASSAY_E_TIME},
        {"null", ASSAY_E_TIME},
        {"1e400", ASSAY_E_PAYLOAD},
        {"NaN", ASSAY_E_PAYLOAD},
        {"\"NaN\"", ASSAY_E_TIME},
        {"-1", ASSAY_E_TIME},
        {"9223372036854775807", ASSAY_E_TIME},
        {"9223372036854775808", ASSAY_E_PAYLOAD},
        {"1700003600.5", ASSAY_OK},
        {"1.7000036e9", ASSAY_OK},
        {"1.7000036E+09", ASSAY_OK},
        {"17000036e2", ASSAY_OK},
        {"1700003600000e-3", ASSAY_OK},
        {"253402300799", ASSAY_OK},
        {"253402300799.999", ASSAY_OK},
        {"253402300800", ASSAY_E_TIME},
        {"0", ASSAY_E_EXPIRED},
        {"-0", ASSAY_E_EXPIRED},
        {"1e-300", ASSAY_E_EXPIRED},
    };
    trial t;
    trial_open(&t, "ES256");
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":%s}", rows[i].exp), rows[i].code);
    decide_payload(&t, trial_format("{" ORIGIN "}"), ASSAY_E_EXPIRY_MISSING);
    trial_close(&t);
}

/* exp + leeway > now >= nbf - leeway, and now >= iat - leeway; a fraction counts. */
static void t45_edges(void **state)
{
    (void)state;
    static const int64_t leeways[] = {0, 60, 300};
    for (size_t i = 0; i < 3; i++) {
        int64_t leeway = leeways[i], now = TRIAL_NOW;
        trial t;
        trial_open(&t, "ES256");
        must_ok(assay_issuer_set_leeway(t.issuer, leeway, NULL));
        for (int64_t off = -2; off <= 2; off++) {
            int code = off <= 0 ? ASSAY_E_EXPIRED : ASSAY_OK;
            decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":%" PRId64 "}", now - leeway + off), code);
            decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":%" PRId64 ".000}", now - leeway + off), code);
            decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":%" PRId64 ".001}", now - leeway + off),
                           off < 0 ? ASSAY_E_EXPIRED : ASSAY_OK);
            decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":%" PRId64 ".999999999}", now - leeway + off),
                           off < 0 ? ASSAY_E_EXPIRED : ASSAY_OK);
            code = off > 0 ? ASSAY_E_NOT_YET_VALID : ASSAY_OK;
            decide_payload(&t, trial_format("{" TRIAL_BARE ",\"nbf\":%" PRId64 "}", now + leeway + off), code);
            decide_payload(&t, trial_format("{" TRIAL_BARE ",\"nbf\":%" PRId64 ".001}", now + leeway + off),
                           off >= 0 ? ASSAY_E_NOT_YET_VALID : ASSAY_OK);
            code = off > 0 ? ASSAY_E_ISSUED_IN_FUTURE : ASSAY_OK;
            decide_payload(&t, trial_format("{" TRIAL_BARE ",\"iat\":%" PRId64 "}", now + leeway + off), code);
            decide_payload(&t, trial_format("{" TRIAL_BARE ",\"iat\":%" PRId64 ".001}", now + leeway + off),
                           off >= 0 ? ASSAY_E_ISSUED_IN_FUTURE : ASSAY_OK);
        }
        trial_close(&t);
    }
}

static void t46_not_before_after_expiry(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_set_leeway(t.issuer, 300, NULL));
    decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":1700000100,\"nbf\":1700000101}"), ASSAY_E_TIME);
    decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":1700000100,\"nbf\":1700000100}"), ASSAY_OK);
    decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":1700000100,\"nbf\":253402300799}"), ASSAY_E_TIME);
    trial_close(&t);
}

static void t47_backdated_not_before(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    decide_payload(&t, trial_format("{" TRIAL_BARE ",\"iat\":1700000000,\"nbf\":1699999400}"), ASSAY_OK);
    decide_payload(&t, trial_format("{" TRIAL_BARE ",\"iat\":1600000000,\"nbf\":0}"), ASSAY_OK);
    trial_close(&t);
}

static void t48_lifetime(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    static const int64_t lives[] = {86700, 100800, 172800};
    for (int cap = 0; cap < 2; cap++) {
        for (size_t i = 0; i < 3; i++)
            decide_payload(&t,
                           trial_format("{" ORIGIN ",\"iat\":1700000000,\"exp\":%" PRId64 "}", TRIAL_NOW + lives[i]),
                           cap && lives[i] > 104400 ? ASSAY_E_LIFETIME : ASSAY_OK);
        trial_restart(&t);
        must_ok(assay_issuer_set_max_lifetime(t.issuer, 104400, NULL));
    }
    /* The edge; counted from nbf where there is no iat; one of the two is needed. */
    decide_payload(&t, trial_format("{" ORIGIN ",\"iat\":1700000000,\"exp\":1700104400}"), ASSAY_OK);
    decide_payload(&t, trial_format("{" ORIGIN ",\"iat\":1700000000,\"exp\":1700104401}"), ASSAY_E_LIFETIME);
    decide_payload(&t, trial_format("{" ORIGIN ",\"nbf\":1700000000,\"exp\":1700104400}"), ASSAY_OK);
    decide_payload(&t, trial_format("{" ORIGIN ",\"nbf\":1700000000,\"exp\":1700104401}"), ASSAY_E_LIFETIME);
    decide_payload(&t, trial_format("{" ORIGIN ",\"nbf\":1600000000,\"iat\":1700000000,\"exp\":1700104400}"), ASSAY_OK);
    decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":1700000100}"), ASSAY_E_LIFETIME);
    decide_payload(&t, trial_format("{" ORIGIN ",\"iat\":0,\"exp\":253402300799}"), ASSAY_E_LIFETIME);
    trial_close(&t);
}

static void t50_to_t53_audiences(void **state)
{
    (void)state;
    static const struct {
        const char *aud;
        int code;
    } rows[] = {
        {"\"api://trial\"", ASSAY_OK},
        {"\"api://trial/\"", ASSAY_OK},
        {"\"11111111-2222-3333-4444-555555555555\"", ASSAY_OK},
        {"\"spn:11111111-2222-3333-4444-555555555555\"", ASSAY_E_AUDIENCE},
        {"\"11111111-2222-3333-4444-55555555555\"", ASSAY_E_AUDIENCE},
        {"[\"api://trial\",\"other\"]", ASSAY_OK},
        {"[]", ASSAY_E_AUDIENCE},
        {"[1]", ASSAY_E_CLAIM_TYPE},
        {"\"\"", ASSAY_E_AUDIENCE},
    };
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_add_audience(t.issuer, "api://trial/", NULL));
    must_ok(assay_issuer_add_audience(t.issuer, "11111111-2222-3333-4444-555555555555", NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        decide_payload(&t, trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"exp\":1700003600,\"aud\":%s}", rows[i].aud),
                       rows[i].code);
    decide_payload(&t, trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"exp\":1700003600}"), ASSAY_E_AUDIENCE_MISSING);
    trial_close(&t);
}

static void t54_clocks(void **state)
{
    (void)state;
    static const int64_t clocks[] = {0, 1, INT32_MAX, (int64_t)INT32_MAX + 1, UINT32_MAX, 253402300799};
    static const int64_t times[] = {0, 1, INT32_MAX, (int64_t)INT32_MAX + 1, UINT32_MAX, 253402300799};
    for (size_t leeway = 0; leeway <= 300; leeway += 300) {
        trial t;
        trial_open(&t, "ES256");
        must_ok(assay_issuer_set_leeway(t.issuer, (int64_t)leeway, NULL));
        for (size_t c = 0; c < COUNT_OF(clocks); c++) {
            t.now = clocks[c];
            for (size_t i = 0; i < COUNT_OF(times); i++) {
                int expired = times[i] + (int64_t)leeway <= t.now, early = times[i] - (int64_t)leeway > t.now;
                decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":%" PRId64 "}", times[i]),
                               expired ? ASSAY_E_EXPIRED : ASSAY_OK);
                decide_payload(&t, trial_format("{" ORIGIN ",\"exp\":253402300799,\"nbf\":%" PRId64 "}", times[i]),
                               leeway == 0 && t.now == 253402300799 ? ASSAY_E_EXPIRED
                               : early                              ? ASSAY_E_NOT_YET_VALID
                                                                    : ASSAY_OK);
            }
        }
        t.now = -1;
        decide_payload(&t, trial_format(TRIAL_CLAIMS("")), ASSAY_E_CLOCK);
        t.now = 253402300800;
        decide_payload(&t, trial_format(TRIAL_CLAIMS("")), ASSAY_E_CLOCK);
        t.now = INT64_MAX / 2000;
        decide_payload(&t, trial_format(TRIAL_CLAIMS("")), ASSAY_E_CLOCK);
        t.now = TRIAL_NOW;
        trial_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t33_algorithm_none),
        cmocka_unit_test(t34_hmac_with_the_public_key),
        cmocka_unit_test(t35_algorithm_not_in_the_list),
        cmocka_unit_test(t38_header_nonce_is_named),
        cmocka_unit_test(t39_typ),
        cmocka_unit_test(t40_segments),
        cmocka_unit_test(t43_length),
        cmocka_unit_test(t44_expiry_forms),
        cmocka_unit_test(t45_edges),
        cmocka_unit_test(t46_not_before_after_expiry),
        cmocka_unit_test(t47_backdated_not_before),
        cmocka_unit_test(t48_lifetime),
        cmocka_unit_test(t50_to_t53_audiences),
        cmocka_unit_test(t54_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
