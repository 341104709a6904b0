/* SPDX-License-Identifier: MIT */

/* Values of a scanned text: JSON Pointer, arrays, strings, numbers, times. */

#include "base/limits.h"
#include "base/memory.h"
#include "json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static assay_json_member members[ASSAY_LIMIT_JSON_MEMBERS];

static assay_json_object scan(const char *text)
{
    assay_json_object object;
    assert_int_equal(assay_json_scan(text, strlen(text), members, ASSAY_COUNT_OF(members), &object), ASSAY_JSON_OK);
    return object;
}

static void points_to(const assay_json_object *object, const char *pointer, const char *text, assay_json_type type)
{
    assay_json_value value;
    assert_true(assay_json_pointer_is_valid(pointer, strlen(pointer)));
    assert_true(assay_json_point(object, pointer, strlen(pointer), &value));
    assert_int_equal(value.len, strlen(text));
    assert_memory_equal(value.ptr, text, value.len);
    assert_int_equal(value.type, type);
}

static void points_nowhere(const assay_json_object *object, const char *pointer)
{
    assay_json_value value;
    assert_false(assay_json_point(object, pointer, strlen(pointer), &value));
    assert_null(value.ptr);
}

/* The examples of RFC 6901, section 5. */
static void pointer_rfc6901(void **state)
{
    (void)state;
    const char *text = "{\"foo\": [\"bar\", \"baz\"],\"\": 0,\"a/b\": 1,\"c%d\": 2,\"e^f\": 3,\"g|h\": 4,"
                       "\"i\\\\j\": 5,\"k\\\"l\": 6,\" \": 7,\"m~n\": 8}";
    assay_json_object object = scan(text);
    points_to(&object, "", text, ASSAY_JSON_OBJECT);
    points_to(&object, "/foo", "[\"bar\", \"baz\"]", ASSAY_JSON_ARRAY);
    points_to(&object, "/foo/0", "\"bar\"", ASSAY_JSON_STRING);
    points_to(&object, "/", "0", ASSAY_JSON_INTEGER);
    points_to(&object, "/a~1b", "1", ASSAY_JSON_INTEGER);
    points_to(&object, "/c%d", "2", ASSAY_JSON_INTEGER);
    points_to(&object, "/e^f", "3", ASSAY_JSON_INTEGER);
    points_to(&object, "/g|h", "4", ASSAY_JSON_INTEGER);
    points_to(&object, "/i\\j", "5", ASSAY_JSON_INTEGER);
    points_to(&object, "/k\"l", "6", ASSAY_JSON_INTEGER);
    points_to(&object, "/ ", "7", ASSAY_JSON_INTEGER);
    points_to(&object, "/m~0n", "8", ASSAY_JSON_INTEGER);
}

static void pointer_nested(void **state)
{
    (void)state;
    assay_json_object object =
        scan("  {\"a\":[{},{\"x\":1,\"z\":{\"y\":0}},{\"x\":[2.5,[3],{\"x\":\"]}\\\"\"}],\"y\":true}],\"x\":null,\"0\":"
             "{\"01\":false},\"~1\":[],\"e\":{},\"\\u006b\":{\"\":{\"\":4}}} ");
    points_to(&object, "/a/0", "{}", ASSAY_JSON_OBJECT);
    points_to(&object, "/a/1/x", "1", ASSAY_JSON_INTEGER);
    points_to(&object, "/a/1/z/y", "0", ASSAY_JSON_INTEGER);
    points_to(&object, "/a/2/x/0", "2.5", ASSAY_JSON_REAL);
    points_to(&object, "/a/2/x/1/0", "3", ASSAY_JSON_INTEGER);
    points_to(&object, "/a/2/x/2/x", "\"]}\\\"\"", ASSAY_JSON_STRING);
    points_to(&object, "/a/2/y", "true", ASSAY_JSON_TRUE);
    points_to(&object, "/x", "null", ASSAY_JSON_NULL);
    points_to(&object, "/0/01", "false", ASSAY_JSON_FALSE);
    points_to(&object, "/~01", "[]", ASSAY_JSON_ARRAY);
    points_to(&object, "/k//", "4", ASSAY_JSON_INTEGER);
    points_nowhere(&object, "/a/0/x"); /* of the next element, not of this one */
    points_nowhere(&object, "/a/1/y"); /* one level further down */
    points_nowhere(&object, "/e/k");
    points_nowhere(&object, "/b");
    points_nowhere(&object, "/a/3");
    points_nowhere(&object, "/a/-");
    points_nowhere(&object, "/a/01");
    points_nowhere(&object, "/a/00");
    points_nowhere(&object, "/a/+1");
    points_nowhere(&object, "/a/");
    points_nowhere(&object, "/a/1x");
    points_nowhere(&object, "/a/18446744073709551616");
    points_nowhere(&object, "/a/4294967296");
    points_nowhere(&object, "/x/0");
    points_nowhere(&object, "/~1/0");
    points_to(&object, "/k/", "{\"\":4}", ASSAY_JSON_OBJECT);
    points_nowhere(&object, "/k///");
    points_nowhere(&object, "/\\u006b");
    points_nowhere(&object, "a");
    points_nowhere(&object, "/~2");
}

static void pointer_form(void **state)
{
    (void)state;
    assert_true(assay_json_pointer_is_valid("", 0));
    assert_true(assay_json_pointer_is_valid("/", 1));
    assert_true(assay_json_pointer_is_valid("/a//b~0~1", 9));
    assert_false(assay_json_pointer_is_valid("a", 1));
    assert_false(assay_json_pointer_is_valid("#/a", 3));
    assert_false(assay_json_pointer_is_valid("/~", 2));
    assert_false(assay_json_pointer_is_valid("/~a", 3));
    assert_false(assay_json_pointer_is_valid("/~/0", 4));
    assert_false(assay_json_pointer_is_valid("/~0", 2)); /* cut by its length */
    assay_json_object none = {0};
    assay_json_value value;
    assert_false(assay_json_point(&none, "", 0, &value));
}

static void arrays(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        assay_json_type type;
    } wanted[] = {{"1", ASSAY_JSON_INTEGER},        {"\"a,]\\\"\\\\\"", ASSAY_JSON_STRING},
                  {"[ 1, [2] ]", ASSAY_JSON_ARRAY}, {"{\"x\":\"}\"}", ASSAY_JSON_OBJECT},
                  {"-1.5e-7", ASSAY_JSON_REAL},     {"1E5", ASSAY_JSON_REAL},
                  {"true", ASSAY_JSON_TRUE},        {"false", ASSAY_JSON_FALSE},
                  {"null", ASSAY_JSON_NULL},        {"\"\"", ASSAY_JSON_STRING},
                  {"0", ASSAY_JSON_INTEGER}};
    static const char *const separators[] = {",", " , ", "\n,\t"};
    for (size_t s = 0; s < ASSAY_COUNT_OF(separators); s++) {
        char text[512] = "{\"a\":[";
        for (size_t i = 0; i < ASSAY_COUNT_OF(wanted); i++) {
            strcat(text, separators[s] + (i == 0 && s > 0 ? 2 : i == 0 ? 1 : 0));
            strcat(text, wanted[i].text);
        }
        strcat(text, s == 0 ? "]}" : " \n]}");
        assay_json_object object = scan(text);
        assay_json_value array = assay_json_value_of(&object, &object.members[0]);
        assay_json_value element;
        size_t cursor = 0;
        for (size_t i = 0; i < ASSAY_COUNT_OF(wanted); i++) {
            assert_true(assay_json_array_next(&array, &cursor, &element));
            assert_int_equal(element.len, strlen(wanted[i].text));
            assert_memory_equal(element.ptr, wanted[i].text, element.len);
            assert_int_equal(element.type, wanted[i].type);
        }
        assert_false(assay_json_array_next(&array, &cursor, &element));
        assert_false(assay_json_array_next(&array, &cursor, &element)); /* and again */
        assert_null(element.ptr);
    }
    assay_json_object object = scan("{\"a\":[ ]}");
    assay_json_value array = assay_json_value_of(&object, &object.members[0]);
    assay_json_value element;
    size_t cursor = 0;
    assert_false(assay_json_array_next(&array, &cursor, &element));
}

/* The value of the one member of a text. */
static assay_json_value only(const char *text)
{
    assay_json_object object = scan(text);
    assert_true(object.count >= 1);
    return assay_json_value_of(&object, &object.members[0]);
}

static void decodes_to(const char *text, const char *wanted, size_t len)
{
    assay_json_value value = only(text);
    char out[256];
    assert_true(value.len <= sizeof out);
    assert_int_equal(assay_json_string_decode(&value, out), len);
    assert_memory_equal(out, wanted, len);
    assert_true(assay_json_string_equal(&value, wanted, len));
    assert_false(assay_json_string_equal(&value, wanted, len + 1));
    if (len > 0)
        assert_false(assay_json_string_equal(&value, wanted, len - 1));
}
#define DECODES(text, wanted) decodes_to(text, wanted, sizeof(wanted) - 1)

static void string_values(void **state)
{
    (void)state;
    DECODES("{\"a\":\"\"}", "");
    DECODES("{\"a\":\"plain\"}", "plain");
    DECODES("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t");
    DECODES("{\"a\":\"x\\u0041\\u007f\\u0080\\u07FF\\u0800\\uffffy\"}",
            "xA\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBFy");
    DECODES("{\"a\":\"\\ud800\\udc00\\uDBFF\\uDFFF\"}", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
    DECODES("{\"a\":\"\xC3\xA9\\u00e9\"}", "\xC3\xA9\xC3\xA9");
    bool escaped = true;
    assay_json_value value = only("{\"a\":\"plain\"}");
    assert_true(assay_span_is(assay_json_string_raw(&value, &escaped), "plain"));
    assert_false(escaped);
    value = only("{\"a\":\"\\n\"}");
    assert_true(assay_span_is(assay_json_string_raw(&value, &escaped), "\\n"));
    assert_true(escaped);
    /* The raw bytes are not the value. */
    assert_false(assay_json_string_equal(&value, "\\n", 2));
    assert_true(assay_json_string_equal(&value, "\n", 1));
    value = only("{\"a\":1}");
    assert_false(assay_json_string_equal(&value, "1", 1));
    value = only("{\"a\":[\"x\"]}");
    assert_false(assay_json_string_equal(&value, "x", 1));
}

static void string_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
        bool has;
    } rows[] = {
        {"{\"a\":\"one two\"}", "one", true},
        {"{\"a\":\"one two\"}", "two", true},
        {"{\"a\":\"one two\"}", "one two", false},
        {"{\"a\":\"one two\"}", "on", false},
        {"{\"a\":\"one two\"}", "wo", false},
        {"{\"a\":\"one two\"}", "Two", false},
        {"{\"a\":\"  one   two  \"}", "two", true},
        {"{\"a\":\"  one   two  \"}", "", false},
        {"{\"a\":\"\"}", "", false},
        {"{\"a\":\"one\\ttwo\"}", "two", false},
        {"{\"a\":\"one\\u0020t\\u0077o\"}", "two", true},
        {"{\"a\":\"one\\u0020t\\u0077o\"}", "t\\u0077o", false},
        {"{\"a\":\"caf\\u00e9 x\"}", "caf\xC3\xA9", true},
        {"{\"a\":[\"one\"]}", "one", false},
        {"{\"a\":1}", "1", false},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_json_value value = only(rows[i].text);
        assert_int_equal(assay_json_string_has_word(&value, rows[i].word, strlen(rows[i].word)), rows[i].has);
    }
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {{"{\"a\":0}", 0},
                 {"{\"a\":-0}", 0},
                 {"{\"a\":-7}", -7},
                 {"{\"a\":1700000000}", 1700000000},
                 {"{\"a\":999999999999999999}", 999999999999999999},
                 {"{\"a\":9223372036854775807}", INT64_MAX},
                 {"{\"a\":-9223372036854775808}", INT64_MIN}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        assay_json_value value = only(cases[i].text);
        assert_int_equal(value.type, ASSAY_JSON_INTEGER);
        assert_true(assay_json_integer(&value) == cases[i].number);
    }
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        bool valid;
        int64_t seconds;
        int32_t nanoseconds;
    } cases[] = {
        {"0", true, 0, 0},
        {"-0", true, 0, 0},
        {"-0.0e5", true, 0, 0},
        {"0e99999999999999999999", true, 0, 0},
        {"1700000000", true, 1700000000, 0},
        {"1700000000.0", true, 1700000000, 0},
        {"1700000000.5", true, 1700000000, 500000000},
        {"1700000000.999999999", true, 1700000000, 999999999},
        {"1700000000.9999999999999999999999", true, 1700000000, 999999999}, /* a double would round it up */
        {"1699999999.1", true, 1699999999, 100000000},
        {"1.7e9", true, 1700000000, 0},
        {"1.7E+9", true, 1700000000, 0},
        {"17e8", true, 1700000000, 0},
        {"17000000005e-1", true, 1700000000, 500000000},
        {"170000000012345678912e-11", true, 1700000000, 123456789},
        {"0.0000017000000005e15", true, 1700000000, 500000000},
        {"0.000000001", true, 0, 1},
        {"1e-9", true, 0, 1},
        {"1e-10", true, 0, 0},
        {"1e-99999999999999999999", true, 0, 0},
        {"0.99", true, 0, 990000000},
        {"253402300799", true, 253402300799, 0},
        {"253402300799.9", true, 253402300799, 900000000},
        {"253402300800", false, 0, 0},
        {"253402300800.0", false, 0, 0},
        {"999999999999", false, 0, 0},
        {"1000000000000", false, 0, 0},
        {"9223372036854775807", false, 0, 0},
        {"1e12", false, 0, 0},
        {"1e300", false, 0, 0},
        {"1.0e11", true, 100000000000, 0},
        {"-1", false, 0, 0},
        {"-0.0000000000000001", false, 0, 0},
        {"-1e-400", false, 0, 0},
        {"\"1700000000\"", false, 0, 0},
        {"true", false, 0, 0},
        {"null", false, 0, 0},
        {"[1]", false, 0, 0},
        {"{\"x\":1}", false, 0, 0},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"exp\":%s}", cases[i].number);
        assay_json_value value = only(text);
        int64_t seconds = -1;
        int32_t nanoseconds = -1;
        if (assay_json_time(&value, &seconds, &nanoseconds) != cases[i].valid || seconds != cases[i].seconds ||
            nanoseconds != cases[i].nanoseconds)
            fail_msg("%s: %lld s, %d ns", cases[i].number, (long long)seconds, (int)nanoseconds);
    }
}

/* Digits without end cost no more than reading them. */
static void time_of_long_numbers(void **state)
{
    (void)state;
    static char text[60100] = "{\"exp\":0.";
    size_t len = strlen(text);
    memset(text + len, '0', 60000);
    (void)sprintf(text + len + 60000, "17e60010}");
    assay_json_value value = only(text);
    int64_t seconds;
    int32_t nanoseconds;
    assert_true(assay_json_time(&value, &seconds, &nanoseconds));
    assert_true(seconds == 1700000000 && nanoseconds == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointer_rfc6901), cmocka_unit_test(pointer_nested), cmocka_unit_test(pointer_form),
        cmocka_unit_test(arrays),          cmocka_unit_test(string_values),  cmocka_unit_test(integers),
        cmocka_unit_test(string_words),    cmocka_unit_test(times),          cmocka_unit_test(time_of_long_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
