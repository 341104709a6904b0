/* SPDX-License-Identifier: MIT */
/*
 * Case 97: every allocation of making, configuring, describing and using credentials fails in turn, once and for good. Nothing may crash, leak, or leave an output
 * behind a failure; and no lack of memory may pass for a missing file, a refusal or a broken configuration.
 */
#include "fault/failing_memory.h"
#include "support/client_keys.h"
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Too short for another try after a pause of a second, so that a lack of memory in the HTTP client is told at once. */
enum { MOMENT_MS = 700 };

static exchange_scene scene;
static char certificate[128], key[128];

static void must(bool condition)
{
    if (!condition)
        abort();
}

static int give(void *user_data, char *assertion, size_t size, size_t *len)
{
    static const char text[] = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";
    (void)user_data;
    *len = sizeof text - 1 < size ? sizeof text - 1 : size;
    memcpy(assertion, text, *len);
    return 0;
}

static int destroyed;

static void destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

/* The setters by their numbers; each either works or says that there is no memory. */
static int set(assay_credential *c, int which)
{
    switch (which) {
    case 0:
        return assay_credential_set_tenant(c, EXCHANGE_TENANT, NULL);
    case 1:
        return assay_credential_add_tenant(c, "other.example", NULL);
    case 2:
        return assay_credential_set_client_id(c, EXCHANGE_CLIENT, NULL);
    case 3:
        return assay_credential_set_authority(c, dev_issuer_base(scene.entra), NULL);
    case 4:
        return assay_credential_set_token_file(c, scene.token_file, NULL);
    case 5:
        return assay_credential_set_secret(c, EXCHANGE_SECRET, strlen(EXCHANGE_SECRET), NULL);
    case 6:
        return assay_credential_set_signing_files(c, certificate, key, "passphrase", NULL);
    case 7:
        return assay_credential_set_signing_form(c, "RS256", "k", NULL);
    case 8:
        return assay_credential_set_token_proxy(c, "https://p.test", "n.test", "/ca.pem", NULL, NULL);
    case 9:
        return assay_credential_set_identity(c, ASSAY_IDENTITY_NAME_CLIENT_ID, EXCHANGE_CLIENT, NULL);
    case 10:
        return assay_credential_set_token_endpoint(c, "https://s.test/t", NULL);
    case 11:
        return assay_credential_set_assertion_audience(c, "a", NULL);
    case 12:
        return assay_credential_set_token_types(c, "a", "b", NULL);
    case 13:
        return assay_credential_set_actor(c, "/a", "t", NULL);
    case 14:
        return assay_credential_add_audience(c, "a", NULL);
    case 15:
        return assay_credential_add_resource(c, "https://r.test", NULL);
    default:
        return assay_credential_set_service_account(c, "a@b.test", NULL);
    }
}

static int describe(const assay_credential *credential)
{
    uint8_t *json = NULL;
    size_t len = 0;
    int code = assay_credential_describe(credential, &json, &len, NULL);
    must((code == ASSAY_OK) == (json != NULL) && (code == ASSAY_OK) == (len > 0));
    assay_bytes_free(json, len);
    return code;
}

static int configure(void)
{
    assay_credential *credential = NULL, *source = NULL, *chain = NULL;
    int before = destroyed, code = assay_credential_new(NULL, "federated", &credential, NULL);
    must((code == ASSAY_OK) == (credential != NULL));
    for (int i = 0; code == ASSAY_OK && i < 17; i++)
        code = set(credential, i);
    if (code == ASSAY_OK)
        code = assay_credential_new(NULL, "client-assertion", &source, NULL);
    if (code == ASSAY_OK) {
        code = assay_credential_set_assertion_function(source, give, NULL, destroy, NULL);
        must(code == ASSAY_OK); /* nothing is allocated for it */
    }
    if (code == ASSAY_OK)
        code = assay_credential_set_source(credential, source, "api://x", NULL);
    if (code == ASSAY_OK)
        code = assay_credential_new_chain(NULL, &credential, 1, &chain, NULL);
    must((code == ASSAY_OK) == (chain != NULL));
    if (code == ASSAY_OK)
        code = describe(chain);
    bool given = source != NULL;
    assay_credential_unref(chain);
    assay_credential_unref(credential);
    assay_credential_unref(source);
    must(destroyed == before + (given ? 1 : 0));
    return code;
}

static int from_json(void)
{
    static const char json[] =
        "{\"kind\":\"chain\",\"members\":[{\"kind\":\"federated\",\"tenant\":\"a.example\",\"client_id\":\"c\","
        "\"additional_tenants\":[\"b.example\",\"*\"],\"source\":{\"credential\":{\"kind\":\"managed-identity\"},"
        "\"scope\":\"s\"}},{\"kind\":\"workload-identity\",\"token_proxy\":{\"url\":\"https://p.test\"}}]}";
    assay_credential *credential = NULL;
    assay_error *error = NULL;
    int code = assay_credential_from_json(NULL, json, strlen(json), &credential, &error);
    must((code == ASSAY_OK) == (credential != NULL) && (code == ASSAY_OK) == (error == NULL));
    assay_credential_unref(credential);
    assay_error_free(error);
    return code;
}

/* --- using them over the network --- */

/* The issuer's threads allocate by this library too: until they are done with what a failure here left them in, nothing can be counted. */
static void settle(int64_t live)
{
    for (int i = 0; i < 1000 && assay_live_allocations() > live + 8; i++)
        (void)usleep(1000);
}

static int get(const char *kind, bool file)
{
    assay_credential *credential = NULL;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int64_t live = assay_live_allocations();
    int code = assay_credential_new(scene.runtime, kind, &credential, NULL);
    for (int i = 0; code == ASSAY_OK && i < 6; i++)
        code = (i == 4 && !file) || (i == 5 && file) ? ASSAY_OK : set(credential, i);
    if (code == ASSAY_OK) {
        code = assay_credential_get_token(credential, EXCHANGE_SCOPE, MOMENT_MS, &token, &error);
        must((code == ASSAY_OK) == (token != NULL) && (code == ASSAY_OK) == (error == NULL));
    }
    if (code == ASSAY_OK)
        code = describe(credential);
    assay_error_free(error);
    assay_access_token_unref(token);
    assay_credential_unref(credential);
    settle(live);
    return code;
}

static int get_workload(void)
{
    return get("workload-identity", true);
}

static int get_secret(void)
{
    return get("client-secret", false);
}

/* --- and by steps, with answers from here --- */

#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3VlciJ9.c2lnbmF0dXJl"

static const char answer[] = "{\"access_token\":\"" JWT "\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
                             "\"expires_on\":\"4000000000\",\"issued_token_type\":\"t\"}";
static const char account_answer[] = "{\"accessToken\":\"" JWT "\",\"expireTime\":\"2999-10-02T15:01:23Z\"}";

static int step_to_the_end(assay_credential *credential, const assay_token_request *request)
{
    assay_op *op = NULL;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int code = assay_op_new_acquire(credential, request, MOMENT_MS, &op, NULL);
    must((code == ASSAY_OK) == (op != NULL));
    for (int i = 0; code == ASSAY_OK && assay_op_step(op) == ASSAY_WANT_FETCH; i++) {
        must(i < 4 && assay_op_fetch_url(op) != NULL);
        const char *body = strstr(assay_op_fetch_url(op), "generateAccessToken") != NULL ? account_answer : answer;
        code = assay_op_fetched(op, 200, assay_op_fetch_url(op), (const uint8_t *)body, strlen(body));
    }
    if (code == ASSAY_OK) {
        code = assay_op_token(op, &token, &error);
        must((code == ASSAY_OK) == (token != NULL));
    }
    assay_error_free(error);
    assay_access_token_unref(token);
    assay_op_free(op);
    return code;
}

static int step_kind(const char *kind, const int *setters, size_t count, assay_credential *source, bool user)
{
    assay_credential *credential = NULL;
    assay_token_request *request = NULL;
    int code = assay_credential_new(scene.runtime, kind, &credential, NULL);
    for (size_t i = 0; code == ASSAY_OK && i < count; i++)
        code = set(credential, setters[i]);
    if (code == ASSAY_OK && source != NULL)
        code = assay_credential_set_source(credential, source, NULL, NULL);
    if (code == ASSAY_OK)
        code = assay_token_request_new(EXCHANGE_SCOPE, &request, NULL);
    must((request != NULL) == (code == ASSAY_OK));
    if (code == ASSAY_OK && user)
        code = assay_token_request_set_user_assertion(request, JWT, strlen(JWT), NULL);
    if (code == ASSAY_OK && user)
        code = assay_token_request_set_claims(request, "{\"access_token\":{\"nbf\":{\"essential\":true}}}", NULL);
    if (code == ASSAY_OK && user)
        code = assay_token_request_set_continuous_access(request, NULL);
    if (code == ASSAY_OK)
        code = step_to_the_end(credential, request);
    assay_token_request_free(request);
    assay_credential_unref(credential);
    return code;
}

/* Whether it is for the proxy is never taken for no because there was no memory to look. */
static int step_proxy(void)
{
    assay_credential *credential = NULL;
    assay_token_request *request = NULL;
    assay_op *op = NULL;
    int code = assay_credential_new(scene.runtime, "workload-identity", &credential, NULL);
    for (int i = 0; code == ASSAY_OK && i < 5; i++)
        code = set(credential, i);
    if (code == ASSAY_OK)
        code = assay_credential_set_token_proxy(credential, "https://p.test", NULL, NULL, NULL, NULL);
    if (code == ASSAY_OK)
        code = assay_token_request_new(EXCHANGE_SCOPE, &request, NULL);
    if (code == ASSAY_OK)
        code = assay_op_new_acquire(credential, request, MOMENT_MS, &op, NULL);
    if (code == ASSAY_OK && assay_op_step(op) == ASSAY_WANT_FETCH)
        must(strncmp(assay_op_fetch_url(op), "https://p.test/", 15) == 0);
    else if (code == ASSAY_OK)
        code = assay_op_token(op, &(assay_access_token *){NULL}, NULL);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
    return code;
}

static int step_for_user(void)
{
    return step_kind("client-secret", (const int[]){0, 2, 3, 5}, 4, NULL, true);
}

static int step_federated(void)
{
    assay_credential *source = NULL;
    int code = assay_credential_new(scene.runtime, "managed-identity", &source, NULL);
    if (code == ASSAY_OK)
        code = step_kind("federated", (const int[]){0, 2, 3}, 3, source, false);
    assay_credential_unref(source);
    return code;
}

static int step_exchange(void)
{
    return step_kind("token-exchange", (const int[]){2, 4, 5, 10, 12, 14, 15}, 7, NULL, false);
}

static int step_google(void)
{
    return step_kind("google", (const int[]){4, 14, 16}, 3, NULL, false);
}

/* OpenSSL takes a failure of memory for an unusable key. */
static int step_certificate(void)
{
    int code = step_kind("client-certificate", (const int[]){0, 2, 3, 6}, 4, NULL, false);
    return code == ASSAY_E_CONFIG_SIGNING_KEY ? ASSAY_E_CRYPTO : code;
}

static void test_case_97_configuring(void **state)
{
    (void)state;
    sweep("configuring a credential", configure, 1);
    sweep("a credential from JSON", from_json, 1);
}

static void test_case_97_by_steps(void **state)
{
    (void)state;
    exchange_scene_write_minted(&scene, "{\"claims\":{\"aud\":[\"api://AKSIdentityBinding\"]}}");
    sweep("the choice of the token proxy", step_proxy, 1);
    exchange_scene_rotate_file(&scene);
    sweep("on behalf of a user", step_for_user, 1);
    sweep("an identity as federated credential", step_federated, 1);
    sweep("an exchange", step_exchange, 1);
    sweep("google", step_google, 1);
    sweep("a certificate", step_certificate, 1);
}

static void test_case_97_over_the_network(void **state)
{
    (void)state;
    sweep("workload identity over TLS", get_workload, 1);
    sweep("a secret over TLS", get_secret, 5);
}

/* What the first use lacks memory for is no property of the credential: the next use has it. */
static void the_next_use_has_memory(void **state)
{
    (void)state;
    long failed = 0;
    for (long k = 1; k < 1000; k++) {
        assay_credential *credential = NULL;
        assay_token_request *request = NULL;
        assay_op *op = NULL;
        must(assay_credential_new(scene.runtime, "google", &credential, NULL) == ASSAY_OK);
        must(set(credential, 4) == ASSAY_OK && set(credential, 14) == ASSAY_OK);
        must(assay_token_request_new("", &request, NULL) == ASSAY_OK);
        arm(k, false);
        int code = assay_op_new_acquire(credential, request, MOMENT_MS, &op, NULL);
        bool all = seen < k;
        disarm();
        assay_op_free(ASSAY_STEAL(op));
        failed += code == ASSAY_E_MEMORY;
        assert_true(code == ASSAY_OK || code == ASSAY_E_MEMORY);
        assert_int_equal(assay_op_new_acquire(credential, request, MOMENT_MS, &op, NULL), ASSAY_OK);
        assay_op_free(op);
        assay_token_request_free(request);
        assay_credential_unref(credential);
        if (all)
            break;
    }
    assert_true(failed > 0 || !CAN_FAIL);
}

/* A token that is kept is found without memory, also for a request, which may hold a user's token. */
static void kept(void **state)
{
    static const char user[] = "e30.e30.c2ln";
    assay_token_request *request = NULL;
    assay_access_token *token = NULL;
    (void)state;
    assay_credential *credential = exchange_scene_secret(&scene);
    token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assay_access_token_unref(token);
    assert_int_equal(assay_token_request_new(EXCHANGE_SCOPE, &request, NULL), ASSAY_OK);
    arm(1, true);
    int by_scope = assay_credential_get_token(credential, EXCHANGE_SCOPE, 0, &token, NULL);
    assay_access_token_unref(token);
    int by_request = assay_credential_get_token_for(credential, request, 0, &token, NULL);
    assay_access_token_unref(token);
    disarm();
    assert_int_equal(seen, 0);
    assert_int_equal(by_scope, ASSAY_OK);
    assert_int_equal(by_request, ASSAY_OK);
    assert_int_equal(assay_token_request_set_user_assertion(request, user, sizeof user - 1, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_get_token_for(credential, request, 0, &token, NULL), ASSAY_E_TOKEN_NEEDED);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

static int setup(void **state)
{
    if (client_keys_make(state) != 0)
        return 1;
    exchange_scene_start(&scene);
    (void)snprintf(certificate, sizeof certificate, "%s", client_keys_path("client.pem"));
    (void)snprintf(key, sizeof key, "%s", client_keys_path("client.key"));
    return 0;
}

static int teardown(void **state)
{
    exchange_scene_stop(&scene);
    return client_keys_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_97_configuring),
        cmocka_unit_test(test_case_97_by_steps),
        cmocka_unit_test(test_case_97_over_the_network),
        cmocka_unit_test(the_next_use_has_memory),
        cmocka_unit_test(kept),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
