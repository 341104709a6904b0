/* SPDX-License-Identifier: MIT */
/* Tokens that are refused because their caller was revoked after they were issued. */
#include "flow/fork.h"
#include "flow/validator.h"
#include "support/process.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SUBJECT "subject-of-trial" /* of TRIAL_CLAIMS */
#define TENANT "72f988bf-86f1-41af-91ab-2d7cd011db47"
#define OBJECT "0a9b8c7d-0000-4000-8000-abcdefabcdef"
#define PAIRWISE "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ"

static trial t;

static int open_trial(void **state)
{
    (void)state;
    trial_open(&t, "ES256");
    trial_start(&t);
    return 0;
}

static int close_trial(void **state)
{
    (void)state;
    trial_close(&t);
    return 0;
}

static void bar(const char *authority, const char *subject, int64_t before)
{
    must_ok(assay_validator_revoke(t.validator, authority, subject, before, NULL));
}

static char *issued(const char *subject, const char *iat)
{
    char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"%s\",\"iat\":%s}", subject, iat);
    char *token = trial_sign(&t, payload);
    free(payload);
    return token;
}

static void by_issuer_and_subject(void **state)
{
    (void)state;
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
    bar("https://127.0.0.1:1/Issuer", SUBJECT, 1700003600);
    bar(TRIAL_ISSUER "/", SUBJECT, 1700003600);
    bar(TRIAL_ISSUER, "Subject-of-trial", 1700003600);
    bar(TRIAL_ISSUER, SUBJECT "s", 1700003600);
    bar(SUBJECT, TRIAL_ISSUER, 1700003600);
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
    bar(TRIAL_ISSUER, SUBJECT, 1700000001);
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_REVOKED);
    trial_refuse(&t, issued("subject-\\u006ff-trial", "1700000000"), ASSAY_E_REVOKED);
    trial_accept(&t, issued("another", "1700000000"));
    trial_accept_payload(&t, "{" TRIAL_BARE ",\"iat\":1700000000}"); /* without sub it is nobody's */
}

static void what_is_said(void **state)
{
    (void)state;
    bar(TRIAL_ISSUER, SUBJECT, 1700000001);
    assay_error *error = trial_error(&t, trial_sign(&t, TRIAL_CLAIMS("")));
    assert_int_equal(assay_error_code(error), ASSAY_E_REVOKED);
    assert_int_equal(assay_error_http_status(error), 401);
    assert_string_equal(assay_error_check(error), "revocation");
    assert_string_equal(assay_error_expected(error), "iat from 1700000001");
    assert_string_equal(assay_error_found(error), "1700000000");
    assert_true(assay_error_found_is_verified(error));
    assert_false(trial_error_holds(error, SUBJECT));
    assay_error_free(error);
}

/* A revoked name in a token that is bad anyhow tells nobody that it was revoked. */
static void it_is_the_last_check(void **state)
{
    (void)state;
    bar(TRIAL_ISSUER, SUBJECT, 1700000001);
    char *token = trial_sign(&t, TRIAL_CLAIMS(""));
    size_t len;
    uint8_t *signature = trial_signature(token, &len);
    signature[3] ^= 1;
    trial_refuse(&t, trial_with_signature(token, signature, len), ASSAY_E_SIGNATURE);
    free(signature);
    free(token);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"cnf\":{\"jkt\":\"x\"}"), ASSAY_E_UNPROVEN);
}

static void edges_of_the_time(void **state)
{
    (void)state;
    bar(TRIAL_ISSUER, "s", 1699999900);
    trial_accept(&t, issued("s", "1699999900"));
    trial_accept(&t, issued("s", "1699999900.0"));
    trial_accept(&t, issued("s", "1.6999999e9"));
    trial_accept(&t, issued("s", "1699999900.000000000001"));
    trial_refuse(&t, issued("s", "1699999899"), ASSAY_E_REVOKED);
    trial_refuse(&t, issued("s", "1699999899.9999999999999"), ASSAY_E_REVOKED);
    trial_refuse(&t, issued("s", "0"), ASSAY_E_REVOKED);
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"sub\":\"s\"}", ASSAY_E_REVOKED);
    bar(TRIAL_ISSUER, "s", 1699999800); /* the later time counts */
    trial_refuse(&t, issued("s", "1699999899"), ASSAY_E_REVOKED);
    bar(TRIAL_ISSUER, "s", 1699999901);
    trial_refuse(&t, issued("s", "1699999900"), ASSAY_E_REVOKED);
    trial_accept(&t, issued("s", "1699999901"));
    bar(TRIAL_ISSUER, "first", 0); /* only what says no time */
    trial_accept(&t, issued("first", "0"));
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"sub\":\"first\"}", ASSAY_E_REVOKED);
    bar(TRIAL_ISSUER, "last", 253402300799);
    trial_refuse(&t, issued("last", "1700000000"), ASSAY_E_REVOKED);
}

static void bad_arguments(void **state)
{
    (void)state;
    char *longest = trial_repeat("a", 2048), *too_long = trial_repeat("a", 2049);
#define REVOKE(authority, subject, before) assay_validator_revoke(t.validator, authority, subject, before, &error)
    must_fail(assay_validator_revoke(NULL, "a", "b", 1, &error), ASSAY_E_ARGUMENT);
    must_fail(REVOKE(NULL, "b", 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", NULL, 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("", "b", 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", "", 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE(too_long, "b", 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", too_long, 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", "\xff", 1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", "b", -1), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", "b", INT64_MIN), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", "b", 253402300800), ASSAY_E_ARGUMENT);
    must_fail(REVOKE("a", "b", INT64_C(1700000000000)), ASSAY_E_ARGUMENT); /* milliseconds */
    must_fail(REVOKE(TENANT, PAIRWISE, 1), ASSAY_E_ARGUMENT); /* sub in the place of oid would revoke nobody */
    bar(longest, longest, 1);
    free(longest);
    free(too_long);
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
}

/* What the checks of Entra leave in the claims; the validator of this file has another profile. */
static int check_as(const char *issuer, const char *tenant, const char *payload)
{
    assay_claims *claims = NULL;
    assay_failure failure;
    assay_failure_clear(&failure);
    char *whole = trial_format("{\"iss\":\"%s\",%s", issuer, payload + 1), *token = trial_sign(&t, whole);
    must_ok(assay_token_open(token, strlen(token), true, &claims, NULL));
    (void)snprintf(claims->tenant, sizeof claims->tenant, "%s", tenant);
    must_ok(assay_token_accept(claims));
    int code = assay_revocations_check(t.validator->revocations, claims, &failure);
    assert_int_equal(assay_revocations_check(t.validator->revocations, claims, NULL), code);
    assert_int_equal(failure.found_is_verified, code != ASSAY_OK);
    assert_null(strstr(failure.found, OBJECT));
    assay_token_close(claims);
    free(token);
    free(whole);
    return code;
}

#define V2 "https://login.microsoftonline.com/" TENANT "/v2.0"
#define OF_ENTRA(oid, sub) "{\"oid\":" oid ",\"sub\":\"" sub "\",\"iat\":1700000000}"

static void by_tenant_and_object_id(void **state)
{
    (void)state;
    static const char good[] = OF_ENTRA("\"" OBJECT "\"", PAIRWISE);
    bar("72f988bf-86f1-41af-91ab-2d7cd011db48", OBJECT, 1800000000);
    bar(TENANT, "0a9b8c7d-0000-4000-8000-abcdefabcdee", 1800000000);
    bar(OBJECT, TENANT, 1800000000);
    assert_int_equal(check_as(V2, TENANT, good), ASSAY_OK);
    /* However people spell a GUID. */
    bar("72F988BF-86F1-41af-91ab-2D7CD011DB47", "0A9B8C7D-0000-4000-8000-ABCDEFabcdef", 1700000001);
    assert_int_equal(check_as(V2, TENANT, good), ASSAY_E_REVOKED);
    assert_int_equal(check_as("https://sts.windows.net/" TENANT "/", TENANT, good), ASSAY_E_REVOKED);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"0A9B8C7D-0000-4000-8000-ABCDEFABCDEF\"", PAIRWISE)),
                     ASSAY_E_REVOKED);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"\\u0030a9b8c7d-0000-4000-8000-abcdefabcde\\u0066\"", "s")),
                     ASSAY_E_REVOKED);
    assert_int_equal(check_as(V2, TENANT, "{\"oid\":\"" OBJECT "\",\"iat\":1700000000}"), ASSAY_E_REVOKED);
    assert_int_equal(check_as(V2, TENANT, "{\"oid\":\"" OBJECT "\",\"iat\":1700000001}"), ASSAY_OK);
    assert_int_equal(check_as(V2, TENANT, "{\"oid\":\"" OBJECT "\"}"), ASSAY_E_REVOKED);
    /* Another form is nobody's, and `oid` of an issuer that is not Entra means nothing. */
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("1", "s")), ASSAY_OK);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("[\"" OBJECT "\"]", "s")), ASSAY_OK);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"" OBJECT "\\u0020\"", "s")), ASSAY_OK);
    char *long_id = trial_repeat("a", 5000), *payload = trial_format("{\"oid\":\"%s\"}", long_id);
    assert_int_equal(check_as(V2, TENANT, payload), ASSAY_OK);
    free(payload);
    free(long_id);
    assert_int_equal(check_as(V2, "", good), ASSAY_OK);
}

static void entra_by_issuer_and_subject_too(void **state)
{
    (void)state;
    bar(V2, PAIRWISE, 1700000001);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"" OBJECT "\"", PAIRWISE)), ASSAY_E_REVOKED);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"" OBJECT "\"", "s")), ASSAY_OK);
    /* Of two times that fit, the later one. */
    bar(TENANT, OBJECT, 1600000000);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"" OBJECT "\"", PAIRWISE)), ASSAY_E_REVOKED);
    bar(V2, "s", 1600000000);
    assert_int_equal(check_as(V2, TENANT, OF_ENTRA("\"" OBJECT "\"", "s")), ASSAY_OK);
}

/* Where one text ends and the other begins counts. */
static void whole_texts(void **state)
{
    (void)state;
    bar("ab", "cd", 1800000000);
    assert_int_equal(check_as("ab", "", "{\"sub\":\"cd\"}"), ASSAY_E_REVOKED);
    assert_int_equal(check_as("a", "", "{\"sub\":\"bcd\"}"), ASSAY_OK);
    assert_int_equal(check_as("abc", "", "{\"sub\":\"d\"}"), ASSAY_OK);
    assert_int_equal(check_as("abcd", "", "{\"sub\":\"\"}"), ASSAY_OK);
    assert_int_equal(check_as("ab", "", "{\"sub\":\"cde\"}"), ASSAY_OK);
}

/* Claims that were kept are asked about again. */
static void kept_claims(void **state)
{
    (void)state;
    assay_claims *claims = trial_claims(&t, trial_sign(&t, TRIAL_CLAIMS("")));
    assert_int_equal(assay_revocations_check(t.validator->revocations, claims, NULL), ASSAY_OK);
    bar(TRIAL_ISSUER, SUBJECT, 1700000001);
    assert_int_equal(assay_revocations_check(t.validator->revocations, claims, NULL), ASSAY_E_REVOKED);
    assay_claims_unref(claims);
}

static void by_operation(void **state)
{
    (void)state;
    char *token = trial_sign(&t, TRIAL_CLAIMS(""));
    assay_op *op = NULL;
    must_ok(assay_op_new_validate(t.validator, token, strlen(token), NULL, 1000, &op, NULL));
    bar(TRIAL_ISSUER, SUBJECT, 1700000001); /* before its decision */
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_claims *claims = NULL;
    assert_int_equal(assay_op_result(op, &claims, NULL), ASSAY_E_REVOKED);
    assert_null(claims);
    assay_op_free(op);
    free(token);
}

static void revoke_number(assay_validator *validator, int number, int64_t before)
{
    char subject[32];
    (void)snprintf(subject, sizeof subject, "n%d", number);
    must_ok(assay_validator_revoke(validator, TRIAL_ISSUER, subject, before, NULL));
}

static void is_number(int number, int code)
{
    char *subject = trial_format("n%d", number);
    if (code == ASSAY_OK)
        trial_accept(&t, issued(subject, "1700000000"));
    else
        trial_refuse(&t, issued(subject, "1700000000"), code);
    free(subject);
}

static void as_many_as_allowed(void **state)
{
    (void)state;
    for (int i = 0; i < 65536; i++)
        revoke_number(t.validator, i, i % 2 ? 1700000001 : 1700000000);
    for (int i = 0; i < 65536; i += 1821) /* odd and even ones in turn */
        is_number(i, i % 2 ? ASSAY_E_REVOKED : ASSAY_OK);
    is_number(65536, ASSAY_OK);
    must_fail(assay_validator_revoke(t.validator, TRIAL_ISSUER, "n65536", 1700000001, &error), ASSAY_E_RANGE);
    is_number(65536, ASSAY_OK);
    /* Whoever is known can be revoked anew. */
    is_number(1000, ASSAY_OK);
    revoke_number(t.validator, 1000, 1700000001);
    is_number(1000, ASSAY_E_REVOKED);

    /* A validator with more of its own can't take that over, and says so; neither forgets anything. */
    assay_validator *made = NULL;
    must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &made, NULL));
    revoke_number(made, 70000, 1700000001);
    must_fail(assay_validator_take_over(made, t.validator, NULL, &error), ASSAY_E_RANGE);
    is_number(1000, ASSAY_E_REVOKED);
    assay_validator_unref(t.validator);
    t.validator = made;
    is_number(70000, ASSAY_E_REVOKED);
    is_number(1000, ASSAY_OK);
}

/* The trial's validator is released, and one that took over from it stands in its place. */
static void reload(void)
{
    assay_validator *made = NULL;
    must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &made, NULL));
    must_ok(assay_validator_take_over(made, t.validator, NULL, NULL));
    assay_validator_unref(t.validator);
    t.validator = made;
}

static void passes_to_the_next_validator(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        revoke_number(t.validator, i, 1700000001);
        reload();
    }
    for (int i = 0; i < 6; i++)
        is_number(i, i < 5 ? ASSAY_E_REVOKED : ASSAY_OK);
    trial_restart(&t); /* one that takes nothing over */
    trial_start(&t);
    is_number(0, ASSAY_OK);
}

/* Another runtime gets no keys; who was revoked stays so. */
static void passes_without_keys(void **state)
{
    (void)state;
    revoke_number(t.validator, 1, 1700000001);
    assay_runtime *other = NULL;
    assay_issuer *elsewhere = NULL;
    assay_validator *made = NULL;
    size_t taken = 9;
    must_ok(assay_runtime_new(&other, NULL));
    must_ok(assay_issuer_new("https://other.example", &elsewhere, NULL));
    must_ok(assay_issuer_add_audience(elsewhere, "a", NULL));
    assay_issuer *both[] = {elsewhere, t.issuer};
    must_ok(assay_validator_new(other, both, 2, &made, NULL));
    must_ok(assay_validator_take_over(made, t.validator, &taken, NULL));
    assert_int_equal(taken, 0);
    assay_validator_unref(made);
    /* Through one that does not even have the issuer. */
    must_ok(assay_validator_new(other, &elsewhere, 1, &made, NULL));
    must_ok(assay_validator_take_over(made, t.validator, NULL, NULL));
    trial_restart(&t);
    trial_start(&t);
    must_ok(assay_validator_take_over(t.validator, made, NULL, NULL));
    assay_validator_unref(made);
    is_number(1, ASSAY_E_REVOKED);
    assay_issuer_free(elsewhere);
    assay_runtime_unref(other);
}

/* Between taking over and the end of the old one both are in use: whichever is told, both know. */
static void old_and_new_share(void **state)
{
    (void)state;
    assay_validator *old = assay_validator_ref(t.validator), *made[3] = {NULL};
    for (int i = 0; i < 3; i++) {
        must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &made[i], NULL));
        revoke_number(made[i], i, 1700000001);
    }
    must_ok(assay_validator_take_over(made[0], old, NULL, NULL));
    must_ok(assay_validator_take_over(made[1], made[0], NULL, NULL));
    must_ok(assay_validator_take_over(made[2], old, NULL, NULL));
    /* In a circle and twice: nothing runs for ever, and nothing is lost. */
    assay_fork_hold();
    must_ok(assay_revocations_share(old->revocations, made[1]->revocations));
    assay_fork_release();
    must_ok(assay_validator_take_over(made[0], made[2], NULL, NULL));
    must_ok(assay_validator_take_over(made[0], made[2], NULL, NULL));
    revoke_number(old, 3, 1700000001);
    for (int i = 0; i < 3; i++)
        revoke_number(made[i], 4 + i, 1700000001);
    assay_validator *const all[] = {old, made[0], made[1], made[2]};
    assay_validator_unref(t.validator);
    for (int i = 0; i < 4; i++) {
        t.validator = all[i];
        for (int number = 0; number < 7; number++)
            is_number(number, ASSAY_E_REVOKED);
        is_number(7, ASSAY_OK);
        assay_validator_unref(all[i]); /* the others don't need it */
    }
    t.validator = NULL;
}

static int in_child(void *argument)
{
    (void)argument;
    is_number(1, ASSAY_E_REVOKED);
    is_number(2, ASSAY_OK);
    revoke_number(t.validator, 2, 1700000001);
    is_number(2, ASSAY_E_REVOKED);
    _exit(0);
}

static void after_a_fork(void **state)
{
    (void)state;
    revoke_number(t.validator, 1, 1700000001);
    assert_int_equal(process_run(in_child, NULL, 60), 0);
    is_number(1, ASSAY_E_REVOKED);
    is_number(2, ASSAY_OK); /* each process is told by itself */
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_trial, close_trial)
    const struct CMUnitTest tests[] = {
        CASE(by_issuer_and_subject),
        CASE(what_is_said),
        CASE(it_is_the_last_check),
        CASE(edges_of_the_time),
        CASE(bad_arguments),
        CASE(by_tenant_and_object_id),
        CASE(entra_by_issuer_and_subject_too),
        CASE(whole_texts),
        CASE(kept_claims),
        CASE(by_operation),
        CASE(as_many_as_allowed),
        CASE(passes_to_the_next_validator),
        CASE(passes_without_keys),
        CASE(old_and_new_share),
        CASE(after_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
