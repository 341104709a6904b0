/* SPDX-License-Identifier: MIT */
/* Credentials from JSON: the examples of docs/configuration.md, every member, what is refused, and files with secrets. */
#include "support/source_text.h"

#include <assay/assay.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRA                                                                                                          \
    "\"tenant\":\"aaaabbbb-0000-cccc-1111-dddd2222eeee\",\"client_id\":\"00001111-aaaa-2222-bbbb-3333cccc4444\","      \
    "\"authority\":\"https://127.0.0.1:1\""
#define SCOPE "https://vault.azure.net/.default"

static assay_credential *load(const char *json)
{
    assay_credential *credential = NULL;
    assay_error *error = NULL;
    if (assay_credential_from_json(NULL, json, strlen(json), &credential, &error) != ASSAY_OK)
        fail_msg("%s: %s", json, assay_error_message(error));
    assert_null(error);
    return credential;
}

static void refuse(const char *json, int code, const char *says)
{
    assay_credential *credential = (assay_credential *)&code;
    assay_error *error = NULL;
    int found = assay_credential_from_json(NULL, json, strlen(json), &credential, &error);
    if (found != code)
        fail_msg("%s: %s", json, assay_code_name(found));
    assert_null(credential);
    if (strstr(assay_error_message(error), says) == NULL)
        fail_msg("%s does not say %s", assay_error_message(error), says);
    assert_null(strstr(assay_error_message(error), "sesame"));
    assay_error_free(error);
}

/* --- the document --- */

static char *read_document(void)
{
    char *document = source_text_read("docs/configuration.md");
    char *begin = strstr(document, "\n## Credentials\n");
    assert_non_null(begin);
    memmove(document, begin, strlen(begin) + 1);
    return document;
}

static void every_example_loads(void **state)
{
    char *document = read_document();
    const char *cursor = document;
    size_t len = 0;
    int count = 0;
    (void)state;
    for (const char *block; (block = source_text_block(&cursor, &len)) != NULL; count++) {
        assay_credential *credential = NULL;
        assay_error *error = NULL;
        if (assay_credential_from_json(NULL, block, len, &credential, &error) != ASSAY_OK)
            fail_msg("example %d: %s", count + 1, assay_error_message(error));
        assay_credential_unref(credential);
    }
    assert_int_equal(count, 8);
    free(document);
}

/* The members that the source knows are in the table and in an example. */
static void every_member_is_described(void **state)
{
    static const char *const forms[] = {"\n    {\"", "\n    TEXT(\"", "\n    FLAG(\""};
    static const char *const more[] = {"kind", "members", "source", "token_proxy"};
    char *source = source_text_read("lib/flow/credential_json.c"), *document = read_document();
    char *table = strstr(source, "rows[] = {"), *end = strstr(table, "\n};");
    int count = 0;
    (void)state;
    *end = '\0';
    for (size_t form = 0; form < 3; form++) {
        for (const char *at = table; (at = strstr(at, forms[form])) != NULL; count++) {
            char name[64], row[80], use[80];
            at += strlen(forms[form]);
            (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "\""), at);
            (void)snprintf(row, sizeof row, "`%s`", name);
            (void)snprintf(use, sizeof use, "\"%s\": ", name);
            if (strstr(document, row) == NULL || strstr(document, use) == NULL)
                fail_msg("docs/configuration.md does not describe or use %s", name);
        }
    }
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        char use[80];
        (void)snprintf(use, sizeof use, "\"%s\": ", more[i]);
        assert_non_null(strstr(document, use));
    }
    assert_true(count >= 25); /* or the form of the source changed, and this reads nothing */
    free(source);
    free(document);
}

/* --- what is refused --- */

static void shapes_that_are_refused(void **state)
{
    (void)state;
    refuse("", ASSAY_E_CONFIG, "");
    refuse("{", ASSAY_E_CONFIG, "");
    refuse("{\"kind\":\"google\"} x", ASSAY_E_CONFIG, "");
    refuse("{\"kind\":\"google\",\"kind\":\"google\"}", ASSAY_E_CONFIG, "");
    refuse("{\"kind\":\"google\",\"client_id\":\"a\\u0000b\"}", ASSAY_E_CONFIG, "");
    refuse("[]", ASSAY_E_CONFIG_MEMBER, "credential");
    refuse("\"google\"", ASSAY_E_CONFIG_MEMBER, "credential");
    refuse("{}", ASSAY_E_CONFIG_MEMBER, "kind");
    refuse("{\"kind\":\"Google\"}", ASSAY_E_CONFIG_MEMBER, "kind");
    refuse("{\"kind\":1}", ASSAY_E_CONFIG_MEMBER, "kind");
    refuse("{\"kind\":\"google\",\"secret\":\"sesame\"}", ASSAY_E_CONFIG_MEMBER, "secret");
    refuse("{\"kind\":\"google\",\"Tenant\":\"a\"}", ASSAY_E_CONFIG_MEMBER, "Tenant");
    refuse("{\"kind\":\"chain\"}", ASSAY_E_CONFIG_MEMBER, "members");
    refuse("{\"kind\":\"chain\",\"members\":[]}", ASSAY_E_CONFIG_MEMBER, "members");
    refuse("{\"kind\":\"chain\",\"members\":{}}", ASSAY_E_CONFIG_MEMBER, "members");
    refuse("{\"kind\":\"chain\",\"members\":[1]}", ASSAY_E_CONFIG_MEMBER, "credential");
    refuse("{\"kind\":\"chain\",\"members\":[{\"kind\":\"google\"}],\"tenant\":\"a\"}", ASSAY_E_CONFIG_MEMBER,
           "tenant");
    refuse("{\"kind\":\"chain\",\"members\":[{\"kind\":\"google\"},{\"kind\":\"google\",\"x\":1}]}",
           ASSAY_E_CONFIG_MEMBER, "x");
    refuse("{\"kind\":\"google\",\"members\":[]}", ASSAY_E_CONFIG_MEMBER, "members");
    refuse("{\"kind\":\"managed-identity\",\"from_environment\":1}", ASSAY_E_CONFIG_MEMBER, "from_environment");
}

static void nested_shapes_that_are_refused(void **state)
{
    (void)state;
    refuse("{\"kind\":\"federated\",\"source\":1}", ASSAY_E_CONFIG_MEMBER, "source");
    refuse("{\"kind\":\"federated\",\"source\":{}}", ASSAY_E_CONFIG_MEMBER, "credential");
    refuse("{\"kind\":\"federated\",\"source\":{\"credential\":{\"kind\":\"google\"},\"scope\":1}}",
           ASSAY_E_CONFIG_MEMBER, "scope");
    refuse("{\"kind\":\"federated\",\"source\":{\"credential\":{\"kind\":\"google\"},\"scopes\":\"a\"}}",
           ASSAY_E_CONFIG_MEMBER, "scopes");
    refuse("{\"kind\":\"workload-identity\",\"token_proxy\":\"https://p.test\"}", ASSAY_E_CONFIG_MEMBER, "token_proxy");
    refuse("{\"kind\":\"workload-identity\",\"token_proxy\":{\"url\":1}}", ASSAY_E_CONFIG_MEMBER, "url");
    refuse("{\"kind\":\"workload-identity\",\"token_proxy\":{\"ca_pem\":\"x\"}}", ASSAY_E_CONFIG_MEMBER, "ca_pem");
    refuse("{\"kind\":\"workload-identity\",\"token_proxy\":{\"tls_name\":\"p.test\"}}", ASSAY_E_CONFIG_CREDENTIAL,
           "AZURE_KUBERNETES_TOKEN_PROXY");
    refuse("{\"kind\":\"workload-identity\",\"token_proxy_mode\":\"ON\"}", ASSAY_E_CONFIG_MEMBER, "token_proxy_mode");
}

#define FEDERATED "{\"kind\":\"federated\",\"source\":{\"credential\":"

static void nesting_ends_at_four(void **state)
{
    (void)state;
    assay_credential_unref(load(FEDERATED FEDERATED FEDERATED "{\"kind\":\"managed-identity\"}}}}}}}"));
    refuse(FEDERATED FEDERATED FEDERATED FEDERATED "{\"kind\":\"managed-identity\"}}}}}}}}}", ASSAY_E_CONFIG_MEMBER,
           "four deep");
}

typedef struct member {
    const char *kind, *name;
} member;

static const member texts[] = {{"client-secret", "tenant"},
                               {"managed-identity", "authority"},
                               {"google", "client_id"},
                               {"google", "token_file"},
                               {"client-secret", "secret_file"},
                               {"token-exchange", "passphrase_file"},
                               {"client-certificate", "certificate_file"},
                               {"client-credentials", "key_file"},
                               {"token-exchange", "signing_algorithm"},
                               {"client-credentials", "signing_key_id"},
                               {"token-exchange", "assertion_audience"},
                               {"google", "token_endpoint"},
                               {"client-credentials", "client_method"},
                               {"google", "subject_token_type"},
                               {"token-exchange", "requested_token_type"},
                               {"token-exchange", "actor_token_file"},
                               {"token-exchange", "actor_token_type"},
                               {"google", "service_account"},
                               {"managed-identity", "identity_client_id"},
                               {"managed-identity", "identity_object_id"},
                               {"managed-identity", "identity_resource_id"},
                               {"azure-pipelines", "cache_directory"},
                               {"workload-identity", "token_proxy_mode"}};
static const member lists[] = {
    {"federated", "additional_tenants"}, {"github-actions", "audiences"}, {"google", "resources"}};
static const member flags[] = {{"client-certificate", "send_certificate_chain"},
                               {"client-assertion", "wait_for_propagation"},
                               {"managed-identity", "allow_loopback_http"}};

static void refuse_type(const member *each, const char *value)
{
    char json[160];
    (void)snprintf(json, sizeof json, "{\"kind\":\"%s\",\"%s\":%s}", each->kind, each->name, value);
    refuse(json, ASSAY_E_CONFIG_MEMBER, " must be ");
    refuse(json, ASSAY_E_CONFIG_MEMBER, each->name);
}

/* Every plain member refuses every type that it does not have. */
static void wrong_types(void **state)
{
    static const char *const values[] = {"1", "null", "{}", "[\"a\"]", "[1]", "true", "\"a\""};
    (void)state;
    for (size_t v = 0; v < 7; v++) {
        for (size_t i = 0; v != 6 && i < sizeof texts / sizeof texts[0]; i++)
            refuse_type(&texts[i], values[v]);
        for (size_t i = 0; v != 3 && v != 6 && i < 3; i++)
            refuse_type(&lists[i], values[v]);
        for (size_t i = 0; v != 5 && i < 3; i++)
            refuse_type(&flags[i], values[v]);
    }
}

/* One that it would pass over: the identity of the machine instead of the one that was meant, a proof that is never shown. */
static void members_of_another_kind(void **state)
{
    (void)state;
    refuse("{\"kind\":\"managed-identity\",\"client_id\":\"22222222-3333-4444-5555-666666666666\"}",
           ASSAY_E_CONFIG_MEMBER, "managed-identity has no member \"client_id\"");
    refuse("{\"kind\":\"workload-identity\",\"secret_file\":\"/s\"}", ASSAY_E_CONFIG_MEMBER, "secret_file");
    refuse("{\"kind\":\"client-certificate\",\"signing_algorithm\":\"RS256\"}", ASSAY_E_CONFIG_MEMBER,
           "signing_algorithm");
    refuse("{\"kind\":\"token-exchange\",\"from_environment\":false}", ASSAY_E_CONFIG_MEMBER, "from_environment");
    refuse("{\"kind\":\"client-secret\",\"token_proxy\":{}}", ASSAY_E_CONFIG_MEMBER, "token_proxy");
    refuse("{\"kind\":\"client-secret\",\"source\":{}}", ASSAY_E_CONFIG_MEMBER, "source");
}

static void members_that_exclude_one_another(void **state)
{
    (void)state;
    refuse("{\"kind\":\"managed-identity\",\"identity_client_id\":\"a\",\"identity_object_id\":\"b\"}",
           ASSAY_E_CONFIG_MEMBER, "not both");
    refuse("{\"kind\":\"managed-identity\",\"identity_resource_id\":\"/a\",\"identity_object_id\":\"b\"}",
           ASSAY_E_CONFIG_MEMBER, "not both");
    refuse("{\"kind\":\"managed-identity\",\"identity_client_id\":\"a\",\"identity_resource_id\":\"/b\"}",
           ASSAY_E_CONFIG_MEMBER, "not both");
    refuse("{\"kind\":\"google\",\"token_file\":\"/t\",\"source\":{\"credential\":{\"kind\":\"managed-identity\"}}}",
           ASSAY_E_CONFIG_MEMBER, "source and token_file");
}

static void wrong_values(void **state)
{
    (void)state;
    refuse("{\"kind\":\"client-secret\",\"tenant\":\"common\"}", ASSAY_E_CONFIG_TENANT, "");
    refuse("{\"kind\":\"client-secret\",\"additional_tenants\":[\"*\",\"../x\"]}", ASSAY_E_CONFIG_TENANT, "");
    refuse("{\"kind\":\"client-secret\",\"authority\":\"https://a.test/b\"}", ASSAY_E_CONFIG_URL, "");
    refuse("{\"kind\":\"client-secret\",\"client_id\":\"\"}", ASSAY_E_CONFIG_CREDENTIAL, "");
    refuse("{\"kind\":\"client-secret\",\"client_id\":\"a\\r\\nb\"}", ASSAY_E_CONFIG_CREDENTIAL, "");
    refuse("{\"kind\":\"token-exchange\",\"client_method\":\"tls_client_auth\"}", ASSAY_E_CONFIG_CREDENTIAL, "");
    refuse("{\"kind\":\"client-secret\",\"cache_directory\":\"/no/such/folder\"}", ASSAY_E_CONFIG_STORE, "");
    refuse("{\"kind\":\"client-secret\",\"secret_file\":\"/no/such/file\"}", ASSAY_E_CONFIG_CREDENTIAL,
           "/no/such/file");
}

/* --- secrets in files --- */

static char path[] = "/tmp/assay-secret-XXXXXX";

static void write_secret(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void sends_secret(const char *encoded)
{
    char json[512], wanted[128];
    assay_token_request *request = NULL;
    assay_op *op = NULL;
    (void)snprintf(json, sizeof json, "{\"kind\":\"client-secret\"," ENTRA ",\"secret_file\":\"%s\"}", path);
    assay_credential *credential = load(json);
    assert_int_equal(assay_token_request_new(SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 1000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    const char *body = (const char *)assay_op_fetch_body(op, NULL);
    (void)snprintf(wanted, sizeof wanted, "&client_secret=%s", encoded);
    const char *found = strstr(body, wanted);
    assert_non_null(found);
    assert_int_equal(found[strlen(wanted)], '\0');
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

static void secret_of_a_file(void **state)
{
    char json[256];
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    write_secret("sesame", 6);
    sends_secret("sesame");
    write_secret(" se+same \r\n\n", 12);
    sends_secret("%20se%2Bsame%20");
    (void)snprintf(json, sizeof json, "{\"kind\":\"client-secret\",\"secret_file\":\"%s\"}", path);
    write_secret("\n", 1);
    refuse(json, ASSAY_E_CONFIG_CREDENTIAL, "empty");
    write_secret("sesame\nsesame", 13);
    refuse(json, ASSAY_E_CONFIG_CREDENTIAL, "line end");
    write_secret("sesame\0sesame", 13);
    refuse(json, ASSAY_E_CONFIG_CREDENTIAL, "");
    char *big = calloc(1, 70000);
    memset(big, 'a', 70000);
    write_secret(big, 70000);
    refuse(json, ASSAY_E_CONFIG_CREDENTIAL, "");
    free(big);
    (void)unlink(path);
}

/* The other members go before the environment, and without the word it is not read. */
static void from_the_environment(void **state)
{
    uint8_t *text = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(setenv("AZURE_TENANT_ID", "env.example", 1), 0);
    assert_int_equal(setenv("AZURE_CLIENT_ID", "env", 1), 0);
    assert_int_equal(setenv("AZURE_FEDERATED_TOKEN_FILE", "/env", 1), 0);
    assay_credential *credential =
        load("{\"kind\":\"workload-identity\",\"client_id\":\"mine\",\"from_environment\":true}");
    assert_int_equal(assay_credential_describe(credential, &text, &len, NULL), ASSAY_OK);
    assert_non_null(strstr((const char *)text, "\"tenant\":\"env.example\",\"client_id\":\"mine\""));
    assert_non_null(strstr((const char *)text, "\"token_file\":\"/env\""));
    assay_bytes_free(text, len);
    assay_credential_unref(credential);
    credential = load("{\"kind\":\"workload-identity\",\"from_environment\":false}");
    assert_int_equal(assay_credential_describe(credential, &text, &len, NULL), ASSAY_OK);
    assert_null(strstr((const char *)text, "env"));
    assay_bytes_free(text, len);
    assay_credential_unref(credential);
    (void)unsetenv("AZURE_TENANT_ID");
    (void)unsetenv("AZURE_CLIENT_ID");
    (void)unsetenv("AZURE_FEDERATED_TOKEN_FILE");
}

/* The tenant of a request that a document lets in, or not; nothing is sent. */
static int ask_tenant(const char *json, const char *tenant)
{
    assay_credential *credential = load(json);
    assay_token_request *request = NULL;
    assay_access_token *token = NULL;
    assert_int_equal(assay_token_request_new(SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_token_request_set_tenant(request, tenant, NULL), ASSAY_OK);
    int code = assay_credential_get_token_for(credential, request, 0, &token, NULL);
    assert_null(token);
    assay_token_request_free(request);
    assay_credential_unref(credential);
    return code;
}

/* One that was added to would let in what the document does not name. */
static void a_list_takes_the_place_of_that_of_the_environment(void **state)
{
#define SECRET_OF_ENVIRONMENT "{\"kind\":\"client-secret\",\"from_environment\":true"
    (void)state;
    assert_int_equal(setenv("AZURE_TENANT_ID", "own.example", 1), 0);
    assert_int_equal(setenv("AZURE_CLIENT_ID", "00001111-aaaa-2222-bbbb-3333cccc4444", 1), 0);
    assert_int_equal(setenv("AZURE_CLIENT_SECRET", "sesame", 1), 0);
    for (int any = 0; any < 2; any++) {
        assert_int_equal(setenv("AZURE_ADDITIONALLY_ALLOWED_TENANTS", any ? "*" : "other.example", 1), 0);
        assert_int_equal(ask_tenant(SECRET_OF_ENVIRONMENT "}", "other.example"), ASSAY_E_TOKEN_NEEDED);
        assert_int_equal(
            ask_tenant(SECRET_OF_ENVIRONMENT ",\"additional_tenants\":\"named.example\"}", "other.example"),
            ASSAY_E_CONFIG_TENANT);
        assert_int_equal(
            ask_tenant(SECRET_OF_ENVIRONMENT ",\"additional_tenants\":\"named.example\"}", "named.example"),
            ASSAY_E_TOKEN_NEEDED);
        assert_int_equal(ask_tenant(SECRET_OF_ENVIRONMENT ",\"additional_tenants\":[]}", "other.example"),
                         ASSAY_E_CONFIG_TENANT);
    }
    (void)unsetenv("AZURE_TENANT_ID");
    (void)unsetenv("AZURE_CLIENT_ID");
    (void)unsetenv("AZURE_CLIENT_SECRET");
    (void)unsetenv("AZURE_ADDITIONALLY_ALLOWED_TENANTS");
}

/* Left aside, it would give the token of another identity without a word. */
static void the_client_id_of_a_managed_identity_has_another_name(void **state)
{
    (void)state;
    static const char json[] = "{\"kind\":\"managed-identity\",\"client_id\":\"00001111-aaaa-2222-bbbb-3333cccc4444\"}";
    assay_credential *credential = NULL;
    assay_error *error = NULL;
    assert_int_equal(assay_credential_from_json(NULL, json, strlen(json), &credential, &error), ASSAY_E_CONFIG_MEMBER);
    assert_non_null(strstr(assay_error_hint(error), "identity_client_id"));
    assay_error_free(error);
    assert_int_equal(assay_credential_new(NULL, "managed-identity", &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, "00001111-aaaa-2222-bbbb-3333cccc4444", NULL),
                     ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_credential_set_client_id(credential, NULL, NULL), ASSAY_OK);
    assay_credential_unref(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_loads),
        cmocka_unit_test(every_member_is_described),
        cmocka_unit_test(shapes_that_are_refused),
        cmocka_unit_test(nested_shapes_that_are_refused),
        cmocka_unit_test(nesting_ends_at_four),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(members_of_another_kind),
        cmocka_unit_test(members_that_exclude_one_another),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(secret_of_a_file),
        cmocka_unit_test(from_the_environment),
        cmocka_unit_test(a_list_takes_the_place_of_that_of_the_environment),
        cmocka_unit_test(the_client_id_of_a_managed_identity_has_another_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
