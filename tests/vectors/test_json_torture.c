/* SPDX-License-Identifier: MIT */

/*
 * JSONTestSuite against the scanner. Its texts are of any type, the scanner reads objects: each text is wrapped as the value of
 * a member, and those that are objects run as they are too. jansson's verdict on the same bytes is compared each time.
 */

#include "base/limits.h"
#include "base/memory.h"
#include "json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts that a parser should accept and we refuse. */
static const struct {
    const char *file;
    assay_json_status status;
    const char *reason;
} refused[] = {
    {"y_object_duplicated_key.json", ASSAY_JSON_DUPLICATE, "RFC 7519, section 4, lets a reader refuse duplicate names"},
    {"y_object_duplicated_key_and_value.json", ASSAY_JSON_DUPLICATE, "the same"},
    {"y_object_escaped_null_in_key.json", ASSAY_JSON_STRING_CONTENT, "U+0000 cuts C strings short"},
    {"y_string_null_escape.json", ASSAY_JSON_STRING_CONTENT, "the same"},
};

/* Texts that a parser may accept or refuse: decided once. */
static const struct {
    const char *file;
    assay_json_status status;
} decided[] = {
    {"i_number_double_huge_neg_exp.json", ASSAY_JSON_OK},
    {"i_number_huge_exp.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_neg_int_huge_exp.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_pos_double_huge_exp.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_real_neg_overflow.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_real_pos_overflow.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_real_underflow.json", ASSAY_JSON_OK},
    {"i_number_too_big_neg_int.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_too_big_pos_int.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_number_very_big_negative_int.json", ASSAY_JSON_NUMBER_RANGE},
    {"i_object_key_lone_2nd_surrogate.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_1st_surrogate_but_2nd_missing.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_UTF-16LE_with_BOM.json", ASSAY_JSON_SYNTAX},
    {"i_string_UTF-8_invalid_sequence.json", ASSAY_JSON_UTF8},
    {"i_string_UTF8_surrogate_U+D800.json", ASSAY_JSON_UTF8},
    {"i_string_incomplete_surrogate_and_escape_valid.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_incomplete_surrogate_pair.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_incomplete_surrogates_escape_valid.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_invalid_lonely_surrogate.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_invalid_surrogate.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_invalid_utf-8.json", ASSAY_JSON_UTF8},
    {"i_string_inverted_surrogates_U+1D11E.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_iso_latin_1.json", ASSAY_JSON_UTF8},
    {"i_string_lone_second_surrogate.json", ASSAY_JSON_STRING_CONTENT},
    {"i_string_lone_utf8_continuation_byte.json", ASSAY_JSON_UTF8},
    {"i_string_not_in_unicode_range.json", ASSAY_JSON_UTF8},
    {"i_string_overlong_sequence_2_bytes.json", ASSAY_JSON_UTF8},
    {"i_string_overlong_sequence_6_bytes.json", ASSAY_JSON_UTF8},
    {"i_string_overlong_sequence_6_bytes_null.json", ASSAY_JSON_UTF8},
    {"i_string_truncated-utf-8.json", ASSAY_JSON_UTF8},
    {"i_string_utf16BE_no_BOM.json", ASSAY_JSON_SYNTAX},
    {"i_string_utf16LE_no_BOM.json", ASSAY_JSON_SYNTAX},
    {"i_structure_500_nested_arrays.json", ASSAY_JSON_TOO_DEEP},
    {"i_structure_UTF-8_BOM_empty_object.json",
     ASSAY_JSON_SYNTAX}, /* as a value; the document reader skips it in front */
};

static struct {
    int run, passed, skipped, y, n, i;
} tally;

static assay_json_member members[ASSAY_LIMIT_JSON_MEMBERS];

/* The folder of the texts; NULL where the shared data is absent. */
static const char *folder(void)
{
    static char path[1024];
    const char *data = getenv("ASSAY_TEST_DATA");
    (void)snprintf(path, sizeof path, "%s/json-torture/test_parsing", data == NULL ? "../shared/data" : data);
    DIR *open = opendir(path);
    if (open == NULL)
        return NULL;
    (void)closedir(open);
    return path;
}

static assay_json_status scan(const char *text, size_t len)
{
    assay_json_object object;
    return assay_json_scan(text, len, members, ASSAY_COUNT_OF(members), &object);
}

/* What the suite and our decisions ask for. False: the file is new to us. */
static bool expectation(const char *name, bool *accept, assay_json_status *status)
{
    *accept = name[0] == 'y';
    *status = ASSAY_JSON_OK;
    for (size_t i = 0; i < ASSAY_COUNT_OF(refused); i++)
        if (strcmp(refused[i].file, name) == 0) {
            *accept = false;
            *status = refused[i].status;
        }
    if (name[0] != 'i')
        return true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(decided); i++)
        if (strcmp(decided[i].file, name) == 0) {
            *accept = decided[i].status == ASSAY_JSON_OK;
            *status = decided[i].status;
            return true;
        }
    return false;
}

static bool agrees_with_jansson(const char *name, const char *text, size_t len, assay_json_status status)
{
    json_error_t error;
    json_t *tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    bool accepted = json_is_object(tree);
    json_decref(tree);
    /* Ours alone: the limit of depth, and a NUL byte after a number (jansson 2.14 overlooks it). */
    if (status == ASSAY_JSON_TOO_DEEP || strcmp(name, "n_multidigit_number_then_00.json") == 0)
        return true;
    return accepted == (status == ASSAY_JSON_OK);
}

static bool check(const char *name, const char *text, size_t len)
{
    bool accept;
    assay_json_status wanted;
    if (!expectation(name, &accept, &wanted)) {
        print_message("%s: not decided\n", name);
        return false;
    }
    assay_json_status status = scan(text, len);
    if ((status == ASSAY_JSON_OK) != accept || (wanted != ASSAY_JSON_OK && status != wanted)) {
        print_message("%s: %s\n", name, assay_json_status_text(status));
        return false;
    }
    if (!agrees_with_jansson(name, text, len, status)) {
        print_message("%s: jansson differs\n", name);
        return false;
    }
    return true;
}

static bool run_file(const char *path, const char *name)
{
    char file_name[2048];
    (void)snprintf(file_name, sizeof file_name, "%s/%s", path, name);
    FILE *file = fopen(file_name, "rb");
    assert_non_null(file);
    static char text[1 << 20];
    memcpy(text, "{\"v\":", 5);
    size_t len = fread(text + 5, 1, sizeof text - 6, file);
    assert_true(feof(file));
    (void)fclose(file);
    text[5 + len] = '}';
    if (!check(name, text, len + 6))
        return false;
    /* An object also as it is. */
    size_t first = strspn(text + 5, " \t\r\n");
    return first >= len || text[5 + first] != '{' || check(name, text + 5, len);
}

static int is_text(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0 && strchr("yni", entry->d_name[0]) != NULL;
}

static void every_text(void **state)
{
    (void)state;
    const char *path = folder();
    if (path == NULL) {
        print_message("json-torture: skipped, its folder is absent (ASSAY_TEST_DATA)\n");
        skip();
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_text, alphasort);
    assert_true(count > 0);
    for (int at = 0; at < count; at++) {
        const char *name = entries[at]->d_name;
        tally.run++;
        tally.y += name[0] == 'y';
        tally.n += name[0] == 'n';
        tally.i += name[0] == 'i';
        tally.passed += run_file(path, name);
        free(entries[at]);
    }
    free(entries);
    print_message("vectors: json-torture: %d ran, %d passed, 0 out of scope\n", tally.run, tally.passed);
    assert_int_equal(tally.skipped, 0);
    for (size_t i = 0; i < ASSAY_COUNT_OF(refused); i++)
        print_message("json-torture: %s is refused: %s\n", refused[i].file, refused[i].reason);
    assert_int_equal(tally.passed, tally.run);
    assert_int_equal(tally.y, 95);
    assert_int_equal(tally.n, 188);
    assert_int_equal(tally.i, (int)ASSAY_COUNT_OF(decided));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
