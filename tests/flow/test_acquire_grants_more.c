/* SPDX-License-Identifier: MIT */
/* Clients of Entra whose proof takes a request of its own, and who act for a user: managed identities as federated credentials, CI jobs, on-behalf-of. */
#include "support/arrivals.h"
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDENTITY "22222222-3333-4444-5555-666666666666"
#define PRINCIPAL "bbbbbbbb-1111-2222-3333-cccccccccccc"
#define STOCK_SCOPE "api://stock/Stock.Read"

/* Sets the flag of a warning that the user's token is an application's. */
static void note(void *user_data, int level, const char *text, size_t len)
{
    bool *warned = user_data;
    *warned = *warned || (level == ASSAY_LOG_WARNING && len == strlen(text) &&
                          strstr(text, "belongs to an application, not to a user") != NULL);
}

/* The scene's app with this federated credential beside its secret. */
static void federate(const char *issuer, const char *subject)
{
    exchange_scene_add_app(the_scene.entra,
                           json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s}}", "client_id", EXCHANGE_CLIENT, "tenant",
                                     EXCHANGE_TENANT, "secret", EXCHANGE_SECRET, "federated", "issuer", issuer,
                                     "subject", subject, "audience", "api://AzureADTokenExchange"));
}

/* --- a managed identity as federated credential --- */

static void make_identity(void)
{
    char issuer[256];
    exchange_scene_add_app(the_scene.entra, json_pack("{s:s, s:s, s:{s:s, s:s}}", "client_id", IDENTITY, "tenant",
                                                      EXCHANGE_TENANT, "managed_identity", "principal_id", PRINCIPAL,
                                                      "resource_id", "/subscriptions/1/ids/stock"));
    (void)snprintf(issuer, sizeof issuer, "%s/%s/v2.0", dev_issuer_base(the_scene.entra), EXCHANGE_TENANT);
    federate(issuer, PRINCIPAL);
}

static assay_credential *managed(void)
{
    assay_credential *credential = NULL;
    assert_int_equal(setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", dev_issuer_base(the_scene.entra), 1), 0);
    assert_int_equal(setenv("AZURE_CLIENT_ID", IDENTITY, 1), 0);
    assay_error *error = NULL;
    if (assay_credential_new_from_environment(the_scene.runtime, "managed-identity", &credential, &error) != ASSAY_OK)
        fail_msg("%s", assay_error_message(error));
    (void)unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    (void)unsetenv("AZURE_CLIENT_ID");
    return credential;
}

static assay_credential *federated(void)
{
    assay_credential *source = managed();
    assay_credential *credential = exchange_scene_credential(&the_scene, "federated");
    assert_int_equal(assay_credential_set_source(credential, source, NULL, NULL), ASSAY_OK);
    assay_credential_unref(source);
    return credential;
}

static int64_t agent_requests(void)
{
    return dev_issuer_stats(the_scene.entra, "imds");
}

static void test_case_85_identity_as_federated_credential(void **state)
{
    arrivals sent;
    (void)state;
    make_identity();
    assay_credential *credential = federated();
    int64_t before = agent_requests(), exchanges = exchange_scene_requests(&the_scene);
    assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assert_string_equal(assay_access_token_source(token), "federated");
    assay_access_token_unref(token);
    arrivals_take(the_scene.entra, &sent);
    arrivals_asserts(&sent, "assertion_claims", "sub", PRINCIPAL);
    arrivals_has(&sent, "client_id", EXCHANGE_CLIENT);
    arrivals_drop(&sent);
    assert_int_equal(agent_requests() - before, 1);
    /* Another resource: the assertion is still good. */
    assay_access_token_unref(exchange_scene_get(credential, "https://storage.azure.com/.default"));
    assert_int_equal(agent_requests() - before, 1);
    assert_int_equal(exchange_scene_requests(&the_scene) - exchanges, 2);
    assay_credential_unref(credential);
}

static void test_case_85_assertion_that_expires_is_refetched(void **state)
{
    char message[128];
    (void)state;
    make_identity();
    assert_int_equal(dev_issuer_settings(the_scene.entra, "{\"token_lifetime\":600}", message, sizeof message), 0);
    assay_credential *credential = federated();
    int64_t before = agent_requests();
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    exchange_scene_advance(&the_scene, 500);
    assay_credential_forget(credential, NULL);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(agent_requests() - before, 1);
    exchange_scene_advance(&the_scene, 90); /* ten seconds are left: too few */
    assay_credential_forget(credential, NULL);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(agent_requests() - before, 2);
    assert_int_equal(dev_issuer_settings(the_scene.entra, "{\"token_lifetime\":0}", message, sizeof message), 0);
    exchange_scene_advance(&the_scene, -590);
    assay_credential_unref(credential);
}

static void refetched_once(int64_t number, int64_t times, int code)
{
    make_identity();
    assay_credential *credential = federated();
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assay_credential_forget(credential, NULL);
    int64_t before = agent_requests(), exchanges = exchange_scene_requests(&the_scene);
    assert_int_equal(dev_issuer_fault(the_scene.entra, "token", "aadsts", number, times), 0);
    if (code == ASSAY_OK)
        assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    else
        assay_error_free(exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, code));
    assert_int_equal(dev_issuer_fault(the_scene.entra, "all", "none", -1, -1), 0);
    assert_int_equal(agent_requests() - before, 1);
    assert_int_equal(exchange_scene_requests(&the_scene) - exchanges, 2);
    assay_credential_forget(credential, NULL);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(agent_requests() - before, code == ASSAY_OK ? 1 : 2); /* what was refused is not shown again */
    assay_credential_unref(credential);
}

static void test_case_85_refused_assertion_is_refetched_once(void **state)
{
    (void)state;
    refetched_once(700024, 1, ASSAY_OK);
    refetched_once(700027, 1, ASSAY_OK);
    refetched_once(700024, -1, ASSAY_E_GRANT);
    refetched_once(700027, -1, ASSAY_E_GRANT);
}

/* What the agent says is what the caller hears; nothing goes to the token endpoint then. */
static void agent_that_refuses(void **state)
{
    (void)state;
    make_identity();
    exchange_scene_add_app(the_scene.entra, json_pack("{s:s, s:s}", "client_id", IDENTITY, "tenant",
                                                      EXCHANGE_TENANT)); /* no identity any more */
    assay_credential *credential = federated();
    int64_t exchanges = exchange_scene_requests(&the_scene);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_IDENTITY);
    assert_int_equal(assay_error_diagnosis(error), 40);
    assert_int_equal(exchange_scene_requests(&the_scene), exchanges);
    assay_error_free(error);
    assay_credential_unref(credential);
}

/* --- on-behalf-of --- */

static char *mint_user(const char *request)
{
    char *token = NULL;
    if (dev_issuer_mint(the_scene.entra, request, &token) != 0)
        fail_msg("%s", token);
    return token;
}

static assay_token_request *for_user(const char *token)
{
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new(STOCK_SCOPE "/.default", &request, NULL), ASSAY_OK);
    assert_int_equal(assay_token_request_set_user_assertion(request, token, strlen(token), NULL), ASSAY_OK);
    return request;
}

static assay_error *refused_for(assay_credential *credential, const assay_token_request *request, int code)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int found = assay_credential_get_token_for(credential, request, 5000, &token, &error);
    if (found != code)
        fail_msg("%s: %s", assay_code_name(found), assay_error_message(error));
    assert_null(token);
    return error;
}

#define USER_TOKEN "{\"entra\":\"user\",\"claims\":{\"aud\":\"" EXCHANGE_CLIENT "\"}}"

static void test_case_86_on_behalf_of(void **state)
{
    arrivals sent;
    (void)state;
    char *user = mint_user(USER_TOKEN);
    assay_credential *credential = exchange_scene_secret(&the_scene);
    assay_token_request *request = for_user(user);
    assay_access_token *token = NULL, *own = NULL;
    assert_int_equal(assay_credential_get_token_for(credential, request, 5000, &token, NULL), ASSAY_OK);
    assert_string_equal(assay_access_token_source(token), "on-behalf-of");
    arrivals_take(the_scene.entra, &sent);
    arrivals_is_clean(&sent);
    arrivals_has(&sent, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    arrivals_has(&sent, "assertion", user);
    arrivals_has(&sent, "requested_token_use", "on_behalf_of");
    arrivals_has(&sent, "scope", STOCK_SCOPE "/.default");
    arrivals_has(&sent, "client_secret", EXCHANGE_SECRET);
    arrivals_lacks(&sent, "client_assertion");
    arrivals_drop(&sent);
    /* The service's own token for the same scope is another one. */
    own = exchange_scene_get(credential, STOCK_SCOPE "/.default");
    assert_string_not_equal(assay_access_token_text(own, NULL), assay_access_token_text(token, NULL));
    assert_string_equal(assay_access_token_source(own), "client-secret");
    assay_access_token_unref(own);
    assay_access_token_unref(token);
    assay_token_request_free(request);
    assay_credential_unref(credential);
    free(user);
}

/* With a federated proof beside the user's token: two assertions, each in its place. */
static void test_case_86_with_a_federated_proof(void **state)
{
    arrivals sent;
    (void)state;
    federate(dev_issuer_url(the_scene.cluster), "system:serviceaccount:default:orders");
    exchange_scene_rotate_file(&the_scene);
    char *user = mint_user(USER_TOKEN);
    assay_credential *credential = exchange_scene_workload(&the_scene);
    assay_token_request *request = for_user(user);
    assay_access_token *token = NULL;
    assert_int_equal(assay_credential_get_token_for(credential, request, 5000, &token, NULL), ASSAY_OK);
    arrivals_take(the_scene.entra, &sent);
    arrivals_has(&sent, "assertion", user);
    arrivals_asserts(&sent, "assertion_claims", "sub", "system:serviceaccount:default:orders");
    arrivals_drop(&sent);
    assay_access_token_unref(token);
    assay_token_request_free(request);
    assay_credential_unref(credential);
    free(user);
}

static void test_case_86_claims_are_passed_on(void **state)
{
    static const int64_t numbers[] = {50076, 50079, 50158};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char *user = mint_user(USER_TOKEN), *challenge = NULL;
        assay_credential *credential = exchange_scene_secret(&the_scene);
        assay_token_request *request = for_user(user);
        int64_t before = exchange_scene_requests(&the_scene);
        assert_int_equal(dev_issuer_fault(the_scene.entra, "token", "aadsts", numbers[i], 1), 0);
        assay_error *error = refused_for(credential, request, ASSAY_E_INTERACTION_REQUIRED);
        assert_int_equal(exchange_scene_requests(&the_scene) - before, 1);
        assert_int_equal(assay_error_diagnosis(error), 31);
        json_t *claims = json_loads(assay_error_claims(error), 0, NULL);
        assert_true(json_is_object(json_object_get(claims, "access_token")));
        json_decref(claims);
        challenge = strdup(assay_error_www_authenticate(error));
        assert_non_null(strstr(challenge, "Bearer "));
        assert_non_null(strstr(challenge, "error=\"insufficient_claims\""));
        assert_int_equal(assay_error_http_status(error), 401);
        /* What the caller is told can be taken by a client of this library. */
        assay_token_request *next = NULL;
        assert_int_equal(assay_token_request_new(STOCK_SCOPE, &next, NULL), ASSAY_OK);
        assert_int_equal(assay_token_request_set_challenge(next, challenge, NULL), ASSAY_OK);
        assay_token_request_free(next);
        free(challenge);
        assay_error_free(error);
        assay_token_request_free(request);
        assay_credential_unref(credential);
        free(user);
    }
}

static void test_case_86_tokens_nobody_can_act_with(void **state)
{
    static const struct {
        const char *request;
        int row;
    } all[] = {{"{\"entra\":\"daemon\",\"claims\":{\"aud\":\"" EXCHANGE_CLIENT "\"}}", 33},
               {"{\"entra\":\"user\",\"claims\":{\"aud\":\"api://another\"}}", 32},
               {"{\"entra\":\"user\",\"forge\":\"expired\",\"claims\":{\"aud\":\"" EXCHANGE_CLIENT "\"}}", 32},
               {"{\"entra\":\"user\",\"forge\":\"signature\",\"claims\":{\"aud\":\"" EXCHANGE_CLIENT "\"}}", 32}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char *user = mint_user(all[i].request);
        assay_credential *credential = exchange_scene_secret(&the_scene);
        assay_token_request *request = for_user(user);
        assay_error *error = refused_for(credential, request, ASSAY_E_GRANT);
        assert_int_equal(assay_error_diagnosis(error), all[i].row);
        assert_null(strstr(assay_error_message(error), user + strlen(user) - 20));
        assay_error_free(error);
        assay_token_request_free(request);
        assay_credential_unref(credential);
        free(user);
    }
}

static void test_case_86_app_only_is_warned_of(void **state)
{
    static const char *const requests[] = {USER_TOKEN,
                                           "{\"entra\":\"daemon\",\"claims\":{\"aud\":\"" EXCHANGE_CLIENT "\"}}"};
    (void)state;
    for (int of_app = 0; of_app < 2; of_app++) {
        bool warned = false;
        char *user = mint_user(requests[of_app]);
        assay_token_request *request = for_user(user);
        assay_runtime *shared = the_scene.runtime, *own = NULL;
        const char *ca = dev_issuer_ca_pem(the_scene.entra);
        assert_int_equal(assay_runtime_new(&own, NULL), ASSAY_OK);
        assert_int_equal(assay_runtime_set_ca_pem(own, ca, strlen(ca), NULL), ASSAY_OK);
        assert_int_equal(assay_runtime_set_log(own, ASSAY_LOG_WARNING, note, &warned, NULL, NULL), ASSAY_OK);
        the_scene.runtime = own;
        assay_credential *credential = exchange_scene_secret(&the_scene);
        the_scene.runtime = shared;
        assay_access_token *token = NULL;
        int code = assay_credential_get_token_for(credential, request, 5000, &token, NULL);
        assert_int_equal(code, of_app ? ASSAY_E_GRANT : ASSAY_OK);
        assert_int_equal(warned, of_app);
        assay_access_token_unref(token);
        assay_token_request_free(request);
        assay_credential_unref(credential);
        assay_runtime_unref(own);
        free(user);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_85_identity_as_federated_credential),
        cmocka_unit_test(test_case_85_assertion_that_expires_is_refetched),
        cmocka_unit_test(test_case_85_refused_assertion_is_refetched_once),
        cmocka_unit_test(agent_that_refuses),
        cmocka_unit_test(test_case_86_on_behalf_of),
        cmocka_unit_test(test_case_86_with_a_federated_proof),
        cmocka_unit_test(test_case_86_claims_are_passed_on),
        cmocka_unit_test(test_case_86_tokens_nobody_can_act_with),
        cmocka_unit_test(test_case_86_app_only_is_warned_of),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
