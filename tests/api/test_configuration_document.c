/* SPDX-License-Identifier: MIT */
/* docs/configuration.md: its examples load, and it knows exactly the members that lib/flow/config*.c and credential_json.c know. */
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

/* A file of the source tree, terminated; free() it. */
static char *read_source(const char *name)
{
    const char *root = getenv("ASSAY_TEST_ROOT");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, name);
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        fail_msg("can't open %s", path);
    static const size_t most = 1 << 20;
    char *text = malloc(most + 1);
    assert_non_null(text);
    size_t len = fread(text, 1, most, file);
    assert_true(len > 0 && len < most);
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

/* The document up to the heading of credentials, or from it on; free() it. */
static char *read_part(bool credentials)
{
    char *document = read_source("docs/configuration.md");
    char *heading = strstr(document, "\n## Credentials\n");
    assert_non_null(heading);
    if (credentials)
        memmove(document, heading, strlen(heading) + 1);
    else
        *heading = '\0';
    return document;
}

/* The next fenced block of JSON from *cursor on; NULL: no more. */
static const char *next_block(const char **cursor, size_t *len)
{
    static const char fence[] = "```json\n";
    const char *begin = strstr(*cursor, fence);
    if (begin == NULL)
        return NULL;
    begin += sizeof fence - 1;
    const char *end = strstr(begin, "\n```");
    assert_non_null(end);
    *len = (size_t)(end - begin);
    *cursor = end + 4;
    return begin;
}

static void every_example_loads(void **state)
{
    (void)state;
    char *document = read_part(false);
    const char *cursor = document;
    size_t len = 0;
    int count = 0;
    for (const char *block; (block = next_block(&cursor, &len)) != NULL; count++) {
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

static void every_credential_loads(void **state)
{
    (void)state;
    char *document = read_part(true);
    const char *cursor = document;
    size_t len = 0;
    int count = 0;
    for (const char *block; (block = next_block(&cursor, &len)) != NULL; count++) {
        assay_credential *credential = NULL;
        assay_error *error = NULL;
        if (assay_credential_from_json(NULL, block, len, &credential, &error) != ASSAY_OK)
            fail_msg("credential %d: %s", count + 1, assay_error_message(error));
        assay_error_free(error);
        assay_credential_unref(credential);
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
        char *source = read_source(files[i]);
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

/* The table of credentials: rows, rows by macro, and the members that are objects. */
static void members_of_credentials(struct names *names)
{
    names->count = 0;
    char *source = read_source("lib/flow/credential_json.c");
    char *table = strstr(source, "} rows[] = {");
    assert_non_null(table);
    char *end = strstr(table, "\n};");
    assert_non_null(end);
    *end = '\0';
    add_names(names, table, "\n    {\"", '"');
    add_names(names, table, "TEXT(\"", '"');
    add_names(names, table, "FLAG(\"", '"');
    assert_true(names->count >= 20); /* or the form of the source changed */
    add_names(names, end + 1, "if (strcmp(name, \"", '"');
    free(source);
    static const char other[] = "members", inside[] = "url";
    add_name(names, other, other + strlen(other));
    for (size_t i = 0; i < names->count; i++) /* a member of token_proxy */
        if (strcmp(names->name[i], inside) == 0)
            memmove(names->name[i], names->name[--names->count], NAME_BYTES);
}

static void check_described(const struct names *known, bool credentials)
{
    struct names described = {.count = 0};
    char *document = read_part(credentials);
    for (size_t i = 0; i < known->count; i++) {
        char row[NAME_BYTES + 8], use[NAME_BYTES + 8];
        (void)snprintf(row, sizeof row, "\n| `%s` | ", known->name[i]);
        (void)snprintf(use, sizeof use, "\"%s\": ", known->name[i]);
        if (strstr(document, row) == NULL)
            fail_msg("docs/configuration.md has no row for %s", known->name[i]);
        if (strstr(document, use) == NULL)
            fail_msg("no example of docs/configuration.md uses %s", known->name[i]);
    }
    add_names(&described, document, "\n| `", '`');
    for (size_t i = 0; i < described.count; i++) {
        if (!has_name(known, described.name[i]))
            fail_msg("docs/configuration.md describes %s, which nothing reads", described.name[i]);
    }
    assert_int_equal(described.count, known->count);
    free(document);
}

static void every_member_is_described_and_exists(void **state)
{
    (void)state;
    struct names known;
    members_of_the_source(&known);
    check_described(&known, false);
}

static void every_member_of_credentials_is_described_and_exists(void **state)
{
    (void)state;
    struct names known;
    members_of_credentials(&known);
    check_described(&known, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_loads),
        cmocka_unit_test(every_member_is_described_and_exists),
        cmocka_unit_test(every_credential_loads),
        cmocka_unit_test(every_member_of_credentials_is_described_and_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
