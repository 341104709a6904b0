/* SPDX-License-Identifier: MIT */

/* The scanner: what it accepts, why it refuses, and what it records. Values are in test_json_values.c. */

#include "base/limits.h"
#include "base/memory.h"
#include "json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static assay_json_member members[ASSAY_LIMIT_JSON_MEMBERS + 1];

/* Scan a copy that ends where the text ends, so that a sanitizer sees a read beyond. */
static assay_json_status scan_bytes(const char *text, size_t len)
{
    char *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, text, len);
    assay_json_object object;
    assay_json_status status = assay_json_scan(copy, len, members, ASSAY_COUNT_OF(members), &object);
    if (status != ASSAY_JSON_OK) {
        assert_null(object.text);
        assert_int_equal(object.count, 0);
    }
    free(copy);
    return status;
}

#define SCAN(literal) scan_bytes(literal, sizeof(literal) - 1)
#define ACCEPTED(literal) assert_int_equal(SCAN(literal), ASSAY_JSON_OK)
#define REFUSED(status, literal) assert_int_equal(SCAN(literal), status)

static void objects(void **state)
{
    (void)state;
    ACCEPTED("{}");
    ACCEPTED(" \t\r\n{ \t\r\n} \t\r\n");
    ACCEPTED("{\"\":null}");
    ACCEPTED("{ \"a\" : [ 1 , { } , [ ] ] , \"b\" : true }");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, " ");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "[]");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "\"a\"");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "null");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "\xEF\xBB\xBF{}");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "\0{}");
    REFUSED(ASSAY_JSON_NOT_AN_OBJECT, "\v{}");
}

static void syntax(void **state)
{
    (void)state;
    REFUSED(ASSAY_JSON_SYNTAX, "{");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\"");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1,");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1,}");
    REFUSED(ASSAY_JSON_SYNTAX, "{,\"a\":1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1 \"b\":2}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\" 1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{a:1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{'a':1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{1:1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1]");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":[1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":[1,]}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":[,1]}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":[1 2]}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":\"b}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":tru}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":TRUE}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":truex}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":nul");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":NaN}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1/* */}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1\v}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":\xC3\xA9}");
    ACCEPTED("{\"a\":[true,false,null]}");
}

static void trailing(void **state)
{
    (void)state;
    REFUSED(ASSAY_JSON_TRAILING, "{}{}");
    REFUSED(ASSAY_JSON_TRAILING, "{} x");
    REFUSED(ASSAY_JSON_TRAILING, "{}}");
    REFUSED(ASSAY_JSON_TRAILING, "{},");
    REFUSED(ASSAY_JSON_TRAILING, "{}\0");
    REFUSED(ASSAY_JSON_TRAILING, "{}\0garbage");
    REFUSED(ASSAY_JSON_TRAILING, "{}\xFF");
}

/* spec attacks 39: a NUL byte anywhere, also where jansson 2.14 overlooks it. */
static void nul_bytes(void **state)
{
    (void)state;
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1\0}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1.5\0}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":true\0}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":[1\0,2]}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\0}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\0\":1}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"admin\0.evil\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"admin\\u0000.evil\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"\\u0000\":1}");
}

static void strings(void **state)
{
    (void)state;
    ACCEPTED("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\uFFFF\\ufdd0\\uD83d\\uDe00\x7F\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\n\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\x1F\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\x41\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\'\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\U0041\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\u004\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\u004g\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\u004");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\ud800\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\ud800\\u0041\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\ud800\\ud800\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\ud800\\n\"}");
    REFUSED(ASSAY_JSON_STRING_CONTENT, "{\"a\":\"\\udc00\\ud800\"}");
}

/* spec attacks 40. */
static void utf8(void **state)
{
    (void)state;
    ACCEPTED(
        "{\"\xC2\x80\":\"\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xC0\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xC1\xBF\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xC3\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xE0\x9F\xBF\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xE1\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xED\xA0\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xED\xBF\xBF\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xF0\x8F\xBF\xBF\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xF0\x9F\x98\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xF4\x90\x80\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xF5\x80\x80\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xF8\x88\x80\x80\x80\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xFF\"}");
    REFUSED(ASSAY_JSON_UTF8, "{\"a\":\"\xE2\x82");
    REFUSED(ASSAY_JSON_UTF8, "{\"\xFF\":1}");
}

/* A special byte at each place of the words that the fast loop reads. */
static void every_offset(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 40; pad++) {
        char text[128];
        struct {
            const char *bytes;
            assay_json_status status;
        } cases[] = {{"\\n", ASSAY_JSON_OK},
                     {"\xC3\xA9", ASSAY_JSON_OK},
                     {"\x1F", ASSAY_JSON_STRING_CONTENT},
                     {"\x01", ASSAY_JSON_STRING_CONTENT},
                     {"\x80", ASSAY_JSON_UTF8},
                     {"\\q", ASSAY_JSON_STRING_CONTENT},
                     {"\"", ASSAY_JSON_SYNTAX},
                     {"\x7F", ASSAY_JSON_OK},
                     {"!#[] ", ASSAY_JSON_OK}};
        for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
            int len = snprintf(text, sizeof text, "{\"a\":\"%.*s%s%s\"}", (int)pad,
                               "0123456789012345678901234567890123456789", cases[i].bytes, "tail of the string");
            assert_int_equal(scan_bytes(text, (size_t)len), cases[i].status);
        }
    }
}

static void numbers(void **state)
{
    (void)state;
    ACCEPTED("{\"a\":[0,-0,10,-1,1.5,-0.0,1e5,1E+2,1e-2,0e0,1.0E0]}");
    ACCEPTED("{\"a\":[9223372036854775807,-9223372036854775808,1000000000000000000]}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":9223372036854775808}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":-9223372036854775809}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":10000000000000000000}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":123456789012345678901234567890}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":01}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":-01}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":00}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":+1}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":-}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":.5}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1.}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1.e5}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1e}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1e+}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1e5.5}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":0x10}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1,5:2}");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1.");
    REFUSED(ASSAY_JSON_SYNTAX, "{\"a\":1e");
}

/* 2^1024 - 2^970 is the least number that rounds to infinity. */
#define BOUND_HEAD                                                                                                     \
    "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641"   \
    "66928879109465555478519404026306574886715058206819089020007083836762738548458177115317644757302700698555713669"   \
    "596228429148198608349364752927190741684443655107043427115596995080930428801779041744977"
static void real_range(void **state)
{
    (void)state;
    ACCEPTED("{\"a\":" BOUND_HEAD "91.99}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":" BOUND_HEAD "92.0}");
    ACCEPTED("{\"a\":-" BOUND_HEAD "91.999999e0}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":-" BOUND_HEAD "92.000e-0}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":" BOUND_HEAD "9200e-2}");
    ACCEPTED("{\"a\":" BOUND_HEAD "9199e-2}");
    ACCEPTED("{\"a\":1.7976931348623158e308}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":1.7976931348623159e308}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":1e309}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":-1e400}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":1e99999999999999999999999}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":0.000001e99999999999999999999999}");
    ACCEPTED("{\"a\":[0e99999999999999999999999,-0.00E+400,1e-400,1e-99999999999999999999999,10e307,0.001e311]}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":10e308}");
    REFUSED(ASSAY_JSON_NUMBER_RANGE, "{\"a\":0.001e312}");
}

/* spec attacks 36: however it is spelled, in any object, and only in the same object. */
static void duplicates(void **state)
{
    (void)state;
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"a\":1,\"a\":1}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"aud\":1,\"b\":2,\"aud\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"aud\":1,\"\\u0061ud\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"\\u0061ud\":1,\"a\\u0075d\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"\xC3\xA9\":1,\"\\u00E9\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"\xF0\x9F\x98\x80\":1,\"\\ud83D\\uDE00\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"/\":1,\"\\/\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"\":1,\"\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"12345678\":1,\"1234567\\u0038\":3}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"a\":{\"x\":1,\"y\":{\"x\":1},\"x\":2}}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"a\":[{\"x\":1},{\"x\":1,\"x\":2}]}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"a\":[[{}],{\"y\":[{\"z\":1}],\"x\":1,\"x\":2}]}");
    REFUSED(ASSAY_JSON_DUPLICATE, "{\"x\":[{\"x\":{}}],\"x\":1}");
    ACCEPTED("{\"x\":{\"x\":{\"x\":[{\"x\":1},{\"x\":2},[{\"x\":3}]]}},\"y\":{\"x\":1}}");
    ACCEPTED("{\"a\":1,\"A\":2,\"a \":3,\"\\\\u0061\":4,\"\xC3\xA9\":5,\"e\xCC\x81\":6,\"aa\":7}");
}

/* The same names in many objects: probes meet them, and they are no duplicates. */
static void same_names_in_many_objects(void **state)
{
    (void)state;
    static char text[16384];
    size_t len = (size_t)sprintf(text, "{\"x\":[");
    for (int i = 0; i < 500; i++)
        len += (size_t)sprintf(text + len, "%s{\"x\":0,\"y\":0}", i == 0 ? "" : ",");
    len += (size_t)sprintf(text + len, "]}");
    assert_int_equal(scan_bytes(text, len), ASSAY_JSON_OK);
    len += (size_t)sprintf(text + len - 3, ",\"x\":1}]}") - 3;
    assert_int_equal(scan_bytes(text, len), ASSAY_JSON_DUPLICATE);
}

static void depth(void **state)
{
    (void)state;
    char text[256];
    for (size_t levels = 1; levels <= ASSAY_LIMIT_JSON_DEPTH + 2; levels++) {
        assay_json_status wanted = levels <= ASSAY_LIMIT_JSON_DEPTH ? ASSAY_JSON_OK : ASSAY_JSON_TOO_DEEP;
        size_t len = 0;
        for (size_t i = 1; i < levels; i++)
            len += (size_t)sprintf(text + len, "{\"a\":");
        len += (size_t)sprintf(text + len, "{}");
        memset(text + len, '}', levels - 1);
        assert_int_equal(scan_bytes(text, len + levels - 1), wanted);
        len = (size_t)sprintf(text, "{\"a\":1,\"b\":");
        memset(text + len, '[', levels - 1);
        memset(text + len + levels - 1, ']', levels - 1);
        len += 2 * (levels - 1);
        text[len++] = levels == 1 ? '1' : ' ';
        text[len++] = '}';
        assert_int_equal(scan_bytes(text, len), wanted);
    }
}

/* An object of @p count members, spread over nested objects; names share what hashes look at first. */
static size_t many(char *text, size_t count)
{
    size_t len = (size_t)sprintf(text, "{");
    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "%s\"name-of-a-member-%zu\":%zu", i == 0 ? "" : ",", i, i);
    return len + (size_t)sprintf(text + len, "}");
}

static void member_limits(void **state)
{
    (void)state;
    static char text[65536];
    assay_json_object object;
    for (size_t count = 0; count <= ASSAY_LIMIT_JSON_MEMBERS + 1; count += count < 1020 ? 51 : 1) {
        size_t len = many(text, count);
        assay_json_status status = assay_json_scan(text, len, members, ASSAY_COUNT_OF(members), &object);
        if (count > ASSAY_LIMIT_JSON_MEMBERS) {
            assert_int_equal(status, ASSAY_JSON_TOO_MANY);
            continue;
        }
        assert_int_equal(status, ASSAY_JSON_OK);
        assert_int_equal(object.count, count);
        for (size_t i = 0; i < count; i++) {
            char name[32];
            int name_len = snprintf(name, sizeof name, "name-of-a-member-%zu", i);
            assert_ptr_equal(assay_json_find(&object, name, (size_t)name_len), &members[i]);
        }
        if (count > 0)
            assert_int_equal(assay_json_scan(text, len, members, count - 1, &object), ASSAY_JSON_TOO_MANY);
        /* The first name once more at the end: found however large the table has become. */
        if (count > 0 && count < ASSAY_LIMIT_JSON_MEMBERS) {
            len += (size_t)sprintf(text + len - 1, ",\"name-of-a-member-0\":0}") - 1;
            assert_int_equal(scan_bytes(text, len), ASSAY_JSON_DUPLICATE);
        }
    }
    assert_int_equal(assay_json_scan("{}", 2, NULL, 0, &object), ASSAY_JSON_OK);
    assert_int_equal(assay_json_scan("{\"a\":1}", 7, NULL, 0, &object), ASSAY_JSON_TOO_MANY);
    assert_int_equal(assay_json_scan("{}", (size_t)INT32_MAX + 1, members, 1, &object), ASSAY_JSON_TOO_MANY);
}

static void check_member(const assay_json_object *object, size_t index, const char *name, const char *value,
                         assay_json_type type, unsigned parent)
{
    const assay_json_member *member = &object->members[index];
    assert_int_equal(member->name_len, strlen(name));
    assert_memory_equal(object->text + member->name, name, strlen(name));
    assert_int_equal(member->value_len, strlen(value));
    assert_memory_equal(object->text + member->value, value, strlen(value));
    assert_int_equal(member->type, type);
    assert_int_equal(member->parent, parent);
    assert_int_equal(member->name_escaped, strchr(name, '\\') != NULL);
    assert_int_equal(member->value_escaped, type == ASSAY_JSON_STRING && strchr(value, '\\') != NULL);
}

static void records(void **state)
{
    (void)state;
    const char *text =
        " { \"a\" : [ { \"b\" : -1 } , [ { \"c\" : [ ] } , { } ] , { \"b\" : \"x\\n\" } ] , \"\\u0064\" : "
        "{ \"e\" : { \"f\" : null } , \"g\" : true , \"h\\t\":1.5}, \"i\":false,\"j\":\"\"}";
    assay_json_object object;
    assert_int_equal(assay_json_scan(text, strlen(text), members, ASSAY_COUNT_OF(members), &object), ASSAY_JSON_OK);
    assert_int_equal(object.count, 11);
    check_member(&object, 0, "a", "[ { \"b\" : -1 } , [ { \"c\" : [ ] } , { } ] , { \"b\" : \"x\\n\" } ]",
                 ASSAY_JSON_ARRAY, 0);
    check_member(&object, 1, "b", "-1", ASSAY_JSON_INTEGER, 1);
    check_member(&object, 2, "c", "[ ]", ASSAY_JSON_ARRAY, 1);
    check_member(&object, 3, "b", "\"x\\n\"", ASSAY_JSON_STRING, 1);
    check_member(&object, 4, "\\u0064", "{ \"e\" : { \"f\" : null } , \"g\" : true , \"h\\t\":1.5}", ASSAY_JSON_OBJECT,
                 0);
    check_member(&object, 5, "e", "{ \"f\" : null }", ASSAY_JSON_OBJECT, 5);
    check_member(&object, 6, "f", "null", ASSAY_JSON_NULL, 6);
    check_member(&object, 7, "g", "true", ASSAY_JSON_TRUE, 5);
    check_member(&object, 8, "h\\t", "1.5", ASSAY_JSON_REAL, 5);
    check_member(&object, 9, "i", "false", ASSAY_JSON_FALSE, 0);
    check_member(&object, 10, "j", "\"\"", ASSAY_JSON_STRING, 0);
    assert_int_equal(object.members[7].object, object.members[5].object);
    assert_int_not_equal(object.members[1].object, object.members[3].object);
}

static void finds(void **state)
{
    (void)state;
    const char *text = "{\"x\":{\"aud\":1},\"a\\u0075d\":2,\"y\":[{\"iss\":3}],\"\":4,\"\\\\n\":5}";
    assay_json_object object;
    assert_int_equal(assay_json_scan(text, strlen(text), members, ASSAY_COUNT_OF(members), &object), ASSAY_JSON_OK);
    assert_ptr_equal(assay_json_find(&object, "aud", 3), &members[2]);
    assert_ptr_equal(assay_json_find(&object, "", 0), &members[5]);
    assert_ptr_equal(assay_json_find(&object, "\\n", 2), &members[6]);
    assert_null(assay_json_find(&object, "iss", 3)); /* not at the top level */
    assert_null(assay_json_find(&object, "\n", 1));
    assert_null(assay_json_find(&object, "a\\u0075d", 8)); /* names are asked for decoded */
    assert_null(assay_json_find(&object, "Aud", 3));
    assert_null(assay_json_find(&object, "au", 2));
    assert_null(assay_json_find(&object, "aud\0", 4));
}

static void status_texts(void **state)
{
    (void)state;
    for (int status = ASSAY_JSON_OK; status <= ASSAY_JSON_TOO_MANY + 1; status++)
        assert_true(strlen(assay_json_status_text((assay_json_status)status)) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects),
        cmocka_unit_test(syntax),
        cmocka_unit_test(trailing),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(strings),
        cmocka_unit_test(utf8),
        cmocka_unit_test(every_offset),
        cmocka_unit_test(numbers),
        cmocka_unit_test(real_range),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(same_names_in_many_objects),
        cmocka_unit_test(depth),
        cmocka_unit_test(member_limits),
        cmocka_unit_test(records),
        cmocka_unit_test(finds),
        cmocka_unit_test(status_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
