/* SPDX-License-Identifier: MIT */
/* Google's file of an external account: what is taken of it, and what never is (case 91). */
#include "acquire/from_environment.h"

#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define AUDIENCE "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
#define FILE_SOURCE "\"credential_source\":{\"file\":\"/t\"}"
#define HEAD "{\"type\":\"external_account\",\"audience\":\"" AUDIENCE "\","

static assay_credential_settings settings;
static assay_failure failure;
static char path[128];

static int begin(void **state)
{
    int result = store_folder_open(state);
    (void)snprintf(path, sizeof path, "%s/account.json", store_folder);
    memset(&settings, 0, sizeof settings);
    return result;
}

static int end(void **state)
{
    assay_credential_settings_clear(&settings);
    return store_folder_remove(state);
}

static int take(const char *text)
{
    assay_credential_settings_clear(&settings);
    settings.kind = ASSAY_CREDENTIAL_GOOGLE;
    store_write_path(path, text, strlen(text));
    return assay_google_account_read(path, &settings, &failure);
}

static void expect_taken(const char *text)
{
    int code = take(text);
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), failure.note);
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
}

static void expect_refused(const char *text, int code, const char *words)
{
    int found = take(text);
    if (found != code || strstr(failure.note, words) == NULL || strstr(failure.note, "sesame") != NULL)
        fail_msg("%s, \"%s\" instead of %s, \"%s\"", assay_code_name(found), failure.note, assay_code_name(code),
                 words);
}

static void a_file_is_taken(void **state)
{
    (void)state;
    expect_taken(HEAD FILE_SOURCE ",\"subject_token_type\":\"urn:ietf:params:oauth:token-type:jwt\",\"token_url\":"
                                  "\"https://sts.googleapis.com/v1/token\",\"service_account_impersonation_url\":"
                                  "\"https://iamcredentials.googleapis.com/v1/x:generateAccessToken\"}");
    assert_string_equal(settings.token_file, "/t");
    assert_null(settings.subject_member);
    assert_int_equal(settings.audiences.count, 1);
    assert_true(assay_span_is(settings.audiences.items[0], AUDIENCE));
    assert_string_equal(settings.subject_token_type, "urn:ietf:params:oauth:token-type:jwt");
    assert_string_equal(settings.token_endpoint, "https://sts.googleapis.com/v1/token");
    assert_string_equal(settings.impersonation_url, "https://iamcredentials.googleapis.com/v1/x:generateAccessToken");
}

static void test_case_91_the_token_may_be_a_member_of_json(void **state)
{
    (void)state;
    expect_taken(HEAD "\"credential_source\":{\"file\":\"/t\",\"format\":{\"type\":\"json\","
                      "\"subject_token_field_name\":\"access_token\"}}}");
    assert_string_equal(settings.subject_member, "access_token");
    expect_taken(HEAD "\"credential_source\":{\"file\":\"/t\",\"format\":{\"type\":\"text\"}}}");
    assert_null(settings.subject_member);
    static const char *const formats[] = {"{}",
                                          "{\"type\":7}",
                                          "{\"type\":\"xml\"}",
                                          "{\"type\":\"json\"}",
                                          "7",
                                          "{\"type\":\"json\",\"subject_token_field_name\":7}",
                                          "{\"type\":\"json\",\"subject_token_field_name\":\"\"}"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(formats); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, HEAD "\"credential_source\":{\"file\":\"/t\",\"format\":%s}}", formats[i]);
        expect_refused(text, ASSAY_E_CONFIG_CREDENTIAL, "");
    }
}

static void test_case_91_programs_and_urls_are_refused(void **state)
{
    (void)state;
    expect_refused(HEAD "\"credential_source\":{\"executable\":{\"command\":\"/bin/sh\"}}}", ASSAY_E_CONFIG_CREDENTIAL,
                   "never done");
    expect_refused(HEAD "\"credential_source\":{\"executable\":null,\"file\":\"/t\"}}", ASSAY_E_CONFIG_CREDENTIAL,
                   "never done");
    static const char *const others[] = {"\"url\":\"http://169.254.169.254/\"", "\"environment_id\":\"aws1\"",
                                         "\"certificate\":{}", "\"file\":\"/t\",\"url\":\"https://x/\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, HEAD "\"credential_source\":{%s}}", others[i]);
        expect_refused(text, ASSAY_E_CONFIG_CREDENTIAL, "must be a file");
    }
}

static void incomplete_files_are_refused(void **state)
{
    (void)state;
    expect_refused(HEAD "\"x\":1}", ASSAY_E_CONFIG_CREDENTIAL, "no credential_source");
    expect_refused(HEAD "\"credential_source\":[]}", ASSAY_E_CONFIG_CREDENTIAL, "no credential_source");
    expect_refused(HEAD "\"credential_source\":{}}", ASSAY_E_CONFIG_CREDENTIAL, "no file");
    expect_refused(HEAD "\"credential_source\":{\"file\":7}}", ASSAY_E_CONFIG_CREDENTIAL, "file is not a text");
    expect_refused(HEAD "\"credential_source\":{\"file\":\"/t\\n\"}}", ASSAY_E_CONFIG_CREDENTIAL, "line end");
    expect_refused("{\"type\":\"external_account\"," FILE_SOURCE "}", ASSAY_E_CONFIG_CREDENTIAL, "no audience");
    expect_refused("{\"type\":\"external_account\",\"audience\":\"\"," FILE_SOURCE "}", ASSAY_E_CONFIG_CREDENTIAL,
                   "no audience");
    expect_refused("{\"type\":\"service_account\",\"private_key\":\"sesame\"}", ASSAY_E_CONFIG_CREDENTIAL,
                   "external_account");
    static const char *const no_objects[] = {
        "", "[]", "7", "sesame", "{\"type\":\"external_account\"", "{\"type\":\"a\",\"type\":\"b\"}"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(no_objects); i++)
        expect_refused(no_objects[i], ASSAY_E_CONFIG_CREDENTIAL, "");
}

/* Passed over, each of these would make another token of the file than the one that is meant. */
static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"token_url", "service_account_impersonation_url", "subject_token_type"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++) {
        char text[512], words[64];
        (void)snprintf(text, sizeof text, HEAD FILE_SOURCE ",\"%s\":[\"https://a.example/\"]}", names[i]);
        (void)snprintf(words, sizeof words, "%s is not a text", names[i]);
        expect_refused(text, ASSAY_E_CONFIG_CREDENTIAL, words);
        (void)snprintf(text, sizeof text, HEAD FILE_SOURCE ",\"%s\":null}", names[i]);
        expect_taken(text);
    }
}

static void urls_must_be_https(void **state)
{
    (void)state;
    expect_refused(HEAD FILE_SOURCE ",\"token_url\":\"http://sts.example/\"}", ASSAY_E_CONFIG_URL, "token_url");
    expect_refused(HEAD FILE_SOURCE ",\"token_url\":\"\"}", ASSAY_E_CONFIG_CREDENTIAL, "token_url");
    expect_refused(HEAD FILE_SOURCE ",\"service_account_impersonation_url\":\"http://iam.example/\"}",
                   ASSAY_E_CONFIG_URL, "service_account_impersonation_url");
    assert_int_equal(take(HEAD FILE_SOURCE ",\"token_url\":\"http://127.0.0.1:1/\"}"), ASSAY_OK);
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_E_CONFIG_URL);
    settings.allow_loopback_http = true;
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
}

static void a_file_that_can_t_be_read_is_told(void **state)
{
    (void)state;
    settings.kind = ASSAY_CREDENTIAL_GOOGLE;
    assert_int_equal(assay_google_account_read("/nowhere/at/all", &settings, &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_non_null(strstr(failure.note, "No such file"));
    char *text = assay_zalloc(ASSAY_LIMIT_TOKEN_FILE_BYTES + 2);
    assert_non_null(text);
    memset(text, ' ', ASSAY_LIMIT_TOKEN_FILE_BYTES + 1);
    expect_refused(text, ASSAY_E_CONFIG_CREDENTIAL, "longer than");
    assay_release(text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_file_is_taken),
        CASE(test_case_91_the_token_may_be_a_member_of_json),
        CASE(test_case_91_programs_and_urls_are_refused),
        CASE(incomplete_files_are_refused),
        CASE(what_is_no_text_is_refused),
        CASE(urls_must_be_https),
        CASE(a_file_that_can_t_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
