/* SPDX-License-Identifier: MIT */
/* Whose an `iss` is, byte by byte, in memory that ends where the text does; and what settings of Entra are taken. */
#include "profile/entra.h"

#include "base/memory.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A "11111111-aaaa-4aaa-8aaa-111111111111"
#define B "22222222-bbbb-4bbb-8bbb-222222222222"
#define V2 "https://login.microsoftonline.com/" A "/v2.0"
#define V1 "https://sts.windows.net/" A "/"

static assay_entra *entra;

/* 0: no; otherwise the version. A tenant must lie inside the text. */
static int match_bytes(const char *text, size_t len)
{
    char *exact = malloc(len == 0 ? 1 : len);
    assert_non_null(exact);
    memcpy(exact, text, len);
    assay_span tenant = {NULL, 0};
    int version = 0;
    bool found = assay_entra_match(entra, (assay_span){exact, len}, &tenant, &version);
    if (found && tenant.len > 0) {
        assert_int_equal(tenant.len, ASSAY_GUID_TEXT);
        assert_true(tenant.ptr >= exact && tenant.ptr + tenant.len <= exact + len);
    }
    free(exact);
    return found ? version : 0;
}

static int match(const char *text)
{
    return match_bytes(text, strlen(text));
}

static void make(const char *text)
{
    assay_entra_free(entra);
    assert_int_equal(assay_entra_new(text, &entra, NULL), ASSAY_OK);
}

static void both_forms(void **state)
{
    (void)state;
    assert_int_equal(match(V2), 2);
    assert_int_equal(match(V1), 1);
    assert_int_equal(match("https://login.microsoftonline.com/" B "/v2.0"), 2);
}

static void t12_slashes(void **state)
{
    (void)state;
    assert_int_equal(match("https://sts.windows.net/" A), 0);
    assert_int_equal(match(V1 "/"), 0);
    assert_int_equal(match(V2 "/"), 0);
    assert_int_equal(match("https://login.microsoftonline.com//" A "/v2.0"), 0);
    assert_int_equal(match("https://login.microsoftonline.com/" A "//v2.0"), 0);
}

/* One byte changed, left out or put in anywhere makes it nobody's; a digit of the tenant makes it another's. */
static void t13_every_byte_counts(void **state)
{
    (void)state;
    static const char *const texts[] = {V1, V2};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(texts[i]), at_tenant = (size_t)(strstr(texts[i], A) - texts[i]);
        for (size_t at = 0; at < len; at++) {
            char text[128];
            bool in_tenant = at >= at_tenant && at < at_tenant + ASSAY_GUID_TEXT;
            for (int byte = 0; byte < 256; byte++) {
                memcpy(text, texts[i], len);
                text[at] = (char)byte;
                bool digit = in_tenant && texts[i][at] != '-' && byte != 0 && strchr("0123456789abcdef", byte) != NULL;
                bool same = byte == (unsigned char)texts[i][at];
                assert_int_equal(match_bytes(text, len) != 0, digit || same);
                memcpy(text, texts[i], at);
                text[at] = (char)byte;
                memcpy(text + at + 1, texts[i] + at, len - at);
                assert_int_equal(match_bytes(text, len + 1), 0);
            }
            memcpy(text, texts[i], at);
            memcpy(text + at, texts[i] + at + 1, len - at - 1);
            assert_int_equal(match_bytes(text, len - 1), 0);
        }
    }
}

static void t14_look_alikes(void **state)
{
    (void)state;
    static const char *const texts[] = {"http://login.microsoftonline.com/" A "/v2.0",
                                        "https://login.microsoftonline.com:443/" A "/v2.0",
                                        "https://login.microsoftonline.com@evil.example/" A "/v2.0",
                                        "https://evil.example@login.microsoftonline.com/" A "/v2.0",
                                        "https://login.microsoftonline.com.evil.example/" A "/v2.0",
                                        "https://login.microsoftonline.com./" A "/v2.0",
                                        "https://login.microsoftonline.com\\" A "/v2.0",
                                        V2 "?x",
                                        V2 "#x",
                                        V2 "/x",
                                        V2 ".",
                                        V2 "%00",
                                        V2 " ",
                                        " " V2,
                                        "\t" V2,
                                        "https://login.microsoftonline.com/" A "%2Fv2.0",
                                        "https://login.microsoftonline.com%2F" A "/v2.0",
                                        "https://login.microsoftonline.com/x/../" A "/v2.0",
                                        "https://login.microsoftonline.com/" A "/v2.0/../v2.0",
                                        "https://login.microsoftonline.com/{" A "}/v2.0",
                                        "https://login.microsoftonline.com/{tenantid}/v2.0",
                                        "https://login.microsoftonline.com/common/v2.0",
                                        "https://login.microsoftonline.com/organizations/v2.0",
                                        "https://login.microsoftonline.us/" A "/v2.0",
                                        "https://login.microsoft.com/" A "/v2.0",
                                        "https://login.windows.net/" A "/v2.0",
                                        "https://login.windows-ppe.net/" A "/v2.0",
                                        "https://sts.windows-ppe.net/" A "/",
                                        "https://sts.windows.net/" A "/v2.0",
                                        "https://login.microsoftonline.com/" A "/",
                                        "https://login.microsoftonline.com/" A "/v1.1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (match(texts[i]) != 0)
            fail_msg("%s", texts[i]);
    assert_int_equal(match_bytes(V2 "\0", sizeof V2), 0);
    assert_int_equal(match_bytes(V2 "\0evil", sizeof V2 + 4), 0);
}

static void t15_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof V2 - 1; len++)
        assert_int_equal(match_bytes(V2, len), 0);
    for (size_t len = 0; len < sizeof V1 - 1; len++)
        assert_int_equal(match_bytes(V1, len), 0);
}

/* External ID has the tenant twice, and both times the same one. */
static void t21_tenant_twice(void **state)
{
    (void)state;
    assay_entra_free(entra);
    assert_int_equal(assay_entra_new_external_id(A, NULL, &entra, NULL), ASSAY_OK);
    static const char good[] = "https://" A ".ciamlogin.com/" A "/v2.0";
    assert_int_equal(match(good), 2);
    assert_int_equal(match("https://" A ".ciamlogin.com/" A "/"), 1);
    assert_int_equal(match("https://" B ".ciamlogin.com/" B "/v2.0"), 2); /* whose tenant is not the one configured */
    assert_int_equal(match("https://" A ".ciamlogin.com/" B "/v2.0"), 0);
    assert_int_equal(match("https://" B ".ciamlogin.com/" A "/v2.0"), 0);
    assert_int_equal(match("https://" A ".ciamlogin.com/{tenantid}/v2.0"), 0);
    assert_int_equal(match("https://" A ".ciamlogin.com/" A "/v2.0/"), 0);
    assert_int_equal(match("https://contoso.ciamlogin.com/" A "/v2.0"), 0);
    for (size_t len = 0; len < sizeof good - 1; len++)
        assert_int_equal(match_bytes(good, len),
                         len == sizeof good - 5 ? 1 : 0); /* up to the slash it is of version 1 */
}

static void templates_are_filled(void **state)
{
    (void)state;
    char text[64];
    const assay_span tenant = {"0123456789", 10};
    assert_true(assay_entra_fill("{tenantid}", tenant, text, 11));
    assert_string_equal(text, "0123456789");
    assert_true(assay_entra_fill("a{tenantid}b{tenantid}", tenant, text, sizeof text));
    assert_string_equal(text, "a0123456789b0123456789");
    assert_true(assay_entra_fill("{tenantid", tenant, text, sizeof text));
    assert_string_equal(text, "{tenantid");
    assert_true(assay_entra_fill("{tenant{tenantid}", tenant, text, sizeof text));
    assert_string_equal(text, "{tenant0123456789");
    assert_true(assay_entra_fill("", tenant, text, 1));
    assert_string_equal(text, "");
    /* Cut short it would be another's. */
    for (size_t size = 0; size < 13; size++) {
        char *exact = malloc(size + 1);
        assert_non_null(exact);
        assert_int_equal(assay_entra_fill("a{tenantid}b", tenant, exact, size), 0);
        free(exact);
    }
}

static void clouds(void **state)
{
    (void)state;
    make("us-government");
    assert_int_equal(match("https://login.microsoftonline.us/" A "/v2.0"), 2);
    assert_int_equal(match(V1), 1);
    assert_int_equal(match(V2), 0);
    make("china");
    assert_int_equal(match("https://login.partner.microsoftonline.cn/" A "/v2.0"), 2);
    assert_int_equal(match("https://sts.chinacloudapi.cn/" A "/"), 1);
    assert_int_equal(match("https://login.chinacloudapi.cn/" A "/v2.0"), 0);
    assert_int_equal(match(V1), 0);
    make("https://login.chinacloudapi.cn");
    assert_int_equal(match("https://login.partner.microsoftonline.cn/" A "/v2.0"), 2);
    static const char *const aliases[] = {"https://login.windows.net", "https://sts.windows.net/",
                                          "https://login.microsoft.com/organizations/v2.0"};
    for (size_t i = 0; i < 3; i++) {
        make(aliases[i]);
        assert_string_equal(entra->instance, "microsoftonline.com");
        assert_int_equal(match(V2), 2);
        assert_int_equal(match(V1), 1);
    }
    make("https://login.usgovcloudapi.net");
    assert_string_equal(entra->instance, "microsoftonline.us");
    make("https://login.example.com:8443/");
    assert_int_equal(match("https://login.example.com:8443/" A "/v2.0"), 2);
    assert_int_equal(match("https://login.example.com/" A "/v2.0"), 0);
    assert_int_equal(match(V1), 0);
    assert_int_equal(assay_entra_set_v1(entra, "https://sts.example.com/{tenantid}/", NULL), ASSAY_OK);
    assert_int_equal(match("https://sts.example.com/" A "/"), 1);
    assert_int_equal(match("https://sts.example.com/{tenantid}/"), 0);
}

/* Which issuer of a cloud an unknown text seems to be: only for a hint, but of any length. */
static void cloud_of_any_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "h", "https://", "https://login.microsoftonline.us", V1, V2};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t len = 0; len <= strlen(texts[i]); len++) {
            char *exact = malloc(len == 0 ? 1 : len);
            assert_non_null(exact);
            memcpy(exact, texts[i], len);
            (void)assay_entra_find_cloud_of_issuer((assay_span){exact, len});
            free(exact);
        }
    }
    assert_string_equal(assay_entra_find_cloud_of_issuer(assay_span_of(V2))->name, "public");
    assert_string_equal(assay_entra_find_cloud_of_issuer(assay_span_of("https://login.microsoftonline.us/x"))->name,
                        "us-government");
    assert_null(assay_entra_find_cloud_of_issuer(assay_span_of("https://login.microsoftonline.com.evil.example/")));
}

/* A base URL is a host in the spelling of tokens. A known cloud in disguise would go without the check of the key's cloud. */
static void bases_that_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "Public",
                                        "login.example.com",
                                        "ftp://login.example.com",
                                        "https://",
                                        "https:///x",
                                        "https://LOGIN.microsoftonline.com",
                                        "https://Login.Example.com",
                                        "https://login.microsoftonline.com:443",
                                        "https://login.microsoftonline.us:8443",
                                        "https://login.microsoftonline.com.",
                                        "http://login.microsoftonline.com",
                                        "https://u@login.example.com",
                                        "https://{tenantid}.example.com",
                                        "https://login.example.com?",
                                        "https://login.example.com?organizations/v2.0",
                                        "https://login.example.com#organizations/v2.0",
                                        "https://login.example.com/x",
                                        "https://login.example.com/" A,
                                        "https://login.example.com/" A "/v2.0/",
                                        "https://login.example.com/" A "/v1.0",
                                        "https://login.example.com/consumers/v2.0",
                                        "https://login.example.com//v2.0",
                                        "https://login example.com",
                                        "https://login.example.com\n",
                                        "https://login.ex\xC3\xA4mple.com",
                                        "https://login%2eexample.com"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assay_entra *made = NULL;
        assay_failure failure;
        assay_failure_clear(&failure);
        int code = assay_entra_new(texts[i], &made, &failure);
        if (code != ASSAY_E_CONFIG_ISSUER || made != NULL || failure.note[0] == '\0')
            fail_msg("\"%s\" gives %d", texts[i], code);
    }
}

static int open_public(void **state)
{
    (void)state;
    return assay_entra_new(NULL, &entra, NULL);
}

static int close_it(void **state)
{
    (void)state;
    assay_entra_free(entra);
    entra = NULL;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_public, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_forms),        TEST(t12_slashes),         TEST(t13_every_byte_counts), TEST(t14_look_alikes),
        TEST(t15_every_length),  TEST(t21_tenant_twice),    TEST(templates_are_filled),  TEST(clouds),
        TEST(cloud_of_any_text), TEST(bases_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
