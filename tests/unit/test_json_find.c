/* SPDX-License-Identifier: MIT */

/* assay_json_find() goes by buckets: it must find what a search through all top-level members finds, whatever the names are. */

#include "base/limits.h"
#include "json/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static assay_json_member members[ASSAY_LIMIT_JSON_MEMBERS];

static assay_json_object scan(const char *text)
{
    assay_json_object object;
    assert_int_equal(assay_json_scan(text, strlen(text), members, ASSAY_LIMIT_JSON_MEMBERS, &object), ASSAY_JSON_OK);
    return object;
}

static const assay_json_member *search(const assay_json_object *object, const char *name)
{
    for (size_t i = 0; i < object->count; i++) {
        const assay_json_member *member = &object->members[i];
        if (member->object == 0 &&
            assay_json_raw_is((assay_span){object->text + member->name, member->name_len}, name, strlen(name)))
            return member;
    }
    return NULL;
}

static void same(const assay_json_object *object, const char *name)
{
    assert_ptr_equal(assay_json_find(object, name, strlen(name)), search(object, name));
}

/* The same name in every spelling, alone and behind others that are in its bucket or in none. */
static void spellings(void **state)
{
    static const char *const names[] = {"iss", "\\u0069ss", "is\\u0073", "\\u0069\\u0073\\u0073", "i\\u0073s"};
    static const char *const before[] = {"", "\"ixs\":1,", "\"i\\u0078s\":1,", "\"sub\":{\"iss\":2},",
                                         "\"\":0,\"a\\/\":0,"};
    char text[256];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            (void)snprintf(text, sizeof text, "{%s\"%s\":7,\"z\":{\"aud\":1}}", before[j], names[i]);
            assay_json_object object = scan(text);
            const assay_json_member *found = assay_json_find(&object, "iss", 3);
            assert_non_null(found);
            assert_int_equal(text[found->value], '7');
            assert_null(assay_json_find(&object, "aud", 3));
            assert_null(assay_json_find(&object, "isr", 3));
        }
    }
}

static void nothing_in_nothing(void **state)
{
    (void)state;
    assay_json_object object = {0};
    assert_null(assay_json_find(&object, "iss", 3));
    object = scan("{}");
    assert_null(assay_json_find(&object, "", 0));
    object = scan("{\"\":1}");
    assert_non_null(assay_json_find(&object, "", 0));
}

/* Names of a few letters, so that many share a bucket; some with escapes, some inside other objects. */
static void random_objects(void **state)
{
    (void)state;
    srand(20240607);
    for (int round = 0; round < 20000; round++) {
        char text[2048] = "{", probe[8];
        size_t len = 1;
        for (int i = rand() % 12; i > 0; i--) {
            const char *format = rand() % 8 == 0   ? "\"\\u%04x%c%c\":%d,"
                                 : rand() % 6 == 0 ? "\"%c%c\":{\"%c\":%d},"
                                                   : "\"%c%c%c\":%d,";
            len += (size_t)snprintf(text + len, sizeof text - len, format, 'a' + rand() % 4, 'a' + rand() % 4,
                                    'a' + rand() % 4, i);
        }
        (void)snprintf(text + len, sizeof text - len, "\"end\":0}");
        assay_json_object object;
        if (assay_json_scan(text, strlen(text), members, ASSAY_LIMIT_JSON_MEMBERS, &object) != ASSAY_JSON_OK)
            continue; /* a name twice */
        for (int i = 0; i < 64; i++) {
            (void)snprintf(probe, sizeof probe, "%c%c%c", 'a' + i % 4, 'a' + i / 4 % 4, 'a' + i / 16);
            same(&object, probe);
            probe[2] = '\0';
            same(&object, probe);
            probe[1] = '\0';
            same(&object, probe);
        }
        assert_non_null(assay_json_find(&object, "end", 3));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(nothing_in_nothing),
        cmocka_unit_test(random_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
