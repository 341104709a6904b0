/* SPDX-License-Identifier: MIT */
/* What a token is asked for, in every cloud (cases 7 to 9). */
#include "acquire/token_request.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define GUID "6dae42f8-4368-4678-94ff-3960e28e3643"

static const assay_entra_cloud *cloud_of(const char *name)
{
    return name == NULL ? NULL : assay_entra_find_cloud(assay_span_of(name));
}

static void gives(const char *text, const char *cloud, const char *wanted)
{
    char *scope = NULL;
    assay_failure failure;
    assert_int_equal(assay_scope_normalise(text, cloud_of(cloud), &scope, &failure), ASSAY_OK);
    assert_string_equal(scope, wanted);
    assay_release(scope);
}

static void refuses(const char *text)
{
    char *scope = (char *)(uintptr_t)text;
    assay_failure failure;
    assay_failure_clear(&failure);
    assert_int_equal(assay_scope_normalise(text, NULL, &scope, &failure), ASSAY_E_CONFIG_SCOPE);
    assert_null(scope);
    assert_true(failure.note[0] != '\0' || failure.expected[0] != '\0');
    assert_int_equal(assay_scope_normalise(text, NULL, &scope, NULL), ASSAY_E_CONFIG_SCOPE);
}

static void test_case_7_the_slash_of_a_resource_stays(void **state)
{
    (void)state;
    gives("https://database.windows.net/", NULL, "https://database.windows.net//.default");
    gives("https://database.windows.net", NULL, "https://database.windows.net/.default");
    gives("https://database.windows.net//.default", NULL, "https://database.windows.net//.default");
    gives("https://vault.azure.net/.default", NULL, "https://vault.azure.net/.default");
    gives(GUID, NULL, GUID "/.default");
    gives("6DAE42F8-4368-4678-94FF-3960E28E3643", NULL, "6DAE42F8-4368-4678-94FF-3960E28E3643/.default");
    gives(GUID "/.default", NULL, GUID "/.default");
    gives("api://AzureADTokenExchange", NULL, "api://AzureADTokenExchange/.default");
    gives("urn:example:a", NULL, "urn:example:a/.default");
}

static void test_case_7_back_to_the_resource(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"https://database.windows.net//.default", "https://database.windows.net/"},
        {"https://vault.azure.net/.default", "https://vault.azure.net"},
        {"https://a/.default/.default", "https://a/.default"},
        {"https://vault.azure.net", "https://vault.azure.net"},
        {"", ""},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(pairs); i++) {
        char *resource = assay_scope_resource(pairs[i][0]);
        assert_string_equal(resource, pairs[i][1]);
        assay_release(resource);
    }
}

static void test_case_8_one_resource_only(void **state)
{
    (void)state;
    refuses("https://vault.azure.net/.default https://graph.microsoft.com/.default");
    refuses(" https://vault.azure.net");
    refuses("https://vault.azure.net ");
    refuses("");
    refuses("/.default");
    refuses("User.Read");
    refuses("Keyvault");
    refuses("vault.azure.net");
    refuses("https:");
    refuses("https://a\r\nb");
    refuses("https://a\tb");
    refuses("https://caf\xc3\xa9");
    refuses("https://a\"b");
    refuses("https://a\\b");
    refuses("1https://a");
    char *longest = malloc(ASSAY_LIMIT_SCOPE_BYTES + 2);
    assert_non_null(longest);
    memset(longest, 'a', ASSAY_LIMIT_SCOPE_BYTES + 1);
    memcpy(longest, "https://", 8);
    longest[ASSAY_LIMIT_SCOPE_BYTES + 1] = '\0';
    refuses(longest);
    longest[ASSAY_LIMIT_SCOPE_BYTES] = '\0';
    char *scope = NULL;
    assert_int_equal(assay_scope_normalise(longest, NULL, &scope, NULL), ASSAY_OK);
    assert_int_equal(strlen(scope), ASSAY_LIMIT_SCOPE_BYTES + 9);
    assay_release(scope);
    free(longest);
}

static void test_case_9_audience_of_each_cloud(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"login.microsoftonline.com", "api://AzureADTokenExchange"},
        {"login.windows.net", "api://AzureADTokenExchange"},
        {"login.microsoft.com", "api://AzureADTokenExchange"},
        {"sts.windows.net", "api://AzureADTokenExchange"},
        {"login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"},
        {"login.usgovcloudapi.net", "api://AzureADTokenExchangeUSGov"},
        {"login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"},
        {"login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        const assay_entra_cloud *cloud = assay_entra_find_cloud_of_host(assay_span_of(rows[i][0]));
        assert_non_null(cloud);
        assert_string_equal(assay_scope_exchange_audience(cloud), rows[i][1]);
    }
    assert_string_equal(assay_scope_exchange_audience(NULL), "api://AzureADTokenExchange");
}

static void test_case_9_names_of_resources(void **state)
{
    (void)state;
    static const char *const rows[][4] = {
        {"keyvault", "https://vault.azure.net", "https://vault.usgovcloudapi.net", "https://vault.azure.cn"},
        {"storage", "https://storage.azure.com", "https://storage.azure.com", "https://storage.azure.com"},
        {"sql", "https://database.windows.net/", "https://database.usgovcloudapi.net/",
         "https://database.chinacloudapi.cn/"},
        {"postgres", "https://ossrdbms-aad.database.windows.net", "https://ossrdbms-aad.database.usgovcloudapi.net",
         "https://ossrdbms-aad.database.chinacloudapi.cn"},
        {"mysql", "https://ossrdbms-aad.database.windows.net", "https://ossrdbms-aad.database.usgovcloudapi.net",
         "https://ossrdbms-aad.database.chinacloudapi.cn"},
        {"servicebus", "https://servicebus.azure.net", "https://servicebus.azure.net", "https://servicebus.azure.net"},
        {"eventhubs", "https://eventhubs.azure.net", "https://eventhubs.azure.net", "https://eventhubs.azure.net"},
        {"arm", "https://management.azure.com", "https://management.usgovcloudapi.net",
         "https://management.chinacloudapi.cn"},
        {"graph", "https://graph.microsoft.com", "https://graph.microsoft.us",
         "https://microsoftgraph.chinacloudapi.cn"},
        {"aks", GUID, GUID, GUID},
        {"arc", "6256c85f-0aad-4d50-b960-e6e9b21efe35", "6256c85f-0aad-4d50-b960-e6e9b21efe35",
         "6256c85f-0aad-4d50-b960-e6e9b21efe35"},
    };
    static const char *const names[] = {"public", "us-government", "china"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        for (size_t j = 0; j < ASSAY_COUNT_OF(names); j++) {
            char wanted[100];
            (void)snprintf(wanted, sizeof wanted, "%s/.default", rows[i][j + 1]);
            gives(rows[i][0], names[j], wanted);
            if (j == 0)
                gives(rows[i][0], NULL, wanted);
        }
    }
}

static void gives_delegated(const char *text, const char *wanted)
{
    char *scope = NULL;
    assay_failure failure;
    assert_int_equal(assay_scope_delegated(text, NULL, &scope, &failure), ASSAY_OK);
    assert_string_equal(scope, wanted);
    assay_release(scope);
}

static void test_case_86_scopes_that_a_user_granted(void **state)
{
    (void)state;
    gives_delegated("https://graph.microsoft.com/User.Read", "https://graph.microsoft.com/User.Read");
    gives_delegated("api://stock/Stock.Read api://stock/Stock.Write", "api://stock/Stock.Read api://stock/Stock.Write");
    gives_delegated("User.Read offline_access", "User.Read offline_access");
    gives_delegated("https://graph.microsoft.com/.default", "https://graph.microsoft.com/.default");
    gives_delegated("https://graph.microsoft.com", "https://graph.microsoft.com/.default");
    gives_delegated("https://graph.microsoft.com/", "https://graph.microsoft.com//.default");
    gives_delegated("api://stock", "api://stock/.default");
    gives_delegated("graph", "https://graph.microsoft.com/.default");
    gives_delegated(GUID, GUID "/.default");
    static const char *const bad[] = {"", " ", "a  b", "a ", " a", "a\tb", "a\"b", "a\nb", "\xc3\xbc"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        char *scope = NULL;
        assert_int_equal(assay_scope_delegated(bad[i], NULL, &scope, NULL), ASSAY_E_CONFIG_SCOPE);
        assert_null(scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_7_the_slash_of_a_resource_stays),
        cmocka_unit_test(test_case_7_back_to_the_resource),
        cmocka_unit_test(test_case_8_one_resource_only),
        cmocka_unit_test(test_case_9_audience_of_each_cloud),
        cmocka_unit_test(test_case_9_names_of_resources),
        cmocka_unit_test(test_case_86_scopes_that_a_user_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
