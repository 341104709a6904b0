/* SPDX-License-Identifier: MIT */
/* Reading the token of a bearer file: what is one, and what is not. */
#include "flow/bearer_file.h"
#include "support/store_folder.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST ASSAY_LIMIT_BEARER_FILE_BYTES

static char path[128];

static int open_folder(void **state)
{
    int result = store_folder_open(state);
    snprintf(path, sizeof path, "%s/token", store_folder);
    return result;
}

static void expect_token(const char *text, size_t len, const char *value)
{
    char *authorization = NULL;
    store_write_path(path, text, len);
    assert_int_equal(assay_bearer_file_read(path, &authorization, NULL), ASSAY_OK);
    assert_string_equal(authorization, value);
    assay_release_wiped(authorization, strlen(authorization));
}

static void expect_refusal_of(const char *file, const char *why)
{
    char *authorization = (char *)(uintptr_t)1;
    assay_failure failure;
    assert_int_equal(assay_bearer_file_read(file, &authorization, &failure), ASSAY_E_BEARER_FILE);
    assert_null(authorization);
    if (strstr(failure.note, why) == NULL || strstr(failure.note, "sesame") != NULL)
        fail_msg("\"%s\" instead of \"%s\"", failure.note, why);
    assert_int_equal(assay_bearer_file_read(file, &authorization, NULL), ASSAY_E_BEARER_FILE);
}

static void expect_refusal(const char *text, size_t len, const char *why)
{
    store_write_path(path, text, len);
    expect_refusal_of(path, why);
}

static void one_token_is_taken(void **state)
{
    (void)state;
    expect_token("sesame", 6, "Bearer sesame");
    expect_token("sesame\n", 7, "Bearer sesame");
    expect_token("sesame \t\r\n\r\n", 12, "Bearer sesame");
    expect_token("aB0-._~+/==", 11, "Bearer aB0-._~+/==");
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "sesame\nsesame", "sesame sesame", " sesame",    "\nsesame",   "Bearer sesame",     "sesame\r\nX: y\r\n",
        "sesame=a",       "===",           "\"sesame\"", "sesame\x80", "\xef\xbb\xbfsesame"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        expect_refusal(bad[i], strlen(bad[i]), "does not hold one token and nothing else");
    expect_refusal("sesame\0", 7, "does not hold one token");
    expect_refusal("ses\0ame", 7, "does not hold one token");
    expect_refusal("", 0, "is empty");
    expect_refusal(" \n\n", 3, "is empty");
}

static void the_limit_is_exact(void **state)
{
    (void)state;
    char *text = assay_alloc(MOST + 2);
    char *value = assay_zalloc(MOST + 8);
    memset(text, 'a', MOST + 2);
    memcpy(value, "Bearer ", 7);
    memset(value + 7, 'a', MOST);
    expect_token(text, MOST, value);
    expect_refusal(text, MOST + 1, "is longer than 16384 bytes");
    text[MOST] = '\n'; /* of the file, not of the token */
    expect_refusal(text, MOST + 1, "is longer than 16384 bytes");
    assay_release(text);
    assay_release(value);
}

static void what_can_t_be_read_is_refused(void **state)
{
    (void)state;
    expect_refusal_of("/nowhere/at/all", "/nowhere/at/all: No such file");
    expect_refusal_of(store_folder, "Is a directory");
    snprintf(path, sizeof path, "%s/fifo", store_folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal_of(path, "is empty"); /* and nobody waits for a writer */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nothing", path), 0);
    expect_refusal_of(path, "No such file");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_folder, store_folder_remove)
    const struct CMUnitTest tests[] = {
        CASE(one_token_is_taken),
        CASE(anything_else_is_refused),
        CASE(the_limit_is_exact),
        CASE(what_can_t_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
