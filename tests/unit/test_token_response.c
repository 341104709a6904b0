/* SPDX-License-Identifier: MIT */
/* Answers with a token in them, or nearly so (cases 26 to 31, 33, 66 and 90). */
#include "support/answer_trial.h"

static void lives(assay_answer_form form, const char *members, int64_t lifetime)
{
    char body[512];
    trial t;
    (void)snprintf(body, sizeof body, "{" GOOD "%s%s}", members[0] != '\0' ? "," : "", members);
    ask(&t, form, 200, body);
    assert_int_equal(t.code, lifetime < 0 ? ASSAY_E_TOKEN_RESPONSE : ASSAY_OK);
    if (lifetime >= 0) {
        assert_string_equal(t.answer.token.text, TOKEN);
        assert_int_equal(t.answer.lifetime, lifetime);
        assert_int_equal(t.answer.expires_at, lifetime > 0 ? NOW + lifetime : 0);
    }
    end(&t);
}

static void test_case_26_expires_in_forms(void **state)
{
    (void)state;
    static const char *const same[] = {"\"expires_in\":3599",      "\"expires_in\":\"3599\"",   "\"expires_in\":3599.0",
                                       "\"expires_in\":3.599e3",   "\"expires_in\":\"3599.0\"", "\"expires_in\":3599.9",
                                       "\"expires_in\":\"003599\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(same); i++) {
        lives(ASSAY_ANSWER_ENDPOINT, same[i], 3599);
        lives(ASSAY_ANSWER_AGENT, same[i], 3599);
    }
}

/* Not told or null is unknown (RFC 6749, section 5.1), an agent must tell; what is not more than 0 and no number is refused; what is too long is cut. */
static void test_case_27_expires_in_extremes(void **state)
{
    (void)state;
    lives(ASSAY_ANSWER_ENDPOINT, "", 0);
    lives(ASSAY_ANSWER_ENDPOINT, "\"expires_in\":null", 0);
    static const char *const bad[] = {"-1",   "0",     "-0",     "0.5",        "-1e300", "true",   "[]",      "{}",
                                      "\"\"", "\"x\"", "\"-5\"", "\"3599 s\"", "\" 1\"", "\"1.\"", "\"1e3\"", "\"0\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        char members[64];
        (void)snprintf(members, sizeof members, "\"expires_in\":%s", bad[i]);
        lives(ASSAY_ANSWER_ENDPOINT, members, -1);
        lives(ASSAY_ANSWER_AGENT, members, -1);
    }
    lives(ASSAY_ANSWER_ENDPOINT, "\"expires_in\":315360000", 315360000);
    static const char *const long_ones[] = {"315360001", "1e300", "9223372036854775807", "\"9223372036854775808\"",
                                            "\"99999999999999999999999999999999999999999\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(long_ones); i++) {
        char members[96];
        (void)snprintf(members, sizeof members, "\"expires_in\":%s", long_ones[i]);
        lives(ASSAY_ANSWER_ENDPOINT, members, ASSAY_LIMIT_TOKEN_LIFETIME);
        lives(ASSAY_ANSWER_AGENT, members, ASSAY_LIMIT_TOKEN_LIFETIME);
    }
}

static void test_case_28_no_token_in_it(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"token_type\":\"Bearer\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":null}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":1}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nb\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"caf\\u00e9\"}",
                                      "{}",
                                      "[]",
                                      "\"" TOKEN "\"",
                                      "",
                                      TOKEN};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        fails_as(ASSAY_ANSWER_ENDPOINT, 200, bad[i], ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 201, "{" GOOD "}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 204, "", ASSAY_E_TOKEN_RESPONSE, 0);
}

static void test_case_29_a_member_twice(void **state)
{
    (void)state;
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"access_token\":\"other\"}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"expires_in\":1,\"expires_in\":1}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"a\\u0063cess_token\":\"x\"}", ASSAY_E_TOKEN_RESPONSE, 0);
}

static void test_case_31_a_body_that_was_cut(void **state)
{
    (void)state;
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD, ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD "} x", ASSAY_E_TOKEN_RESPONSE, 0);
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD "}");
    t.response.encoded = true;
    assert_int_equal(assay_token_response_read(ASSAY_ANSWER_ENDPOINT, &t.response, NOW, &t.answer, &t.failure, NULL),
                     ASSAY_E_RESPONSE);
    end(&t);
}

static void has_type(assay_answer_form form, const char *type, int code)
{
    char body[512];
    trial t;
    (void)snprintf(body, sizeof body, "{\"access_token\":\"a\",\"expires_in\":1,\"issued_token_type\":\"urn:x\"%s%s}",
                   type[0] != '\0' ? ",\"token_type\":" : "", type);
    ask(&t, form, 200, body);
    assert_int_equal(t.code, code);
    end(&t);
}

static void test_case_33_token_types(void **state)
{
    (void)state;
    has_type(ASSAY_ANSWER_ENDPOINT, "\"bearer\"", ASSAY_OK);
    has_type(ASSAY_ANSWER_ENDPOINT, "\"BEARER\"", ASSAY_OK);
    static const char *const bad[] = {"\"mac\"", "\"pop\"", "\"DPoP\"",    "\"N_A\"", "\"\"",
                                      "null",    "1",       "\"Bearer \"", ""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        has_type(ASSAY_ANSWER_ENDPOINT, bad[i], ASSAY_E_TOKEN_RESPONSE);
    has_type(ASSAY_ANSWER_EXCHANGE, "\"N_A\"", ASSAY_OK);
    has_type(ASSAY_ANSWER_EXCHANGE, "\"Bearer\"", ASSAY_OK);
    has_type(ASSAY_ANSWER_EXCHANGE, "", ASSAY_E_TOKEN_RESPONSE);
    has_type(ASSAY_ANSWER_AGENT, "", ASSAY_OK);
    has_type(ASSAY_ANSWER_AGENT, "\"mac\"", ASSAY_E_TOKEN_RESPONSE);
}

static void test_case_90_issued_token_type(void **state)
{
    (void)state;
    trial t;
    fails_as(ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD "}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD ",\"issued_token_type\":\"\"}", ASSAY_E_TOKEN_RESPONSE, 0);
    ask(&t, ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD ",\"scope\":\"a b\",\"issued_token_type\":\"urn:type\"}");
    assert_int_equal(t.code, ASSAY_OK);
    assert_string_equal(t.answer.issued_token_type, "urn:type");
    assert_string_equal(t.answer.scope, "a b");
    end(&t);
}

static void test_case_66_expires_on_forms(void **state)
{
    (void)state;
    static const char *const same[] = {"1700003600",
                                       "\"1700003600\"",
                                       "1700003600.0",
                                       "\"11/14/2023 23:13:20 +00:00\"",
                                       "\"11/14/2023 11:13:20 PM +00:00\"",
                                       "\"2023-11-14T23:13:20Z\"",
                                       "\"2023-11-14T23:13:20.0000000+00:00\"",
                                       "\"2023-11-15T00:13:20+01:00\"",
                                       "\"2023-11-14T21:43:20-01:30\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(same); i++) {
        char members[96];
        (void)snprintf(members, sizeof members, "\"expires_on\":%s", same[i]);
        lives(ASSAY_ANSWER_AGENT, members, 3600);
        (void)snprintf(members, sizeof members, "\"expires_in\":\"10\",\"expires_on\":%s", same[i]);
        lives(ASSAY_ANSWER_AGENT, members, 3600);
    }
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"\",\"expires_in\":\"10\"", 10);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"1600000000\",\"expires_in\":\"10\"", 10);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"1600000000\"", -1);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"soon\"", -1);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":null", -1);
    lives(ASSAY_ANSWER_AGENT, "", -1);
    lives(ASSAY_ANSWER_ENDPOINT, "\"expires_on\":\"1600000000\"", 0);
}

static void test_case_66_texts_of_expires_on(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {{"9/1/2023 1:02:03 AM +00:00", 1693530123},
                {"9/1/2023 12:00:00 AM +00:00", 1693526400},
                {"9/1/2023 12:00:00 PM +00:00", 1693569600},
                {"2/29/2024 00:00:00 +00:00", 1709164800},
                {"2/29/2023 00:00:00 +00:00", 0},
                {"13/1/2023 00:00:00 +00:00", 0},
                {"0/1/2023 00:00:00 +00:00", 0},
                {"9/31/2023 00:00:00 +00:00", 0},
                {"9/1/2023 24:00:00 +00:00", 0},
                {"9/1/2023 13:00:00 PM +00:00", 0},
                {"9/1/2023 0:00:00 AM +00:00", 0},
                {"9/1/2023 1:02:03 XM +00:00", 0},
                {"9/1/2023 1:02:03", 0},
                {"9/1/2023 1:02:03 +00:00 ", 0},
                {"9/1/23 1:02:03 +00:00", 0},
                {"2023-09-01", 0},
                {"2023-09-01T00:00:00", 0},
                {"2023-09-01T00:00:00.Z", 0},
                {"2023-09-01T00:00:00Zx", 0},
                {"1969-12-31T23:59:59Z", 0},
                {"2023-09-01T00:00:00+15:00", 0},
                {"-1", 0},
                {"1e9", 0},
                {"", 0},
                {"99999999999999999999", ASSAY_LIMIT_LATEST_TIME}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        int64_t got = assay_token_response_expires_on(rows[i].text, strlen(rows[i].text));
        if (rows[i].seconds > 0)
            assert_int_equal(got, rows[i].seconds);
        else
            assert_true(got <= 0);
    }
}

static void google_service_accounts(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_GOOGLE, 200, "{\"accessToken\":\"ya29.x\",\"expireTime\":\"2023-11-14T23:13:20Z\"}");
    assert_int_equal(t.code, ASSAY_OK);
    assert_string_equal(t.answer.token.text, "ya29.x");
    assert_string_equal(t.answer.token_type, "Bearer");
    assert_int_equal(t.answer.lifetime, 3600);
    end(&t);
    ask(&t, ASSAY_ANSWER_GOOGLE, 403,
        "{\"error\":{\"code\":403,\"message\":\"Permission denied.\",\"status\":\"PERMISSION_DENIED\"}}");
    assert_int_equal(t.code, ASSAY_E_GRANT);
    assert_string_equal(t.failure.note, "status 403, PERMISSION_DENIED: Permission denied");
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_26_expires_in_forms),    cmocka_unit_test(test_case_27_expires_in_extremes),
        cmocka_unit_test(test_case_28_no_token_in_it),      cmocka_unit_test(test_case_29_a_member_twice),
        cmocka_unit_test(test_case_31_a_body_that_was_cut), cmocka_unit_test(test_case_33_token_types),
        cmocka_unit_test(test_case_90_issued_token_type),   cmocka_unit_test(test_case_66_expires_on_forms),
        cmocka_unit_test(test_case_66_texts_of_expires_on), cmocka_unit_test(google_service_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
