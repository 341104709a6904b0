/* SPDX-License-Identifier: MIT */
/* Settings of credentials one by one: what a setter takes, and what it leaves as it was. */
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

static void what_can_be_no_tenant_is_not_shown(void **state)
{
    (void)state;
    assert_int_equal(assay_settings_set_tenant(&settings, "abc8Q~sesame.of_a-client", &failure), ASSAY_E_CONFIG_TENANT);
    assert_string_equal(failure.found, "");
    assert_null(strstr(failure.note, "sesame"));
    assert_int_equal(assay_settings_set_tenant(&settings, "common", &failure), ASSAY_E_CONFIG_TENANT);
    assert_string_equal(failure.found, "common");
}

static void test_case_5_a_tenant_is_a_guid_or_a_domain(void **state)
{
    (void)state;
    static const char *const good[] = {GUID, "contoso.onmicrosoft.com", "adfs", "a", "A-b.9"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(good); i++) {
        assert_int_equal(assay_settings_set_tenant(&settings, good[i], &failure), ASSAY_OK);
        assert_string_equal(settings.tenant, good[i]);
    }
    static const char *const bad[] = {"",
                                      "common",
                                      "Organizations",
                                      "consumers",
                                      "COMMON",
                                      "../x",
                                      "a b",
                                      "a..b",
                                      ".a",
                                      "a.",
                                      "-a",
                                      "a/b",
                                      "a%2fb",
                                      "a?b",
                                      "a#b",
                                      "a\r\n",
                                      "a_b",
                                      "*",
                                      "contos\xc3\xb6.de",
                                      "{tenantid}",
                                      "a:b",
                                      "a@b",
                                      "a\\b"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        if (assay_settings_set_tenant(&settings, bad[i], &failure) != ASSAY_E_CONFIG_TENANT)
            fail_msg("%s was taken", bad[i]);
        assert_true(failure.note[0] != '\0');
        assert_int_equal(assay_settings_set_tenant(&settings, bad[i], NULL), ASSAY_E_CONFIG_TENANT);
    }
    assert_string_equal(settings.tenant, "A-b.9");
    char text[256];
    memset(text, 'a', sizeof text);
    text[253] = '\0';
    assert_int_equal(assay_settings_set_tenant(&settings, text, &failure), ASSAY_OK);
    text[253] = 'a';
    text[254] = '\0';
    assert_int_equal(assay_settings_set_tenant(&settings, text, &failure), ASSAY_E_CONFIG_TENANT);
    assert_int_equal(assay_settings_set_tenant(&settings, NULL, &failure), ASSAY_OK);
    assert_null(settings.tenant);
}

static void more_tenants_may_be_named(void **state)
{
    (void)state;
    assert_int_equal(assay_settings_add_tenant(&settings, "a.example", &failure), ASSAY_OK);
    assert_int_equal(assay_settings_add_tenant(&settings, "a.example", &failure), ASSAY_OK);
    assert_int_equal(settings.tenants.count, 1);
    assert_int_equal(assay_settings_add_tenant(&settings, "common", &failure), ASSAY_E_CONFIG_TENANT);
    assert_int_equal(assay_settings_add_tenant(&settings, "", &failure), ASSAY_E_CONFIG_TENANT);
    assert_int_equal(settings.tenants.count, 1);
    assert_false(settings.any_tenant);
    assert_int_equal(assay_settings_add_tenant(&settings, "*", &failure), ASSAY_OK);
    assert_true(settings.any_tenant);
    assert_int_equal(settings.tenants.count, 1);
}

static void test_case_6_an_odd_client_id_is_noticed(void **state)
{
    (void)state;
    static const char *const odd[] = {"my-app", "/subscriptions/s/resourceGroups/g", "11111111222233334444555555555555",
                                      "{" GUID "}", GUID " "};
    settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    machine_world_set(&settings.tenant, "contoso.example");
    machine_world_set(&settings.client_id, GUID);
    assert_false(assay_settings_client_id_is_odd(&settings));
    for (size_t i = 0; i < ASSAY_COUNT_OF(odd); i++) {
        machine_world_set(&settings.client_id, odd[i]);
        assert_true(assay_settings_client_id_is_odd(&settings));
    }
    settings.kind = ASSAY_CREDENTIAL_CLIENT; /* other servers have other ids */
    assert_false(assay_settings_client_id_is_odd(&settings));
    settings.kind = ASSAY_CREDENTIAL_SECRET;
    assay_release(ASSAY_STEAL(settings.client_id));
    assert_false(assay_settings_client_id_is_odd(&settings));
}

static void test_case_15_control_bytes_are_refused(void **state)
{
    (void)state;
    char *place = NULL;
    assay_secret secret = {0};
    static const char *const bad[] = {"", "a\r\nX: y", "a\nb", "\ta", "a\x7f", "a\x01", "a\n"};
    assert_int_equal(assay_settings_set_text(&place, "good", "it", &failure), ASSAY_OK);
    assert_int_equal(assay_settings_set_secret(&secret, "good", 4, "it", &failure), ASSAY_OK);
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        assert_int_equal(assay_settings_set_text(&place, bad[i], "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_equal(assay_settings_set_secret(&secret, bad[i], strlen(bad[i]), "it", &failure),
                         ASSAY_E_CONFIG_CREDENTIAL);
        assert_true(strncmp(failure.note, "it ", 3) == 0);
    }
    assert_int_equal(assay_settings_set_secret(&secret, "a\0b", 3, "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_settings_set_text(&place, "a\xff", "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_string_equal(place, "good");
    assert_true(assay_secret_equal(&secret, "good", 4));
    assert_int_equal(assay_settings_set_secret(&secret, "a+b/c=%&~ \xc3\xbc", 12, "it", &failure), ASSAY_OK);
    assert_int_equal(assay_settings_set_text(&place, NULL, "it", &failure), ASSAY_OK);
    assert_int_equal(assay_settings_set_secret(&secret, NULL, 0, "it", &failure), ASSAY_OK);
    assert_null(place);
    assert_null(secret.text);
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    char *place = NULL;
    assay_secret secret = {0};
    char *text = assay_zalloc(ASSAY_LIMIT_SECRET_BYTES + 2);
    assert_non_null(text);
    memset(text, 'a', ASSAY_LIMIT_SECRET_BYTES + 1);
    assert_int_equal(assay_settings_set_secret(&secret, text, ASSAY_LIMIT_SECRET_BYTES + 1, "it", &failure),
                     ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_settings_set_secret(&secret, text, ASSAY_LIMIT_SECRET_BYTES, "it", &failure), ASSAY_OK);
    text[ASSAY_LIMIT_CREDENTIAL_TEXT_BYTES + 1] = '\0';
    assert_int_equal(assay_settings_set_text(&place, text, "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
    text[ASSAY_LIMIT_CREDENTIAL_TEXT_BYTES] = '\0';
    assert_int_equal(assay_settings_set_text(&place, text, "it", &failure), ASSAY_OK);
    assay_release(text);
    assay_release(place);
    assay_secret_clear(&secret);
}

static void expect_proxy(int code, const char *url, const char *name, const char *file, const char *pem)
{
    int found = assay_settings_set_proxy(&settings, url, name, file, pem, &failure);
    if (found != code)
        fail_msg("%s instead of %s for %s: %s", assay_code_name(found), assay_code_name(code), url == NULL ? "-" : url,
                 failure.note);
}

static void test_case_76_a_token_proxy_is_complete_and_https(void **state)
{
    (void)state;
    static const char url[] = "https://10.0.0.1:443/base";
    expect_proxy(ASSAY_OK, url, "proxy.example", "/ca.pem", NULL);
    expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, url, NULL, "/ca.pem", "PEM");
    expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, NULL, "proxy.example", NULL, NULL);
    expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, NULL, NULL, "/ca.pem", NULL);
    expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, NULL, NULL, NULL, "PEM");
    static const char *const urls[] = {"http://10.0.0.1/",
                                       "http://127.0.0.1/",
                                       "https://10.0.0.1/?x=y",
                                       "https://10.0.0.1?",
                                       "https://u@10.0.0.1/",
                                       "https://10.0.0.1/#f",
                                       "",
                                       "10.0.0.1"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(urls); i++)
        expect_proxy(ASSAY_E_CONFIG_URL, urls[i], NULL, NULL, NULL);
    static const char *const hosts[] = {
        "", "a b", "a..b", ".a", "-a", "10.0.0.1", "a:1", "a/b", "a\r\nb", "[::1]",
        /* what the engine would only refuse when it connects */
        "proxy.example.", "proxy.1", "0x7f.0x1",
        "a-label-of-more-than-sixty-three-characters-is-not-one-that-a-host-has.example"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(hosts); i++)
        expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, url, hosts[i], NULL, NULL);
    expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, url, NULL, "", NULL);
    expect_proxy(ASSAY_E_CONFIG_CREDENTIAL, url, NULL, NULL, "");
    assert_string_equal(settings.proxy.url, url); /* as it was */
    assert_string_equal(settings.proxy.tls_name, "proxy.example");
    assert_string_equal(settings.proxy.ca_file, "/ca.pem");
    settings.proxy.mode = ASSAY_TOKEN_PROXY_ON;
    expect_proxy(ASSAY_OK, "https://proxy.example", NULL, NULL, "-----BEGIN CERTIFICATE-----\n");
    assert_null(settings.proxy.tls_name);
    assert_null(settings.proxy.ca_file);
    assert_int_equal(settings.proxy.mode, ASSAY_TOKEN_PROXY_ON);
    expect_proxy(ASSAY_OK, NULL, NULL, NULL, NULL);
    assert_null(settings.proxy.url);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    assay_text_list *list = &settings.audiences;
    assert_int_equal(assay_settings_add_text(list, NULL, "it", &failure), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_settings_add_text(list, "", "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_settings_add_text(list, "a\nb", "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(list->count, 0);
    for (int i = 0; i < ASSAY_LIMIT_EXCHANGE_TARGETS; i++)
        assert_int_equal(assay_settings_add_text(list, "a", "it", &failure), ASSAY_OK);
    assert_int_equal(assay_settings_add_text(list, "a", "it", &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(list->count, ASSAY_LIMIT_EXCHANGE_TARGETS);
}

static void identities_are_named_or_the_systems(void **state)
{
    (void)state;
    assert_int_equal(assay_settings_set_identity(&settings, ASSAY_IDENTITY_CLIENT_ID, GUID, &failure), ASSAY_OK);
    static const struct {
        assay_identity identity;
        const char *value;
    } bad[] = {{ASSAY_IDENTITY_SYSTEM, GUID},          {ASSAY_IDENTITY_CLIENT_ID, NULL},
               {ASSAY_IDENTITY_OBJECT_ID, NULL},       {ASSAY_IDENTITY_RESOURCE_ID, NULL},
               {ASSAY_IDENTITY_RESOURCE_ID, GUID},     {ASSAY_IDENTITY_CLIENT_ID, ""},
               {ASSAY_IDENTITY_OBJECT_ID, "a\r\nX: y"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        assert_int_equal(assay_settings_set_identity(&settings, bad[i].identity, bad[i].value, &failure),
                         ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(settings.identity, ASSAY_IDENTITY_CLIENT_ID);
    assert_string_equal(settings.identity_value, GUID);
    assert_int_equal(assay_settings_set_identity(&settings, ASSAY_IDENTITY_SYSTEM, NULL, &failure), ASSAY_OK);
    assert_null(settings.identity_value);
}

static unsigned destroyed;

static void destroy(void *data)
{
    (void)data;
    destroyed++;
}

static void what_the_host_gave_is_destroyed_once(void **state)
{
    (void)state;
    destroyed = 0;
    settings.assertion_destroy = destroy;
    assay_credential_settings_clear(&settings);
    assert_int_equal(destroyed, 1);
    assay_credential_settings_clear(&settings);
    assert_int_equal(destroyed, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(what_can_be_no_tenant_is_not_shown),
        CASE(test_case_5_a_tenant_is_a_guid_or_a_domain),
        CASE(more_tenants_may_be_named),
        CASE(test_case_6_an_odd_client_id_is_noticed),
        CASE(test_case_15_control_bytes_are_refused),
        CASE(lengths_are_bounded),
        CASE(test_case_76_a_token_proxy_is_complete_and_https),
        CASE(lists_are_bounded),
        CASE(identities_are_named_or_the_systems),
        CASE(what_the_host_gave_is_destroyed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
