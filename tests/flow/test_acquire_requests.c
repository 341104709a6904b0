/* SPDX-License-Identifier: MIT */
/* Kept tokens by what was asked for: told apart, replaced after a challenge, and forgotten (cases 43, 45, 46). */
#include "support/acquire_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static assay_token_request *new_request(const char *scope, const char *tenant, const char *claims, bool continuous)
{
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new(scope, &request, NULL), ASSAY_OK);
    if (tenant != NULL)
        assert_int_equal(assay_token_request_set_tenant(request, tenant, NULL), ASSAY_OK);
    if (claims != NULL)
        assert_int_equal(assay_token_request_set_claims(request, claims, NULL), ASSAY_OK);
    if (continuous)
        assert_int_equal(assay_token_request_set_continuous_access(request, NULL), ASSAY_OK);
    return request;
}

static void add_other_tenant(void)
{
    exchange_scene_add_app(the_scene.entra, json_pack("{s:s, s:s, s:s}", "client_id", EXCHANGE_CLIENT, "tenant",
                                                      EXCHANGE_OTHER_TENANT, "secret", EXCHANGE_SECRET));
    assert_int_equal(assay_credential_add_tenant(the_credential, EXCHANGE_OTHER_TENANT, NULL), ASSAY_OK);
}

static void test_case_43_separate_entries(void **state)
{
    (void)state;
    enum { COUNT = 4 };
    add_other_tenant();
    assay_token_request *requests[COUNT] = {
        new_request(EXCHANGE_SCOPE, NULL, NULL, false), new_request(EXCHANGE_OTHER_SCOPE, NULL, NULL, false),
        new_request(EXCHANGE_SCOPE, EXCHANGE_OTHER_TENANT, NULL, false), new_request(EXCHANGE_SCOPE, NULL, NULL, true)};
    assay_access_token *tokens[COUNT];
    for (int i = 0; i < COUNT; i++)
        tokens[i] = trial_get(the_credential, requests[i]);
    trial_requests(&the_scene, COUNT);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_TOKENS), COUNT);
    for (int i = 0; i < COUNT; i++) {
        assay_access_token *again = trial_get(the_credential, requests[i]);
        assert_ptr_equal(again, tokens[i]);
        assay_access_token_unref(again);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(assay_access_token_text(tokens[i], NULL), assay_access_token_text(tokens[j], NULL));
    }
    trial_requests(&the_scene, COUNT);
    assay_access_token *by_name = exchange_scene_get(the_credential, "keyvault"); /* the same, by another name */
    assert_ptr_equal(by_name, tokens[0]);
    assay_access_token_unref(by_name);
    for (int i = 0; i < COUNT; i++) {
        assay_access_token_unref(tokens[i]);
        assay_token_request_free(requests[i]);
    }
}

/* `claims` of the newest request; release with free(). */
static char *last_claims(void)
{
    char *text = dev_issuer_requests(the_scene.entra), *claims = NULL;
    json_t *requests = json_loads(text, 0, NULL), *parameter;
    size_t at;
    assert_non_null(requests);
    json_array_foreach(json_object_get(json_array_get(requests, json_array_size(requests) - 1), "parameters"), at,
                       parameter) if (strcmp(json_string_value(json_object_get(parameter, "name")), "claims") == 0)
        claims = strdup(json_string_value(json_object_get(parameter, "value")));
    json_decref(requests);
    free(text);
    return claims;
}

#define CHALLENGE "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1604106651\"}}}"

static void test_case_45_claims_challenge(void **state)
{
    (void)state;
    assay_token_request *plain = new_request(EXCHANGE_SCOPE, NULL, NULL, true);
    assay_access_token *refused = trial_get(the_credential, plain);
    trial_sleep(2); /* the challenge comes later */
    assay_token_request *challenged = new_request(EXCHANGE_SCOPE, NULL, CHALLENGE, true);
    assay_access_token *fresh = trial_get(the_credential, challenged);
    assert_ptr_not_equal(fresh, refused);
    trial_requests(&the_scene, 2);
    char *claims = last_claims();
    assert_non_null(claims);
    assert_non_null(strstr(claims, "1604106651")); /* the challenge's and the client's own */
    assert_non_null(strstr(claims, "cp1"));
    free(claims);
    assay_access_token *kept = trial_get(the_credential, plain); /* the refused one is not given again */
    assert_ptr_equal(kept, fresh);
    assay_access_token *again = trial_get(the_credential, challenged); /* one fetch for one challenge */
    assert_ptr_equal(again, fresh);
    trial_requests(&the_scene, 2);
    trial_sleep(2);
    assay_token_request *second = new_request(EXCHANGE_SCOPE, NULL, CHALLENGE, true); /* the same words, later */
    assay_access_token *fresher = trial_get(the_credential, second);
    assert_ptr_not_equal(fresher, fresh);
    trial_requests(&the_scene, 3);
    assay_access_token *const tokens[] = {refused, fresh, kept, again, fresher};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        assay_access_token_unref(tokens[i]);
    assay_token_request_free(plain);
    assay_token_request_free(challenged);
    assay_token_request_free(second);
}

/* Neither by the thread nor by whoever asks: a challenge is of one moment. The plain one is. */
static void test_challenged_token_is_not_renewed(void **state)
{
    (void)state;
    assay_token_request *challenged = new_request(EXCHANGE_SCOPE, NULL, CHALLENGE, false);
    assay_access_token *token = trial_get(the_credential, challenged);
    assert_int_equal(trial_due(the_credential), -1);
    exchange_scene_advance(&the_scene, 3000);
    assay_access_token *again = trial_get(the_credential, challenged);
    assert_ptr_equal(again, token);
    trial_requests(&the_scene, 1);
    assay_access_token_unref(token);
    assay_access_token_unref(again);
    assay_token_request_free(challenged);
}

static void test_case_46_with_and_without_revocation(void **state)
{
    (void)state;
    assay_token_request *plain = new_request(EXCHANGE_SCOPE, NULL, NULL, false);
    assay_token_request *continuous = new_request(EXCHANGE_SCOPE, NULL, NULL, true);
    trial_settings(&the_scene, "{\"token_lifetime\":0}"); /* as Entra does: a day with cp1 */
    assay_access_token *one = trial_get(the_credential, plain), *other = trial_get(the_credential, continuous);
    assert_ptr_not_equal(one, other);
    int64_t day = assay_access_token_expires_at(other) - assay_access_token_expires_at(one);
    assert_true(day > 12 * 3600);
    trial_sleep(2);
    /* A challenge to the one does not replace the other. */
    assay_token_request *challenged = new_request(EXCHANGE_SCOPE, NULL, CHALLENGE, true);
    assay_access_token *fresh = trial_get(the_credential, challenged);
    assay_access_token *still = trial_get(the_credential, plain), *replaced = trial_get(the_credential, continuous);
    assert_ptr_equal(still, one);
    assert_ptr_equal(replaced, fresh);
    assay_access_token *const tokens[] = {one, other, fresh, still, replaced};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        assay_access_token_unref(tokens[i]);
    assay_token_request_free(plain);
    assay_token_request_free(continuous);
    assay_token_request_free(challenged);
}

static void test_forgetting(void **state)
{
    (void)state;
    assay_token_request *request = new_request(EXCHANGE_SCOPE, NULL, NULL, false);
    assay_credential_forget(NULL, NULL);
    assay_credential_forget(the_credential, NULL); /* before its first use */
    assay_access_token *vault = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assay_access_token *storage = exchange_scene_get(the_credential, EXCHANGE_OTHER_SCOPE);
    assay_credential_forget(the_credential, request);
    assert_null(trial_kept(the_credential, EXCHANGE_SCOPE));
    trial_still(the_credential, EXCHANGE_OTHER_SCOPE, storage);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_TOKENS), 1);
    assert_true(strlen(assay_access_token_text(vault, NULL)) > 100); /* whoever has it still has it */
    assay_access_token *fresh = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_ptr_not_equal(fresh, vault);
    assay_credential_forget(the_credential, NULL);
    assert_null(trial_kept(the_credential, EXCHANGE_SCOPE));
    assert_null(trial_kept(the_credential, EXCHANGE_OTHER_SCOPE));
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_TOKENS), 0);
    trial_requests(&the_scene, 3);
    assay_access_token_unref(vault);
    assay_access_token_unref(storage);
    assay_access_token_unref(fresh);
    assay_token_request_free(request);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_begin_frozen, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_case_43_separate_entries),
        TEST(test_case_45_claims_challenge),
        TEST(test_challenged_token_is_not_renewed),
        TEST(test_case_46_with_and_without_revocation),
        TEST(test_forgetting),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
