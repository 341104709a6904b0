/* SPDX-License-Identifier: MIT */
/* Merging, retention, purging and selection: K10, K20, K21, K30, K31. */

#include "base/limits.h"
#include "keys/snapshot.h"
#include "support/signing.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOUR 3600000LL

/* Symmetric keys serve as well as any: a letter is the material. */
static assay_jwk *make(const char *kid, const char *algorithm, const char *material)
{
    assay_jwk *jwk = NULL;
    assert_int_equal(assay_jwk_new_symmetric(test_crypto, kid, algorithm, (const uint8_t *)material, strlen(material),
                                             &jwk, NULL, 0),
                     ASSAY_OK);
    return jwk;
}

/* A set from "kid=material kid=material"; "=material" has no kid. */
static assay_key_set set_of(const char *text)
{
    assay_key_set set;
    assay_key_set_init(&set);
    char copy[512], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", text);
    while ((word = strsep(&rest, " ")) != NULL) {
        char *material = strchr(word, '=');
        if (material == NULL)
            continue;
        *material++ = '\0';
        assay_jwk *jwk = make(word[0] == '\0' ? NULL : word, NULL, material);
        assert_int_equal(assay_key_set_add(&set, jwk), ASSAY_OK);
        assay_jwk_unref(jwk);
    }
    return set;
}

static assay_snapshot *merge(assay_snapshot *old, const char *fresh, int64_t now, int64_t retention)
{
    assay_key_set set = set_of(fresh);
    assay_snapshot *made = NULL;
    assert_int_equal(assay_snapshot_merge(old, &set, NULL, 0, now, retention, &made), ASSAY_OK);
    assay_key_set_clear(&set);
    assay_snapshot_free(old); /* what was made must not need it */
    return made;
}

/* The kids of a snapshot in their order, "|" between those served and those retained. */
static const char *kids(const assay_snapshot *snapshot)
{
    static char text[8192];
    text[0] = '\0';
    for (size_t i = 0; i < snapshot->count; i++) {
        assert_int_equal(snapshot->keys[i].missing_since_ms < 0, i < snapshot->served);
        if (i == snapshot->served)
            strcat(text, "|");
        strcat(text, snapshot->keys[i].jwk->kid == NULL ? "-" : snapshot->keys[i].jwk->kid);
    }
    return text;
}

static void first_and_equal_sets(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 b=2 c=3", 0, HOUR);
    assert_string_equal(kids(s), "abc");
    assert_int_equal(s->served, 3);
    s = merge(s, "c=3 a=1 b=2", 1, HOUR);
    assert_string_equal(kids(s), "cab");
    assay_snapshot_free(s);
    assay_snapshot_free(NULL);
}

static void k10_retention(void **state)
{
    (void)state;
    static const int64_t retentions[] = {0, HOUR, 48 * HOUR};
    for (size_t i = 0; i < 3; i++) {
        int64_t retention = retentions[i], start = 1000000;
        assay_snapshot *s = merge(NULL, "a=1 b=2", start, retention);
        s = merge(s, "b=2", start, retention);
        assert_string_equal(kids(s), retention == 0 ? "b" : "b|a");
        if (retention > 0) {
            assert_int_equal(s->keys[1].missing_since_ms, start);
            s = merge(s, "b=2", start + retention - 1, retention);
            assert_string_equal(kids(s), "b|a");
            assert_int_equal(s->keys[1].missing_since_ms, start); /* since it was first found missing */
            s = merge(s, "b=2", start + retention, retention);
            assert_string_equal(kids(s), "b");
        }
        assay_snapshot_free(s);
    }
}

/* Entra's sets: keys vanish and come back. */
static void a_key_comes_back(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 b=2", 0, 48 * HOUR);
    s = merge(s, "b=2 c=3", 1 * HOUR, 48 * HOUR);
    assert_string_equal(kids(s), "bc|a");
    s = merge(s, "a=1 b=2", 4 * HOUR, 48 * HOUR);
    assert_string_equal(kids(s), "ab|c");
    assert_int_equal(s->keys[2].missing_since_ms, 4 * HOUR);
    /* a goes again: its time starts anew */
    s = merge(s, "b=2", 50 * HOUR, 48 * HOUR);
    assert_string_equal(kids(s), "b|ac");
    assert_int_equal(s->keys[1].missing_since_ms, 50 * HOUR);
    s = merge(s, "b=2", 52 * HOUR, 48 * HOUR);
    assert_string_equal(kids(s), "b|a");
    /* a smaller retention, configured since */
    s = merge(s, "b=2", 53 * HOUR, HOUR);
    assert_string_equal(kids(s), "b");
    assay_snapshot_free(s);
}

static void replaced_material(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 b=2", 0, 48 * HOUR);
    s = merge(s, "a=9", 1, 48 * HOUR);
    assert_string_equal(kids(s), "a|b");
    assay_jwk *expected = make("a", NULL, "9");
    assert_memory_equal(s->keys[0].jwk->thumbprint, expected->thumbprint, 32);
    assay_jwk_unref(expected);
    /* a retained key is replaced as well */
    s = merge(s, "a=9 b=7", 2, 48 * HOUR);
    assert_string_equal(kids(s), "ab");
    /* the same material under another kid is another key */
    s = merge(s, "c=9", 3, 48 * HOUR);
    assert_string_equal(kids(s), "c|ab");
    /* keys without kid replace each other */
    s = merge(s, "=1", 4, 48 * HOUR);
    s = merge(s, "=2", 5, 48 * HOUR);
    assert_string_equal(kids(s), "-|cab");
    assay_snapshot_free(s);
}

/* K21: another kind under the same kid does not replace. */
static void same_kid_other_kind(void **state)
{
    (void)state;
    static const char ed25519[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
                                  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    assay_snapshot *s = merge(NULL, "a=1", 0, HOUR);
    assay_key_set set;
    assay_key_set_init(&set);
    assert_int_equal(assay_key_set_add_json(&set, test_crypto, ed25519, strlen(ed25519), false, NULL, 0), ASSAY_OK);
    assert_int_equal(assay_key_set_add_json(&set, test_crypto, "{\"keys\":[{}]}", 13, false, NULL, 0), ASSAY_OK);
    assay_snapshot *made = NULL;
    assert_int_equal(assay_snapshot_merge(s, &set, NULL, 0, 1, HOUR, &made), ASSAY_OK);
    assert_string_equal(kids(made), "a|a");
    assert_int_equal(made->skipped, 1);
    assay_jwk *found[4];
    assert_int_equal(assay_snapshot_select(made, "a", 1, HOUR, found, 4), 2);
    assay_key_set_clear(&set);
    assay_snapshot_free(s);
    assay_snapshot_free(made);
}

static void equal_keys_are_one(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 a=1 b=1 a=2 =1 =1", 0, HOUR);
    assert_string_equal(kids(s), "aba-");
    assay_snapshot_free(s);
    /* published for two algorithms: both stay */
    assay_key_set set;
    assay_key_set_init(&set);
    static const char *const algorithms[] = {"HS256", "HS512", "HS256"};
    for (size_t i = 0; i < 3; i++) {
        assay_jwk *jwk = make("a", algorithms[i], "1");
        assert_int_equal(assay_key_set_add(&set, jwk), ASSAY_OK);
        assay_jwk_unref(jwk);
    }
    assert_int_equal(assay_snapshot_merge(NULL, &set, NULL, 0, 0, HOUR, &s), ASSAY_OK);
    assert_int_equal(s->count, 2);
    assay_key_set_clear(&set);
    assay_snapshot_free(s);
}

/* K31: purged is purged. */
static void k31_tombstones(void **state)
{
    (void)state;
    assay_snapshot *old = merge(NULL, "a=1 b=2", 0, HOUR), *made = NULL;
    assay_tombstone stones[2] = {{.has_thumbprint = true}, {.has_thumbprint = true}};
    memcpy(stones[1].thumbprint, old->keys[0].jwk->thumbprint, 32);
    /* whatever the kid, in what is served */
    assay_key_set set = set_of("x=1 b=2 c=3");
    assert_int_equal(assay_snapshot_merge(NULL, &set, stones, 2, 1, HOUR, &made), ASSAY_OK);
    assert_string_equal(kids(made), "bc");
    assay_snapshot_free(made);
    /* and in what was */
    assert_int_equal(assay_snapshot_merge(old, &set, stones, 2, 1, HOUR, &made), ASSAY_OK);
    assert_string_equal(kids(made), "bc");
    assay_snapshot_free(made);
    assay_key_set_clear(&set);
    /* nothing else is served: nothing is made */
    set = set_of("x=1");
    assert_int_equal(assay_snapshot_merge(old, &set, stones, 2, 1, HOUR, &made), ASSAY_E_JWKS);
    assert_null(made);
    assay_key_set_clear(&set);
    assay_snapshot_free(old);
}

/* 54: an empty answer replaces nothing. */
static void no_usable_key(void **state)
{
    (void)state;
    assay_snapshot *old = merge(NULL, "a=1", 0, HOUR), *made = (assay_snapshot *)1;
    assay_key_set set;
    assay_key_set_init(&set);
    assert_int_equal(assay_snapshot_merge(old, &set, NULL, 0, 1, HOUR, &made), ASSAY_E_JWKS);
    assert_null(made);
    assert_int_equal(assay_key_set_add_json(&set, test_crypto, "{\"keys\":[{},{}]}", 16, false, NULL, 0), ASSAY_OK);
    assert_int_equal(assay_snapshot_merge(NULL, &set, NULL, 0, 1, HOUR, &made), ASSAY_E_JWKS);
    assert_null(made);
    assay_key_set_clear(&set);
    assay_snapshot_free(old);
}

static void without(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 b=2 a=3 =4", 0, HOUR), *made = NULL;
    s = merge(s, "b=2 a=3 =4 c=5", 1, HOUR);
    size_t dropped = 99;
    assert_int_equal(assay_snapshot_without(s, "a", &dropped, &made), ASSAY_OK);
    assert_int_equal(dropped, 1); /* a=1 was replaced by a=3 */
    assert_string_equal(kids(made), "b-c");
    assay_snapshot_free(made);
    assert_int_equal(assay_snapshot_without(s, "A", &dropped, &made), ASSAY_OK); /* K20 */
    assert_int_equal(dropped, 0);
    assert_string_equal(kids(made), "ba-c");
    assay_snapshot_free(made);
    s = merge(s, "b=2 a=3 =4 c=5 d=2", 2, HOUR); /* the material of b under another kid goes with it */
    assert_int_equal(assay_snapshot_without(s, "b", &dropped, &made), ASSAY_OK);
    assert_int_equal(dropped, 2);
    assert_string_equal(kids(made), "a-c");
    assay_snapshot_free(made);
    assert_int_equal(assay_snapshot_without(s, NULL, &dropped, &made), ASSAY_OK);
    assert_int_equal(dropped, 5);
    assert_int_equal(made->count, 0);
    assert_int_equal(made->served, 0);
    assay_snapshot_free(made);
    assay_snapshot_free(s);
}

static void selecting(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 ab=2 b=3", 0, HOUR);
    s = merge(s, "ab=2 b=4 b=5 =6", 1, HOUR);
    assert_string_equal(kids(s), "abbb-|a");
    assay_jwk *found[8];
    assert_int_equal(assay_snapshot_select(s, "ab", 2, HOUR, found, 8), 1);
    assert_string_equal(found[0]->kid, "ab");
    /* K20, 33: exactly, not by letter case, prefix or terminator */
    assert_int_equal(assay_snapshot_select(s, "AB", 2, HOUR, found, 8), 0);
    assert_int_equal(assay_snapshot_select(s, "abc", 3, HOUR, found, 8), 0);
    assert_int_equal(assay_snapshot_select(s, "ab\0", 3, HOUR, found, 8), 0);
    assert_int_equal(assay_snapshot_select(s, "", 0, HOUR, found, 8), 0);
    assert_int_equal(assay_snapshot_select(s, "abc", 2, HOUR, found, 8), 1); /* the length counts, not a terminator */
    assert_int_equal(assay_snapshot_select(s, "b", 1, HOUR, found, 8), 2);
    assert_int_equal(assay_snapshot_select(s, "b", 1, HOUR, found, 1), 1);
    assert_int_equal(assay_snapshot_select(s, "b", 1, HOUR, found, 0), 0);
    /* K30: retained, and still found by its kid, but not without one */
    assert_int_equal(assay_snapshot_select(s, "a", 1, HOUR, found, 8), 1);
    assert_int_equal(assay_snapshot_select(s, NULL, 0, HOUR, found, 8), 4);
    assert_int_equal(assay_snapshot_select(s, NULL, 0, HOUR, found, 2), 2);
    assay_snapshot_free(s);
}

/* Retention ends in time, whether or not anything is merged then. */
static void selecting_after_retention(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a=1 b=2", 0, HOUR), *copy = NULL;
    assay_jwk *found[4];
    size_t dropped;
    assert_int_equal(s->keys[0].usable_until_ms, INT64_MAX);
    s = merge(s, "b=2", 1000, HOUR);
    assert_int_equal(s->keys[0].usable_until_ms, INT64_MAX);
    assert_int_equal(s->keys[1].usable_until_ms, 1000 + HOUR);
    s = merge(s, "b=2", 5000, HOUR);
    assert_int_equal(s->keys[1].usable_until_ms, 1000 + HOUR);
    assert_int_equal(assay_snapshot_without(s, "zz", &dropped, &copy), ASSAY_OK);
    assert_int_equal(copy->keys[1].usable_until_ms, 1000 + HOUR);
    assay_snapshot_free(copy);
    assert_int_equal(assay_snapshot_select(s, "a", 1, 1000 + HOUR - 1, found, 4), 1);
    assert_int_equal(assay_snapshot_select(s, "a", 1, 1000 + HOUR, found, 4), 0);
    assert_int_equal(assay_snapshot_select(s, "a", 1, INT64_MAX, found, 4), 0);
    assert_int_equal(assay_snapshot_select(s, "b", 1, INT64_MAX, found, 4), 1);
    assert_int_equal(assay_snapshot_select(s, NULL, 0, INT64_MAX, found, 4), 1);
    assay_snapshot_free(s);
}

/* A kid that was purged before anybody saw its key. */
static bool has(const assay_snapshot *snapshot, const assay_jwk *jwk, int64_t now, bool expect_served)
{
    bool served = !expect_served;
    bool found = assay_snapshot_has(snapshot, jwk, now, &served);
    assert_int_equal(served, found && expect_served);
    return found;
}

static void finding_a_key_again(void **state)
{
    (void)state;
    assay_jwk *a = make("a", NULL, "1"), *narrowed = make("a", "HS256", "1"), *nameless = make(NULL, NULL, "5");
    assay_snapshot *s = merge(NULL, "a=1 b=2 =5", 0, HOUR);
    assert_true(has(s, a, 0, true));
    assert_true(has(s, a, 100 * HOUR, true));
    assert_false(has(s, narrowed, 0, true)); /* another use of the same material */
    assert_false(has(s, nameless, 0, true));
    s = merge(s, "b=2", 10, HOUR);
    assert_true(has(s, a, 10 + HOUR - 1, false));
    assert_false(has(s, a, 10 + HOUR, false));
    s = merge(s, "a=1", 20, HOUR);
    assert_true(has(s, a, 100 * HOUR, true));
    s = merge(s, "a=9", 30, HOUR);
    assert_false(has(s, a, 30, true));
    assay_snapshot_free(s);
    /* Beyond those that are tried for one token it would not be used. */
    s = merge(NULL, "a=2 a=3 a=4 a=5 a=6 a=7 a=8 a=1 a=9", 0, HOUR);
    assert_true(has(s, a, 0, true));
    assay_snapshot_free(s);
    s = merge(NULL, "a=2 a=3 a=4 a=5 a=6 a=7 a=8 a=9 a=1", 0, HOUR);
    assert_false(has(s, a, 0, true));
    assay_snapshot_free(s);
    assay_jwk_unref(a);
    assay_jwk_unref(narrowed);
    assay_jwk_unref(nameless);
}

static void k31_tombstone_of_a_kid(void **state)
{
    (void)state;
    char kid[] = "a";
    const assay_tombstone stone = {.kid = kid};
    assay_snapshot *old = merge(NULL, "a=1 b=2", 0, HOUR), *made = NULL;
    assay_key_set set = set_of("a=7 A=1 ab=8 =0");
    assert_int_equal(assay_snapshot_merge(old, &set, &stone, 1, 1, HOUR, &made), ASSAY_OK);
    assert_string_equal(kids(made), "Aab-|b");
    assay_snapshot_free(made);
    assay_snapshot_free(old);
    assay_key_set_clear(&set);
}

static void copied_sets(void **state)
{
    (void)state;
    assay_key_set set = set_of("a=1 b=2"), copy, none;
    assert_int_equal(assay_key_set_add_json(&set, test_crypto, "{\"keys\":[{},{}]}", 16, false, NULL, 0), ASSAY_OK);
    assert_int_equal(assay_key_set_copy(&set, &copy), ASSAY_OK);
    assert_int_equal(copy.count, 2);
    assert_int_equal(copy.skipped_count, 2);
    assert_ptr_equal(copy.keys[1], set.keys[1]);
    assert_string_equal(copy.skipped[1], set.skipped[1]);
    assert_ptr_not_equal(copy.skipped[1], set.skipped[1]);
    assay_key_set_clear(&copy);
    assay_key_set_init(&none);
    assert_int_equal(assay_key_set_copy(&none, &copy), ASSAY_OK);
    assert_int_equal(copy.count + copy.skipped_count, 0);
    assay_key_set_clear(&copy);
    assay_key_set_clear(&set);
}

/* A provider that serves new keys at every fetch does not fill the memory. */
static void retained_keys_are_bounded(void **state)
{
    (void)state;
    assay_snapshot *s = NULL;
    for (int round = 0; round < 40; round++) {
        char text[512] = "";
        for (int i = 0; i < 8; i++)
            sprintf(text + strlen(text), "k%d=%d ", round * 8 + i, round * 8 + i + 1);
        s = merge(s, text, round, 48 * HOUR);
    }
    assert_int_equal(s->served, 8);
    assert_int_equal(s->count, 8 + ASSAY_LIMIT_KEYS);
    /* the latest are kept */
    assert_string_equal(s->keys[8].jwk->kid, "k304");
    assert_int_equal(s->keys[8 + ASSAY_LIMIT_KEYS - 1].missing_since_ms, 39 - ASSAY_LIMIT_KEYS / 8 + 1);
    assay_snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_and_equal_sets),
        cmocka_unit_test(k10_retention),
        cmocka_unit_test(a_key_comes_back),
        cmocka_unit_test(replaced_material),
        cmocka_unit_test(same_kid_other_kind),
        cmocka_unit_test(equal_keys_are_one),
        cmocka_unit_test(k31_tombstones),
        cmocka_unit_test(no_usable_key),
        cmocka_unit_test(without),
        cmocka_unit_test(selecting),
        cmocka_unit_test(selecting_after_retention),
        cmocka_unit_test(finding_a_key_again),
        cmocka_unit_test(k31_tombstone_of_a_kid),
        cmocka_unit_test(copied_sets),
        cmocka_unit_test(retained_keys_are_bounded),
    };
    return cmocka_run_group_tests(tests, test_crypto_open, test_crypto_close);
}
