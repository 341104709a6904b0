/* SPDX-License-Identifier: MIT */
/* A client that proves itself to Entra with a secret or an assertion from the host, and what arrives there. */
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

#define TOKEN_PATH "/" EXCHANGE_TENANT "/oauth2/v2.0/token"

static void get_and_drop(assay_credential *credential)
{
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assay_credential_unref(credential);
}

static void test_case_10_secret_arrives_byte_by_byte(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    dev_issuer_stats_reset(scene->entra);
    get_and_drop(exchange_scene_secret(scene));
    arrivals_take(scene->entra, &sent);
    arrivals_has(&sent, "client_secret", EXCHANGE_SECRET);
    arrivals_has(&sent, "client_id", EXCHANGE_CLIENT);
    arrivals_has(&sent, "scope", EXCHANGE_SCOPE);
    arrivals_has(&sent, "grant_type", "client_credentials");
    arrivals_lacks(&sent, "client_assertion");
    arrivals_lacks(&sent, "client_assertion_type");
    arrivals_lacks(&sent, "claims");
    arrivals_lacks(&sent, "resource");
    assert_string_equal(arrivals_text(&sent, "method"), "POST");
    assert_string_equal(arrivals_text(&sent, "path"), TOKEN_PATH);
    arrivals_drop(&sent);
}

/* Each character that means something in a form, and a secret that would add a parameter were it not encoded. */
static void test_case_10_every_odd_secret(void **state)
{
    static const char *const secrets[] = {"&grant_type=password", "a=b&c=d", "100% +plus",
                                          "q?#/:;@,'\"<>\\^`{|}", "%2B%26",  "~.-_",
                                          "\xf0\x9f\x94\x91 key"};
    exchange_scene *scene = *state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        arrivals sent;
        json_t *app = json_pack("{s:s, s:s, s:s}", "client_id", "22221111-aaaa-2222-bbbb-3333cccc4444", "tenant",
                                EXCHANGE_TENANT, "secret", secrets[i]);
        exchange_scene_add_app(scene->entra, app);
        assay_credential *credential = exchange_scene_credential(scene, "client-secret");
        assert_int_equal(assay_credential_set_client_id(credential, "22221111-aaaa-2222-bbbb-3333cccc4444", NULL),
                         ASSAY_OK);
        assert_int_equal(assay_credential_set_secret(credential, secrets[i], strlen(secrets[i]), NULL), ASSAY_OK);
        get_and_drop(credential);
        arrivals_take(scene->entra, &sent);
        arrivals_is_clean(&sent);
        arrivals_has(&sent, "client_secret", secrets[i]);
        arrivals_has(&sent, "grant_type", "client_credentials");
        arrivals_drop(&sent);
    }
}

static void test_case_11_one_content_type_and_nothing_twice(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    get_and_drop(exchange_scene_workload(scene));
    arrivals_take(scene->entra, &sent);
    arrivals_is_clean(&sent);
    assert_string_equal(arrivals_text(&sent, "content_type"), "application/x-www-form-urlencoded");
    assert_string_equal(arrivals_text(&sent, "accept"), "application/json");
    assert_false(arrivals_has_field(&sent, "Authorization"));
    assert_false(arrivals_has_field(&sent, "Expect"));
    assert_false(arrivals_has_field(&sent, "Cookie"));
    arrivals_drop(&sent);
}

/* One id for the tries of one acquisition, another one for the next. */
static void test_case_13_correlation_ids(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    dev_issuer_stats_reset(scene->entra);
    assert_int_equal(dev_issuer_fault(scene->entra, "token", "status", 503, 1), 0);
    get_and_drop(exchange_scene_secret(scene));
    get_and_drop(exchange_scene_secret(scene));
    arrivals_take(scene->entra, &sent);
    assert_int_equal(sent.count, 3);
    const char *ids[3];
    for (size_t i = 0; i < 3; i++) {
        ids[i] = json_string_value(json_object_get(json_array_get(sent.all, i), "client_request_id"));
        assert_non_null(ids[i]);
        assert_int_equal(strlen(ids[i]), 36);
        assert_int_equal(ids[i][14], '4'); /* RFC 9562: version 4 */
    }
    assert_string_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[1], ids[2]);
    assert_true(arrivals_has_field(&sent, "return-client-request-id"));
    arrivals_drop(&sent);
}

static void test_case_14_redirects_get_nothing(void **state)
{
    static const int64_t statuses[] = {301, 302, 303, 307, 308};
    exchange_scene *scene = *state;
    dev_issuer_stats_reset(scene->entra);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        assay_credential *credential = exchange_scene_secret(scene);
        int64_t before = exchange_scene_requests(scene);
        assert_int_equal(dev_issuer_fault(scene->entra, "token", "redirect", statuses[i], 1), 0);
        assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_REDIRECT);
        assert_int_equal(strlen(assay_error_correlation_id(error)), 36);
        assert_int_equal(assay_error_diagnosis(error), 0); /* the network is not to blame */
        assay_error_free(error);
        assert_int_equal(exchange_scene_requests(scene) - before, 1);
        assay_credential_unref(credential);
    }
    assert_int_equal(dev_issuer_stats(scene->entra, "redirected"), 0);
}

static void test_case_15_line_ends_are_refused(void **state)
{
    exchange_scene *scene = *state;
    assay_credential *credential = exchange_scene_credential(scene, "client-secret");
    static const char *const bad[] = {"a\r\nX: y", "a\nb", "a\rb", "\x7f", "a\tb"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(assay_credential_set_client_id(credential, bad[i], NULL), ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_equal(assay_credential_set_secret(credential, bad[i], strlen(bad[i]), NULL),
                         ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_equal(assay_credential_set_tenant(credential, bad[i], NULL), ASSAY_E_CONFIG_TENANT);
        assert_int_equal(assay_credential_set_authority(credential, bad[i], NULL), ASSAY_E_CONFIG_URL);
        assert_int_equal(assay_credential_set_token_file(credential, bad[i], NULL), ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_equal(assay_credential_set_token_endpoint(credential, bad[i], NULL), ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_equal(assay_credential_set_token_proxy(credential, "https://p.test", bad[i], NULL, NULL, NULL),
                         ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_not_equal(assay_credential_set_service_account(credential, bad[i], NULL), ASSAY_OK);
    }
    assay_credential_unref(credential);
}

/* --- assertions of the host --- */

typedef struct host {
    int called, destroyed, result;
    const char *gives; /* NULL: a fresh token of the cluster */
    size_t filler;     /* not 0: so many letters instead */
} host;

static int give(void *user_data, char *assertion, size_t size, size_t *len)
{
    host *h = user_data;
    h->called++;
    assert_int_equal(size, 65536);
    if (h->filler > 0) {
        memset(assertion, 'a', size);
        *len = h->filler;
        return h->result;
    }
    if (h->gives == NULL)
        return exchange_scene_assertion(NULL, assertion, size, len);
    *len = strlen(h->gives);
    memcpy(assertion, h->gives, *len);
    return h->result;
}

static int give_nothing(void *user_data, char *assertion, size_t size, size_t *len)
{
    (void)assertion;
    (void)size;
    (void)len;
    ((host *)user_data)->called++;
    return 0;
}

static void destroy(void *user_data)
{
    ((host *)user_data)->destroyed++;
}

static void assertion_of_the_host(void **state)
{
    exchange_scene *scene = *state;
    host h = {0};
    assay_credential *credential = exchange_scene_credential(scene, "client-assertion");
    assert_int_equal(assay_credential_set_assertion_function(credential, give, &h, destroy, NULL), ASSAY_OK);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(h.called, 1);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(h.called, 1);
    assay_credential_forget(credential, NULL);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(h.called, 2);
    assert_int_equal(h.destroyed, 0);
    assay_credential_unref(credential);
    assert_int_equal(h.destroyed, 1);
}

static void refuse_host(exchange_scene *scene, assay_assertion_function function, host *h)
{
    int64_t before = exchange_scene_requests(scene);
    assay_credential *credential = exchange_scene_credential(scene, "client-assertion");
    assert_int_equal(assay_credential_set_assertion_function(credential, function, h, destroy, NULL), ASSAY_OK);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_ASSERTION);
    if (h->gives != NULL && h->gives[0] != '\0')
        assert_null(strstr(assay_error_message(error), h->gives));
    assay_error_free(error);
    assay_credential_unref(credential);
    assert_int_equal(h->called, 1);
    assert_int_equal(h->destroyed, 1);
    assert_int_equal(exchange_scene_requests(scene), before);
}

static void host_that_gives_none(void **state)
{
    exchange_scene *scene = *state;
    refuse_host(scene, give, &(host){.gives = "left.over.assertion", .result = 1});
    refuse_host(scene, give, &(host){.gives = ""});
    refuse_host(scene, give, &(host){.filler = 65537});
    refuse_host(scene, give_nothing, &(host){0});
}

/* What the host gives is a form's value, whatever is in it. */
static void odd_assertion_adds_no_parameter(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    host h = {.gives = "x.y.z&client_id=other&scope=all\r\nHost: evil"};
    assay_credential *credential = exchange_scene_credential(scene, "client-assertion");
    assert_int_equal(assay_credential_set_assertion_function(credential, give, &h, NULL, NULL), ASSAY_OK);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 12);
    assay_error_free(error);
    arrivals_take(scene->entra, &sent);
    arrivals_is_clean(&sent);
    arrivals_has(&sent, "client_assertion", h.gives);
    arrivals_has(&sent, "client_id", EXCHANGE_CLIENT);
    arrivals_drop(&sent);
    assay_credential_unref(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_10_secret_arrives_byte_by_byte),
        cmocka_unit_test(test_case_10_every_odd_secret),
        cmocka_unit_test(test_case_11_one_content_type_and_nothing_twice),
        cmocka_unit_test(test_case_13_correlation_ids),
        cmocka_unit_test(test_case_14_redirects_get_nothing),
        cmocka_unit_test(test_case_15_line_ends_are_refused),
        cmocka_unit_test(assertion_of_the_host),
        cmocka_unit_test(host_that_gives_none),
        cmocka_unit_test(odd_assertion_adds_no_parameter),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
