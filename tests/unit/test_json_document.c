/* SPDX-License-Identifier: MIT */

/* Documents: the limits and refusals around jansson, and the readers. */

#include "base/limits.h"
#include "base/memory.h"
#include "json/document.h"

#include <assay/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *text, size_t len, const char *problem)
{
    assay_json *document = (assay_json *)(uintptr_t)1;
    char found[128] = "?";
    assert_int_equal(assay_json_parse(text, len, &document, found, sizeof found), ASSAY_E_RESPONSE);
    assert_null(document);
    if (strstr(found, problem) == NULL)
        fail_msg("%s instead of %s", found, problem);
    assert_int_equal(assay_json_parse(text, len, &document, NULL, 0), ASSAY_E_RESPONSE);
    char tiny[4] = "abc";
    assert_int_equal(assay_json_parse(text, len, &document, tiny, sizeof tiny), ASSAY_E_RESPONSE);
    assert_int_equal(strlen(tiny), 3);
}
#define REFUSED(text, problem) refused(text, sizeof(text) - 1, problem)

static void refusals(void **state)
{
    (void)state;
    REFUSED("", "empty");
    REFUSED("\xEF\xBB\xBF", "empty");
    REFUSED(" ", "the text ends early");
    REFUSED("{", "the text ends early");
    REFUSED("{\"a\":\"secret", "line 1, column 13: the text ends early");
    REFUSED("{\"a\":1,\n\"a\":2}", "line 2, column 2: a member appears twice");
    REFUSED("[{\"x\":{\"a\":1,\"\\u0061\":2}}]", "twice");
    REFUSED("{\"a\":\"\xC3\"}", "UTF-8");
    REFUSED("{\"a\":\"\\u0000\"}", "line 1");
    REFUSED("{\"\\u0000\":1}", "line 1");
    REFUSED("{\"a\":9223372036854775808}", "range");
    REFUSED("{\"a\":1e400}", "range");
    REFUSED("{} x", "column 4: something follows");
    REFUSED("{}{}", "follows");
    REFUSED("{\"a\":1\0}", "column 7: not well-formed");
    REFUSED("{}\0", "follows");
    REFUSED("\xEF\xBB\xBF\xEF\xBB\xBF{}", "not well-formed");
    REFUSED("{\"a\":\"\\", "unknown escape");
}

/* jansson quotes what it dislikes; a configuration or answer is not to be quoted. */
static void problems_quote_nothing(void **state)
{
    (void)state;
    assay_json *document = NULL;
    char problem[256];
    const char *text = "{\"client_secret\":hunter2}";
    assert_int_equal(assay_json_parse(text, strlen(text), &document, problem, sizeof problem), ASSAY_E_RESPONSE);
    assert_null(strstr(problem, "hunter2"));
}

static int parse(const char *text, size_t len)
{
    ASSAY_AUTO_JSON assay_json *document = NULL;
    return assay_json_parse(text, len, &document, NULL, 0);
}

static void depth(void **state)
{
    (void)state;
    char text[2 * ASSAY_LIMIT_DOCUMENT_DEPTH + 4];
    for (size_t levels = 1; levels <= ASSAY_LIMIT_DOCUMENT_DEPTH + 1; levels++) {
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        assert_int_equal(parse(text, 2 * levels), levels <= ASSAY_LIMIT_DOCUMENT_DEPTH ? ASSAY_OK : ASSAY_E_RESPONSE);
    }
    /* Brackets in strings count for nothing. */
    const char *quoted =
        "{\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\":\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{\\\\\"}";
    assert_int_equal(parse(quoted, strlen(quoted)), ASSAY_OK);
    static char deep[500000];
    memset(deep, '[', sizeof deep);
    refused(deep, sizeof deep, "deep");
}

/* An array of @p count elements, each of them @p element. */
static size_t repeat(char *text, size_t count, const char *element)
{
    size_t len = 0;
    text[len++] = '[';
    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "%s%s", i == 0 ? "" : " , ", element);
    text[len++] = ']';
    return len;
}

static void value_limit(void **state)
{
    (void)state;
    char *text = malloc(4 << 20);
    assert_non_null(text);
    const size_t most = ASSAY_LIMIT_DOCUMENT_VALUES - 1; /* the array is a value too */
    static const struct {
        const char *element;
        size_t values;
    } cases[] = {{"1", 1}, {"{ }", 1}, {"[]", 1}, {"{\"a\":1,\"b\":2}", 3}, {"\",,[[\"", 1}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        size_t fitting = most / cases[i].values;
        assert_int_equal(parse(text, repeat(text, fitting, cases[i].element)), ASSAY_OK);
        refused(text, repeat(text, fitting + 1, cases[i].element), "too many");
    }
    free(text);
}

static void reads(void **state)
{
    (void)state;
    const char *text =
        "\xEF\xBB\xBF {\"s\":\"t\\u00e9xt\",\"i\":-9223372036854775808,\"t\":true,\"f\":false,\"n\":null,"
        "\"r\":1.0,\"a\":[\"x\",2,[]],\"o\":{\"k\":\"v\"},\"e\":\"\"}\n";
    ASSAY_AUTO_JSON assay_json *document = NULL;
    char problem[16] = "?";
    assert_int_equal(assay_json_parse(text, strlen(text), &document, problem, sizeof problem), ASSAY_OK);
    assert_string_equal(problem, "");
    assert_true(assay_json_is_object(document));
    assert_false(assay_json_is_array(document));
    assert_false(assay_json_is_string(document));
    assay_span span;
    assert_true(assay_json_get_member_string(document, "s", &span));
    assert_true(assay_span_is(span, "t\xC3\xA9xt"));
    assert_int_equal(span.ptr[span.len], 0);
    assert_true(assay_json_get_member_string(document, "e", &span));
    assert_int_equal(span.len, 0);
    assert_false(assay_json_get_member_string(document, "i", &span));
    assert_null(span.ptr);
    assert_false(assay_json_get_member_string(document, "absent", &span));
    assert_false(assay_json_get_string(NULL, &span));
    int64_t number = 7;
    assert_true(assay_json_get_integer(assay_json_get(document, "i"), &number));
    assert_true(number == INT64_MIN);
    assert_false(assay_json_get_integer(assay_json_get(document, "r"), &number));
    assert_int_equal(number, 0);
    assert_false(assay_json_get_integer(assay_json_get(document, "s"), &number));
    assert_false(assay_json_get_integer(NULL, &number));
    bool truth = false;
    assert_true(assay_json_get_boolean(assay_json_get(document, "t"), &truth) && truth);
    assert_true(assay_json_get_boolean(assay_json_get(document, "f"), &truth) && !truth);
    assert_false(assay_json_get_boolean(assay_json_get(document, "n"), &truth));
    assert_false(assay_json_get_boolean(NULL, &truth));
    const assay_json *array = assay_json_get(document, "a");
    assert_true(assay_json_is_array(array));
    assert_int_equal(assay_json_array_len(array), 3);
    assert_true(assay_json_is_string(assay_json_array_at(array, 0)));
    assert_null(assay_json_array_at(array, 3));
    assert_int_equal(assay_json_array_len(document), 0);
    assert_int_equal(assay_json_array_len(NULL), 0);
    assert_null(assay_json_get(array, "s"));
    assert_null(assay_json_get(NULL, "s"));
    assert_true(assay_json_get_member_string(assay_json_get(document, "o"), "k", &span));
    assert_false(assay_json_is_object(NULL) || assay_json_is_array(NULL) || assay_json_is_string(NULL));
    assay_json_free(NULL);
}

static void walks_in_order(void **state)
{
    (void)state;
    const char *text = "{\"z\":0,\"a\":1,\"m\":2,\"\":3}";
    static const char *const names[] = {"z", "a", "m", ""};
    ASSAY_AUTO_JSON assay_json *document = NULL;
    assert_int_equal(assay_json_parse(text, strlen(text), &document, NULL, 0), ASSAY_OK);
    void *iterator = NULL;
    const assay_json *value = NULL;
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++) {
        int64_t number = -1;
        assert_string_equal(assay_json_object_next(document, &iterator, &value), names[i]);
        assert_true(assay_json_get_integer(value, &number));
        assert_int_equal(number, i);
    }
    assert_null(assay_json_object_next(document, &iterator, &value));
    assert_null(value);
    iterator = NULL;
    assert_null(assay_json_object_next(NULL, &iterator, &value));
}

static void any_top_level(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "1", "\"x\"", "null", "true", " 1.5 "};
    for (size_t i = 0; i < ASSAY_COUNT_OF(texts); i++)
        assert_int_equal(parse(texts[i], strlen(texts[i])), ASSAY_OK);
}

static void writes(void **state)
{
    (void)state;
    const char *text = " { \"z\" : [ 1 , 2.5 , \"a\\u00e9\\n/\" ] , \"a\" : { } , \"t\" : true } ";
    const char *wanted = "{\"z\":[1,2.5,\"a\xC3\xA9\\n/\"],\"a\":{},\"t\":true}";
    ASSAY_AUTO_JSON assay_json *document = NULL;
    assert_int_equal(assay_json_parse(text, strlen(text), &document, NULL, 0), ASSAY_OK);
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *written = assay_json_write(document, &len);
    assert_non_null(written);
    assert_string_equal(written, wanted);
    assert_int_equal(len, strlen(wanted));
    ASSAY_AUTO_RELEASE char *scalar = assay_json_write(assay_json_get(document, "t"), &len);
    assert_string_equal(scalar, "true");
    assert_null(assay_json_write(NULL, &len));
    assert_int_equal(len, 0);
}

/* jansson's allocations, of which one fails, or all from one on. Reset by the test that sets it. */
static struct {
    size_t left;
    bool once;
} supply;

static void *limited(size_t size)
{
    if (supply.left == 0 && supply.once) {
        supply.left = SIZE_MAX;
        return NULL;
    }
    if (supply.left == 0)
        return NULL;
    supply.left--;
    return malloc(size);
}

/* Out of memory is never mistaken for a bad text, nor is a text ever read short (json_loadb() does both). */
static void memory_runs_out(void **state)
{
    (void)state;
    const char *text =
        "{\"jwks_uri\":\"https://login.example/a/rather/long/path/that/needs/room\",\"keys\":[1,2.5,"
        "-123456789012345678,{\"a-rather-long-name-of-a-member\":null,\"b\":\"c\",\"d\":[[]]}],\"e\":\"\"}";
    json_set_alloc_funcs(limited, free);
    for (int once = 0; once < 2; once++) {
        int code = ASSAY_E_MEMORY;
        for (size_t count = 0; code != ASSAY_OK && count < 200; count++) {
            ASSAY_AUTO_JSON assay_json *document = NULL;
            char problem[64];
            supply.left = count;
            supply.once = once;
            code = assay_json_parse(text, strlen(text), &document, problem, sizeof problem);
            assert_true(code == ASSAY_OK ? document != NULL : document == NULL);
            assert_true(code == ASSAY_OK || code == ASSAY_E_MEMORY);
            assert_string_equal(problem, code == ASSAY_OK ? "" : "out of memory");
            if (code != ASSAY_OK)
                continue;
            assert_true(count > 10);
            for (size_t writing = 0; writing < 40; writing++) {
                size_t len = 0;
                supply.left = writing;
                ASSAY_AUTO_RELEASE char *written = assay_json_write(document, &len);
                assert_true(written == NULL ? len == 0 : strcmp(written, text) == 0);
            }
        }
        assert_int_equal(code, ASSAY_OK);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),        cmocka_unit_test(problems_quote_nothing),
        cmocka_unit_test(depth),           cmocka_unit_test(value_limit),
        cmocka_unit_test(reads),           cmocka_unit_test(walks_in_order),
        cmocka_unit_test(any_top_level),   cmocka_unit_test(writes),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
