/* SPDX-License-Identifier: MIT */
/* Settings of credentials as a whole: what the check finds missing, and what contradicts itself. */
#include "acquire/settings.h"

#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GUID "11111111-2222-3333-4444-555555555555"

static assay_credential_settings settings;
static assay_failure failure;

static int begin(void **state)
{
    (void)state;
    memset(&settings, 0, sizeof settings);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assay_credential_settings_clear(&settings);
    assert_null(settings.tenant);
    return 0;
}

static void expect_of_check(int code, const char *const *words)
{
    int found = assay_credential_settings_check(&settings, &failure);
    if (found != code)
        fail_msg("%s instead of %s: %s", assay_code_name(found), assay_code_name(code), failure.note);
    for (; words != NULL && *words != NULL; words++)
        if (strstr(failure.note, *words) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", *words, failure.note);
    assert_int_equal(settings.checked, code);
    assert_string_equal(settings.lacking.note, failure.note);
    assert_int_equal(assay_credential_settings_check(&settings, NULL), code);
}
#define EXPECT_MISSING(...) expect_of_check(ASSAY_E_CONFIG_CREDENTIAL, (const char *const[]){__VA_ARGS__, NULL})

static int row(void)
{
    return failure.detail == NULL ? 0 : failure.detail->row;
}

static void set_entra(assay_credential_kind kind)
{
    settings.kind = kind;
    machine_world_set(&settings.tenant, "contoso.example");
    machine_world_set(&settings.client_id, GUID);
}

static void set_secret(assay_secret *place)
{
    assert_true(assay_secret_set(place, "sesame", 6));
}

static void kinds_have_names(void **state)
{
    (void)state;
    assay_credential_kind kind = ASSAY_CREDENTIAL_KINDS;
    for (int i = 0; i < ASSAY_CREDENTIAL_KINDS; i++) {
        assert_true(assay_credential_kind_find(assay_credential_kind_name((assay_credential_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_null(assay_credential_kind_name(ASSAY_CREDENTIAL_KINDS));
    static const char *const others[] = {"", "Google", "google ", "workload", "imds", NULL};
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++)
        assert_false(assay_credential_kind_find(others[i], &kind));
}

static void test_case_1_all_that_is_missing_is_named(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    EXPECT_MISSING("workload-identity", "tenant (AZURE_TENANT_ID)", "client_id (AZURE_CLIENT_ID)",
                   "token_file (AZURE_FEDERATED_TOKEN_FILE)");
    assert_int_equal(row(), 49);
    assert_non_null(strstr(failure.hint, "azure.workload.identity/use"));
}

static void test_case_2_without_the_client_id_alone_it_is_row_50(void **state)
{
    (void)state;
    set_entra(ASSAY_CREDENTIAL_WORKLOAD);
    machine_world_set(&settings.token_file, "/t");
    expect_of_check(ASSAY_OK, NULL);
    assay_release(ASSAY_STEAL(settings.client_id));
    EXPECT_MISSING("client_id (AZURE_CLIENT_ID)");
    assert_null(strstr(failure.note, "AZURE_TENANT_ID"));
    assert_int_equal(row(), 50);
    assert_non_null(strstr(failure.hint, "annotate"));
    machine_world_set(&settings.client_id, GUID);
    assay_release(ASSAY_STEAL(settings.tenant));
    EXPECT_MISSING("tenant (AZURE_TENANT_ID)");
    assert_int_equal(row(), 0);
}

static void entra_kinds_name_their_proof(void **state)
{
    (void)state;
    set_entra(ASSAY_CREDENTIAL_SECRET);
    EXPECT_MISSING("secret (AZURE_CLIENT_SECRET)");
    set_secret(&settings.secret);
    expect_of_check(ASSAY_OK, NULL);
    settings.kind = ASSAY_CREDENTIAL_CERTIFICATE;
    EXPECT_MISSING("AZURE_CLIENT_CERTIFICATE_PATH");
    machine_world_set(&settings.key_path, "pkcs11:object=k");
    expect_of_check(ASSAY_OK, NULL);
    settings.kind = ASSAY_CREDENTIAL_ASSERTION;
    EXPECT_MISSING("assertion function");
    settings.kind = ASSAY_CREDENTIAL_FEDERATED;
    EXPECT_MISSING("source credential");
    settings.inner = &settings;
    expect_of_check(ASSAY_OK, NULL);
    settings.inner = NULL;
}

static void jobs_name_their_variables(void **state)
{
    (void)state;
    set_entra(ASSAY_CREDENTIAL_GITHUB);
    EXPECT_MISSING("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    assert_int_equal(row(), 65);
    settings.kind = ASSAY_CREDENTIAL_PIPELINES;
    EXPECT_MISSING("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID");
    assert_int_equal(row(), 0);
    assay_release(ASSAY_STEAL(settings.tenant));
    assay_release(ASSAY_STEAL(settings.client_id));
    EXPECT_MISSING("AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID");
    machine_world_set(&settings.request_url, "http://far.example/");
    set_entra(ASSAY_CREDENTIAL_GITHUB);
    set_secret(&settings.request_token);
    expect_of_check(ASSAY_E_CONFIG_URL, (const char *const[]){"URL of ID tokens", NULL});
}

static void managed_identities_need_their_agent(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_MANAGED;
    expect_of_check(ASSAY_OK, NULL);
    settings.agent = ASSAY_AGENT_ARC;
    expect_of_check(ASSAY_OK, NULL);
    settings.agent = ASSAY_AGENT_APP_SERVICE;
    EXPECT_MISSING("IDENTITY_ENDPOINT", "IDENTITY_HEADER");
    settings.agent = ASSAY_AGENT_CLOUD_SHELL;
    EXPECT_MISSING("URL of the agent");
    settings.agent = ASSAY_AGENT_IMDS;
    settings.identity = ASSAY_IDENTITY_CLIENT_ID;
    EXPECT_MISSING("name of the user-assigned identity");
    settings.identity = ASSAY_IDENTITY_SYSTEM;
    static const char *const local[] = {"http://127.0.0.1:1/x", "http://169.254.1.2/x", "https://host.example/x"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(local); i++) {
        machine_world_set(&settings.agent_url, local[i]);
        expect_of_check(ASSAY_OK, NULL);
    }
    static const char *const far[] = {"http://host.example/x", "http://169.253.1.2/x", "ftp://127.0.0.1/", "x"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(far); i++) {
        machine_world_set(&settings.agent_url, far[i]);
        expect_of_check(ASSAY_E_CONFIG_URL, (const char *const[]){"URL of the agent", NULL});
    }
}

static void test_case_71_service_fabric_is_refused_by_name(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_MANAGED;
    settings.agent = ASSAY_AGENT_SERVICE_FABRIC;
    machine_world_set(&settings.agent_url, "https://10.0.0.1:2377/metadata");
    machine_world_set(&settings.agent_thumbprint, "aa");
    set_secret(&settings.agent_secret);
    EXPECT_MISSING("Service Fabric", "IDENTITY_SERVER_THUMBPRINT");
}

static void clients_of_other_servers_need_their_proof(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_CLIENT;
    EXPECT_MISSING("token_endpoint", "client_id", "secret");
    machine_world_set(&settings.token_endpoint, "https://server.example/token");
    machine_world_set(&settings.client_id, "c");
    machine_world_set(&settings.key_path, "/key.pem");
    expect_of_check(ASSAY_OK, NULL); /* a key without a secret: private_key_jwt */
    assert_int_equal(settings.client_method, ASSAY_CLIENT_PRIVATE_KEY_JWT);
    assay_release(ASSAY_STEAL(settings.key_path));
    EXPECT_MISSING("signing files");
    settings.client_method = ASSAY_CLIENT_POST;
    EXPECT_MISSING("secret");
    settings.client_method = ASSAY_CLIENT_NONE;
    expect_of_check(ASSAY_OK, NULL);
    settings.client_method = ASSAY_CLIENT_BASIC;
    set_secret(&settings.secret);
    expect_of_check(ASSAY_OK, NULL);
    assert_int_equal(settings.client_method, ASSAY_CLIENT_BASIC);
    machine_world_set(&settings.token_endpoint, "http://127.0.0.1:1/token");
    expect_of_check(ASSAY_E_CONFIG_URL, NULL);
    settings.allow_loopback_http = true;
    expect_of_check(ASSAY_OK, NULL);
    machine_world_set(&settings.token_endpoint, "http://server.example/token");
    expect_of_check(ASSAY_E_CONFIG_URL, NULL);
}

static void test_case_90_an_actor_has_a_type_and_a_type_an_actor(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_EXCHANGE;
    machine_world_set(&settings.token_endpoint, "https://server.example/token");
    EXPECT_MISSING("token_file or source credential");
    machine_world_set(&settings.token_file, "/t");
    expect_of_check(ASSAY_OK, NULL);
    assert_int_equal(settings.client_method, ASSAY_CLIENT_NONE);
    machine_world_set(&settings.actor_token_file, "/a");
    EXPECT_MISSING("type of the actor token");
    machine_world_set(&settings.actor_token_type, "urn:ietf:params:oauth:token-type:jwt");
    expect_of_check(ASSAY_OK, NULL);
    assay_release(ASSAY_STEAL(settings.actor_token_file));
    EXPECT_MISSING("file of the actor token");
}

static void google_has_a_provider_and_its_own_endpoint(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_GOOGLE;
    EXPECT_MISSING("token_file or source credential", "audience");
    machine_world_set(&settings.token_file, "/t");
    assert_true(assay_text_list_add(&settings.audiences, "//iam", 5));
    expect_of_check(ASSAY_OK, NULL);
    assert_string_equal(settings.token_endpoint, "https://sts.googleapis.com/v1/token");
    machine_world_set(&settings.impersonation_url, "http://iam.example/");
    expect_of_check(ASSAY_E_CONFIG_URL, NULL);
}

static void a_chain_has_members(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_CHAIN;
    EXPECT_MISSING("members of the chain");
    assert_false(assay_settings_wants_resource(&settings));
    assay_credential_settings member = {.kind = ASSAY_CREDENTIAL_MANAGED};
    machine_world_set(&member.authority, "https://login.microsoftonline.us");
    settings.members = assay_zalloc_array(1, sizeof *settings.members);
    assert_non_null(settings.members);
    settings.members[settings.member_count++] = &member;
    expect_of_check(ASSAY_OK, NULL);
    assert_true(assay_settings_wants_resource(&settings));
    assert_string_equal(assay_settings_cloud(&settings)->name, "us-government");
    assay_credential_settings_clear(&member);
}

static void test_case_4_an_authority_is_a_host(void **state)
{
    (void)state;
    static const char *const good[] = {"https://login.microsoftonline.us", "https://login.microsoftonline.us/"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(good); i++) {
        assert_int_equal(assay_settings_set_authority(&settings, good[i], &failure), ASSAY_OK);
        assert_string_equal(settings.authority, good[0]);
    }
    static const char *const bad[] = {"",
                                      "login.microsoftonline.us",
                                      "http://login.microsoftonline.us",
                                      "https://login.microsoftonline.us/tenant",
                                      "https://login.microsoftonline.us//",
                                      "https://login.microsoftonline.us?x",
                                      "https://login.microsoftonline.us/?",
                                      "https://login.microsoftonline.us#f",
                                      "https://user@login.microsoftonline.us",
                                      "https://user:pw@login.microsoftonline.us/",
                                      "https://login.microsoftonline.us\r\nX: y",
                                      "https://"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        if (assay_settings_set_authority(&settings, bad[i], &failure) != ASSAY_E_CONFIG_URL)
            fail_msg("%s was taken", bad[i]);
    assert_string_equal(settings.authority, good[0]); /* as it was */
    assert_int_equal(assay_settings_set_authority(&settings, "http://127.0.0.1:8080/", &failure), ASSAY_OK);
    assert_string_equal(settings.authority, "http://127.0.0.1:8080");
    set_entra(ASSAY_CREDENTIAL_SECRET);
    set_secret(&settings.secret);
    expect_of_check(ASSAY_E_CONFIG_URL, (const char *const[]){"the authority", NULL});
    settings.allow_loopback_http = true;
    expect_of_check(ASSAY_OK, NULL);
    assert_null(assay_settings_cloud(&settings));
    /* The names of resources are those of its cloud, however it is written (case 9). */
    assert_int_equal(assay_settings_set_authority(&settings, "https://Login.MicrosoftOnline.US:443/", &failure),
                     ASSAY_OK);
    assert_string_equal(assay_settings_cloud(&settings)->name, "us-government");
    assert_int_equal(assay_settings_set_authority(&settings, NULL, &failure), ASSAY_OK);
    assert_null(settings.authority);
    assert_string_equal(assay_settings_cloud(&settings)->name, "public");
}

static void how_entra_is_signed_for_is_not_to_be_set(void **state)
{
    (void)state;
    static const assay_credential_kind kinds[] = {ASSAY_CREDENTIAL_CERTIFICATE, ASSAY_CREDENTIAL_CLIENT};
    set_entra(ASSAY_CREDENTIAL_CERTIFICATE);
    machine_world_set(&settings.key_path, "/key.pem");
    machine_world_set(&settings.token_endpoint, "https://server.example/token");
    expect_of_check(ASSAY_OK, NULL);
    char **const places[] = {&settings.signing_algorithm, &settings.signing_key_id};
    for (size_t i = 0; i < ASSAY_COUNT_OF(places); i++) {
        machine_world_set(places[i], "RS512");
        for (size_t k = 0; k < ASSAY_COUNT_OF(kinds); k++) {
            settings.kind = kinds[k];
            expect_of_check(k == 0 ? ASSAY_E_CONFIG_ALGORITHM : ASSAY_OK, NULL);
        }
        assay_release(*places[i]);
        *places[i] = NULL;
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(kinds_have_names),
        CASE(test_case_1_all_that_is_missing_is_named),
        CASE(test_case_2_without_the_client_id_alone_it_is_row_50),
        CASE(entra_kinds_name_their_proof),
        CASE(jobs_name_their_variables),
        CASE(managed_identities_need_their_agent),
        CASE(test_case_71_service_fabric_is_refused_by_name),
        CASE(clients_of_other_servers_need_their_proof),
        CASE(test_case_90_an_actor_has_a_type_and_a_type_an_actor),
        CASE(google_has_a_provider_and_its_own_endpoint),
        CASE(a_chain_has_members),
        CASE(test_case_4_an_authority_is_a_host),
        CASE(how_entra_is_signed_for_is_not_to_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
