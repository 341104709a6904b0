/* SPDX-License-Identifier: MIT */

/*
 * Real rotations, minute by minute through a key source (K09, K10): which share of (key x minute), from the first to the last sight of each key,
 * would be refused? "waiting" counts on scheduled fetches alone; "asking" also lets a token with a missing key cause one.
 */
#include "support/source_world.h"
#include "support/test_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { KEYS = 128, VERSIONS = 512 };

typedef struct history {
    size_t keys, versions;
    char kids[KEYS][128];
    size_t first[KEYS], last[KEYS]; /* versions that have it */
    int64_t minute[VERSIONS];       /* when it was first served */
    char *bodies[VERSIONS];
    bool has[VERSIONS][KEYS];
} history;

typedef struct outcome {
    int64_t alive, refused; /* key x minute */
    uint64_t fetches;
    int64_t longest_kept; /* minutes that a key was still there after its last sight */
} outcome;

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
    assert_true(h->keys < KEYS);
    snprintf(h->kids[h->keys++], sizeof h->kids[0], "%s", test_text(jwk, "kid"));
}

static void add_version(history *h, const json_t *keys, const json_t *entry)
{
    const json_t *names = json_object_get(entry, "kids"), *name;
    const char *when = test_text(entry, "fetched_at");
    size_t i, v = h->versions++;
    assert_true(v < VERSIONS);
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

static history *read_history(const char *name)
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

static void free_history(history *h)
{
    for (size_t v = 0; v < h->versions; v++)
        free(h->bodies[v]);
    free(h);
}

/* Whether a good token of this key may be seen: served at that moment by some front end, or between two times when it was. */
static bool is_alive(const history *h, size_t key, size_t version)
{
    return h->first[key] != SIZE_MAX && h->first[key] <= version && version <= h->last[key];
}

static int64_t count_missing(const history *h, const world *w, size_t version, int64_t *alive)
{
    int64_t missing = 0;
    *alive = 0;
    for (size_t key = 0; key < h->keys; key++) {
        if (!is_alive(h, key, version))
            continue;
        (*alive)++;
        missing += world_has(w, h->kids[key]) ? 0 : 1;
    }
    return missing;
}

static void note_kept(const history *h, const world *w, size_t version, int64_t minute, outcome *out)
{
    for (size_t key = 0; key < h->keys; key++) {
        if (h->first[key] == SIZE_MAX || h->last[key] >= version || !world_has(w, h->kids[key]))
            continue;
        int64_t kept = minute - h->minute[h->last[key] + 1];
        out->longest_kept = kept > out->longest_kept ? kept : out->longest_kept;
    }
}

/* A fetch where it is allowed. The issuer answers 304 where the source has its newest version, @p fetched. */
static bool try_fetch(world *w, const history *h, assay_source_reason reason, size_t version, size_t *fetched)
{
    w->keys = *fetched == version ? (canned_answer){.status = 304}
                                  : (canned_answer){.body = h->bodies[version], .max_age = 86400, .etag = "\"v\""};
    if (!world_try(w, reason))
        return false;
    *fetched = version;
    return true;
}

static outcome replay(const history *h, int64_t retention, bool ask)
{
    outcome out = {0};
    world w;
    size_t version = 0, fetched = SIZE_MAX;
    int64_t alive = 0, missing = 0;
    bool changed = true;
    world_init(&w, &(assay_source_config){
                       .mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI, .retention_ms = retention, .seed = 7});
    for (int64_t minute = h->minute[0]; minute <= h->minute[h->versions - 1]; minute++) {
        while (version + 1 < h->versions && h->minute[version + 1] <= minute) {
            version++;
            changed = true;
        }
        w.now = minute * MINUTE;
        changed = try_fetch(&w, h, ASSAY_SOURCE_SCHEDULED, version, &fetched) || changed;
        if (changed)
            missing = count_missing(h, &w, version, &alive);
        if (ask && missing > 0 && try_fetch(&w, h, ASSAY_SOURCE_UNKNOWN_KID, version, &fetched))
            missing = count_missing(h, &w, version, &alive);
        if (changed)
            note_kept(h, &w, version, minute, &out);
        changed = false;
        out.alive += alive;
        out.refused += missing;
    }
    out.fetches = assay_source_count(w.source).key_fetches;
    assert_int_equal(assay_source_count(w.source).failures, 0);
    world_clear(&w);
    return out;
}

static double percent(const outcome *out)
{
    return out->alive == 0 ? 0 : 100.0 * (double)out->refused / (double)out->alive;
}

/* Prints one line for each policy; gives the share refused by ours, waiting and asking. */
static void report(const char *name, int64_t retention, double *waiting, double *asking, double *replacing)
{
    history *h = read_history(name);
    outcome replaced = replay(h, -1, false);
    outcome waited = replay(h, retention, false);
    outcome asked = replay(h, retention, true);
    printf("%s: %zu keys, %zu versions, %lld key-minutes\n", name, h->keys, h->versions, (long long)waited.alive);
    printf("  refused: replacing %.3f %%, %d h retention waiting %.3f %%, asking %.3f %%; %llu and %llu fetches; kept "
           "at most "
           "%lld min\n",
           percent(&replaced), (int)(retention / HOUR), percent(&waited), percent(&asked),
           (unsigned long long)waited.fetches, (unsigned long long)asked.fetches, (long long)waited.longest_kept);
    /* A key that went for good goes after the retention: seen missing within an hour, dropped by the fetch after its time. */
    assert_true(waited.longest_kept <= retention / MINUTE + 2 * 60 + 1);
    assert_true(waited.refused <= replaced.refused);
    assert_true(asked.refused <= waited.refused);
    *waiting = percent(&waited);
    *asking = percent(&asked);
    *replacing = percent(&replaced);
    free_history(h);
}

/* K10: nothing ever comes back there, so all that is refused waits for a new key */
static void test_k10_google(void **state)
{
    (void)state;
    double waiting, asking, replacing;
    if (!test_data_is_there())
        skip();
    report("metadata/google.jwks-history.json", HOUR, &waiting, &asking, &replacing);
    assert_true(waiting < 0.15);
    assert_true(asking == 0);
}

static void test_rotations_of_providers(void **state)
{
    (void)state;
    static const char *const names[] = {"apple", "battle-net", "facebook", "google", "spotify"};
    double waiting, asking, replacing;
    if (!test_data_is_there())
        skip();
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "providers/rotation/%s.timeline.json", names[i]);
        report(path, HOUR, &waiting, &asking, &replacing);
        assert_true(asking <= waiting && waiting <= replacing);
    }
}

/* K08, K09: keys that vanish for hours and come back */
static void test_k09_entra(void **state)
{
    (void)state;
    double waiting, asking, replacing;
    if (!test_data_is_there())
        skip();
    report("metadata/entra-common-v2.jwks-history.json", 48 * HOUR, &waiting, &asking, &replacing);
    assert_true(replacing > 2);
    assert_true(waiting < 0.2);
    assert_true(asking < 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_k10_google),
        cmocka_unit_test(test_rotations_of_providers),
        cmocka_unit_test(test_k09_entra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
