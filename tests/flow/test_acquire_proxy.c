/* SPDX-License-Identifier: MIT */
/* The token proxy of AKS identity bindings (exchange.md 2.3): where requests go, whom they trust, and that nothing goes to the authority. */
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
#include <unistd.h>

#define PROXY_NAME "proxy.test"

static raw_server *authority; /* that nobody may connect to */

typedef struct proxy {
    dev_issuer *issuer;
    char url[128];
    char ca_file[160];
} proxy;

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void add_app(dev_issuer *issuer, bool bound)
{
    char json[1024], message[256];
    (void)snprintf(json, sizeof json,
                   "{\"client_id\":\"%s\",\"tenant\":\"%s\",\"identity_binding\":%s,\"managed_identity\":{"
                   "\"principal_id\":\"bbbbbbbb-1111-2222-3333-cccccccccccc\",\"resource_id\":\"/ids/orders\"},"
                   "\"federated\":{\"issuer\":\"%s\",\"subject\":\"system:serviceaccount:default:orders\","
                   "\"audience\":\"api://AKSIdentityBinding\"}}",
                   EXCHANGE_CLIENT, EXCHANGE_TENANT, bound ? "true" : "false", dev_issuer_url(the_scene.cluster));
    if (dev_issuer_add_app(issuer, json, message, sizeof message) != 0)
        fail_msg("%s", message);
}

/* A proxy at @p path, asked at @p asked behind its address. */
static void start(proxy *p, const char *path, const char *asked)
{
    char message[256];
    const dev_issuer_options options = {
        .entra = true, .tls = true, .tenant = EXCHANGE_TENANT, .tls_name = PROXY_NAME, .proxy_path = path};
    if (dev_issuer_start(&options, &p->issuer, message, sizeof message) != 0)
        fail_msg("%s", message);
    (void)snprintf(p->url, sizeof p->url, "https://127.0.0.1%s%s", strrchr(dev_issuer_base(p->issuer), ':'), asked);
    (void)snprintf(p->ca_file, sizeof p->ca_file, "%s/proxy-ca.pem", the_scene.folder);
    write_text(p->ca_file, dev_issuer_ca_pem(p->issuer));
    add_app(p->issuer, true);
    exchange_scene_write_minted(&the_scene, "{\"claims\":{\"aud\":[\"api://AKSIdentityBinding\"]}}");
}

static void stop(proxy *p)
{
    dev_issuer_stop(p->issuer);
    (void)unlink(p->ca_file);
    assert_int_equal(raw_server_connections(authority), 0); /* case 80 */
}

static assay_credential *through(const proxy *p, const char *name, int mode)
{
    char url[64];
    assay_credential *credential = exchange_scene_workload(&the_scene);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d", raw_server_port(authority));
    assert_int_equal(assay_credential_set_authority(credential, url, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_proxy(credential, p->url, name, p->ca_file, NULL, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_proxy_mode(credential, mode, NULL), ASSAY_OK);
    return credential;
}

static int64_t asked(const proxy *p)
{
    return dev_issuer_stats(p->issuer, "proxy");
}

static void test_case_75_80_paths_are_joined(void **state)
{
    static const char *const served[] = {"/", "/", "/p", "/p", "/a/b"}, *const urls[] = {"", "/", "/p", "/p/", "/a/b/"};
    (void)state;
    for (size_t i = 0; i < sizeof served / sizeof served[0]; i++) {
        proxy p;
        arrivals sent;
        char path[128];
        start(&p, served[i], urls[i]);
        assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_AUTOMATIC);
        assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
        assert_int_equal(asked(&p), 1);
        arrivals_take(p.issuer, &sent);
        arrivals_is_clean(&sent);
        (void)snprintf(path, sizeof path, "%s/%s/oauth2/v2.0/token", served[i][1] == '\0' ? "" : served[i],
                       EXCHANGE_TENANT);
        assert_string_equal(arrivals_text(&sent, "path"), path);
        arrivals_has(&sent, "client_id", EXCHANGE_CLIENT);
        arrivals_has(&sent, "scope", EXCHANGE_SCOPE);
        arrivals_drop(&sent);
        assay_credential_unref(credential);
        stop(&p);
    }
}

static void test_case_76_contradictions(void **state)
{
    static const struct {
        const char *url, *name, *file, *pem;
        int code;
    } all[] = {{"https://p.test", NULL, "/ca.pem", "PEM", ASSAY_E_CONFIG_CREDENTIAL},
               {NULL, PROXY_NAME, NULL, NULL, ASSAY_E_CONFIG_CREDENTIAL},
               {NULL, NULL, "/ca.pem", NULL, ASSAY_E_CONFIG_CREDENTIAL},
               {"http://p.test", NULL, NULL, NULL, ASSAY_E_CONFIG_URL},
               {"http://127.0.0.1:8", NULL, NULL, NULL, ASSAY_E_CONFIG_URL},
               {"https://p.test/?a=b", NULL, NULL, NULL, ASSAY_E_CONFIG_URL},
               {"https://p.test/#a", NULL, NULL, NULL, ASSAY_E_CONFIG_URL},
               {"https://u:p@p.test/", NULL, NULL, NULL, ASSAY_E_CONFIG_URL},
               {"https://p.test", "bad name", NULL, NULL, ASSAY_E_CONFIG_CREDENTIAL}};
    (void)state;
    assay_credential *credential = exchange_scene_workload(&the_scene);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assay_error *error = NULL;
        assert_int_equal(
            assay_credential_set_token_proxy(credential, all[i].url, all[i].name, all[i].file, all[i].pem, &error),
            all[i].code);
        assert_non_null(error);
        assay_error_free(error);
    }
    assay_credential_unref(credential);
}

static void get_anew(assay_credential *credential)
{
    assay_credential_forget(credential, NULL);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
}

static void refused(assay_credential *credential, int code, int row)
{
    assay_credential_forget(credential, NULL);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 800, code);
    assert_int_equal(assay_error_diagnosis(error), row);
    assay_error_free(error);
}

static void test_case_77_ca_rotates(void **state)
{
    proxy p;
    (void)state;
    start(&p, "/p", "/p");
    assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_ON);
    get_anew(credential);
    /* In the middle of being replaced the file is empty, cut off or not there. */
    char *good = strdup(dev_issuer_ca_pem(p.issuer));
    write_text(p.ca_file, "");
    get_anew(credential);
    write_text(p.ca_file, "-----BEGIN CERTIFICATE-----\nMIIB");
    get_anew(credential);
    assert_int_equal(unlink(p.ca_file), 0);
    get_anew(credential);
    /* Another CA: trusted once it is in the file, and not before. */
    assert_int_equal(dev_issuer_rotate_tls(p.issuer, NULL), 0);
    write_text(p.ca_file, good);
    refused(credential, ASSAY_E_TLS, 58);
    write_text(p.ca_file, dev_issuer_ca_pem(p.issuer));
    get_anew(credential);
    /* The old one is trusted no longer. */
    write_text(p.ca_file, good);
    refused(credential, ASSAY_E_TLS, 58);
    free(good);
    assay_credential_unref(credential);
    stop(&p);
}

static void test_case_77_nothing_good_at_first(void **state)
{
    static const char nothing[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char *const texts[] = {"", "no certificate", nothing};
    proxy p;
    (void)state;
    start(&p, "/p", "/p");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_ON);
        write_text(p.ca_file, texts[i]);
        refused(credential, ASSAY_E_CONFIG_CA, 0);
        assert_int_equal(asked(&p), 0);
        assay_credential_unref(credential);
    }
    assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_ON);
    assert_int_equal(assay_credential_set_token_proxy(credential, p.url, PROXY_NAME, NULL, "no certificate", NULL),
                     ASSAY_OK);
    refused(credential, ASSAY_E_CONFIG_CA, 0);
    assert_int_equal(asked(&p), 0);
    assay_credential_unref(credential);
    stop(&p);
}

/* The CA of the data instead of a file. */
static void ca_as_data(void **state)
{
    proxy p;
    (void)state;
    start(&p, "/p", "/p");
    assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_ON);
    assert_int_equal(
        assay_credential_set_token_proxy(credential, p.url, PROXY_NAME, NULL, dev_issuer_ca_pem(p.issuer), NULL),
        ASSAY_OK);
    get_anew(credential);
    assay_credential_unref(credential);
    stop(&p);
}

static void test_case_78_name_is_sent_and_verified(void **state)
{
    proxy p;
    arrivals sent;
    (void)state;
    start(&p, "/p", "/p");
    assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_ON);
    get_anew(credential);
    arrivals_take(p.issuer, &sent);
    if (arrivals_text(&sent, "sni")[0] != '\0') /* the server can tell */
        assert_string_equal(arrivals_text(&sent, "sni"), PROXY_NAME);
    arrivals_drop(&sent);
    assay_credential_unref(credential);
    int64_t before = asked(&p);
    credential = through(&p, "other.test", ASSAY_TOKEN_PROXY_ON);
    refused(credential, ASSAY_E_TLS, 58);
    assay_credential_unref(credential);
    credential = through(&p, NULL, ASSAY_TOKEN_PROXY_ON); /* the address is not in the certificate */
    refused(credential, ASSAY_E_TLS, 58);
    assay_credential_unref(credential);
    assert_int_equal(asked(&p), before);
    stop(&p);
}

static void test_case_79_without_a_binding(void **state)
{
    proxy p;
    (void)state;
    start(&p, "/p", "/p");
    add_app(p.issuer, false);
    assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_AUTOMATIC);
    refused(credential, ASSAY_E_GRANT, 59);
    assert_int_equal(asked(&p), 1);
    assert_int_equal(dev_issuer_fault(p.issuer, "token", "status-empty", 503, -1), 0);
    refused(credential, ASSAY_E_GRANT_UNAVAILABLE, 60);
    assay_credential_unref(credential);
    stop(&p);
}

static void test_case_80_no_proxy_there_and_no_authority_asked(void **state)
{
    proxy p;
    (void)state;
    start(&p, "/p", "/p");
    assay_credential *credential = through(&p, PROXY_NAME, ASSAY_TOKEN_PROXY_AUTOMATIC);
    dev_issuer_stop(p.issuer);
    refused(credential, ASSAY_E_CONNECT, 60);
    assay_credential_unref(credential);
    (void)unlink(p.ca_file);
    assert_int_equal(raw_server_connections(authority), 0);
}

/* By the audience of the file's token, unless the switch says otherwise (exchange.md 7.3). */
static void automatic_on_and_off(void **state)
{
    static const char *const audiences[] = {
        "{\"claims\":{\"aud\":[\"api://AKSIdentityBinding\"]}}",
        "{\"claims\":{\"aud\":[\"api://AzureADTokenExchange\",\"api://AKSIdentityBinding\"]}}",
        "{\"claims\":{\"aud\":\"api://AKSIdentityBinding\"}}",
        "{\"claims\":{\"aud\":[\"api://AzureADTokenExchange\"]}}",
        "{\"claims\":{\"aud\":[\"api://aksidentitybinding\"]}}"};
    static const struct {
        int mode;
        bool proxied[5];
    } all[] = {{ASSAY_TOKEN_PROXY_AUTOMATIC, {true, true, true, false, false}},
               {ASSAY_TOKEN_PROXY_ON, {true, true, true, true, true}},
               {ASSAY_TOKEN_PROXY_OFF, {false, false, false, false, false}}};
    proxy p;
    (void)state;
    start(&p, "/p", "/p");
    for (size_t m = 0; m < 3; m++) {
        for (size_t i = 0; i < 5; i++) {
            int64_t before = asked(&p), direct = exchange_scene_requests(&the_scene);
            exchange_scene_write_minted(&the_scene, audiences[i]);
            assay_credential *credential = through(&p, PROXY_NAME, all[m].mode);
            if (!all[m].proxied[i])
                assert_int_equal(assay_credential_set_authority(credential, dev_issuer_base(the_scene.entra), NULL),
                                 ASSAY_OK);
            assay_access_token *token = NULL;
            assay_error *error = NULL;
            int code = assay_credential_get_token(credential, EXCHANGE_SCOPE, 5000, &token, &error);
            assert_true((code == ASSAY_OK) == (token != NULL));
            assert_int_equal(asked(&p) - before, all[m].proxied[i] ? 1 : 0);
            assert_int_equal(exchange_scene_requests(&the_scene) - direct, all[m].proxied[i] ? 0 : 1);
            /* A binding's token that went to Entra itself: the fix is the proxy, not another federated credential. */
            if (!all[m].proxied[i] && i == 0) {
                assert_int_equal(assay_error_diagnosis(error), 3);
                assert_non_null(strstr(assay_error_hint(error), "token proxy"));
            }
            assay_access_token_unref(token);
            assay_error_free(error);
            assay_credential_unref(credential);
        }
    }
    stop(&p);
}

static int setup(void **state)
{
    static const raw_script script = {.head = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"};
    (void)exchange_scene_setup(state);
    authority = raw_server_start(&script);
    return 0;
}

static int teardown(void **state)
{
    raw_server_stop(authority);
    exchange_scene_stop(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_75_80_paths_are_joined),
        cmocka_unit_test(test_case_76_contradictions),
        cmocka_unit_test(test_case_77_ca_rotates),
        cmocka_unit_test(test_case_77_nothing_good_at_first),
        cmocka_unit_test(ca_as_data),
        cmocka_unit_test(test_case_78_name_is_sent_and_verified),
        cmocka_unit_test(test_case_79_without_a_binding),
        cmocka_unit_test(test_case_80_no_proxy_there_and_no_authority_asked),
        cmocka_unit_test(automatic_on_and_off),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
