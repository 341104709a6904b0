/* SPDX-License-Identifier: MIT */
/* docs/configuration.md: its examples load, and it knows exactly the members that lib/flow/config*.c know. */
#include "support/source_text.h"

#include <assay/assay.h>

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64
#define NAMES_MAX 64

/* The part about validators. */
static char *read_document(void)
{
    char *document = source_text_read("docs/configuration.md");
    char *rest = strstr(document, "\n## Credentials\n");
    assert_non_null(rest);
    *rest = '\0';
    return document;
}

static void every_example_loads(void **state)
{
    (void)state;
    char *document = read_document();
    const char *cursor = document;
    size_t len = 0;
    int count = 0;
    for (const char *block; (block = source_text_block(&cursor, &len)) != NULL; count++) {
        assay_validator *validator = NULL;
        assay_error *error = NULL;
        if (assay_validator_from_json(NULL, block, len, &validator, &error) != ASSAY_OK)
            fail_msg("example %d: %s", count + 1, assay_error_message(error));
        assay_error_free(error);
        assay_validator_unref(validator);
    }
    assert_true(count >= 2);
    free(document);
}

struct names {
    char name[NAMES_MAX][NAME_BYTES];
    size_t count;
};

static bool has_name(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) == 0)
            return true;
    }
    return false;
}

/* The text up to @p end as a name. */
static void add_name(struct names *names, const char *text, const char *end)
{
    char name[NAME_BYTES];
    assert_non_null(end);
    assert_true(end > text && (size_t)(end - text) < sizeof name && names->count < NAMES_MAX);
    (void)snprintf(name, sizeof name, "%.*s", (int)(end - text), text);
    if (!has_name(names, name))
        memcpy(names->name[names->count++], name, sizeof name);
}

/* Every text between @p before and @p quote in @p source. */
static void add_names(struct names *names, const char *source, const char *before, char quote)
{
    for (const char *at = source; (at = strstr(at, before)) != NULL;) {
        at += strlen(before);
        add_name(names, at, strchr(at, quote));
    }
}

/* The rows of the tables, and the members of the document itself. */
static void members_of_the_source(struct names *names)
{
    static const char *const files[] = {"lib/flow/config.c", "lib/flow/config_issuer.c", "lib/flow/config_entra.c"};
    names->count = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *source = source_text_read(files[i]);
        size_t before = names->count;
        for (char *table = source; (table = strstr(table, "rows[] = {")) != NULL;) {
            char *end = strstr(table, "\n};");
            assert_non_null(end);
            *end = '\0';
            add_names(names, table, "\n    {\"", '"');
            table = end + 1;
        }
        assert_true(names->count >= before + 8); /* or the form of the source changed, and this reads nothing */
        free(source);
    }
    static const char *const document[] = {"issuers", "runtime"};
    for (size_t i = 0; i < 2; i++)
        add_name(names, document[i], document[i] + strlen(document[i]));
}

static void every_member_is_described(void **state)
{
    (void)state;
    struct names names;
    members_of_the_source(&names);
    char *document = read_document();
    for (size_t i = 0; i < names.count; i++) {
        char row[NAME_BYTES + 8], use[NAME_BYTES + 8];
        (void)snprintf(row, sizeof row, "\n| `%s` | ", names.name[i]);
        (void)snprintf(use, sizeof use, "\"%s\": ", names.name[i]);
        if (strstr(document, row) == NULL)
            fail_msg("docs/configuration.md has no row for %s", names.name[i]);
        if (strstr(document, use) == NULL)
            fail_msg("no example of docs/configuration.md uses %s", names.name[i]);
    }
    free(document);
}

static void every_described_member_exists(void **state)
{
    (void)state;
    struct names known, described = {.count = 0};
    members_of_the_source(&known);
    char *document = read_document();
    add_names(&described, document, "\n| `", '`');
    for (size_t i = 0; i < described.count; i++) {
        if (!has_name(&known, described.name[i]))
            fail_msg("docs/configuration.md describes %s, which nothing reads", described.name[i]);
    }
    assert_int_equal(described.count, known.count);
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_loads),
        cmocka_unit_test(every_member_is_described),
        cmocka_unit_test(every_described_member_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
