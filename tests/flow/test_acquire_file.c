/* SPDX-License-Identifier: MIT */
/* The token file on its way to Entra: what arrives, what is refused before anything is sent, and files that change meanwhile. */
#include "support/arrivals.h"
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *mint(const char *request)
{
    char *token = NULL;
    if (dev_issuer_mint(the_scene.cluster, request, &token) != 0)
        fail_msg("%s", token);
    return token;
}

static void test_case_16_white_space_around_it(void **state)
{
    static const char *const before[] = {"", "\n ", ""}, *const after[] = {"\n", "\r\n\t", ""};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        arrivals sent;
        char *token = mint(NULL), text[8192];
        int len = snprintf(text, sizeof text, "%s%s%s", before[i], token, after[i]);
        exchange_scene_write_file(&the_scene, text, (size_t)len);
        assay_credential *credential = exchange_scene_workload(&the_scene);
        assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
        arrivals_take(the_scene.entra, &sent);
        arrivals_has(&sent, "client_assertion", token);
        arrivals_drop(&sent);
        assay_credential_unref(credential);
        free(token);
    }
}

/* Refused with this code and row, without a request and without a byte of the file. */
static void refused(const char *path, int code, int row)
{
    assay_credential *credential = exchange_scene_workload(&the_scene);
    assert_int_equal(assay_credential_set_token_file(credential, path, NULL), ASSAY_OK);
    int64_t before = exchange_scene_requests(&the_scene);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, code);
    assert_int_equal(assay_error_diagnosis(error), row);
    assert_null(strstr(assay_error_message(error), "sesame"));
    assert_int_equal(exchange_scene_requests(&the_scene), before);
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void test_case_17_six_files_that_hold_no_token(void **state)
{
    static char big[70 * 1024];
    (void)state;
    refused("/tmp/no-such-folder/token", ASSAY_E_TOKEN_FILE_MISSING, 51);
    refused(the_scene.folder, ASSAY_E_TOKEN_FILE_TYPE, 0);
    exchange_scene_write_file(&the_scene, " \n", 2);
    refused(the_scene.token_file, ASSAY_E_TOKEN_FILE_EMPTY, 53);
    memset(big, 'a', sizeof big);
    exchange_scene_write_file(&the_scene, big, sizeof big);
    refused(the_scene.token_file, ASSAY_E_TOKEN_FILE_SIZE, 0);
    exchange_scene_write_file(&the_scene, "sesame.\0.sesame", 15);
    refused(the_scene.token_file, ASSAY_E_TOKEN_FILE_CONTENT, 12);
    if (geteuid() == 0)
        return; /* root may read everything */
    assert_int_equal(chmod(the_scene.token_file, 0), 0);
    refused(the_scene.token_file, ASSAY_E_TOKEN_FILE_ACCESS, 52);
}

static void test_case_24_two_segments(void **state)
{
    static const char *const texts[] = {"sesame.sesame", "sesame", "sesame..sesame", "a.b.c.sesame",
                                        "{\"sesame\":1}.b.c"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        exchange_scene_write_file(&the_scene, texts[i], strlen(texts[i]));
        refused(the_scene.token_file, ASSAY_E_TOKEN_FILE_CONTENT, 12);
    }
}

static void test_case_19_long_token(void **state)
{
    arrivals sent;
    char request[8192], filler[6000];
    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    (void)snprintf(request, sizeof request, "{\"claims\":{\"filler\":\"%s\"}}", filler);
    char *token = mint(request);
    assert_true(strlen(token) > 6144);
    exchange_scene_write_file(&the_scene, token, strlen(token));
    assay_credential *credential = exchange_scene_workload(&the_scene);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    arrivals_take(the_scene.entra, &sent);
    arrivals_has(&sent, "client_assertion", token);
    arrivals_drop(&sent);
    assay_credential_unref(credential);
    free(token);
}

static void test_case_20_rotation_alone_asks_for_nothing(void **state)
{
    (void)state;
    exchange_scene_rotate_file(&the_scene);
    assay_credential *credential = exchange_scene_workload(&the_scene);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    int64_t before = exchange_scene_requests(&the_scene);
    for (int i = 0; i < 3; i++) {
        exchange_scene_rotate_file(&the_scene);
        assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    }
    assert_int_equal(exchange_scene_requests(&the_scene), before);
    assay_credential_unref(credential);
}

/* By steps, so that the file changes at the right moment. */
static void test_case_21_exactly_one_retry(void **state)
{
    (void)state;
    static const char answer[] =
        "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700024: the assertion is not "
        "within its valid time range.\",\"error_codes\":[700024]}";
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    exchange_scene_rotate_file(&the_scene);
    assay_credential *credential = exchange_scene_workload(&the_scene);
    assert_int_equal(assay_token_request_new(EXCHANGE_SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    int fetches = 0;
    while (assay_op_step(op) == ASSAY_WANT_FETCH && fetches < 5) {
        fetches++;
        exchange_scene_rotate_file(&the_scene); /* there is always another one */
        assert_int_equal(assay_op_fetched(op, 401, assay_op_fetch_url(op), (const uint8_t *)answer, strlen(answer)),
                         ASSAY_OK);
    }
    assert_int_equal(fetches, 2);
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assert_int_equal(assay_op_token(op, &token, &error), ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 8);
    assay_error_free(error);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

static const char unknown_yet[] =
    "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS70021: none\",\"error_codes\":[70021]}";
static const char good[] = "{\"access_token\":\"a.b.c\",\"token_type\":\"Bearer\",\"expires_in\":3600}";

/* Answers with @p refusals of a federated credential that is not known yet, then well; the code, and how often it was asked. */
static int ask_with_refusals(assay_credential *credential, int refusals, int *asked)
{
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assay_access_token *token = NULL;
    int want, code, waits = 0;
    assert_int_equal(assay_token_request_new(EXCHANGE_SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 600000, &op, NULL), ASSAY_OK);
    for (*asked = 0; (want = assay_op_step(op)) != ASSAY_WANT_NOTHING;) {
        if (want == ASSAY_WANT_WAIT) {
            assert_true(waits++ < 200);
            exchange_scene_advance(&the_scene, 1);
            continue;
        }
        bool well = (*asked)++ >= refusals;
        const char *body = well ? good : unknown_yet;
        assert_int_equal(
            assay_op_fetched(op, well ? 200 : 400, assay_op_fetch_url(op), (const uint8_t *)body, strlen(body)),
            ASSAY_OK);
    }
    code = assay_op_token(op, &token, NULL);
    assay_access_token_unref(token);
    assay_op_free(op);
    assay_token_request_free(request);
    return code;
}

static void test_case_57_propagation(void **state)
{
    int asked;
    (void)state;
    exchange_scene_write_minted(&the_scene, "{\"claims\":{\"exp\":4000000000}}");
    exchange_scene_freeze(&the_scene);
    assay_credential *credential = exchange_scene_workload(&the_scene);
    assert_int_equal(ask_with_refusals(credential, 1, &asked), ASSAY_E_GRANT); /* nobody asked for patience */
    assert_int_equal(asked, 1);
    assay_credential_unref(credential);
    credential = exchange_scene_workload(&the_scene);
    assert_int_equal(assay_credential_wait_for_propagation(credential, NULL), ASSAY_OK);
    int64_t before = atomic_load(&the_scene.offset_ms);
    assert_int_equal(ask_with_refusals(credential, 99, &asked), ASSAY_E_GRANT); /* 5, 10, 20 and 40 seconds */
    assert_int_equal(asked, 5);
    assert_in_range((atomic_load(&the_scene.offset_ms) - before) / 1000, 75, 80);
    assert_int_equal(ask_with_refusals(credential, 2, &asked), ASSAY_OK);
    assert_int_equal(asked, 3);
    assay_credential_forget(credential, NULL); /* after the first success never again */
    assert_int_equal(ask_with_refusals(credential, 2, &asked), ASSAY_E_GRANT);
    assert_int_equal(asked, 1);
    assay_credential_unref(credential);
    exchange_scene_advance(&the_scene, -(atomic_load(&the_scene.offset_ms) / 1000));
    atomic_store(&the_scene.frozen, false);
}

static void test_case_22_unchanged_file_is_not_sent_again(void **state)
{
    (void)state;
    exchange_scene_rotate_file(&the_scene);
    assay_credential *credential = exchange_scene_workload(&the_scene);
    int64_t before = exchange_scene_requests(&the_scene);
    assert_int_equal(dev_issuer_fault(the_scene.entra, "token", "aadsts", 700024, -1), 0);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_int_equal(dev_issuer_fault(the_scene.entra, "all", "none", -1, -1), 0);
    assert_int_equal(assay_error_diagnosis(error), 8);
    assert_int_equal(exchange_scene_requests(&the_scene) - before, 1);
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void *write_late(void *argument)
{
    (void)argument;
    (void)usleep(300000);
    exchange_scene_rotate_file(&the_scene);
    return NULL;
}

static void test_case_23_expired_at_first(void **state)
{
    (void)state;
    pthread_t thread;
    exchange_scene_write_minted(&the_scene, "{\"forge\":\"expired\"}");
    assay_credential *credential = exchange_scene_workload(&the_scene);
    int64_t before = exchange_scene_requests(&the_scene);
    assert_int_equal(pthread_create(&thread, NULL, write_late, NULL), 0);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(exchange_scene_requests(&the_scene) - before, 1);
    assay_credential_unref(credential);
    /* Nobody replaces it: after three looks it is said, and nothing was sent. Without the time for them at once. */
    exchange_scene_write_minted(&the_scene, "{\"forge\":\"expired\"}");
    refused(the_scene.token_file, ASSAY_E_TOKEN_FILE_EXPIRED, 54);
    credential = exchange_scene_workload(&the_scene);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 200, ASSAY_E_TOKEN_FILE_EXPIRED);
    assert_int_equal(assay_error_diagnosis(error), 54);
    assert_non_null(strstr(assay_error_message(error), "expired"));
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void test_case_25_any_path(void **state)
{
    char odd[160];
    (void)state;
    char *token = mint(NULL);
    exchange_scene_write_file(&the_scene, token, strlen(token));
    (void)snprintf(odd, sizeof odd, "%s/a token & more", the_scene.folder);
    assert_int_equal(rename(the_scene.token_file, odd), 0);
    assert_int_equal(setenv("AZURE_FEDERATED_TOKEN_FILE", odd, 1), 0);
    assert_int_equal(setenv("AZURE_TENANT_ID", EXCHANGE_TENANT, 1), 0);
    assert_int_equal(setenv("AZURE_CLIENT_ID", EXCHANGE_CLIENT, 1), 0);
    assert_int_equal(setenv("AZURE_AUTHORITY_HOST", dev_issuer_base(the_scene.entra), 1), 0);
    assay_credential *credential = NULL;
    assert_int_equal(assay_credential_new_from_environment(the_scene.runtime, NULL, &credential, NULL), ASSAY_OK);
    assay_access_token *got = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assert_string_equal(assay_access_token_source(got), "workload-identity");
    assay_access_token_unref(got);
    assay_credential_unref(credential);
    (void)unsetenv("AZURE_FEDERATED_TOKEN_FILE");
    (void)unsetenv("AZURE_TENANT_ID");
    (void)unsetenv("AZURE_CLIENT_ID");
    (void)unsetenv("AZURE_AUTHORITY_HOST");
    (void)unlink(odd);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_16_white_space_around_it),
        cmocka_unit_test(test_case_17_six_files_that_hold_no_token),
        cmocka_unit_test(test_case_19_long_token),
        cmocka_unit_test(test_case_20_rotation_alone_asks_for_nothing),
        cmocka_unit_test(test_case_21_exactly_one_retry),
        cmocka_unit_test(test_case_57_propagation),
        cmocka_unit_test(test_case_22_unchanged_file_is_not_sent_again),
        cmocka_unit_test(test_case_23_expired_at_first),
        cmocka_unit_test(test_case_24_two_segments),
        cmocka_unit_test(test_case_25_any_path),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
