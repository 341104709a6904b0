/* SPDX-License-Identifier: MIT */
/* Getting tokens for real: two issuers on loopback, TLS, files. */
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void workload_token_is_exchanged_and_kept(void **state)
{
    exchange_scene *scene = *state;
    assay_credential *credential = exchange_scene_workload(scene);
    int64_t before = exchange_scene_requests(scene);
    assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    size_t len = 0;
    const char *text = assay_access_token_text(token, &len);
    assert_int_equal(strlen(text), len);
    assert_true(len > 100);
    assert_string_equal(assay_access_token_type(token), "Bearer");
    assert_string_equal(assay_access_token_source(token), "workload-identity");
    assert_string_equal(assay_access_token_authorization(token, NULL) + 7, assay_access_token_text(token, NULL));
    assay_access_token *again = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assert_ptr_equal(token, again);
    assert_int_equal(exchange_scene_requests(scene) - before, 1);
    assay_access_token_unref(token);
    assay_access_token_unref(again);
    assay_credential_unref(credential);
}

static void secret_arrives_as_it_is(void **state)
{
    exchange_scene *scene = *state;
    assay_credential *credential = exchange_scene_secret(scene);
    assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assay_access_token_unref(token);
    assay_credential_unref(credential);
}

static void refusal_says_what_to_do(void **state)
{
    exchange_scene *scene = *state;
    exchange_scene_write_minted(scene, "{\"name\":\"other\"}");
    assay_credential *credential = exchange_scene_workload(scene);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 4);
    assert_string_equal(assay_error_server_code(error), "AADSTS700213");
    assert_non_null(strstr(assay_error_hint(error), "system:serviceaccount:default:other"));
    assert_int_equal(strlen(assay_error_correlation_id(error)), 36);
    assay_error_free(error);
    exchange_scene_rotate_file(scene);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assay_credential_unref(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workload_token_is_exchanged_and_kept),
        cmocka_unit_test(secret_arrives_as_it_is),
        cmocka_unit_test(refusal_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
