/* SPDX-License-Identifier: MIT */
/* The token cache and revocations: a kept token is refused as soon as its caller is revoked, however it was kept and is asked for. */
#include "support/entra_trial.h"
#include "support/keeping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Each hit asks anew whom a host revoked. */
static void revoked_caller(void **state)
{
    (void)state;
    static const char iat[] = KEEPING_CLAIMS(",\"iat\":1700000000");
    char *token = mint_token(keeping.keys[0], iat),
         *later = mint_token(keeping.keys[0], KEEPING_CLAIMS(",\"iat\":1700000001"));
    keeping_remembers(token);
    keeping_remembers(later);
    must_ok(assay_validator_revoke(keeping.validator, KEEPING_OTHER, "one", 1700000001, NULL));
    must_ok(assay_validator_revoke(keeping.validator, TRIAL_ISSUER, "two", 1700000001, NULL));
    must_ok(assay_validator_revoke(keeping.validator, TRIAL_ISSUER, "one", 1700000000, NULL));
    keeping_accepts(token, true);
    must_ok(assay_validator_revoke(keeping.validator, TRIAL_ISSUER, "one", 1700000001, NULL));
    keeping_refuses(token, ASSAY_E_REVOKED);
    keeping_refuses(token, ASSAY_E_REVOKED); /* nor was it kept again */
    keeping_accepts(later, true);
    must_ok(assay_validator_revoke(keeping.validator, TRIAL_ISSUER, "one", 1700000002, NULL));
    keeping_refuses(later, ASSAY_E_REVOKED);
    free(later);
    free(token);
}

/* A token without iat may be as old as any. */
static void revoked_caller_without_iat(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    must_ok(assay_validator_revoke(keeping.validator, TRIAL_ISSUER, "one", 0, NULL));
    keeping_refuses(keeping.token, ASSAY_E_REVOKED);
}

static int by_operation(const char *token)
{
    assay_op *op = NULL;
    assay_claims *claims = NULL;
    must_ok(assay_op_new_validate(keeping.validator, token, strlen(token), NULL, 1000, &op, NULL));
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    int code = assay_op_result(op, &claims, NULL);
    assert_int_equal(claims != NULL, code == ASSAY_OK);
    assay_claims_unref(claims);
    assay_op_free(op);
    return code;
}

static void revoked_caller_by_operation(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    must_ok(by_operation(keeping.token));
    assert_int_equal(keeping_hits(), 2);
    must_ok(assay_validator_revoke(keeping.validator, TRIAL_ISSUER, "one", 1, NULL));
    assert_int_equal(by_operation(keeping.token), ASSAY_E_REVOKED);
    assert_int_equal(keeping_hits(), 2);
}

/* Both validators keep the token, and whom either is told of neither answers for. */
static void revoked_caller_after_taking_over(void **state)
{
    (void)state;
    for (int told = 0; told < 3; told++) {
        assay_validator *made = NULL, *old = keeping.validator;
        assay_issuer *const both[] = {keeping.issuer, keeping.other};
        char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"s%d\",\"iat\":1700000000}", told);
        char *token = mint_token(keeping.keys[0], payload), *subject = trial_format("s%d", told);
        must_ok(assay_validator_new(keeping.runtime, both, 2, &made, NULL));
        keeping_remembers(token);
        if (told == 0) /* before: what the new one learns */
            must_ok(assay_validator_revoke(old, TRIAL_ISSUER, subject, 1700000001, NULL));
        keeping.validator = made;
        keeping_push(TRIAL_ISSUER, keeping.keys, 1);
        keeping_remembers(token);
        must_ok(assay_validator_take_over(made, old, NULL, NULL));
        if (told > 0)
            must_ok(assay_validator_revoke(told == 1 ? old : made, TRIAL_ISSUER, subject, 1700000001, NULL));
        keeping_refuses(token, ASSAY_E_REVOKED);
        keeping.validator = old;
        keeping_refuses(token, ASSAY_E_REVOKED);
        keeping.validator = made;
        assay_validator_unref(old);
        keeping_refuses(token, ASSAY_E_REVOKED);
        free(payload);
        free(subject);
        free(token);
    }
}

/* An Entra issuer whose validator keeps tokens. */
static trial entra;

static int open_entra(void **state)
{
    (void)state;
    entra_trial_open(&entra);
    must_ok(assay_runtime_set_token_cache(entra.runtime, 16, NULL));
    trial_start(&entra);
    return 0;
}

static int close_entra(void **state)
{
    (void)state;
    trial_close(&entra);
    return 0;
}

static void entra_hits(uint64_t expected)
{
    uint64_t hits = 99;
    must_ok(assay_validator_get_stat(entra.validator, NULL, ASSAY_STAT_CACHE_HITS, &hits));
    assert_int_equal(hits, expected);
}

static void entra_remembers(const char *token)
{
    entra_hits(0);
    trial_accept(&entra, strdup(token));
    trial_accept(&entra, strdup(token));
    entra_hits(1);
}

static void entra_bars(const char *authority, const char *subject)
{
    must_ok(assay_validator_revoke(entra.validator, authority, subject, 1700000001, NULL));
}

static void entra_by_tenant_and_object_id(void **state)
{
    (void)state;
    char *token = trial_sign(&entra, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    entra_remembers(token);
    entra_bars(TENANT_B, ENTRA_OID);
    entra_bars(TENANT_A, ENTRA_CALLER);
    entra_bars(TENANT_A, TENANT_A);
    trial_accept(&entra, strdup(token));
    entra_hits(2);
    entra_bars("11111111-AAAA-4AAA-8AAA-111111111111", "55555555-EEEE-4eee-8EEE-555555555555");
    trial_refuse(&entra, strdup(token), ASSAY_E_REVOKED);
    trial_refuse(&entra, token, ASSAY_E_REVOKED);
    entra_hits(2);
}

static void entra_by_issuer_and_subject(void **state)
{
    (void)state;
    char *token = trial_sign(&entra, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    entra_remembers(token);
    entra_bars(ENTRA_V1(TENANT_A), ENTRA_SUB); /* each version has an issuer of its own */
    trial_accept(&entra, strdup(token));
    entra_hits(2);
    entra_bars(ENTRA_V2(TENANT_A), ENTRA_SUB);
    trial_refuse(&entra, token, ASSAY_E_REVOKED);
    entra_hits(2);
}

/* A daemon's token, its `sub` that of its object id; and the validator that takes over. */
static void entra_daemon_after_taking_over(void **state)
{
    (void)state;
    assay_validator *made = NULL;
    char *token = trial_sign(&entra, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2));
    entra_remembers(token);
    must_ok(assay_validator_new(entra.runtime, &entra.issuer, 1, &made, NULL));
    must_ok(assay_validator_take_over(made, entra.validator, NULL, NULL));
    entra_bars(TENANT_A, ENTRA_OID); /* the old one is told */
    trial_refuse(&entra, strdup(token), ASSAY_E_REVOKED);
    assay_validator_unref(entra.validator);
    entra.validator = made;
    trial_refuse(&entra, token, ASSAY_E_REVOKED);
    entra_hits(0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, keeping_open, keeping_close)
#define ENTRA_CASE(name) cmocka_unit_test_setup_teardown(name, open_entra, close_entra)
    const struct CMUnitTest tests[] = {
        CASE(revoked_caller),
        CASE(revoked_caller_without_iat),
        CASE(revoked_caller_by_operation),
        CASE(revoked_caller_after_taking_over),
        ENTRA_CASE(entra_by_tenant_and_object_id),
        ENTRA_CASE(entra_by_issuer_and_subject),
        ENTRA_CASE(entra_daemon_after_taking_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
