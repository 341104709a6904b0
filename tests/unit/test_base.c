/* SPDX-License-Identifier: MIT */
/* The small things everything stands on: text, lists, buffers, failures. */
#include "base/base64url.h"
#include "base/clock.h"
#include "base/failure.h"
#include "base/list.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void escape_keeps_printable_ascii_and_cuts(void **state)
{
    (void)state;
    char out[16];
    assay_text_escape("plain", 5, out, sizeof out);
    assert_string_equal(out, "plain");
    assay_text_escape("a\r\n\x1b\"\\", 6, out, sizeof out);
    assert_string_equal(out, "a\\x0d\\x0a...");
    assay_text_escape("\xc3\xa4", 2, out, sizeof out);
    assert_string_equal(out, "\\xc3\\xa4");
    assay_text_escape("123456789012345", 15, out, sizeof out);
    assert_string_equal(out, "123456789012345"); /* fits exactly */
    assay_text_escape("1234567890123456", 16, out, sizeof out);
    assert_string_equal(out, "123456789012...");
    char one[1];
    assay_text_escape("x", 1, one, sizeof one);
    assert_string_equal(one, "");
    assay_text_escape(NULL, 0, out, sizeof out);
    assert_string_equal(out, "");
}

static void utf8_is_well_formed_and_without_nul(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool good;
    } rows[] = {
        {"", 0, true},
        {"abc", 3, true},
        {"a\0b", 3, false},
        {"\xc3\xa4", 2, true},
        {"\xc3", 1, false},
        {"\xc0\x80", 2, false}, /* overlong NUL */
        {"\xe2\x82\xac", 3, true},
        {"\xe0\x80\x80", 3, false}, /* overlong */
        {"\xed\xa0\x80", 3, false}, /* surrogate */
        {"\xed\x9f\xbf", 3, true},
        {"\xf0\x9f\x98\x80", 4, true},
        {"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"\xf4\x90\x80\x80", 4, false}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 4, false},
        {"\xff", 1, false},
        {"\x80", 1, false},
        {"\xe2\x28\xa1", 3, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(assay_text_is_utf8(rows[i].bytes, rows[i].len), rows[i].good);
}

static void comparisons(void **state)
{
    (void)state;
    assert_true(assay_span_is(assay_span_of("abc"), "abc"));
    assert_false(assay_span_is(assay_span_of("abc"), "abcd"));
    assert_false(assay_span_is(assay_span_of("abc"), "Abc"));
    assert_true(assay_span_is_nocase(assay_span_of("bEaReR"), "Bearer"));
    assert_false(assay_span_is_nocase(assay_span_of("Beare"), "Bearer"));
    assert_false(assay_span_is_nocase(assay_span_of("\xc4"), "\xe4")); /* ASCII only, whatever the locale */
    assert_true(assay_span_equal((assay_span){NULL, 0}, (assay_span){"", 0}));
}

static void standard_base64(void **state)
{
    (void)state;
    uint8_t out[32];
    size_t len;
    static const char *const bad[] = {
        "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-v", "Zm_v", "=Zm9", "Zg==Zg=="};
    assert_true(assay_base64_decode("", 0, out, &len) && len == 0);
    assert_true(assay_base64_decode("Zg==", 4, out, &len) && len == 1 && out[0] == 'f');
    assert_true(assay_base64_decode("Zm8=", 4, out, &len) && len == 2);
    assert_true(assay_base64_decode("+/+/", 4, out, &len) && len == 3 && out[0] == 0xfb);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(assay_base64_decode(bad[i], strlen(bad[i]), out, &len));
    /* RFC 4648, section 10, and the two characters that base64url has not. */
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\xfb\xff\xbf", "+/+/"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[ASSAY_BASE64_ENCODED(6) + 1];
        assay_base64_encode((const uint8_t *)rows[i][0], strlen(rows[i][0]), text);
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(strlen(text), ASSAY_BASE64_ENCODED(strlen(rows[i][0])));
    }
}

static void lists_and_buffers(void **state)
{
    (void)state;
    assay_text_list list = {NULL, 0}, copy;
    assert_true(assay_text_list_add(&list, "one", 3) && assay_text_list_add(&list, "two!", 3));
    assert_true(assay_text_list_copy(&copy, &list));
    assert_int_equal(copy.count, 2);
    assert_string_equal(copy.items[1].ptr, "two");
    assert_true(assay_text_list_has(&copy, assay_span_of("one")));
    assert_false(assay_text_list_has(&copy, assay_span_of("on")));
    assay_text_list_clear(&list);
    assay_text_list_clear(&copy);

    assay_buffer buffer = {NULL, 0, 0, false};
    assay_buffer_json_string(&buffer, "a\"\n\\\x01z", 6);
    assay_buffer_format(&buffer, ",%d,", 7);
    assay_buffer_json_string(&buffer, NULL, 0);
    assert_string_equal(buffer.text, "\"a\\u0022\\u000a\\u005c\\u0001z\",7,null");
    assay_buffer_clear(&buffer);
}

static void wiping(void **state)
{
    (void)state;
    char secret[8] = "secret!";
    assay_wipe(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        assert_int_equal(secret[i], 0);
    assay_wipe(NULL, 3);
    assay_release_wiped(NULL, 3);
    assert_null(assay_memdup("x", SIZE_MAX));
    assert_null(assay_zalloc_array(SIZE_MAX / 2, 4));
}

static void failures_say_why_once(void **state)
{
    (void)state;
    assay_failure failure;
    assert_int_equal(assay_fail_found(NULL, ASSAY_E_ISSUER, "a", "b", 1), ASSAY_E_ISSUER);
    assert_int_equal(assay_fail_found(&failure, ASSAY_E_ISSUER, "a", "b\n", 2), ASSAY_E_ISSUER);
    assert_string_equal(failure.found, "b\\x0a");
    /* The next failure leaves nothing of the one before. */
    failure.challenge = "Bearer";
    assert_int_equal(assay_fail_note(&failure, ASSAY_E_HEADER, "%s is bad", "kid"), ASSAY_E_HEADER);
    assert_string_equal(failure.found, "");
    assert_string_equal(failure.note, "kid is bad");
    assert_null(failure.challenge);
    assay_error *error = assay_error_make(ASSAY_E_HEADER, &failure);
    assert_string_equal(assay_error_message(error), "the header of the token is not acceptable: kid is bad");
    assay_error_free(error);
    /* A number that is no code is a defect of ours, and says so. */
    error = assay_error_make(12345, NULL);
    assert_int_equal(assay_error_code(error), ASSAY_E_INTERNAL);
    assay_error_free(error);
    error = assay_error_make(ASSAY_E_MEMORY, NULL);
    assert_int_equal(assay_error_code(error), ASSAY_E_MEMORY);
    assert_string_equal(assay_error_message(error), "out of memory");
    assay_error_free(error); /* static: nothing happens */
    assert_int_equal(assay_error_code(error), ASSAY_E_MEMORY);
}

static void a_note_takes_one_more_part(void **state)
{
    (void)state;
    assay_failure failure;
    const char *more = "and that was all";
    (void)assay_fail(&failure, ASSAY_E_GRANT);
    assay_fail_add(&failure, more);
    assert_string_equal(failure.note, more);
    assay_fail_add(&failure, "no more");
    assert_string_equal(failure.note, "and that was all; no more");
    for (size_t len = 200; len < sizeof failure.note; len++) { /* just fits, and does not */
        char text[sizeof failure.note];
        memset(text, 'a', len);
        text[len] = '\0';
        (void)assay_fail_note(&failure, ASSAY_E_GRANT, "%s", text);
        assay_fail_add(&failure, more);
        size_t whole = len + 2 + strlen(more);
        bool cut = whole >= sizeof failure.note;
        assert_int_equal(strlen(failure.note), cut ? sizeof failure.note - 1 : whole);
        assert_non_null(strstr(failure.note, cut ? "aa...; and that was all" : "aa; and that was all"));
    }
    for (size_t len = 0; len < 3; len++) { /* a character is not cut in two */
        char text[sizeof failure.note] = "aaa";
        for (size_t at = len; at + 2 < sizeof text; at += 2)
            memcpy(text + at, "\xc3\xbc", 3);
        (void)assay_fail_note(&failure, ASSAY_E_GRANT, "%s", text);
        assay_fail_add(&failure, more);
        assert_true(assay_text_is_utf8(failure.note, strlen(failure.note)));
        assert_non_null(strstr(failure.note, "\xc3\xbc...; and that was all"));
    }
}

static void clocks_move(void **state)
{
    (void)state;
    assay_clock clock = assay_clock_system();
    assert_true(assay_clock_wall(&clock) > 1700000000);
    int64_t before = assay_clock_steady(&clock), real = assay_clock_real_ms();
    assert_true(assay_clock_steady(&clock) >= before);
    assert_true(assay_clock_real_ms() >= real);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escape_keeps_printable_ascii_and_cuts),
        cmocka_unit_test(utf8_is_well_formed_and_without_nul),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(standard_base64),
        cmocka_unit_test(lists_and_buffers),
        cmocka_unit_test(wiping),
        cmocka_unit_test(failures_say_why_once),
        cmocka_unit_test(a_note_takes_one_more_part),
        cmocka_unit_test(clocks_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
