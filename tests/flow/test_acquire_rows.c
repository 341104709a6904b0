/* SPDX-License-Identifier: MIT */
/* All rows of the table of diagnoses that the library itself can tell, as a caller sees them: driven here, or by the test that the list at the end names. */
#include "support/entra_numbers.h"
#include "support/exchange_scene.h"
#include "support/source_text.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 68 };

static bool reached[ROWS + 1]; /* by this file */

static void expect_row(const assay_error *error, int row)
{
    if (assay_error_diagnosis(error) != row)
        fail_msg("row %d instead of %d: %s", assay_error_diagnosis(error), row, assay_error_message(error));
    /* The fix is that of the row, or a better one of this very case. */
    assert_true(strlen(assay_error_hint(error)) > 20);
    reached[row] = true;
}

static void errors_of_entra(void **state)
{
    static const char *const kinds[] = {"aadsts", "aadsts-text"};
    (void)state;
    exchange_scene_rotate_file(&the_scene);
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < sizeof entra_numbers / sizeof entra_numbers[0]; i++) {
            char code[32];
            assay_access_token *token = NULL;
            assay_error *error = NULL;
            assay_credential *credential = exchange_scene_workload(&the_scene);
            assert_int_equal(dev_issuer_fault(the_scene.entra, "token", kinds[kind], entra_numbers[i].number, -1), 0);
            assert_int_not_equal(assay_credential_get_token(credential, EXCHANGE_SCOPE, 1500, &token, &error),
                                 ASSAY_OK);
            assert_null(token);
            expect_row(error, entra_numbers[i].row);
            (void)snprintf(code, sizeof code, "AADSTS%lld", (long long)entra_numbers[i].number);
            assert_string_equal(assay_error_server_code(error), code);
            assert_int_equal(strlen(assay_error_correlation_id(error)), 36);
            assert_int_equal(strlen(assay_error_trace_id(error)), 36);
            assay_error_free(error);
            assay_credential_unref(credential);
        }
    }
    assert_int_equal(dev_issuer_fault(the_scene.entra, "all", "none", -1, -1), 0);
}

/* --- answers by hand, for what the development issuer does not say --- */

/* The error after this answer to the first request; later ones are not made. */
static assay_error *answered(assay_credential *credential, int status, const char *body, const char *date)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assay_op *op = stepped_acquire(credential, EXCHANGE_SCOPE, 500);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    if (date != NULL)
        assert_int_equal(assay_op_fetched_header(op, "Date", 4, date, strlen(date)), ASSAY_OK);
    assert_int_equal(assay_op_fetched_header(op, "Content-Type", 12, "application/json", 16), ASSAY_OK);
    stepped_answer(op, status, body);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING); /* there is no time for another try */
    assert_int_not_equal(assay_op_token(op, &token, &error), ASSAY_OK);
    assert_null(token);
    assay_op_free(op);
    assay_credential_unref(credential);
    return error;
}

static void statuses_and_clocks(void **state)
{
    static const struct {
        int status, row;
        const char *body, *date;
    } all[] = {
        {429, 36, "Too Many Requests", NULL},
        {503, 38, "<html>", NULL},
        {500, 38, "", NULL},
        {400, 29, "{\"error\":\"invalid_instance\"}", NULL},
        {400, 57, "{\"error\":\"invalid_request\",\"error_description\":\"no\"}", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {401, 57, "{\"error\":\"invalid_client\",\"error_codes\":[700024]}", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {401, 18, "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}", "Sun, 06 Nov 1994 08:49:37 GMT"}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assay_error *error = answered(exchange_scene_secret(&the_scene), all[i].status, all[i].body, all[i].date);
        expect_row(error, all[i].row);
        assert_true((assay_error_clock_skew(error) < -60) == (all[i].date != NULL));
        assay_error_free(error);
    }
}

static assay_credential *agent(bool app_service)
{
    assay_credential *credential = NULL;
    if (app_service) {
        assert_int_equal(setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token", 1), 0);
        assert_int_equal(setenv("IDENTITY_HEADER", "header", 1), 0);
    }
    assert_int_equal(assay_credential_new_from_environment(the_scene.runtime, "managed-identity", &credential, NULL),
                     ASSAY_OK);
    (void)unsetenv("IDENTITY_ENDPOINT");
    (void)unsetenv("IDENTITY_HEADER");
    return credential;
}

static void agents(void **state)
{
    static const struct {
        bool app_service;
        int status, row;
        const char *body;
    } all[] = {
        {false, 400, 40, "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"},
        {false, 400, 41,
         "{\"error\":\"invalid_request\",\"error_description\":\"Multiple user assigned identities exist\"}"},
        {false, 400, 42, "{\"error\":\"bad_request_102\",\"error_description\":\"Required metadata header\"}"},
        {false, 403, 43, "{}"},
        {false, 502, 43, "<html>"},
        {false, 504, 43, "<html>"},
        {false, 404, 45, "{}"},
        {false, 410, 45, "{}"},
        {false, 429, 45, "{}"},
        {true, 400, 46, "{\"statusCode\":400,\"message\":\"No User Assigned or Delegated Managed Identity found\"}"},
        {true, 500, 46, "{\"statusCode\":500,\"message\":\"An unexpected error\"}"},
        {true, 404, 48, "{\"error\":{\"code\":\"ManagedIdentityNotFound\",\"message\":\"no\"}}"}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assay_error *error = answered(agent(all[i].app_service), all[i].status, all[i].body, NULL);
        expect_row(error, all[i].row);
        assay_error_free(error);
    }
}

/* --- and the rest --- */

/* Of the others the test that expects the row, and how it says so. The doctor's are not of the library: they need a look at a token or a resource. */
static const struct {
    int row;
    const char *file, *says;
} elsewhere[] = {{44, "tests/flow/test_acquire_managed.c", "row == 43 || row == 44"},
                 {47, "tests/flow/test_acquire_managed.c", "assay_error_diagnosis(error), 47"},
                 {49, "tests/api/test_credential_cases.c", "assay_error_diagnosis(error), 49"},
                 {50, "tests/api/test_credential_cases.c", "assay_error_diagnosis(error), 50"},
                 {51, "tests/flow/test_acquire_file.c", "ASSAY_E_TOKEN_FILE_MISSING, 51"},
                 {52, "tests/flow/test_acquire_file.c", "ASSAY_E_TOKEN_FILE_ACCESS, 52"},
                 {53, "tests/flow/test_acquire_file.c", "ASSAY_E_TOKEN_FILE_EMPTY, 53"},
                 {54, "tests/flow/test_acquire_file.c", "ASSAY_E_TOKEN_FILE_EXPIRED, 54"},
                 {56, "tests/flow/test_acquire_chain.c", "assay_error_diagnosis(refusal), 56"},
                 {58, "tests/flow/test_acquire_proxy.c", "ASSAY_E_TLS, 58"},
                 {59, "tests/flow/test_acquire_proxy.c", "ASSAY_E_GRANT, 59"},
                 {60, "tests/flow/test_acquire_proxy.c", "ASSAY_E_GRANT_UNAVAILABLE, 60"},
                 {65, "tests/flow/test_acquire_jobs.c", "ASSAY_E_JOB_TOKEN, 65"},
                 {67, "tests/flow/test_acquire_chain.c", "absent_member_is_passed_over_quickly"},
                 {68, "tests/flow/test_acquire_servers.c", "assay_error_diagnosis(error), 68"}};
static const int of_the_doctor[] = {55, 61, 62, 63, 64, 66};

static void test_case_92_every_row_is_reached(void **state)
{
    bool known[ROWS + 1] = {false};
    (void)state;
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        char *text = source_text_read(elsewhere[i].file);
        if (strstr(text, elsewhere[i].says) == NULL)
            fail_msg("%s does not say \"%s\"", elsewhere[i].file, elsewhere[i].says);
        known[elsewhere[i].row] = true;
        free(text);
    }
    for (size_t i = 0; i < sizeof of_the_doctor / sizeof of_the_doctor[0]; i++)
        known[of_the_doctor[i]] = true;
    for (int row = 1; row <= ROWS; row++) {
        if (!known[row] && !reached[row])
            fail_msg("no test reaches row %d, %s", row, assay_diagnosis_name(row));
        if (known[row] && reached[row])
            fail_msg("row %d is reached here: take it off the list", row);
    }
    assert_int_equal(assay_diagnosis_count(), ROWS);
}

static int setup(void **state)
{
    exchange_scene_start(&the_scene);
    *state = &the_scene;
    return 0;
}

static int teardown(void **state)
{
    exchange_scene_stop(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_entra), cmocka_unit_test(statuses_and_clocks), cmocka_unit_test(agents),
        cmocka_unit_test(test_case_92_every_row_is_reached), /* the last: it looks what the others did */
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
