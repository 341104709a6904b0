/* SPDX-License-Identifier: MIT */
/* Credentials through the exported functions alone: arguments, kinds, freezing, ownership. */
#include "support/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"
#define CLIENT "00001111-aaaa-2222-bbbb-3333cccc4444"
#define SCOPE "https://vault.azure.net/.default"

static const char *const kinds[] = {
    "workload-identity", "client-secret",    "client-certificate", "client-assertion", "federated", "github-actions",
    "azure-pipelines",   "managed-identity", "client-credentials", "token-exchange",   "google"};

static void freeze(assay_credential *credential)
{
    assay_access_token *token = NULL;
    int code = assay_credential_get_token(credential, SCOPE, 0, &token, NULL);
    assert_int_not_equal(code, ASSAY_OK);
    assert_null(token);
}

static void kinds_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assay_credential_unref(credential_of(kinds[i]));
    static const char *const none[] = {"", "chain", "Workload-Identity", "workload-identity ", "imds"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assay_credential *credential = (assay_credential *)&none;
        assay_error *error = NULL;
        assert_int_equal(assay_credential_new(NULL, none[i], &credential, &error), ASSAY_E_CONFIG_CREDENTIAL);
        assert_null(credential);
        assert_int_equal(assay_error_code(error), ASSAY_E_CONFIG_CREDENTIAL);
        assay_error_free(error);
    }
}

static void bad_arguments_of_constructors(void **state)
{
    (void)state;
    assay_credential *made = (assay_credential *)&kinds, *one = credential_complete(), *const members[] = {one, NULL};
    assert_int_equal(assay_credential_new(NULL, NULL, &made, NULL), ASSAY_E_ARGUMENT);
    assert_null(made);
    assert_int_equal(assay_credential_new(NULL, "google", NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_new_from_environment(NULL, NULL, NULL, NULL), ASSAY_E_ARGUMENT);
    made = one;
    assert_int_equal(assay_credential_new_from_environment(NULL, "no-such", &made, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_null(made);
    made = one;
    assert_int_equal(assay_credential_new_chain(NULL, members, 2, &made, NULL), ASSAY_E_ARGUMENT);
    assert_null(made);
    assert_int_equal(assay_credential_new_chain(NULL, members, 0, &made, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_new_chain(NULL, NULL, 1, &made, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_new_chain(NULL, members, 1, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_new_chain(NULL, members, 17, &made, NULL), ASSAY_E_ARGUMENT);
    made = one;
    assert_int_equal(assay_credential_from_json(NULL, NULL, 0, &made, NULL), ASSAY_E_ARGUMENT);
    assert_null(made);
    assert_int_equal(assay_credential_from_json(NULL, "{}", 2, NULL, NULL), ASSAY_E_ARGUMENT);
    assay_credential_unref(one);
    assay_credential_unref(NULL);
    assert_null(assay_credential_ref(NULL));
}

/* Every setter by a number, with good values; so that all of them meet the same checks. */
enum { SETTERS = 24 };

static int give(void *user_data, char *assertion, size_t size, size_t *len)
{
    (void)assertion;
    (void)size;
    *len = 0;
    return user_data == NULL;
}

static int set(assay_credential *credential, int which, assay_credential *source, assay_error **error)
{
    switch (which) {
    case 0:
        return assay_credential_set_tenant(credential, TENANT, error);
    case 1:
        return assay_credential_add_tenant(credential, "*", error);
    case 2:
        return assay_credential_set_client_id(credential, CLIENT, error);
    case 3:
        return assay_credential_set_authority(credential, "https://login.microsoftonline.us", error);
    case 4:
        return assay_credential_set_token_file(credential, "/token", error);
    case 5:
        return assay_credential_set_secret(credential, "s", 1, error);
    case 6:
        return assay_credential_set_signing_files(credential, "/c.pem", "/k.pem", "p", error);
    case 7:
        return assay_credential_set_signing_form(credential, "RS256", "k", error);
    case 8:
        return assay_credential_send_certificate_chain(credential, error);
    case 9:
        return assay_credential_set_assertion_function(credential, give, NULL, NULL, error);
    case 10:
        return assay_credential_set_source(credential, source, "s", error);
    case 11:
        return assay_credential_set_token_proxy_mode(credential, ASSAY_TOKEN_PROXY_ON, error);
    case 12:
        return assay_credential_set_token_proxy(credential, "https://p.test", NULL, NULL, NULL, error);
    case 13:
        return assay_credential_set_identity(credential, ASSAY_IDENTITY_NAME_CLIENT_ID, CLIENT, error);
    case 14:
        return assay_credential_set_token_endpoint(credential, "https://s.test/t", error);
    case 15:
        return assay_credential_set_assertion_audience(credential, "a", error);
    case 16:
        return assay_credential_set_client_method(credential, "none", error);
    case 17:
        return assay_credential_set_token_types(credential, "a", "b", error);
    case 18:
        return assay_credential_set_actor(credential, "/a", "t", error);
    case 19:
        return assay_credential_add_audience(credential, "a", error);
    case 20:
        return assay_credential_add_resource(credential, "https://r.test", error);
    case 21:
        return assay_credential_set_service_account(credential, "a@b.test", error);
    case 22:
        return assay_credential_wait_for_propagation(credential, error);
    default:
        return assay_credential_allow_loopback_http(credential, error);
    }
}

static void every_setter(void **state)
{
    (void)state;
    assay_credential *fresh = credential_of("federated"), *frozen = credential_complete(),
                     *source = credential_complete();
    freeze(frozen);
    for (int i = 0; i < SETTERS; i++) {
        assay_error *error = NULL;
        assert_int_equal(set(fresh, i, source, &error), ASSAY_OK);
        assert_null(error);
        assert_int_equal(set(frozen, i, source, &error), ASSAY_E_FROZEN);
        assert_int_equal(assay_error_code(error), ASSAY_E_FROZEN);
        assay_error_free(error);
        error = NULL;
        assert_int_equal(set(NULL, i, source, &error), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_error_code(error), ASSAY_E_ARGUMENT);
        assay_error_free(error);
        assert_int_equal(set(NULL, i, source, NULL), ASSAY_E_ARGUMENT);
    }
    assert_int_equal(assay_credential_set_cache_directory(NULL, "/tmp", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_cache_directory(frozen, "/tmp", NULL), ASSAY_E_FROZEN);
    assert_int_equal(assay_credential_set_cache_directory(fresh, "/no/such/folder", NULL), ASSAY_E_CONFIG_STORE);
    assay_credential_unref(fresh);
    assay_credential_unref(frozen);
    assay_credential_unref(source);
}

static void bad_values_of_setters(void **state)
{
    (void)state;
    assay_credential *c = credential_of("federated");
    assert_int_equal(assay_credential_add_tenant(c, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_signing_files(c, NULL, NULL, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_source(c, NULL, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_source(c, c, NULL, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_set_token_proxy_mode(c, 3, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_token_proxy_mode(c, -1, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_identity(c, 4, "x", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_identity(c, -1, "x", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_identity(c, ASSAY_IDENTITY_NAME_SYSTEM, "x", NULL),
                     ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_set_identity(c, ASSAY_IDENTITY_NAME_OBJECT_ID, NULL, NULL),
                     ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_set_client_method(c, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_client_method(c, "client_secret_jwt", NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_add_audience(c, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_add_resource(c, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_secret(c, "", 0, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_set_service_account(c, "a/../b@c", NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_set_service_account(c, "https://x@evil.test/", NULL), ASSAY_E_CONFIG_URL);
    for (int i = 0; i < 16; i++)
        assert_int_equal(assay_credential_add_audience(c, "a", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_add_audience(c, "a", NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assay_credential_unref(c);
}

/* A setter of two values that refuses the second has not taken the first. */
static void failing_setter_changes_nothing(void **state)
{
    (void)state;
    static const char kept[] = "\"token_file\":\"/first\"";
    uint8_t *json = NULL;
    size_t len = 0;
    assay_credential *c = credential_of("workload-identity");
    assert_int_equal(assay_credential_set_token_file(c, "/first", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_file(c, "/sec\nond", NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_describe(c, &json, &len, NULL), ASSAY_OK);
    assert_non_null(strstr((const char *)json, kept));
    assay_bytes_free(json, len);
    /* The actor's file was not taken without its type: what is missing is the subject and no actor. */
    assay_credential_unref(c);
    c = credential_of("token-exchange");
    assay_error *error = NULL;
    assay_access_token *token = NULL;
    assert_int_equal(assay_credential_set_actor(c, "/actor", "ty\npe", NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_get_token(c, "", 0, &token, &error), ASSAY_E_CONFIG_CREDENTIAL);
    assert_null(strstr(assay_error_message(error), "actor"));
    assay_error_free(error);
    assay_credential_unref(c);
}

static assay_error *refused(assay_credential *credential, const char *scope, int code)
{
    assay_access_token *token = (assay_access_token *)&kinds;
    assay_error *error = NULL;
    int found = assay_credential_get_token(credential, scope, 0, &token, &error);
    if (found != code)
        fail_msg("%s instead of %s for %s", assay_code_name(found), assay_code_name(code), scope);
    assert_null(token);
    assert_non_null(error);
    return error;
}

/* Destroyed once, whether it was taken, replaced or refused. */
static void destroy(void *user_data)
{
    ++*(int *)user_data;
}

static void destroy_runs_exactly_once(void **state)
{
    (void)state;
    int first = 0, second = 0, refused_count = 0;
    assay_credential *c = credential_of("client-assertion");
    assert_int_equal(assay_credential_set_assertion_function(c, NULL, &refused_count, destroy, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(refused_count, 1);
    assert_int_equal(assay_credential_set_assertion_function(NULL, give, &refused_count, destroy, NULL),
                     ASSAY_E_ARGUMENT);
    assert_int_equal(refused_count, 2);
    assert_int_equal(assay_credential_set_assertion_function(c, give, &first, destroy, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_assertion_function(c, give, &second, destroy, NULL), ASSAY_OK);
    assert_int_equal(first, 1);
    assert_ptr_equal(assay_credential_ref(c), c);
    assay_credential_unref(c);
    freeze(c);
    assert_int_equal(assay_credential_set_assertion_function(c, give, &refused_count, destroy, NULL), ASSAY_E_FROZEN);
    assert_int_equal(refused_count, 3);
    assert_int_equal(second, 0);
    assay_credential_unref(c);
    assert_int_equal(second, 1);
    assert_int_equal(first, 1);
}

/* What a source uses lives as long as who uses it. */
static void sources_outlive_their_owner(void **state)
{
    (void)state;
    int destroyed = 0;
    assay_credential *source = credential_of("client-assertion"), *user = credential_of("federated"), *chain = NULL;
    assert_int_equal(assay_credential_set_assertion_function(source, give, &destroyed, destroy, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_source(user, source, NULL, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_source(user, source, NULL, NULL), ASSAY_E_STATE);
    assert_int_equal(assay_credential_set_tenant(source, TENANT, NULL), ASSAY_E_FROZEN);
    assay_credential_unref(source);
    assert_int_equal(assay_credential_new_chain(NULL, &user, 1, &chain, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_tenant(user, TENANT, NULL), ASSAY_E_FROZEN);
    assay_credential_unref(user);
    assay_error_free(refused(chain, SCOPE, ASSAY_E_TOKEN_NEEDED));
    assert_int_equal(destroyed, 0);
    assay_credential_unref(chain);
    assert_int_equal(destroyed, 1);
}

static void chains_of_chains_end(void **state)
{
    (void)state;
    assay_credential *inner = credential_complete();
    for (int depth = 2; depth <= 4; depth++) {
        assay_credential *outer = NULL;
        assert_int_equal(assay_credential_new_chain(NULL, &inner, 1, &outer, NULL), ASSAY_OK);
        assay_credential_unref(inner);
        inner = outer;
    }
    assay_credential *outer = inner;
    assert_int_equal(assay_credential_new_chain(NULL, &inner, 1, &outer, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assert_null(outer);
    assay_credential_unref(inner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_by_name),
        cmocka_unit_test(bad_arguments_of_constructors),
        cmocka_unit_test(every_setter),
        cmocka_unit_test(bad_values_of_setters),
        cmocka_unit_test(failing_setter_changes_nothing),
        cmocka_unit_test(destroy_runs_exactly_once),
        cmocka_unit_test(sources_outlive_their_owner),
        cmocka_unit_test(chains_of_chains_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
