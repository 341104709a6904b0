/* SPDX-License-Identifier: MIT */
/* Managed identities and chains by the environment: IMDS, App Service, Arc; and platforms that are none (exchange.md 2.7, Settled 2 and 5). */
#include "support/arrivals.h"
#include "support/exchange_scene.h"
#include "support/raw_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDENTITY "22222222-3333-4444-5555-666666666666"
#define PRINCIPAL "bbbbbbbb-1111-2222-3333-cccccccccccc"
#define RESOURCE_ID "/subscriptions/1/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/stock"

static dev_issuer *platform; /* over http, as agents are */
static char arc_folder[64];

static const char *const variables[] = {"AZURE_POD_IDENTITY_AUTHORITY_HOST",
                                        "IDENTITY_ENDPOINT",
                                        "IDENTITY_HEADER",
                                        "IMDS_ENDPOINT",
                                        "MSI_ENDPOINT",
                                        "MSI_SECRET",
                                        "AZURE_CLIENT_ID",
                                        "AZURE_TENANT_ID",
                                        "AZURE_FEDERATED_TOKEN_FILE",
                                        "AZURE_AUTHORITY_HOST",
                                        "AZURE_CLIENT_SECRET"};

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

/* Every test begins without any of them. */
static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        (void)unsetenv(variables[i]);
    (void)dev_issuer_fault(platform, "all", "none", -1, -1);
    dev_issuer_stats_reset(platform);
    return 0;
}

static assay_credential *from_environment(const char *kind)
{
    assay_credential *credential = NULL;
    assay_error *error = NULL;
    if (assay_credential_new_from_environment(the_scene.runtime, kind, &credential, &error) != ASSAY_OK)
        fail_msg("%s", assay_error_message(error));
    return credential;
}

static void add_identity(bool system)
{
    char json[512], message[256];
    (void)snprintf(json, sizeof json,
                   "{\"client_id\":\"%s\",\"tenant\":\"%s\",\"managed_identity\":{\"principal_id\":\"%s\","
                   "\"resource_id\":\"%s\",\"system_assigned\":%s}}",
                   IDENTITY, EXCHANGE_TENANT, PRINCIPAL, RESOURCE_ID, system ? "true" : "false");
    if (dev_issuer_add_app(platform, json, message, sizeof message) != 0)
        fail_msg("%s", message);
}

static void got_from(assay_credential *credential, const char *source)
{
    assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assert_string_equal(assay_access_token_source(token), source);
    assay_access_token_unref(token);
}

static void imds_by_every_name(void **state)
{
    static const struct {
        int name;
        const char *value, *parameter;
    } all[] = {{ASSAY_IDENTITY_NAME_SYSTEM, NULL, NULL},
               {ASSAY_IDENTITY_NAME_CLIENT_ID, IDENTITY, "client_id"},
               {ASSAY_IDENTITY_NAME_OBJECT_ID, PRINCIPAL, "object_id"},
               {ASSAY_IDENTITY_NAME_RESOURCE_ID, RESOURCE_ID, "msi_res_id"}};
    (void)state;
    add_identity(true);
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", dev_issuer_base(platform));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        arrivals sent;
        assay_credential *credential = from_environment("managed-identity");
        assert_int_equal(assay_credential_set_identity(credential, all[i].name, all[i].value, NULL), ASSAY_OK);
        got_from(credential, "managed-identity (IMDS)");
        arrivals_take(platform, &sent);
        assert_string_equal(arrivals_text(&sent, "method"), "GET");
        arrivals_has(&sent, "resource", "https://vault.azure.net");
        arrivals_has(&sent, "api-version", "2018-02-01");
        if (all[i].parameter != NULL)
            arrivals_has(&sent, all[i].parameter, all[i].value);
        assert_true(arrivals_has_field(&sent, "Metadata"));
        assert_false(arrivals_has_field(&sent, "Authorization"));
        assert_false(arrivals_has_field(&sent, "X-Forwarded-For"));
        arrivals_drop(&sent);
        assay_credential_unref(credential);
    }
}

/* Settled 6. */
static void client_id_of_the_environment(void **state)
{
    arrivals sent;
    (void)state;
    add_identity(false);
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", dev_issuer_base(platform));
    set("AZURE_CLIENT_ID", IDENTITY);
    assay_credential *credential = from_environment(NULL);
    got_from(credential, "managed-identity (IMDS)");
    arrivals_take(platform, &sent);
    arrivals_has(&sent, "client_id", IDENTITY);
    arrivals_drop(&sent);
    assay_credential_unref(credential);
    set("AZURE_CLIENT_ID", "33333333-3333-4444-5555-666666666666");
    credential = from_environment(NULL);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_IDENTITY);
    assert_int_equal(assay_error_diagnosis(error), 40);
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void test_case_68_app_service(void **state)
{
    char endpoint[128];
    arrivals sent;
    (void)state;
    add_identity(true);
    (void)snprintf(endpoint, sizeof endpoint, "%s/msi/token", dev_issuer_base(platform));
    set("IDENTITY_ENDPOINT", endpoint);
    set("IDENTITY_HEADER", "dev-identity-header");
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", dev_issuer_base(platform)); /* comes later in the order */
    assay_credential *credential = from_environment(NULL);
    got_from(credential, "managed-identity (App Service)");
    arrivals_take(platform, &sent);
    arrivals_has(&sent, "api-version", "2019-08-01");
    assert_true(arrivals_has_field(&sent, "X-IDENTITY-HEADER"));
    assert_false(arrivals_has_field(&sent, "Metadata"));
    arrivals_drop(&sent);
    assay_credential_unref(credential);
    assert_int_equal(dev_issuer_stats(platform, "imds"), 0);
    set("IDENTITY_HEADER", "another-header");
    credential = from_environment(NULL);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_null(strstr(assay_error_message(error), "another-header"));
    assay_error_free(error);
    assay_credential_unref(credential);
}

/* The library reads keys of the Arc agent's own folder only, which this is not: the agent gets no second request. */
static void test_case_69_arc_challenge_for_another_folder(void **state)
{
    char endpoint[160];
    (void)state;
    add_identity(true);
    (void)snprintf(endpoint, sizeof endpoint, "%s/metadata/identity/oauth2/token", dev_issuer_base(platform));
    set("IDENTITY_ENDPOINT", endpoint);
    set("IMDS_ENDPOINT", dev_issuer_base(platform));
    assay_credential *credential = from_environment("managed-identity");
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_SOURCE_ANSWER);
    assay_error_free(error);
    assert_int_equal(dev_issuer_stats(platform, "arc"), 1);
    assert_int_equal(dev_issuer_fault(platform, "imds", "arc-no-header", -1, -1), 0);
    assay_credential_forget(credential, NULL);
    error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_SOURCE_ANSWER);
    assert_int_equal(assay_error_diagnosis(error), 47);
    assay_error_free(error);
    assay_credential_unref(credential);
}

/* Moves the clock on, and lets the agent recover at 65 seconds. */
typedef struct upgrade {
    atomic_bool done;
    int64_t seconds;
} upgrade;

static void *pass_time(void *argument)
{
    upgrade *u = argument;
    for (int i = 0; i < 2000 && !atomic_load(&u->done); i++) {
        (void)usleep(30000);
        exchange_scene_advance(&the_scene, 1);
        if (++u->seconds == 65)
            (void)dev_issuer_fault(platform, "all", "none", -1, -1);
    }
    return NULL;
}

static void test_case_62_gone_for_65_seconds(void **state)
{
    (void)state;
    pthread_t thread;
    upgrade u = {.seconds = 0};
    add_identity(true);
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", dev_issuer_base(platform));
    exchange_scene_freeze(&the_scene);
    assay_credential *credential = from_environment("managed-identity");
    assert_int_equal(dev_issuer_fault(platform, "imds", "status", 410, -1), 0);
    assert_int_equal(pthread_create(&thread, NULL, pass_time, &u), 0);
    assay_access_token *token = NULL;
    int code = assay_credential_get_token(credential, EXCHANGE_SCOPE, 60000, &token, NULL);
    atomic_store(&u.done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(code, ASSAY_OK);
    assert_in_range(u.seconds, 65, 100);
    assay_access_token_unref(token);
    assay_credential_unref(credential);
    atomic_store(&the_scene.frozen, false);
    exchange_scene_advance(&the_scene, -u.seconds);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What other clouds and portals say at that address: no agent, and known within three seconds (Settled 5). */
static void platforms_that_are_none(void **state)
{
    static const raw_script scripts[] = {
        {.head = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nServer: EC2ws\r\nContent-Length: 24\r\n\r\n"
                 "<html>404 - Not Found..."},
        {.head = "HTTP/1.1 404 Not Found\r\nMetadata-Flavor: Google\r\nServer: Metadata Server for VM\r\n"
                 "Content-Type: text/html; charset=UTF-8\r\nContent-Length: 6\r\n\r\n<html>"},
        {.head = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
        {.head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<html>sign in</html>\n"},
        {.head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nunreachable"},
        {.head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"},
        {.reset = RAW_RESET_ACCEPTED},
        {.head = "", .hold = true}};
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        char host[64];
        raw_server *server = raw_server_start(&scripts[i]);
        (void)snprintf(host, sizeof host, "http://127.0.0.1:%d", raw_server_port(server));
        set("AZURE_POD_IDENTITY_AUTHORITY_HOST", host);
        assay_credential *credential = from_environment(NULL);
        int64_t start = now_ms();
        assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 30000, ASSAY_E_SOURCE_ABSENT);
        assert_in_range(now_ms() - start, 0, 3000);
        int row = assay_error_diagnosis(error);
        assert_true(row == 43 || row == 44);
        assay_error_free(error);
        assay_credential_unref(credential);
        raw_server_stop(server);
    }
}

/* Absence is not remembered: the agent comes, at the same address, and is used. */
static void test_case_73_agent_that_comes_later(void **state)
{
    static const raw_script nothing = {.reset = RAW_RESET_ACCEPTED};
    char host[64], json[256], message[256];
    dev_issuer *late = NULL;
    (void)state;
    raw_server *server = raw_server_start(&nothing);
    int port = raw_server_port(server);
    (void)snprintf(host, sizeof host, "http://127.0.0.1:%d", port);
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", host);
    assay_credential *credential = from_environment(NULL);
    assay_error_free(exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_SOURCE_ABSENT));
    raw_server_stop(server);
    const dev_issuer_options options = {.entra = true, .tenant = EXCHANGE_TENANT, .port = (uint16_t)port};
    if (dev_issuer_start(&options, &late, message, sizeof message) != 0)
        fail_msg("%s", message);
    (void)snprintf(json, sizeof json,
                   "{\"client_id\":\"%s\",\"managed_identity\":{\"principal_id\":\"%s\",\"resource_id\":\"%s\"}}",
                   IDENTITY, PRINCIPAL, "/ids/stock");
    assert_int_equal(dev_issuer_add_app(late, json, message, sizeof message), 0);
    got_from(credential, "managed-identity (IMDS)");
    /* Once it was there, it is not asked again whether it is. */
    int64_t before = dev_issuer_stats(late, "imds");
    assay_credential_forget(credential, NULL);
    got_from(credential, "managed-identity (IMDS)");
    assert_int_equal(dev_issuer_stats(late, "imds") - before, 1);
    assay_credential_unref(credential);
    dev_issuer_stop(late);
}

static int setup(void **state)
{
    char message[256];
    (void)exchange_scene_setup(state);
    (void)snprintf(arc_folder, sizeof arc_folder, "/tmp/assay-arc-XXXXXX");
    if (mkdtemp(arc_folder) == NULL)
        return 1;
    return dev_issuer_start(&(dev_issuer_options){.entra = true, .tenant = EXCHANGE_TENANT, .arc_folder = arc_folder},
                            &platform, message, sizeof message);
}

static int teardown(void **state)
{
    char command[128];
    (void)clear(state);
    dev_issuer_stop(platform);
    exchange_scene_stop(&the_scene);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", arc_folder);
    return system(command) == 0 ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(imds_by_every_name, clear),
        cmocka_unit_test_setup(client_id_of_the_environment, clear),
        cmocka_unit_test_setup(test_case_68_app_service, clear),
        cmocka_unit_test_setup(test_case_69_arc_challenge_for_another_folder, clear),
        cmocka_unit_test_setup(test_case_62_gone_for_65_seconds, clear),
        cmocka_unit_test_setup(platforms_that_are_none, clear),
        cmocka_unit_test_setup(test_case_73_agent_that_comes_later, clear),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
