/* SPDX-License-Identifier: MIT */
/* The development issuer's token endpoints inside a test's own process: the calls beside the paths, and many threads at once. */

#include "dev_issuer.h"
#include "support/rsa_pool.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"
#define APP "00001111-aaaa-2222-bbbb-3333cccc4444"

static dev_issuer *start(const dev_issuer_options *options)
{
    char message[256] = "";
    dev_issuer *issuer = NULL;
    rsa_pool_serve_issuers();
    if (dev_issuer_start(options, &issuer, message, sizeof message) != 0)
        fail_msg("%s", message);
    return issuer;
}

static void add_app(dev_issuer *issuer, const char *json)
{
    char message[256] = "";
    if (dev_issuer_add_app(issuer, json, message, sizeof message) != 0)
        fail_msg("%s", message);
}

static size_t take(char *bytes, size_t size, size_t count, void *closure)
{
    char *room = closure;
    size_t used = strlen(room);
    size_t left = 16383 - used;
    size_t len = size * count < left ? size * count : left;
    memcpy(room + used, bytes, len);
    return size * count;
}

/* POST a form; the status, with the body in @p answer, which has room for 16384 bytes. -1: no answer. */
static long post(const char *url, const char *form, const char *ca_pem, const char *resolve, char *answer)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *address = resolve == NULL ? NULL : curl_slist_append(NULL, resolve);
    struct curl_blob ca = {.data = (void *)(ca_pem == NULL ? "" : ca_pem),
                           .len = ca_pem == NULL ? 0 : strlen(ca_pem),
                           .flags = CURL_BLOB_COPY};
    long status = -1;
    answer[0] = '\0';
    memset(answer, 0, 16384);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, 60L);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    if (ca_pem != NULL)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
    if (address != NULL)
        (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, address);
    if (curl_easy_perform(easy) == CURLE_OK)
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(address);
    return status;
}

static long ask(dev_issuer *issuer, const char *proof, char *answer)
{
    char url[256];
    char form[8192];
    (void)snprintf(url, sizeof url, "%s/" TENANT "/oauth2/v2.0/token", dev_issuer_base(issuer));
    (void)snprintf(form, sizeof form,
                   "grant_type=client_credentials&client_id=" APP "&scope=api%%3A%%2F%%2Fx%%2F.default&%s", proof);
    return post(url, form, dev_issuer_ca_pem(issuer), NULL, answer);
}

static void applications(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "1",
                                      "[1]",
                                      "{}",
                                      "{\"client_id\":1}",
                                      "{\"client_id\":\"x\",\"no_such\":1}",
                                      "{\"client_id\":\"x\",\"client_id\":\"y\"}",
                                      "{\"client_id\":\"x\",\"certificates\":\"-----BEGIN CERTIFICATE-----\"}",
                                      "[{\"client_id\":\"x\"},{\"client_id\":\"y\",\"public\":1}]"};
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true});
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char message[256] = "";
        assert_int_equal(dev_issuer_add_app(issuer, bad[i], message, sizeof message), -1);
        assert_true(strlen(message) > 0);
    }
    char *none = dev_issuer_apps(issuer);
    assert_string_equal(none, "[]");
    free(none);
    add_app(issuer, "[{\"client_id\":\"" APP "\",\"secret\":[\"one\",\"two\"]},{\"client_id\":\"other\"}]");
    add_app(issuer, "{\"client_id\":\"" APP "\",\"secret\":\"three\"}");
    char *apps = dev_issuer_apps(issuer);
    assert_string_equal(apps, "[{\"client_id\":\"" APP "\",\"secret\":1},{\"client_id\":\"other\"}]");
    free(apps);
    char answer[16384];
    assert_int_equal(ask(issuer, "client_secret=three", answer), 200);
    assert_int_equal(ask(issuer, "client_secret=one", answer), 401);
    assert_non_null(strstr(answer, "\"error_codes\":[7000215]"));
    dev_issuer_stop(issuer);
}

static void settings_and_faults(void **state)
{
    (void)state;
    char message[256] = "";
    char answer[16384];
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true});
    add_app(issuer, "{\"client_id\":\"" APP "\",\"secret\":\"s\"}");
    assert_int_equal(
        dev_issuer_settings(issuer, "{\"token_lifetime\":60,\"expires_in_form\":\"string\"}", message, sizeof message),
        0);
    assert_int_equal(ask(issuer, "client_secret=s", answer), 200);
    assert_non_null(strstr(answer, "\"expires_in\":\"60\""));
    assert_int_equal(dev_issuer_settings(issuer, "{\"token_lifetime\":70,\"no_such\":1}", message, sizeof message), -1);
    assert_non_null(strstr(message, "no_such"));
    assert_int_equal(ask(issuer, "client_secret=s", answer), 200);
    assert_non_null(strstr(answer, "\"expires_in\":\"60\""));
    assert_int_equal(dev_issuer_settings(issuer, "[]", message, sizeof message), -1);
    assert_int_equal(dev_issuer_fault(issuer, "token", "aadsts", 90055, 1), 0);
    assert_int_equal(ask(issuer, "client_secret=s", answer), 429);
    assert_int_equal(dev_issuer_fault(issuer, "token", "reset", -1, 2), 0);
    assert_int_equal(ask(issuer, "client_secret=s", answer), -1);
    assert_int_equal(dev_issuer_fault(issuer, "all", "none", -1, -1), 0);
    assert_int_equal(dev_issuer_fault(issuer, "jwks", "aadsts", -1, -1), -1);
    assert_int_equal(dev_issuer_fault(issuer, "imds", "missing-key", -1, -1), -1);
    assert_true(dev_issuer_stats(issuer, "token") >= 4);
    dev_issuer_stop(issuer);
}

/* Each byte of a secret is told by its digest, and nothing of it otherwise. */
static void requests(void **state)
{
    (void)state;
    char answer[16384];
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true});
    add_app(issuer, "{\"client_id\":\"" APP "\",\"secret\":\"hush-hush\"}");
    (void)ask(issuer, "client_secret=hush-hush", answer);
    char *text = dev_issuer_requests(issuer);
    assert_null(strstr(text, "hush-hush"));
    json_t *list = json_loads(text, 0, NULL);
    const json_t *parameters = json_object_get(json_array_get(list, 0), "parameters");
    assert_int_equal(json_array_size(parameters), 4);
    const json_t *secret = json_array_get(parameters, 3);
    assert_string_equal(json_string_value(json_object_get(secret, "name")), "client_secret");
    assert_int_equal(json_integer_value(json_object_get(secret, "length")), 9);
    assert_string_equal(json_string_value(json_object_get(secret, "sha256")),
                        "fbdc077454d782ba39d400e06e741b56c14b0a8cf122348c98fe1e91634c5a81");
    json_decref(list);
    free(text);
    dev_issuer_stats_reset(issuer);
    text = dev_issuer_requests(issuer);
    assert_string_equal(text, "[]");
    free(text);
    dev_issuer_stop(issuer);
}

static void another_certificate(void **state)
{
    (void)state;
    char answer[16384];
    char url[256];
    char resolve[128];
    dev_issuer *issuer =
        start(&(dev_issuer_options){.entra = true, .tls = true, .tls_name = "proxy.test", .proxy_path = "/p"});
    const char *port = strrchr(dev_issuer_base(issuer), ':') + 1;
    (void)snprintf(url, sizeof url, "https://proxy.test:%s/p/" TENANT "/oauth2/v2.0/token", port);
    (void)snprintf(resolve, sizeof resolve, "proxy.test:%s:127.0.0.1", port);
    const char *first = dev_issuer_ca_pem(issuer);
    assert_int_equal(post(url, "x=y", first, resolve, answer), 400);
    assert_int_equal(dev_issuer_stats(issuer, "proxy"), 1);
    assert_int_equal(dev_issuer_rotate_tls(issuer, NULL), 0);
    const char *second = dev_issuer_ca_pem(issuer);
    /* The first one's text stays what it was. */
    assert_string_not_equal(first, second);
    assert_int_equal(post(url, "x=y", first, resolve, answer), -1);
    assert_int_equal(post(url, "x=y", second, resolve, answer), 400);
    assert_int_equal(dev_issuer_rotate_tls(issuer, "other.test"), 0);
    assert_int_equal(post(url, "x=y", dev_issuer_ca_pem(issuer), resolve, answer), -1);
    dev_issuer_stop(issuer);
    dev_issuer *plain = start(&(dev_issuer_options){.entra = true});
    assert_int_equal(dev_issuer_rotate_tls(plain, NULL), -1);
    dev_issuer_stop(plain);
}

static void refuses_what_it_can_not_do(void **state)
{
    (void)state;
    const dev_issuer_options bad[] = {
        {.tls_name = "proxy.test"},
        {.tls = true, .tls_name = "two names"},
        {.tls = true, .tls_name = ""},
        {.tls = true, .proxy_path = "/p"},
        {.entra = true, .proxy_path = "/p"},
        {.entra = true, .tls = true, .proxy_path = "p"},
        {.entra = true, .tls = true, .proxy_path = "/a/../b"},
        {.entra = true, .arc_folder = "tokens"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char message[256] = "";
        dev_issuer *issuer = NULL;
        assert_int_equal(dev_issuer_start(&bad[i], &issuer, message, sizeof message), -1);
        assert_true(strlen(message) > 0);
    }
}

/* A token of this very process, which asks itself for its keys. */
static void own_tokens_are_exchanged(void **state)
{
    (void)state;
    char app[1024];
    char proof[6144];
    char answer[16384];
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true, .tls = true});
    (void)snprintf(app, sizeof app,
                   "{\"client_id\":\"" APP
                   "\",\"federated\":{\"issuer\":\"%s\",\"subject\":\"bbbbbbbb-1111-2222-3333-cccccccccccc\","
                   "\"audience\":\"api://AzureADTokenExchange\"}}",
                   dev_issuer_url(issuer));
    add_app(issuer, app);
    static const struct {
        const char *request;
        long status;
        const char *said;
    } cases[] = {
        {"{\"entra\":\"managed-identity\",\"claims\":{\"aud\":\"api://AzureADTokenExchange\"}}", 200, "access_token"},
        {"{\"entra\":\"managed-identity\",\"claims\":{\"aud\":\"api://AzureADTokenExchange\"},\"forge\":\"wrong-key\"}",
         401, "700027"},
        {"{\"entra\":\"daemon\",\"claims\":{\"aud\":\"api://AzureADTokenExchange\"}}", 401, "700222"},
        {"{\"entra\":\"managed-identity\"}", 401, "700212"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *token = NULL;
        if (dev_issuer_mint(issuer, cases[i].request, &token) != 0)
            fail_msg("%s", token);
        (void)snprintf(proof, sizeof proof,
                       "client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&"
                       "client_assertion=%s",
                       token);
        assert_int_equal(ask(issuer, proof, answer), cases[i].status);
        assert_non_null(strstr(answer, cases[i].said));
        free(token);
    }
    dev_issuer_stop(issuer);
}

/* A cluster of the same process with a CA of its own, which the credential brings as text. */
static void tokens_of_another_issuer(void **state)
{
    (void)state;
    char proof[6144];
    char answer[16384];
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true});
    dev_issuer *cluster = start(&(dev_issuer_options){.kubernetes = true, .tls = true, .path = "/cluster/"});
    for (int with_ca = 0; with_ca < 2; with_ca++) {
        json_t *app =
            json_pack("{s:s, s:{s:s, s:s, s:s}}", "client_id", APP, "federated", "issuer", dev_issuer_url(cluster),
                      "subject", "system:serviceaccount:default:orders", "audience", "dev-audience");
        if (with_ca == 1)
            (void)json_object_set_new(json_object_get(app, "federated"), "ca_pem",
                                      json_string(dev_issuer_ca_pem(cluster)));
        char *text = json_dumps(app, 0);
        add_app(issuer, text);
        free(text);
        json_decref(app);
        char *token = NULL;
        assert_int_equal(dev_issuer_mint(cluster, NULL, &token), 0);
        (void)snprintf(proof, sizeof proof,
                       "client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&"
                       "client_assertion=%s",
                       token);
        free(token);
        assert_int_equal(ask(issuer, proof, answer), with_ca == 1 ? 200 : 400);
        assert_non_null(strstr(answer, with_ca == 1 ? "access_token" : "90061"));
    }
    assert_int_equal(dev_issuer_stats(cluster, "jwks"), 1);
    dev_issuer_stop(cluster);
    dev_issuer_stop(issuer);
}

static void *hammer(void *argument)
{
    dev_issuer *issuer = argument;
    char answer[16384];
    char message[128];
    for (int i = 0; i < 15; i++) {
        if (ask(issuer, "client_secret=s", answer) != 200)
            return argument;
        (void)dev_issuer_add_app(issuer, "{\"client_id\":\"" APP "\",\"secret\":[\"s\",\"t\"]}", message,
                                 sizeof message);
        (void)dev_issuer_settings(issuer, "{\"identity_header\":\"x\",\"refresh_in\":10}", message, sizeof message);
        (void)dev_issuer_fault(issuer, "token", "skewed-date", 5, 1);
        if (dev_issuer_rotate_tls(issuer, NULL) != -1)
            return argument;
        free(dev_issuer_requests(issuer));
        free(dev_issuer_apps(issuer));
    }
    return NULL;
}

/* Everything that may change does while others ask. */
static void many_threads_share_one(void **state)
{
    (void)state;
    pthread_t threads[4];
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true});
    add_app(issuer, "{\"client_id\":\"" APP "\",\"secret\":\"s\"}");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, issuer), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(dev_issuer_stats(issuer, "token"), 60);
    assert_int_equal(dev_issuer_stats(issuer, "rejected"), 0);
    dev_issuer_stop(issuer);
}

/* Rotation while others ask: no daemon is lost, and the last certificate is the one that is served. */
static void *rotate(void *argument)
{
    for (int i = 0; i < 5; i++)
        if (dev_issuer_rotate_tls(argument, NULL) != 0)
            return argument;
    return NULL;
}

static void certificates_change_at_once(void **state)
{
    (void)state;
    char answer[16384];
    pthread_t threads[4];
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true, .tls = true});
    add_app(issuer, "{\"client_id\":\"" APP "\",\"secret\":\"s\"}");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rotate, issuer), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(ask(issuer, "client_secret=s", answer), 200);
    dev_issuer_stop(issuer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applications),
        cmocka_unit_test(settings_and_faults),
        cmocka_unit_test(requests),
        cmocka_unit_test(another_certificate),
        cmocka_unit_test(refuses_what_it_can_not_do),
        cmocka_unit_test(own_tokens_are_exchanged),
        cmocka_unit_test(tokens_of_another_issuer),
        cmocka_unit_test(many_threads_share_one),
        cmocka_unit_test(certificates_change_at_once),
    };
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
