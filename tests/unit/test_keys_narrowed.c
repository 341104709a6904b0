/* SPDX-License-Identifier: MIT */
/* A key that is served again with other attributes (`issuer`, `cloud_instance_name`, `alg`): the later word counts, and the earlier does not survive beside it. */

#include "keys/snapshot.h"
#include "support/signing.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600000LL
#define ANY ",\"issuer\":\"https://login.example/{tenantid}/v2.0\""
#define PERSONAL ",\"issuer\":\"https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0\""
#define PUBLIC ",\"cloud_instance_name\":\"public\""
#define GOVERNMENT ",\"cloud_instance_name\":\"government\""

/* Keys with this kid and the same material, each with its members; NULL ends them. */
static assay_key_set set_of(const char *kid, const char *first, const char *second)
{
    const char *const members[] = {first, second};
    assay_key_set set;
    assay_key_set_init(&set);
    for (size_t i = 0; i < 2 && members[i] != NULL; i++) {
        char *jwk = trial_format("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\","
                                 "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"%s}",
                                 kid, members[i]);
        assert_int_equal(assay_key_set_add_json(&set, test_crypto, jwk, strlen(jwk), false, NULL, 0), ASSAY_OK);
        free(jwk);
    }
    return set;
}

static assay_snapshot *merge(assay_snapshot *old, const char *kid, const char *first, const char *second, int64_t now)
{
    assay_key_set set = set_of(kid, first, second);
    assay_snapshot *made = NULL;
    assert_int_equal(assay_snapshot_merge(old, &set, NULL, 0, now, 48 * HOUR, &made), ASSAY_OK);
    assay_key_set_clear(&set);
    assay_snapshot_free(old);
    return made;
}

/* How many keys of kid "a" a token finds, and how many of them have this issuer. */
static void must_find(const assay_snapshot *snapshot, size_t count, const char *issuer, size_t with_issuer)
{
    assay_jwk *found[8];
    size_t fitting = 0;
    assert_int_equal(assay_snapshot_select(snapshot, "a", 1, 0, found, 8), count);
    for (size_t i = 0; i < count; i++)
        fitting += found[i]->issuer != NULL && strstr(issuer, found[i]->issuer) != NULL ? 1 : 0;
    assert_int_equal(fitting, with_issuer);
}

static void what_is_said_now_counts_at_once(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a", ANY, NULL, 0);
    must_find(s, 1, ANY, 1);
    s = merge(s, "a", PERSONAL, NULL, 1); /* narrowed */
    must_find(s, 1, PERSONAL, 1);
    s = merge(s, "b", "", NULL, 2); /* missing, it stays narrowed */
    must_find(s, 1, PERSONAL, 1);
    s = merge(s, "a", PERSONAL GOVERNMENT, NULL, 3); /* and back, in another cloud */
    must_find(s, 1, PERSONAL, 1);
    assert_string_equal(s->keys[0].jwk->cloud, "government");
    s = merge(s, "a", PERSONAL PUBLIC ",\"alg\":\"EdDSA\"", NULL, 4);
    must_find(s, 1, PERSONAL, 1);
    assert_string_equal(s->keys[0].jwk->algorithm, "EdDSA");
    s = merge(s, "a", "", NULL, 5); /* without any */
    must_find(s, 1, ANY, 0);
    assay_snapshot_free(s);
}

static void two_words_of_one_set_both_count(void **state)
{
    (void)state;
    assay_snapshot *s = merge(NULL, "a", ANY, NULL, 0);
    s = merge(s, "a", ANY, PERSONAL, 1);
    must_find(s, 2, ANY, 1);
    must_find(s, 2, PERSONAL, 1);
    s = merge(s, "b", "", NULL, 2); /* both go missing */
    must_find(s, 2, ANY, 1);
    s = merge(s, "a", PERSONAL, NULL, 3);
    must_find(s, 1, PERSONAL, 1);
    assay_snapshot_free(s);
}

/* The keys of a set, missing since a time. */
static assay_snapshot_key *missing_of(const assay_key_set *set, int64_t since)
{
    assay_snapshot_key *keys = calloc(set->count, sizeof *keys);
    assert_non_null(keys);
    for (size_t i = 0; i < set->count; i++)
        keys[i] = (assay_snapshot_key){set->keys[i], since, since};
    return keys;
}

/* What another process saw later, or earlier, of a key that this one knows: served until @p seen, or missing since. */
static assay_snapshot *recall(const assay_snapshot *old, int64_t seen, const char *first, const char *second,
                              int64_t since)
{
    assay_key_set set = set_of("a", first, second);
    assay_snapshot_key *missing = missing_of(&set, since);
    assay_snapshot *made = NULL;
    assert_int_equal(assay_snapshot_recall(old, seen, missing, set.count, &made), ASSAY_OK);
    free(missing);
    assay_key_set_clear(&set);
    return made;
}

static void recalled_keys(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        int64_t since; /* the own one was seen until 10 */
        size_t any, personal;
    } rows[] = {
        {PERSONAL, NULL, 11, 0, 1}, /* they saw it later */
        {PERSONAL, NULL, 10, 0, 1}, /* for all one knows */
        {PERSONAL, NULL, 9, 1, 0},  /* earlier */
        {ANY, NULL, 9, 1, 0},       /* the same */
        {ANY, PERSONAL, 9, 1, 0},   /* both, but later only one */
        {ANY, PERSONAL, 11, 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assay_snapshot *old = merge(NULL, "a", ANY, NULL, 0);
        assay_snapshot *made = recall(old, 10, rows[i].first, rows[i].second, rows[i].since);
        assert_int_equal(made->count, rows[i].any + rows[i].personal);
        must_find(made, made->count, ANY, rows[i].any);
        must_find(made, made->count, PERSONAL, rows[i].personal);
        for (size_t key = 1; key < made->count; key++)
            assert_true(made->keys[key - 1].missing_since_ms >= made->keys[key].missing_since_ms);
        assay_snapshot_free(made);
        assay_snapshot_free(old);
    }
    /* two of its own, of which the others know one: both are true, and the one is missing since they found it so */
    assay_snapshot *old = merge(NULL, "a", ANY, PERSONAL, 0);
    assay_snapshot *made = recall(old, 10, ANY, NULL, 5);
    must_find(made, 2, ANY, 1);
    must_find(made, 2, PERSONAL, 1);
    assay_snapshot_free(made);
    assay_snapshot_free(old);
}

static assay_snapshot *learn(const assay_snapshot *from, const char *first, const char *second, int64_t since,
                             size_t *learned)
{
    assay_key_set set = set_of("a", first, second);
    assay_snapshot_key *older = missing_of(&set, since);
    assay_snapshot *made = NULL;
    assert_int_equal(assay_snapshot_learn(from, older, set.count, NULL, 0, HOUR, 48 * HOUR, learned, &made), ASSAY_OK);
    free(older);
    assay_key_set_clear(&set);
    return made;
}

static void learned_keys(void **state)
{
    (void)state;
    size_t learned;
    /* It is served here: nothing that was said before counts. */
    assay_snapshot *own = merge(NULL, "a", PERSONAL, NULL, 0), *made = learn(own, ANY, NULL, 20, &learned);
    assert_int_equal(learned, 0);
    must_find(made, 1, PERSONAL, 1);
    assay_snapshot_free(made);
    /* It is missing here since 10. */
    own = merge(own, "b", "", NULL, 10);
    made = learn(own, ANY, NULL, 9, &learned);
    assert_int_equal(learned, 0);
    must_find(made, 1, PERSONAL, 1);
    assay_snapshot_free(made);
    made = learn(own, ANY, NULL, 11, &learned);
    assert_int_equal(learned, 1);
    must_find(made, 1, ANY, 1);
    assert_int_equal(made->served, 1);
    assay_snapshot_free(made);
    made = learn(own, ANY, PERSONAL, 10, &learned); /* they saw both at one time */
    assert_int_equal(learned, 1);
    must_find(made, 2, ANY, 1);
    must_find(made, 2, PERSONAL, 1);
    assay_snapshot_free(made);
    assay_snapshot_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_now_counts_at_once),
        cmocka_unit_test(two_words_of_one_set_both_count),
        cmocka_unit_test(recalled_keys),
        cmocka_unit_test(learned_keys),
    };
    return cmocka_run_group_tests(tests, test_crypto_open, test_crypto_close);
}
