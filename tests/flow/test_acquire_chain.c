/* SPDX-License-Identifier: MIT */
/* A pod as Kubernetes makes it, beside a node's identity that works: what the default chain uses, what it never falls back to, and how it explains itself. */
#include "support/arrivals.h"
#include "support/exchange_scene.h"
#include "support/raw_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static dev_issuer *node; /* whose agent works */
static char volume[128]; /* as the kubelet lays it out */

static const char *const variables[] = {"AZURE_POD_IDENTITY_AUTHORITY_HOST",
                                        "AZURE_CLIENT_ID",
                                        "AZURE_TENANT_ID",
                                        "AZURE_FEDERATED_TOKEN_FILE",
                                        "AZURE_AUTHORITY_HOST",
                                        "AZURE_CLIENT_SECRET",
                                        "AZURE_TOKEN_CREDENTIALS"};

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        (void)unsetenv(variables[i]);
    (void)dev_issuer_fault(node, "all", "none", -1, -1);
    (void)dev_issuer_fault(the_scene.entra, "all", "none", -1, -1);
    dev_issuer_stats_reset(node);
    return 0;
}

/* What the webhook and the node give to a pod. */
static void be_a_pod(void)
{
    char file[256];
    (void)snprintf(file, sizeof file, "%s/azure-identity-token", volume);
    set("AZURE_FEDERATED_TOKEN_FILE", file);
    set("AZURE_TENANT_ID", EXCHANGE_TENANT);
    set("AZURE_CLIENT_ID", EXCHANGE_CLIENT);
    set("AZURE_AUTHORITY_HOST", dev_issuer_base(the_scene.entra));
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", dev_issuer_base(node));
}

/* The kubelet's way: a folder of its own, then the link ..data is replaced, then the old folder goes. */
static void project(const char *request)
{
    static int generation;
    char folder[256], path[320], link[256], fresh[256], old[256] = "";
    char *token = NULL;
    assert_int_equal(dev_issuer_mint(the_scene.cluster, request, &token), 0);
    (void)snprintf(folder, sizeof folder, "%s/..2026_%d", volume, ++generation);
    assert_int_equal(mkdir(folder, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/azure-identity-token", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(token, file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(link, sizeof link, "%s/..data", volume);
    (void)snprintf(fresh, sizeof fresh, "%s/..data_tmp", volume);
    ssize_t len = readlink(link, old, sizeof old - 1);
    assert_int_equal(symlink(folder, fresh), 0);
    assert_int_equal(rename(fresh, link), 0);
    if (len > 0) {
        char gone[320];
        (void)snprintf(gone, sizeof gone, "%s/azure-identity-token", old);
        (void)unlink(gone);
        (void)rmdir(old);
    }
    free(token);
}

static assay_credential *from_environment(const char *kind)
{
    assay_credential *credential = NULL;
    assay_error *error = NULL;
    if (assay_credential_new_from_environment(the_scene.runtime, kind, &credential, &error) != ASSAY_OK)
        fail_msg("%s", assay_error_message(error));
    return credential;
}

static void got_from(assay_credential *credential, const char *source)
{
    assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assert_string_equal(assay_access_token_source(token), source);
    assay_access_token_unref(token);
}

/* Entra checks for real that the assertion is within its time, so a copy that was kept would be refused. */
static void rotating_volume(void **state)
{
    char request[128];
    (void)state;
    be_a_pod();
    project(NULL);
    assay_credential *credential = from_environment(NULL);
    got_from(credential, "workload-identity");
    for (int i = 0; i < 4; i++) {
        arrivals sent;
        (void)snprintf(request, sizeof request, "{\"claims\":{\"jti\":\"rotation-%d\",\"exp\":%lld}}", i,
                       (long long)time(NULL) + 40);
        project(request);
        assay_credential_forget(credential, NULL);
        got_from(credential, "workload-identity");
        arrivals_take(the_scene.entra, &sent);
        (void)snprintf(request, sizeof request, "rotation-%d", i);
        assert_string_equal(json_string_value(arrivals_assertion(&sent, "assertion_claims", "jti")), request);
        arrivals_drop(&sent);
    }
    assert_int_equal(dev_issuer_stats(node, "imds"), 0);
    assay_credential_unref(credential);
}

/* Settled 2: what is configured and broken is said, and the node's identity is not asked. */
static void configured_but_broken(void **state)
{
    static const struct {
        const char *unset;
        int code, row;
    } all[] = {{"AZURE_CLIENT_ID", ASSAY_E_CONFIG_CREDENTIAL, 50}, {"AZURE_TENANT_ID", ASSAY_E_CONFIG_CREDENTIAL, 0}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        (void)clear(state);
        be_a_pod();
        project(NULL);
        (void)unsetenv(all[i].unset);
        assay_credential *credential = from_environment(NULL);
        assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, all[i].code);
        assert_int_equal(assay_error_diagnosis(error), all[i].row);
        assert_non_null(strstr(assay_error_message(error), all[i].unset));
        assay_error_free(error);
        assay_credential_unref(credential);
        assert_int_equal(dev_issuer_stats(node, "imds"), 0);
    }
}

static void configured_and_failing(void **state)
{
    static const struct {
        const char *kind;
        int64_t value;
        int code;
    } all[] = {{"aadsts", 700016, ASSAY_E_GRANT},
               {"status", 503, ASSAY_E_GRANT_UNAVAILABLE},
               {"throttled", 100, ASSAY_E_THROTTLED}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)clear(state);
        be_a_pod();
        project(NULL);
        assay_credential *credential = from_environment(NULL);
        assert_int_equal(dev_issuer_fault(the_scene.entra, "token", all[i].kind, all[i].value, -1), 0);
        assay_error_free(exchange_scene_refused(credential, EXCHANGE_SCOPE, 2000, all[i].code));
        assay_credential_unref(credential);
        assert_int_equal(dev_issuer_stats(node, "imds"), 0);
    }
    (void)clear(state);
    be_a_pod();
    set("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1"); /* where nobody listens */
    assay_credential *unreached = from_environment(NULL);
    assay_error *refusal = exchange_scene_refused(unreached, EXCHANGE_SCOPE, 2000, ASSAY_E_CONNECT);
    assert_int_equal(assay_error_diagnosis(refusal), 56);
    assay_error_free(refusal);
    assay_credential_unref(unreached);
    (void)clear(state);
    be_a_pod();
    set("AZURE_FEDERATED_TOKEN_FILE", "/tmp/no-such-folder/token");
    assay_credential *credential = from_environment(NULL);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 2000, ASSAY_E_TOKEN_FILE_MISSING);
    assert_int_equal(assay_error_diagnosis(error), 51);
    assay_error_free(error);
    assay_credential_unref(credential);
    assert_int_equal(dev_issuer_stats(node, "imds"), 0);
}

static json_t *described(const assay_credential *credential)
{
    uint8_t *text = NULL;
    size_t len = 0;
    assert_int_equal(assay_credential_describe(credential, &text, &len, NULL), ASSAY_OK);
    assert_int_equal(strlen((const char *)text), len);
    json_t *document = json_loadb((const char *)text, len, 0, NULL);
    assert_non_null(document);
    assert_null(strstr((const char *)text, "eyJ"));
    assay_bytes_free(text, len);
    return document;
}

static const char *reason_of(const json_t *document, const char *source)
{
    const json_t *list = json_object_get(document, "skipped");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(one, "source")), source) == 0)
            return json_string_value(json_object_get(one, "reason"));
    }
    return NULL;
}

static void every_skipped_source_is_explained(void **state)
{
    (void)state;
    be_a_pod();
    project(NULL);
    assay_credential *credential = from_environment(NULL);
    json_t *document = described(credential);
    assert_string_equal(json_string_value(json_object_get(document, "kind")), "workload-identity");
    assert_true(json_is_null(json_object_get(document, "source")));
    assert_non_null(strstr(reason_of(document, "client-secret"), "AZURE_CLIENT_SECRET"));
    assert_non_null(strstr(reason_of(document, "client-certificate"), "AZURE_CLIENT_CERTIFICATE_PATH"));
    assert_non_null(reason_of(document, "managed-identity"));
    assert_non_null(strstr(reason_of(document, "managed-identity"), "workload-identity"));
    assert_null(reason_of(document, "workload-identity"));
    json_decref(document);
    got_from(credential, "workload-identity");
    document = described(credential);
    assert_string_equal(json_string_value(json_object_get(document, "source")), "workload-identity");
    const json_t *token = json_array_get(json_object_get(document, "tokens"), 0);
    assert_string_equal(json_string_value(json_object_get(token, "scope")), EXCHANGE_SCOPE);
    assert_in_range(json_integer_value(json_object_get(token, "expires_in_seconds")), 3000, 6000);
    assert_true(json_is_null(json_object_get(token, "last_failure")));
    json_decref(document);
    assay_credential_unref(credential);
}

/* The one way to the node's identity where workload identity is configured: it is asked for by its name. Then nothing looks whether it is there first. */
static void a_named_identity_is_asked_at_once(void **state)
{
    (void)state;
    be_a_pod();
    project(NULL);
    set("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential");
    assay_credential *credential = from_environment(NULL);
    got_from(credential, "managed-identity (IMDS)");
    assert_int_equal(dev_issuer_stats(node, "imds"), 1);
    json_t *document = described(credential);
    assert_string_equal(json_string_value(json_object_get(document, "kind")), "managed-identity");
    assert_non_null(strstr(reason_of(document, "workload-identity"), "left out, since AZURE_TOKEN_CREDENTIALS is"));
    assert_non_null(strstr(reason_of(document, "client-secret"), "AZURE_TOKEN_CREDENTIALS"));
    json_decref(document);
    assay_credential_unref(credential);
    (void)unsetenv("AZURE_FEDERATED_TOKEN_FILE");
    set("AZURE_TOKEN_CREDENTIALS", "prod");
    credential = from_environment(NULL);
    dev_issuer_stats_reset(node);
    got_from(credential, "managed-identity (IMDS)");
    assert_int_equal(dev_issuer_stats(node, "imds"), 2); /* it was looked for */
    assay_credential_unref(credential);
}

/* What AZURE_TOKEN_CREDENTIALS names is all there is: what is missing or not here is said, and nothing is asked. */
static void nothing_steps_in_for_a_named_credential(void **state)
{
    static const struct {
        const char *value, *unset;
        int row;
    } all[] = {{"WorkloadIdentityCredential", "AZURE_FEDERATED_TOKEN_FILE", 49},
               {"EnvironmentCredential", "AZURE_CLIENT_SECRET", 0},
               {"AzureCliCredential", "AZURE_CLIENT_SECRET", 0},
               {"dev", "AZURE_CLIENT_SECRET", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assay_credential *credential = (assay_credential *)&all[i];
        assay_error *error = NULL;
        be_a_pod();
        project(NULL);
        (void)unsetenv(all[i].unset);
        set("AZURE_TOKEN_CREDENTIALS", all[i].value);
        int code = assay_credential_new_from_environment(the_scene.runtime, NULL, &credential, &error);
        assert_int_equal(code, ASSAY_E_CONFIG_CREDENTIAL);
        assert_null(credential);
        assert_int_equal(assay_error_diagnosis(error), all[i].row);
        assert_non_null(strstr(assay_error_message(error), all[i].value));
        assay_error_free(error);
        /* It narrows the chain, and says nothing of a kind that the program names. */
        credential = from_environment("managed-identity");
        got_from(credential, "managed-identity (IMDS)");
        assay_credential_unref(credential);
    }
}

static assay_credential *chain_of(assay_credential *first, assay_credential *second)
{
    assay_credential *chain = NULL;
    assay_credential *const members[] = {first, second};
    assert_int_equal(assay_credential_new_chain(the_scene.runtime, members, 2, &chain, NULL), ASSAY_OK);
    assay_credential_unref(first);
    assay_credential_unref(second);
    return chain;
}

/* A member that lacks something is passed over; one that is there and fails is the answer. */
static void chain_of_ones_own(void **state)
{
    assay_credential *empty = NULL;
    (void)state;
    be_a_pod();
    project(NULL);
    assert_int_equal(assay_credential_new(the_scene.runtime, "client-secret", &empty, NULL), ASSAY_OK);
    assay_credential *chain = chain_of(empty, from_environment("workload-identity"));
    got_from(chain, "workload-identity");
    json_t *document = described(chain);
    assert_string_equal(json_string_value(json_object_get(document, "kind")), "chain");
    assert_string_equal(json_string_value(json_object_get(document, "source")), "workload-identity");
    assert_int_equal(json_array_size(json_object_get(document, "members")), 2);
    json_decref(document);
    assay_credential_unref(chain);
    chain = chain_of(from_environment("workload-identity"), from_environment("managed-identity"));
    assert_int_equal(dev_issuer_fault(the_scene.entra, "token", "aadsts", 70021, -1), 0);
    assay_error *error = exchange_scene_refused(chain, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 1);
    assay_error_free(error);
    assert_int_equal(dev_issuer_stats(node, "imds"), 0);
    assay_credential_unref(chain);
}

/* Off Azure a managed identity that stands first is found absent at once, whoever made the chain (row 67). */
static void absent_member_is_passed_over_quickly(void **state)
{
    static const raw_script silent = {.head = "", .hold = true};
    struct timespec start, end;
    char host[64];
    (void)state;
    raw_server *server = raw_server_start(&silent);
    be_a_pod();
    project(NULL);
    (void)snprintf(host, sizeof host, "http://127.0.0.1:%d", raw_server_port(server));
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", host);
    assay_credential *chain = chain_of(from_environment("managed-identity"), from_environment("workload-identity"));
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    got_from(chain, "workload-identity");
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    assert_in_range(end.tv_sec - start.tv_sec, 0, 2);
    assert_int_equal(raw_server_connections(server), 1);
    assay_credential_unref(chain);
    raw_server_stop(server);
}

static int setup(void **state)
{
    char message[256], json[256], link[256];
    (void)exchange_scene_setup(state);
    (void)snprintf(volume, sizeof volume, "%s/volume", the_scene.folder);
    (void)snprintf(link, sizeof link, "%s/azure-identity-token", volume);
    if (mkdir(volume, 0755) != 0 || symlink("..data/azure-identity-token", link) != 0)
        return 1;
    if (dev_issuer_start(&(dev_issuer_options){.entra = true}, &node, message, sizeof message) != 0)
        return 1;
    (void)snprintf(json, sizeof json,
                   "{\"client_id\":\"%s\",\"managed_identity\":{\"principal_id\":"
                   "\"bbbbbbbb-1111-2222-3333-cccccccccccc\",\"system_assigned\":true}}",
                   EXCHANGE_CLIENT);
    return dev_issuer_add_app(node, json, message, sizeof message);
}

static int teardown(void **state)
{
    char command[192];
    (void)clear(state);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", volume);
    int code = system(command);
    dev_issuer_stop(node);
    exchange_scene_stop(&the_scene);
    return code == 0 ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rotating_volume, clear),
        cmocka_unit_test_setup(configured_but_broken, clear),
        cmocka_unit_test_setup(configured_and_failing, clear),
        cmocka_unit_test_setup(every_skipped_source_is_explained, clear),
        cmocka_unit_test_setup(a_named_identity_is_asked_at_once, clear),
        cmocka_unit_test_setup(nothing_steps_in_for_a_named_credential, clear),
        cmocka_unit_test_setup(chain_of_ones_own, clear),
        cmocka_unit_test_setup(absent_member_is_passed_over_quickly, clear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
