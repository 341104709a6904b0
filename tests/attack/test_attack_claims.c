/* SPDX-License-Identifier: MIT */
/* Attacks 66 to 76 of the catalogue: claims, kinds of token, and what a caller may be confused by. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char good[] = TRIAL_CLAIMS("");

typedef struct row {
    const char *value; /* JSON; NULL: absent */
    int code;
} row;

/* A payload with one member given and the others good. */
static void refuse_rows(trial *t, const char *name, const char *others, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *payload = rows[i].value == NULL ? trial_format("{%s}", others)
                                              : trial_format("{\"%s\":%s,%s}", name, rows[i].value, others);
        if (rows[i].code == ASSAY_OK)
            trial_accept_payload(t, payload);
        else
            trial_refuse_payload(t, payload, rows[i].code);
        free(payload);
    }
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void attack_66_audience(void **state)
{
    (void)state;
    static const row rows[] = {
        {NULL, ASSAY_E_AUDIENCE_MISSING},
        {"\"\"", ASSAY_E_AUDIENCE},
        {"\"api://tria\"", ASSAY_E_AUDIENCE},
        {"\"api://trial/\"", ASSAY_E_AUDIENCE},
        {"\"api://trial2\"", ASSAY_E_AUDIENCE},
        {"\"API://TRIAL\"", ASSAY_E_AUDIENCE},
        {"\"api://Trial\"", ASSAY_E_AUDIENCE},
        {"\" api://trial\"", ASSAY_E_AUDIENCE},
        {"\"api://trial \"", ASSAY_E_AUDIENCE},
        {"\"api://trial,api://other\"", ASSAY_E_AUDIENCE},
        {"\"api://other api://trial\"", ASSAY_E_AUDIENCE},
        {"\"*\"", ASSAY_E_AUDIENCE},
        {"\"api:\\/\\/trial\"", ASSAY_OK},
        {"\"ap\\u0069://trial\"", ASSAY_OK},
        {"[\"api:\\/\\/a longer one\",\"ap\\u0069://trial\"]", ASSAY_OK},
        {"[\"ap\\u0069://trial\",\"ap\\u0069:\\/\\/other\"]", ASSAY_OK},
        {"[\"ap\\u0069://trial2\",\"ap\\u0069://tria\",\"ap\\u0069\"]", ASSAY_E_AUDIENCE},
        {"\"ap\\\\u0069://trial\"", ASSAY_E_AUDIENCE},
        {"\"\xef\xbd\x81pi://trial\"", ASSAY_E_AUDIENCE},
        {"[]", ASSAY_E_AUDIENCE},
        {"[\"\"]", ASSAY_E_AUDIENCE},
        {"[\"api://other\"]", ASSAY_E_AUDIENCE},
        {"[\"api://trial\"]", ASSAY_OK},
        {"[\"api://other\",\"api://trial\"]", ASSAY_OK},
        {"[\"api://\",\"trial\"]", ASSAY_E_AUDIENCE},
        {"[1,\"api://trial\"]", ASSAY_E_CLAIM_TYPE},
        {"[\"api://trial\",1]", ASSAY_E_CLAIM_TYPE},
        {"[\"api://trial\",null]", ASSAY_E_CLAIM_TYPE},
        {"[[\"api://trial\"]]", ASSAY_E_CLAIM_TYPE},
        {"{\"api://trial\":1}", ASSAY_E_CLAIM_TYPE},
        {"{}", ASSAY_E_CLAIM_TYPE},
        {"null", ASSAY_E_CLAIM_TYPE},
        {"true", ASSAY_E_CLAIM_TYPE},
        {"1", ASSAY_E_CLAIM_TYPE},
        {"\"https://management.azure.com/\"", ASSAY_E_AUDIENCE},
        {"\"00000003-0000-0000-c000-000000000000\"", ASSAY_E_AUDIENCE},
    };
    trial t;
    trial_open(&t, "ES256");
    refuse_rows(&t, "aud", "\"iss\":\"" TRIAL_ISSUER "\",\"exp\":1700003600", rows, COUNT_OF(rows));
    refuse_rows(&t, "Aud", "\"iss\":\"" TRIAL_ISSUER "\",\"exp\":1700003600",
                (const row[]){{"\"" TRIAL_AUDIENCE "\"", ASSAY_E_AUDIENCE_MISSING}}, 1);
    trial_close(&t);
}

static void attack_67_issuer(void **state)
{
    (void)state;
    static const row rows[] = {
        {NULL, ASSAY_E_ISSUER_MISSING},
        {"\"\"", ASSAY_E_ISSUER},
        {"\"" TRIAL_ISSUER "/\"", ASSAY_E_ISSUER},
        {"\"" TRIAL_ISSUER "x\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1/issue\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1/Issuer\"", ASSAY_E_ISSUER},
        {"\"HTTPS://127.0.0.1:1/issuer\"", ASSAY_E_ISSUER},
        {"\"http://127.0.0.1:1/issuer\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:01/issuer\"", ASSAY_E_ISSUER},
        {"\"https://127.1:1/issuer\"", ASSAY_E_ISSUER},
        {"\"https://user@127.0.0.1:1/issuer\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1/issuer?\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1/issuer#\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1/x/../issuer\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1/%69ssuer\"", ASSAY_E_ISSUER},
        {"\"https://127.0.0.1:1\"", ASSAY_E_ISSUER},
        {"\" " TRIAL_ISSUER "\"", ASSAY_E_ISSUER},
        {"\"" TRIAL_ISSUER "\\n\"", ASSAY_E_ISSUER},
        {"\"https://attacker.example/?" TRIAL_ISSUER "\"", ASSAY_E_ISSUER},
        {"\"https:\\/\\/127.0.0.1:1\\/issuer\"", ASSAY_OK},
        {"\"\\u0068ttps://127.0.0.1:1/issuer\"", ASSAY_OK},
        {"[\"" TRIAL_ISSUER "\"]", ASSAY_E_CLAIM_TYPE},
        {"[\"https://attacker.example\",\"" TRIAL_ISSUER "\"]", ASSAY_E_CLAIM_TYPE},
        {"{\"" TRIAL_ISSUER "\":1}", ASSAY_E_CLAIM_TYPE},
        {"null", ASSAY_E_CLAIM_TYPE},
        {"1", ASSAY_E_CLAIM_TYPE},
        {"true", ASSAY_E_CLAIM_TYPE},
    };
    trial t;
    trial_open(&t, "ES256");
    refuse_rows(&t, "iss", "\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600", rows, COUNT_OF(rows));
    /* Longer than any buffer for it, with escapes and without. */
    static const size_t lengths[] = {2048, 2049, 4094, 4096, 4097, 20000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        char *plain = trial_repeat("a", lengths[i]), *escaped = trial_repeat("\\u0061", lengths[i] / 6);
        char *first = trial_format("{\"iss\":\"%s\",\"aud\":\"a\",\"exp\":1}", plain);
        char *second = trial_format("{\"iss\":\"%s\",\"aud\":\"a\",\"exp\":1}", escaped);
        trial_refuse_payload(&t, first, ASSAY_E_ISSUER);
        trial_refuse_payload(&t, second, ASSAY_E_ISSUER);
        free(plain);
        free(escaped);
        free(first);
        free(second);
    }
    trial_close(&t);
}

/* The header's typ and the claims that tell one kind of token from another (RFC 8725, section 3.11; RFC 9068, section 4). */
static void attack_69_cross_jwt_confusion(void **state)
{
    (void)state;
    static const char *const types[] = {"logout+jwt",
                                        "dpop+jwt",
                                        "secevent+jwt",
                                        "oauth-id-jag+jwt",
                                        "client-authentication+jwt",
                                        "token-introspection+jwt",
                                        "jwk-set+json",
                                        "JWE",
                                        "JOSE",
                                        "JOSE+JSON",
                                        "",
                                        "jwt ",
                                        " jwt",
                                        "at+jwt;v=1",
                                        "application/",
                                        "application/application/jwt",
                                        "text/jwt",
                                        "id_token",
                                        "atjwt",
                                        "jwt\\u0000x"};
    trial t;
    trial_open(&t, "ES256");
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        char *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"%s\"}", types[i]);
        trial_refuse(&t, trial_token(&t, header, good),
                     strstr(types[i], "u0000") != NULL ? ASSAY_E_HEADER : ASSAY_E_TYP);
        free(header);
    }
    static const char *const values[] = {"1", "null", "[\"JWT\"]", "{}", "true"};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":%s}", values[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_HEADER);
        free(header);
    }
    static const struct {
        const char *more;
        int code;
    } rows[] = {
        {",\"nonce\":\"n\"", ASSAY_E_ID_TOKEN},
        {",\"at_hash\":\"x\"", ASSAY_E_ID_TOKEN},
        {",\"c_hash\":\"x\"", ASSAY_E_ID_TOKEN},
        {",\"typ\":\"ID\"", ASSAY_E_ID_TOKEN},
        {",\"at_hash\":\"x\",\"scope\":\"a\"", ASSAY_E_ID_TOKEN},
        {",\"nonce\":\"n\",\"scope\":\"a\"", ASSAY_OK},
        {",\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}", ASSAY_E_TYP},
        {",\"events\":null", ASSAY_E_TYP},
        {",\"typ\":\"Refresh\"", ASSAY_E_TYP},
        {",\"typ\":\"Offline\"", ASSAY_E_TYP},
        {",\"typ\":\"Logout\"", ASSAY_E_TYP},
        {",\"typ\":\"Bearer\"", ASSAY_OK},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *payload = trial_format(TRIAL_CLAIMS("%s"), rows[i].more);
        if (rows[i].code == ASSAY_OK)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, rows[i].code);
        free(payload);
    }
    trial_close(&t);
}

/* A token nested in a claim is data: it decides nothing, whatever it holds. */
static void attack_71_nested_token(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_set_subject(t.issuer, "admin", NULL));
    must_ok(assay_issuer_require_text(t.issuer, "/tid", "home", NULL));
    static const char *const nested[] = {
        "\"act\":{\"sub\":\"admin\",\"tid\":\"home\"}", "\"actor\":{\"sub\":\"admin\"},\"claims\":{\"tid\":\"home\"}",
        "\"actortoken\":\"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.\"", "\"x\":[{\"sub\":\"admin\",\"tid\":\"home\"}]"};
    for (size_t i = 0; i < COUNT_OF(nested); i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"user\",%s}", nested[i]);
        trial_refuse_payload(&t, payload, ASSAY_E_SUBJECT);
        free(payload);
        payload = trial_format("{" TRIAL_BARE ",\"sub\":\"admin\",%s}", nested[i]);
        trial_refuse_payload(&t, payload, ASSAY_E_CLAIM_MISSING);
        free(payload);
    }
    trial_accept_payload(&t, "{" TRIAL_BARE ",\"sub\":\"admin\",\"tid\":\"home\"}");
    trial_close(&t);
}

/* Identity is issuer and subject together: the claims give both, and the issuer is the configured one. */
static void attack_72_subject_across_issuers(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    assay_claims *claims =
        trial_claims(&t, trial_sign(&t, TRIAL_CLAIMS(",\"email\":\"admin@example.com\",\"upn\":\"admin\"")));
    assert_string_equal(assay_claims_issuer(claims), TRIAL_ISSUER);
    assert_string_equal(assay_claims_subject(claims), "subject-of-trial");
    assay_claims_unref(claims);
    claims = trial_claims(&t, trial_sign(&t, "{" TRIAL_BARE ",\"email\":\"admin@example.com\"}"));
    assert_null(assay_claims_subject(claims)); /* nothing else stands in for it */
    assay_claims_unref(claims);
    trial_close(&t);
}

static void attack_73_workload_subject(void **state)
{
    (void)state;
    static const row rows[] = {
        {"\"repo:org/repo:ref:refs/heads/main\"", ASSAY_OK},
        {NULL, ASSAY_E_SUBJECT},
        {"\"\"", ASSAY_E_SUBJECT},
        {"\"*\"", ASSAY_E_SUBJECT},
        {"\"repo:org/repo:*\"", ASSAY_E_SUBJECT},
        {"\"repo:org/repo:ref:refs/heads/mai\"", ASSAY_E_SUBJECT},
        {"\"repo:org/repo:ref:refs/heads/main2\"", ASSAY_E_SUBJECT},
        {"\"Repo:org/repo:ref:refs/heads/main\"", ASSAY_E_SUBJECT},
        {"\"repo:org/repo:ref:refs/heads/main \"", ASSAY_E_SUBJECT},
        {"\"repo:evil/x:repo:org/repo:ref:refs/heads/main\"", ASSAY_E_SUBJECT},
        {"[\"repo:org/repo:ref:refs/heads/main\"]", ASSAY_E_CLAIM_TYPE},
        {"null", ASSAY_E_CLAIM_TYPE},
        {"1", ASSAY_E_CLAIM_TYPE},
        {"{}", ASSAY_E_CLAIM_TYPE},
    };
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_set_subject(t.issuer, "repo:org/repo:ref:refs/heads/main", NULL));
    refuse_rows(&t, "sub", TRIAL_BARE, rows, COUNT_OF(rows));
    trial_close(&t);
}

static void attack_74_lifetimes(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    trial_refuse_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\"}", ASSAY_E_EXPIRY_MISSING);
    trial_refuse_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"EXP\":1700003600}",
                         ASSAY_E_EXPIRY_MISSING);
    trial_refuse_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":0}",
                         ASSAY_E_EXPIRED);
    trial_accept_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":253402300799}");
    trial_refuse_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":253402300800}",
                         ASSAY_E_TIME);
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"iat\":1700000061}", ASSAY_E_ISSUED_IN_FUTURE);
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"nbf\":1700000061}", ASSAY_E_NOT_YET_VALID);
    /* The leeway has a ceiling. */
    static const int64_t leeways[] = {301, 86400, INT32_MAX, INT64_MAX, -1, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(leeways); i++)
        must_fail(assay_issuer_set_leeway(t.issuer, leeways[i], &error), ASSAY_E_CONFIG_TIME);
    must_ok(assay_issuer_set_leeway(t.issuer, 300, NULL));
    trial_restart(&t);
    trial_refuse_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1699999700}",
                         ASSAY_E_EXPIRED);
    trial_close(&t);
}

static void attack_75_replay(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_set_profile(t.issuer, "id-token", NULL));
    must_ok(assay_request_new(&t.request, NULL));
    must_ok(assay_request_set_nonce(t.request, "n-0S6_WzA2Mj", NULL));
    static const char *const more[] = {"",
                                       ",\"nonce\":\"\"",
                                       ",\"nonce\":\"n-0S6_WzA2M\"",
                                       ",\"nonce\":\"n-0S6_WzA2Mjj\"",
                                       ",\"nonce\":\"N-0S6_WzA2Mj\"",
                                       ",\"Nonce\":\"n-0S6_WzA2Mj\""};
    for (size_t i = 0; i < COUNT_OF(more); i++) {
        char *payload = trial_format(TRIAL_CLAIMS("%s"), more[i]);
        trial_refuse_payload(&t, payload, ASSAY_E_NONCE);
        free(payload);
    }
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"nonce\":[\"n-0S6_WzA2Mj\"]"), ASSAY_E_CLAIM_TYPE);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"nonce\":null"), ASSAY_E_CLAIM_TYPE);
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"nonce\":\"n-0S6_WzA2Mj\""));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"nonce\":\"\\u006e-0S6_WzA2Mj\""));
    trial_close(&t);
}

/* What is demanded and can't be read is refused: never taken as absent and passed. */
static void attack_76_failure_as_absence(void **state)
{
    (void)state;
    static const char *const names[] = {"sub", "jti", "client_id", "azp", "nonce", "acr", "at_hash", "c_hash"};
    static const char *const values[] = {"null", "1", "true", "[]", "{}", "[\"x\"]"};
    trial t;
    trial_open(&t, "ES256");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t v = 0; v < COUNT_OF(values); v++) {
            char *payload = trial_format("{" TRIAL_BARE ",\"scope\":\"a\",\"%s\":%s}", names[i], values[v]);
            trial_refuse_payload(&t, payload,
                                 strstr(names[i], "_hash") != NULL ? ASSAY_E_ID_TOKEN : ASSAY_E_CLAIM_TYPE);
            free(payload);
        }
    }
    static const char *const times[] = {"exp", "nbf", "iat"};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"%s\"%s,\"%s\":null}", TRIAL_ISSUER, TRIAL_AUDIENCE,
                                     i == 0 ? "" : ",\"exp\":1700003600", times[i]);
        trial_refuse_payload(&t, payload, ASSAY_E_TIME);
        free(payload);
    }
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_66_audience),
        cmocka_unit_test(attack_67_issuer),
        cmocka_unit_test(attack_69_cross_jwt_confusion),
        cmocka_unit_test(attack_71_nested_token),
        cmocka_unit_test(attack_72_subject_across_issuers),
        cmocka_unit_test(attack_73_workload_subject),
        cmocka_unit_test(attack_74_lifetimes),
        cmocka_unit_test(attack_75_replay),
        cmocka_unit_test(attack_76_failure_as_absence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
