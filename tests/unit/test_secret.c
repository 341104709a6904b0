/* SPDX-License-Identifier: MIT */
#include "crypto/secret.h"
#include "support/mapping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static assay_secret secret_of(const char *text)
{
    assay_secret secret = {NULL, 0, 0, false};
    assay_secret_put(&secret, text);
    assert_false(secret.failed);
    return secret;
}

static void is(const assay_secret *secret, const char *text)
{
    assert_false(secret->failed);
    assert_int_equal(secret->len, strlen(text));
    if (text[0] == '\0')
        return;
    assert_non_null(secret->text);
    assert_true(secret->room > secret->len);
    assert_string_equal(secret->text, text);
}

static void is_empty(const assay_secret *secret)
{
    assert_null(secret->text);
    assert_true(secret->len == 0 && secret->room == 0);
}

static void starts_empty_and_grows(void **state)
{
    (void)state;
    assay_secret secret = {0};
    is_empty(&secret);
    assay_secret_add(&secret, NULL, 0);
    assay_secret_put(&secret, "");
    is_empty(&secret);
    char *expected = calloc(1, 300001);
    for (size_t i = 0; i < 30000; i++) {
        char piece[16];
        snprintf(piece, sizeof piece, "%09zu,", i);
        assay_secret_put(&secret, piece);
        memcpy(expected + i * 10, piece, 10);
    }
    is(&secret, expected);
    assay_secret_clear(&secret);
    is_empty(&secret);
    assay_secret_clear(&secret);
    free(expected);
}

/* Any byte, NUL too; a terminator stands after the last. */
static void holds_any_bytes(void **state)
{
    (void)state;
    assay_secret secret = {0};
    assay_secret_add(&secret, "a\0b", 3);
    assert_int_equal(secret.len, 3);
    assert_memory_equal(secret.text, "a\0b", 4);
    assay_secret_clear(&secret);
}

/* At the end of a page the terminator needs another one. */
static void terminator_at_the_end_of_a_page(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *text = malloc(page);
    memset(text, 'x', page);
    for (size_t len = page - 2; len <= page; len++) {
        assay_secret secret = {0};
        assert_true(assay_secret_set(&secret, text, len));
        assert_int_equal(secret.room, len < page ? page : 2 * page);
        assert_int_equal(secret.text[len], '\0');
        assay_secret_clear(&secret);
    }
    free(text);
}

static void set_replaces(void **state)
{
    (void)state;
    assay_secret secret = secret_of("first secret");
    assert_true(assay_secret_set(&secret, "second", 6));
    is(&secret, "second");
    assert_true(assay_secret_set(&secret, secret.text + 3, 3)); /* a part of itself */
    is(&secret, "ond");
    assert_true(assay_secret_set(&secret, "", 0));
    is_empty(&secret);
    secret.failed = true;
    assert_true(assay_secret_set(&secret, "again", 5));
    is(&secret, "again");
    assay_secret_clear(&secret);
}

static void moves_and_copies(void **state)
{
    (void)state;
    assay_secret a = secret_of("one"), b = secret_of("two");
    assay_secret_move(&a, &b);
    is(&a, "two");
    is_empty(&b);
    assay_secret_move(&a, &a);
    is(&a, "two");
    assert_true(assay_secret_copy(&b, &a));
    assert_true(assay_secret_copy(&b, &b));
    is(&a, "two");
    is(&b, "two");
    assert_ptr_not_equal(a.text, b.text);
    assay_secret_clear(&a);
    assert_true(assay_secret_copy(&b, &a));
    is_empty(&b);
}

/* More than there can be: empty and failed, whatever is added after. */
static void failure_stays(void **state)
{
    (void)state;
    assay_secret secret = secret_of("part"), copy = {0};
    assay_secret_add(&secret, "x", SIZE_MAX / 2);
    assert_true(secret.failed);
    is_empty(&secret);
    assay_secret_put(&secret, "more");
    assay_secret_form(&secret, "more", 4);
    assert_true(secret.failed);
    is_empty(&secret);
    assert_false(assay_secret_equal(&secret, "", 0));
    assert_false(assay_secret_copy(&copy, &secret));
    assert_true(copy.failed);
    assert_false(assay_secret_copy(&copy, &copy));
    assert_false(assay_secret_set(&copy, "x", SIZE_MAX - 1));
    assert_true(copy.failed);
    is_empty(&copy);
    assay_secret_clear(&copy);
    assert_false(copy.failed);
    assay_secret_form(&copy, "x", SIZE_MAX / 2);
    assert_true(copy.failed);
    assay_secret_move(&secret, &copy);
    assert_true(secret.failed && !copy.failed);
    assay_secret_clear(&secret);
}

static void compares(void **state)
{
    (void)state;
    assay_secret secret = secret_of("a secret");
    assert_true(assay_secret_equal(&secret, "a secret", 8));
    assert_false(assay_secret_equal(&secret, "a secreT", 8));
    assert_false(assay_secret_equal(&secret, "A secret", 8));
    assert_false(assay_secret_equal(&secret, "a secret ", 9));
    assert_false(assay_secret_equal(&secret, "a secre", 7));
    assert_false(assay_secret_equal(&secret, NULL, 0));
    assay_secret_clear(&secret);
    assert_true(assay_secret_equal(&secret, NULL, 0));
    assert_false(assay_secret_equal(&secret, "a", 1));
}

/* The secret of case 10 in exchange.md, and every byte there is. */
static void test_case_10_form(void **state)
{
    (void)state;
    assay_secret secret = secret_of("client_secret=");
    static const char text[] = "a+b/c=%&~ \xc3\xbc";
    assay_secret_form(&secret, text, sizeof text - 1);
    is(&secret, "client_secret=a%2Bb%2Fc%3D%25%26~%20%C3%BC");
    assay_secret_clear(&secret);
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte, expected[8];
        bool plain = byte != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", byte);
        snprintf(expected, sizeof expected, plain ? "%c" : "%%%02X", byte);
        assay_secret_form(&secret, &one, 1);
        is(&secret, expected);
        assay_secret_clear(&secret);
    }
    assay_secret_form(&secret, "", 0);
    is_empty(&secret);
    assay_secret_parameter(&secret, "a", "1&2", 3);
    assay_secret_parameter(&secret, "b", "", 0);
    assay_secret_parameter(&secret, "c", "x=y", 3);
    is(&secret, "a=1%262&b=&c=x%3Dy");
    assay_secret_clear(&secret);
}

static void is_in_no_core_dump(void **state)
{
    (void)state;
    assay_secret secret = secret_of("small");
    int there = mapping_has_flag(secret.text, " dd ");
    if (there < 0) {
        assay_secret_clear(&secret);
        print_message("this system does not tell the flags of a mapping\n");
        skip();
    }
    assert_int_equal(there, 1);
    char large[100000] = {0};
    assay_secret_add(&secret, large, sizeof large);
    assert_int_equal(mapping_has_flag(secret.text, " dd "), 1);
    assert_int_equal(mapping_has_flag(secret.text + secret.room - 1, " dd "), 1);
    assert_int_equal(mapping_has_flag(secret.text, " wf "), 0);
    assay_secret_clear(&secret);
}

/* A child process goes on with the tokens of its parent. */
static void is_there_in_a_child(void **state)
{
    (void)state;
    assay_secret secret = secret_of("for both");
    pid_t child = fork();
    if (child == 0)
        _exit(secret.len == 8 && strcmp(secret.text, "for both") == 0 ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    is(&secret, "for both");
    assay_secret_clear(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty_and_grows),
        cmocka_unit_test(holds_any_bytes),
        cmocka_unit_test(terminator_at_the_end_of_a_page),
        cmocka_unit_test(set_replaces),
        cmocka_unit_test(moves_and_copies),
        cmocka_unit_test(failure_stays),
        cmocka_unit_test(compares),
        cmocka_unit_test(test_case_10_form),
        cmocka_unit_test(is_in_no_core_dump),
        cmocka_unit_test(is_there_in_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
