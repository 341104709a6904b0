/* SPDX-License-Identifier: MIT */
/*
 * Real rotations, minute by minute through a validator and its scheduler (K08, K09, K10): a token of every key arrives each minute, from the key's first
 * sight to its last. Nobody has the private halves, so the tokens are forged, and the refusal tells whether the key was there: everything is
 * decided as for a good one but for the mathematics of 1.9 million signatures. The documents are as they were recorded, with a
 * max-age of a day; what is refused for want of a key counts, per key and minute.
 */
#include "support/cloud.h"
#include "support/history.h"
#include "support/test_data.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define DAY 1440 /* minutes */
#define OTHER_ISSUER "https://issuer.example"

typedef struct outcome {
    int64_t asked, refused;     /* tokens */
    int64_t days, fetches;      /* of keys */
    int64_t worst_day;          /* fetches in one */
    int64_t longest_kept;       /* minutes that a key was still there after its last sight */
    int64_t replacing, obeying; /* refused by a cache that replaces its keys: each hour, and each day as max-age says */
} outcome;

typedef struct play {
    cloud cloud;
    const history *history;
    char *tokens[HISTORY_KEYS];
    bool gone[HISTORY_KEYS]; /* after its last sight it was refused */
    outcome out;
} play;

/* A token of the key, for an issuer of Entra of a tenant that it may sign for. */
static char *forge(const history *h, size_t key, bool entra)
{
    const char *tenant = strstr(h->issuers[key], TENANT_CONSUMERS) != NULL ? TENANT_CONSUMERS : TENANT_A;
    int64_t from = h->minute[0] * 60;
    char *payload = entra
                        ? trial_format("{\"iss\":\"https://login.microsoftonline.com/%s/v2.0\",\"aud\":\"" ENTRA_CLIENT
                                       "\",\"tid\":\"%s\",\"ver\":\"2.0\",\"oid\":\"" ENTRA_OID "\",\"iat\":%" PRId64
                                       ",\"nbf\":%" PRId64 ",\"exp\":4000000000" ENTRA_USER_V2 "}",
                                       tenant, tenant, from, from)
                        : trial_format("{\"iss\":\"" OTHER_ISSUER "\",\"aud\":\"" CANNED_AUDIENCE
                                       "\",\"sub\":\"s\",\"exp\":4000000000}");
    char *token = cloud_forge("RS256", h->kids[key], payload);
    free(payload);
    return token;
}

static assay_issuer *other_issuer(void)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_new(OTHER_ISSUER, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, CANNED_AUDIENCE, NULL));
    must_ok(assay_issuer_set_jwks_uri(issuer, OTHER_ISSUER "/keys", NULL));
    return issuer;
}

/* Whether the key was there. One of another cloud is refused for that, once it was found. */
static bool is_there(int code)
{
    if (code == ASSAY_E_SIGNATURE || code == ASSAY_E_KEY_CLOUD)
        return true;
    if (code != ASSAY_E_KEY_UNKNOWN && code != ASSAY_E_KEYS_NEEDED)
        fail_msg("%s", assay_code_name(code));
    return false;
}

/* A key that is over: nobody fetches for the sake of seeing it refused. */
static void see_out(play *p, size_t key, int64_t minute)
{
    const history *h = p->history;
    assay_claims *claims;
    const char *token = p->tokens[key];
    int code = assay_validator_check(p->cloud.canned.validator, token, strlen(token), NULL, &claims, NULL);
    int64_t kept = minute - h->minute[h->last[key] + 1];
    p->gone[key] = !is_there(code);
    if (!p->gone[key] && kept > p->out.longest_kept)
        p->out.longest_kept = kept;
}

static void play_minute(play *p, size_t version, int64_t minute)
{
    const history *h = p->history;
    p->cloud.canned.now_ms = minute * MINUTE_MS;
    cloud_keep_fresh(&p->cloud);
    for (size_t key = 0; key < h->keys; key++) {
        if (history_is_alive(h, key, version)) {
            p->out.asked++;
            p->out.refused += is_there(cloud_validate(&p->cloud, p->tokens[key])) ? 0 : 1;
        } else if (h->first[key] != SIZE_MAX && h->last[key] < version && !p->gone[key]) {
            see_out(p, key, minute);
        }
    }
}

/* What a cache refuses that replaces its set each @p interval minutes, and asks nobody in between: the same tokens, no library. */
static int64_t replay_replacing(const history *h, int64_t interval)
{
    int64_t refused = 0, due = h->minute[0];
    size_t version = 0, cached = 0;
    for (int64_t minute = h->minute[0]; minute <= h->minute[h->versions - 1]; minute++) {
        while (version + 1 < h->versions && h->minute[version + 1] <= minute)
            version++;
        if (minute >= due) {
            cached = version;
            due = minute + interval;
        }
        for (size_t key = 0; key < h->keys; key++)
            refused += history_is_alive(h, key, version) && !h->has[cached][key] ? 1 : 0;
    }
    return refused;
}

static void play_all(play *p)
{
    const history *h = p->history;
    size_t version = 0;
    int64_t day = 0, day_end = h->minute[0] + DAY;
    cloud_serve(&p->cloud, strdup(h->bodies[0]));
    for (int64_t minute = h->minute[0]; minute <= h->minute[h->versions - 1]; minute++) {
        size_t before = version;
        while (version + 1 < h->versions && h->minute[version + 1] <= minute)
            version++;
        if (version != before)
            cloud_serve(&p->cloud, strdup(h->bodies[version]));
        if (minute >= day_end) {
            day = p->cloud.key_fetches;
            day_end += DAY;
            p->out.days++;
        }
        play_minute(p, version, minute);
        if (p->cloud.key_fetches - day > p->out.worst_day)
            p->out.worst_day = p->cloud.key_fetches - day;
    }
    p->out.days++;
    p->out.fetches = p->cloud.key_fetches;
    assert_int_equal(canned_stat(&p->cloud.canned, ASSAY_STAT_FETCH_FAILURES), 0);
    assert_int_equal(canned_stat(&p->cloud.canned, ASSAY_STAT_KEY_FETCHES), p->out.fetches);
}

/* Read, play, print; NULL stands for Entra, whose issuer accepts everybody. */
static outcome replay(const char *name, assay_issuer *other)
{
    static play p;
    memset(&p, 0, sizeof p);
    history *h = history_read(name);
    p.history = h;
    cloud_open(&p.cloud);
    if (other != NULL)
        cloud_use(&p.cloud, other);
    else
        must_ok(assay_issuer_entra_add_tenant(p.cloud.canned.issuer, "consumers", NULL));
    cloud_start(&p.cloud);
    for (size_t key = 0; key < h->keys; key++)
        p.tokens[key] = forge(h, key, other == NULL);
    play_all(&p);
    p.out.replacing = replay_replacing(h, 60);
    p.out.obeying = replay_replacing(h, DAY);
    double share = 100.0 / (double)p.out.asked;
    print_message("%s: %zu keys, %zu sets, %" PRId64 " tokens\n", name, h->keys, h->versions, p.out.asked);
    print_message("  refused: %.4f %% (%" PRId64 "); replacing each hour %.3f %%, each day %.3f %%\n",
                  (double)p.out.refused * share, p.out.refused, (double)p.out.replacing * share,
                  (double)p.out.obeying * share);
    print_message("  fetches a day: %.1f, at most %" PRId64 "; a key is kept %" PRId64 " min at most\n",
                  (double)p.out.fetches / (double)p.out.days, p.out.worst_day, p.out.longest_kept);
    for (size_t key = 0; key < h->keys; key++)
        free(p.tokens[key]);
    cloud_close(&p.cloud);
    history_free(h);
    return p.out;
}

/* Seen missing within an hour, and dropped when its retention is over. */
static void must_go(const outcome *out, int64_t retention_minutes)
{
    assert_true(out->longest_kept <= retention_minutes + 60 + 1);
}

/* Keys vanish for hours and come back; each is there whenever a token needs it. */
static void k08_k09_every_key_of_entra_counts_from_first_to_last_sight(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    outcome out = replay("metadata/entra-common-v2.jwks-history.json", NULL);
    assert_true(out.asked > 1900000);
    assert_true(out.refused * 10000 <= out.asked);
    assert_true(out.worst_day <= 60);
    assert_true(out.replacing * 100 > out.asked); /* else K08 would prove nothing */
    assert_true(out.obeying * 100 > out.asked);
    must_go(&out, 48 * 60);
}

/* Nothing ever comes back there, and what is over is over after an hour. */
static void k10_old_keys_of_google_are_refused_after_their_retention(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    outcome out = replay("metadata/google.jwks-history.json", other_issuer());
    assert_int_equal(out.refused, 0);
    assert_true(out.worst_day <= 60);
    assert_true(out.longest_kept > 30);
    must_go(&out, 60);
}

static void rotations_of_other_providers(void **state)
{
    (void)state;
    static const char *const names[] = {"apple", "battle-net", "facebook", "google", "spotify"};
    if (!test_data_is_there())
        skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = trial_format("providers/rotation/%s.timeline.json", names[i]);
        outcome out = replay(path, other_issuer());
        assert_int_equal(out.refused, 0);
        assert_true(out.worst_day <= 60);
        must_go(&out, 60);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k08_k09_every_key_of_entra_counts_from_first_to_last_sight),
        cmocka_unit_test(k10_old_keys_of_google_are_refused_after_their_retention),
        cmocka_unit_test(rotations_of_other_providers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
