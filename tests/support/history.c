/* SPDX-License-Identifier: MIT */
#include "history.h"

#include "support/test_data.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t parse_minute(const char *text)
{
    struct tm tm = {0};
    if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
        fail_msg("not a time: %s", text);
    return timegm(&tm) / 60;
}

/* Index of the key that a version names: by position name ("k3") or by kid. */
static size_t find_key(const history *h, const json_t *keys, const char *name)
{
    const char *kid = json_is_object(keys) ? test_text(json_object_get(keys, name), "kid") : name;
    for (size_t i = 0; i < h->keys; i++)
        if (strcmp(h->kids[i], kid) == 0)
            return i;
    fail_msg("no key %s", name);
    return 0;
}

static json_t *jwk_of(const json_t *keys, const char *name)
{
    json_t *found = json_object_get(keys, name), *each;
    size_t i;
    json_array_foreach(keys, i, each) if (strcmp(test_text(each, "kid"), name) == 0) found = each;
    return found;
}

static void add_kid(history *h, const json_t *jwk)
{
    for (size_t i = 0; i < h->keys; i++)
        if (strcmp(h->kids[i], test_text(jwk, "kid")) == 0)
            return;
    assert_true(h->keys < HISTORY_KEYS);
    (void)snprintf(h->issuers[h->keys], sizeof h->issuers[0], "%s", test_text(jwk, "issuer"));
    (void)snprintf(h->kids[h->keys++], sizeof h->kids[0], "%s", test_text(jwk, "kid"));
}

static void add_version(history *h, const json_t *keys, const json_t *entry)
{
    const json_t *names = json_object_get(entry, "kids"), *name;
    const char *when = test_text(entry, "fetched_at");
    size_t i, v = h->versions++;
    assert_true(v < HISTORY_VERSIONS);
    h->minute[v] = parse_minute(when[0] != '\0' ? when : test_text(entry, "fetched"));
    json_t *set = json_object(), *array = json_array();
    json_array_foreach(names != NULL ? names : json_object_get(entry, "keys"), i, name)
    {
        size_t key = find_key(h, keys, json_string_value(name));
        bool again = h->has[v][key];
        h->has[v][key] = true;
        if (!again)
            json_array_append(array, jwk_of(keys, json_string_value(name)));
    }
    json_object_set_new(set, "keys", array);
    h->bodies[v] = json_dumps(set, JSON_COMPACT);
    json_decref(set);
}

history *history_read(const char *name)
{
    history *h = calloc(1, sizeof *h);
    json_t *json = test_data_json(name), *jwk;
    assert_non_null(h);
    assert_non_null(json);
    json_t *keys = json_object_get(json, "keys"), *timeline = json_object_get(json, "timeline"), *entry;
    const char *label;
    size_t i;
    json_object_foreach(keys, label, jwk) add_kid(h, jwk);
    json_array_foreach(keys, i, jwk) add_kid(h, jwk);
    json_array_foreach(timeline, i, entry) add_version(h, keys, entry);
    for (size_t key = 0; key < h->keys; key++) {
        h->first[key] = SIZE_MAX;
        for (size_t v = 0; v < h->versions; v++)
            if (h->has[v][key]) {
                h->first[key] = h->first[key] == SIZE_MAX ? v : h->first[key];
                h->last[key] = v;
            }
    }
    json_decref(json);
    return h;
}

void history_free(history *h)
{
    for (size_t v = 0; v < h->versions; v++)
        free(h->bodies[v]);
    free(h);
}

bool history_is_alive(const history *h, size_t key, size_t version)
{
    return h->first[key] != SIZE_MAX && h->first[key] <= version && version <= h->last[key];
}
