/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of getting a token from an agent, a job or a chain, and of reading what the environment configures, fails in turn. Nothing may crash, leak, or take
 * the lack of memory for an absent platform.
 */
#include "fault/failing_memory.h"

#include "acquire/from_environment.h"
#include "acquire/machine.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOKEN "{\"access_token\":\"sesame-token\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}"
#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3VlciIsImV4cCI6MTcwMDAwMDMwMH0.sesame"

static assay_acquire_context context;
static assay_crypto *crypto;
static assay_token_request *wanted;
static assay_credential_settings settings, members[3];
static const assay_credential_settings *list[3] = {&members[0], &members[1], &members[2]};
static assay_http_response answers[2];
static const assay_machine_kind *kind;
static char account[128];

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void prepare(assay_http_response *response, int status, const char *body)
{
    assay_http_response_clear(response);
    assay_http_response_init(response);
    response->status = status;
    must(assay_http_response_add_body(response, body, strlen(body)));
}

/* The machine of `kind` with the answers in turn. Nothing is made outside of what is tried. */
static int run(void)
{
    assay_machine *machine = NULL;
    assay_moment now = {1700000000, 1000};
    size_t used = 0;
    atomic_store(&context.agent_was_there, 0);
    int code = assay_machine_make(kind, &settings, wanted, &context, &machine);
    if (code != ASSAY_OK)
        return code;
    while (assay_machine_next(machine, &now) == ASSAY_MACHINE_FETCH) {
        must(used < ASSAY_COUNT_OF(answers) && machine->request.url != NULL);
        assay_machine_answered(machine, &answers[used++], ASSAY_OK, NULL, &now);
    }
    code = machine->code;
    must((code == ASSAY_OK) == (machine->answer.token.len > 0));
    assay_machine_free(machine);
    return code;
}

static void an_agent_without_memory(void **state)
{
    (void)state;
    kind = &assay_machine_managed;
    settings.kind = ASSAY_CREDENTIAL_MANAGED;
    settings.probe = true;
    must(assay_settings_set_identity(&settings, ASSAY_IDENTITY_CLIENT_ID, "11111111-2222-3333-4444-555555555555",
                                     NULL) == ASSAY_OK);
    prepare(&answers[0], 400, "{\"error\":\"invalid_request\"}");
    prepare(&answers[1], 200, TOKEN);
    sweep("IMDS", run, 1);
}

static void an_arc_agent_without_memory(void **state)
{
    (void)state;
    char text[256];
    kind = &assay_machine_managed;
    settings.kind = ASSAY_CREDENTIAL_MANAGED;
    settings.agent = ASSAY_AGENT_ARC;
    settings.arc_folder = assay_strdup(store_folder);
    must(settings.arc_folder != NULL);
    (void)snprintf(text, sizeof text, "%s/a.key", store_folder);
    store_write_path(text, "sesame-key", 10);
    (void)snprintf(text, sizeof text, "Basic realm=%s/a.key", store_folder);
    prepare(&answers[0], 401, "");
    answers[0].www_authenticate = assay_strdup(text);
    must(answers[0].www_authenticate != NULL);
    prepare(&answers[1], 200, TOKEN);
    sweep("Arc", run, 1);
}

static void a_job_without_memory(void **state)
{
    (void)state;
    kind = &assay_machine_job;
    settings.kind = ASSAY_CREDENTIAL_GITHUB;
    settings.request_url = assay_strdup("https://t.example/?a=b");
    must(settings.request_url != NULL && assay_secret_set(&settings.request_token, "sesame", 6));
    prepare(&answers[0], 200, "{\"value\":\"" JWT "\"}");
    sweep("job", run, 1);
}

static void a_chain_without_memory(void **state)
{
    (void)state;
    kind = &assay_machine_chain;
    settings.kind = ASSAY_CREDENTIAL_CHAIN;
    settings.members = assay_memdup(list, sizeof list);
    settings.member_count = ASSAY_COUNT_OF(list);
    must(settings.members != NULL);
    members[0].kind = ASSAY_CREDENTIAL_SECRET;
    members[1].kind = members[2].kind = ASSAY_CREDENTIAL_MANAGED;
    members[1].probe = members[2].probe = true;
    must(assay_credential_settings_check(&members[0], NULL) == ASSAY_E_CONFIG_CREDENTIAL);
    prepare(&answers[0], 400, "{\"error\":\"invalid_request\"}");
    prepare(&answers[1], 200, TOKEN);
    sweep("chain", run, 1);
}

static int read_environment(void)
{
    static const assay_credential_kind all[] = {ASSAY_CREDENTIAL_WORKLOAD,    ASSAY_CREDENTIAL_SECRET,
                                                ASSAY_CREDENTIAL_CERTIFICATE, ASSAY_CREDENTIAL_GITHUB,
                                                ASSAY_CREDENTIAL_MANAGED,     ASSAY_CREDENTIAL_GOOGLE};
    int code = ASSAY_OK;
    for (size_t i = 0; code == ASSAY_OK && i < ASSAY_COUNT_OF(all); i++) {
        assay_credential_settings read = {.kind = all[i]};
        assay_failure failure;
        code = assay_settings_from_environment(&read, &failure);
        if (code == ASSAY_OK)
            code = assay_credential_settings_check(&read, &failure);
        assay_credential_settings_clear(&read);
    }
    return code;
}

static int choose(void)
{
    assay_credential_kind kinds[ASSAY_CREDENTIAL_KINDS];
    size_t count = 0;
    bool named = false;
    char *skipped = NULL;
    int code = assay_environment_choose(kinds, ASSAY_COUNT_OF(kinds), &count, &skipped, &named, NULL);
    must((code == ASSAY_OK) == (skipped != NULL));
    assay_release(skipped);
    return code;
}

static void an_environment_without_memory(void **state)
{
    (void)state;
    static const char *const all[][2] = {{"AZURE_TENANT_ID", "contoso.example"},
                                         {"AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555"},
                                         {"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"},
                                         {"AZURE_ADDITIONALLY_ALLOWED_TENANTS", "a.example;b.example"},
                                         {"AZURE_FEDERATED_TOKEN_FILE", "/t"},
                                         {"AZURE_KUBERNETES_TOKEN_PROXY", "https://10.0.0.1"},
                                         {"AZURE_KUBERNETES_SNI_NAME", "proxy.example"},
                                         {"AZURE_KUBERNETES_CA_FILE", "/ca.pem"},
                                         {"AZURE_CLIENT_SECRET", "sesame"},
                                         {"AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem"},
                                         {"AZURE_CLIENT_CERTIFICATE_PASSWORD", "sesame"},
                                         {"ACTIONS_ID_TOKEN_REQUEST_URL", "https://t.example/"},
                                         {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "sesame"},
                                         {"AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1"},
                                         {"GOOGLE_APPLICATION_CREDENTIALS", account}};
    static const char json[] = "{\"type\":\"external_account\",\"audience\":\"//iam\",\"credential_source\":"
                               "{\"file\":\"/t\",\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"x\"}}}";
    (void)snprintf(account, sizeof account, "%s/account.json", store_folder);
    store_write_path(account, json, sizeof json - 1);
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++)
        must(setenv(all[i][0], all[i][1], 1) == 0);
    sweep("environment", read_environment, 1);
    sweep("choice", choose, 1);
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++)
        must(unsetenv(all[i][0]) == 0);
}

/* A setter that fails changes nothing: a request without its user would be answered with the application's own token. */
static int replace_user(void)
{
    assay_token_request *request = NULL;
    int code = assay_token_request_make("s", &request, NULL);
    if (code == ASSAY_OK)
        code = assay_token_request_take_user(request, "one user", 8, NULL);
    if (code == ASSAY_OK) {
        code = assay_token_request_take_user(request, "another", 7, NULL);
        const char *stays = code == ASSAY_OK ? "another" : "one user";
        must(assay_secret_equal(&request->user_assertion, stays, strlen(stays)));
    }
    assay_token_request_drop(request);
    return code;
}

static void a_user_without_memory(void **state)
{
    (void)state;
    sweep("user", replace_user, 1);
}

static int begin(void **state)
{
    must(assay_crypto_new(NULL, &crypto) == ASSAY_OK && pthread_mutex_init(&context.lock, NULL) == 0);
    context.crypto = crypto;
    must(assay_token_request_make("https://vault.azure.net/.default", &wanted, NULL) == ASSAY_OK);
    for (size_t i = 0; i < ASSAY_COUNT_OF(answers); i++)
        assay_http_response_init(&answers[i]);
    return store_folder_open(state);
}

static int end(void **state)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(answers); i++)
        assay_http_response_clear(&answers[i]);
    for (size_t i = 0; i < ASSAY_COUNT_OF(members); i++)
        assay_credential_settings_clear(&members[i]);
    assay_credential_settings_clear(&settings);
    assay_token_request_drop(wanted);
    (void)pthread_mutex_destroy(&context.lock);
    assay_crypto_unref(crypto);
    return store_folder_remove(state);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(an_agent_without_memory), CASE(an_arc_agent_without_memory),   CASE(a_job_without_memory),
        CASE(a_chain_without_memory),  CASE(an_environment_without_memory), CASE(a_user_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
