/* SPDX-License-Identifier: MIT */
#include "flow/token_cache.h"

#include "base/limits.h"
#include "flow/flight.h"

/* TAIL_BYTES of the signature choose the set; the shortest signature has 43 characters. */
enum { WAYS = 4, TAIL_BYTES = 16, SHORTEST = 64, GLANCES = 8, DIGEST_BYTES = 32 };

/* An accepted token. Of the signature only a digest is kept: what lies here can't be made a token again. */
typedef struct kept_token {
    assay_retiree retiree;   /* first: how a dropped one waits for its last reader */
    struct kept_token *next; /* dropped together with it */
    assay_trusted_issuer *issuer;
    assay_jwk *key;               /* that verified it */
    assay_claims *claims;         /* a reference */
    int64_t from, until;          /* seconds: assay_check_window() */
    size_t len;                   /* of the compact form */
    size_t signed_len;            /* of header and payload, their dots included */
    uint8_t digest[DIGEST_BYTES]; /* SHA-256 of the rest */
    atomic_uint_fast64_t version; /* of the keys among which the key was found served; 0: it is to be looked for */

    _Alignas(64) atomic_uint_fast64_t hits; /* a line of its own: every hit writes it */
    uint64_t counted;                       /* of these, under the lock: added to the issuer's */
    uint64_t rated;                         /* likewise: how many they were when its place was wanted last */
    char text[];                            /* what is signed */
} kept_token;

typedef _Atomic(kept_token *) slot;

struct assay_token_cache {
    assay_readers *readers;
    const assay_crypto *crypto;
    slot *slots; /* sets of `ways`; a token has its place in one of them */
    size_t sets, ways;

    pthread_mutex_t lock; /* of what changes */
    size_t turn;          /* where the next one is put, among equals */
    size_t glance;        /* which slots are looked at next for what has expired */
    kept_token *dropped;  /* not yet handed over */
};

static void destroy(kept_token *kept)
{
    while (kept != NULL) {
        kept_token *next = kept->next;
        assay_jwk_unref(kept->key);
        assay_token_close(kept->claims);
        assay_release_wiped(kept, sizeof *kept + kept->signed_len);
        kept = next;
    }
}

static void destroy_retired(assay_retiree *retiree)
{
    destroy((kept_token *)(void *)retiree);
}

int assay_token_cache_new(size_t entries, assay_readers *readers, const assay_crypto *crypto, assay_token_cache **cache)
{
    *cache = NULL;
    if (entries == 0)
        return ASSAY_OK;
    assay_token_cache *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->readers = readers;
    made->crypto = crypto;
    made->ways = entries < WAYS ? entries : WAYS;
    made->sets = entries / made->ways;
    made->slots = assay_zalloc_array(made->sets * made->ways, sizeof *made->slots);
    if (made->slots == NULL || pthread_mutex_init(&made->lock, NULL) != 0) {
        assay_release(made->slots);
        assay_release(made);
        return ASSAY_E_MEMORY;
    }
    *cache = made;
    return ASSAY_OK;
}

void assay_token_cache_free(assay_token_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->sets * cache->ways; i++)
        destroy(atomic_load(&cache->slots[i]));
    (void)pthread_mutex_destroy(&cache->lock);
    assay_release(cache->slots);
    assay_release(cache);
}

/* The first slot of the set in which a token has its place. Nobody chooses signatures of tokens that were accepted. */
static slot *set_of(const assay_token_cache *cache, assay_span text)
{
    uint64_t hash = assay_text_hash(text.ptr + text.len - TAIL_BYTES, TAIL_BYTES, 0);
    return &cache->slots[(hash * cache->sets >> 32) * cache->ways];
}

static bool digest(const assay_token_cache *cache, assay_span text, size_t signed_len, uint8_t out[ASSAY_DIGEST_MAX])
{
    size_t len;
    return assay_crypto_digest(cache->crypto, ASSAY_DIGEST_SHA256, text.ptr + signed_len, text.len - signed_len, out,
                               &len) == ASSAY_OK;
}

/* Byte for byte the same token: what is signed is compared, the rest, which is the signature, by its digest. */
static bool is_same(const assay_token_cache *cache, const kept_token *kept, assay_span text)
{
    uint8_t found[ASSAY_DIGEST_MAX];
    return kept->len == text.len && memcmp(kept->text, text.ptr, kept->signed_len) == 0 &&
           digest(cache, text, kept->signed_len, found) && assay_crypto_equal(found, kept->digest, DIGEST_BYTES);
}

static slot *look_up(const assay_token_cache *cache, assay_span text, kept_token **found)
{
    slot *set = set_of(cache, text);
    for (size_t i = 0; i < cache->ways; i++) {
        *found = atomic_load(&set[i]); /* sequentially consistent, as assay_readers_enter() demands */
        if (*found != NULL && is_same(cache, *found, text))
            return &set[i];
    }
    *found = NULL;
    return NULL;
}

/* Whether it can be in the cache at all. */
static bool is_eligible(const assay_token_cache *cache, const assay_attempt *attempt)
{
    return cache != NULL && attempt->request == NULL && attempt->text.len >= SHORTEST &&
           attempt->text.len <= ASSAY_LIMIT_CACHED_TOKEN_BYTES;
}

/* Where keys came or went since it was last found: its key is still one of those that a token of this kid is verified with. */
static bool has_key(kept_token *kept, const assay_attempt *attempt, uint64_t version)
{
    bool served;
    const assay_snapshot *snapshot = atomic_load(&attempt->issuer->keys.snapshot);
    if (snapshot == NULL || !assay_snapshot_has(snapshot, kept->key, assay_attempt_source_time(attempt), &served))
        return false;
    /* A key that is only retained ends without any new keys, so it is looked for each time. */
    if (served)
        atomic_store(&kept->version, version);
    return true;
}

/* All that may have changed since it was put in, inside a reader section. */
static bool still_holds(kept_token *kept, assay_attempt *attempt)
{
    assay_issuer_keys *keys = &kept->issuer->keys;
    attempt->issuer = kept->issuer;
    if (assay_attempt_read_clocks(attempt) != ASSAY_OK || attempt->now < kept->from || attempt->now >= kept->until)
        return false;
    /* In this order, as in assay_attempt_look(). */
    attempt->seen = assay_flight_seen(keys);
    if (attempt->now_ms >= atomic_load(&keys->expires_at))
        return false;
    uint64_t version = atomic_load(&keys->version);
    if (atomic_load(&kept->version) != version && !has_key(kept, attempt, version))
        return false;
    return assay_revocations_check(attempt->validator->revocations, kept->claims, NULL) == ASSAY_OK;
}

/* Take out of its slot, with the lock. */
static void drop(assay_token_cache *cache, slot *from)
{
    kept_token *kept = atomic_exchange(from, NULL);
    if (kept == NULL)
        return;
    uint64_t hits = atomic_load(&kept->hits);
    atomic_fetch_add(&kept->issuer->keys.cache_hits, hits - kept->counted);
    kept->counted = hits;
    kept->next = cache->dropped;
    cache->dropped = kept;
}

/* All that was dropped goes when the last reader is out who may see it. */
static void retire_dropped(assay_token_cache *cache)
{
    if (cache->dropped == NULL)
        return;
    cache->dropped->retiree.destroy = destroy_retired;
    assay_readers_retire(cache->readers, &ASSAY_STEAL(cache->dropped)->retiree);
}

/* Unless another thread is at it. Should another token have come to this slot meanwhile, it goes for nothing. */
static void drop_found(assay_token_cache *cache, slot *from)
{
    if (pthread_mutex_trylock(&cache->lock) != 0)
        return;
    drop(cache, from);
    retire_dropped(cache);
    (void)pthread_mutex_unlock(&cache->lock);
}

bool assay_token_cache_find(assay_attempt *attempt, assay_claims **claims)
{
    kept_token *found;
    assay_token_cache *cache = attempt->validator->keyring->tokens;
    if (!is_eligible(cache, attempt))
        return false;
    assay_reading reading = assay_readers_enter(cache->readers);
    slot *at = look_up(cache, attempt->text, &found);
    bool holds = at != NULL && still_holds(found, attempt);
    if (holds) {
        (void)atomic_fetch_add_explicit(&found->claims->references, 1, memory_order_relaxed);
        (void)atomic_fetch_add_explicit(&found->hits, 1, memory_order_relaxed);
        *claims = found->claims;
    }
    assay_readers_leave(reading);
    if (at != NULL && !holds)
        drop_found(cache, at);
    return holds;
}

bool assay_token_cache_wants(const assay_attempt *attempt)
{
    return is_eligible(attempt->validator->keyring->tokens, attempt) && attempt->token->has_kid;
}

static kept_token *make(const assay_token_cache *cache, const assay_attempt *attempt)
{
    assay_span text = attempt->text;
    size_t signed_len = text.len;
    while (text.ptr[signed_len - 1] != '.')
        signed_len--;
    uint8_t found[ASSAY_DIGEST_MAX];
    if (!digest(cache, text, signed_len, found))
        return NULL;
    kept_token *made = assay_alloc_aligned(_Alignof(kept_token), sizeof *made + signed_len);
    if (made == NULL)
        return NULL;
    memset(made, 0, sizeof *made);
    made->issuer = attempt->issuer;
    made->key = assay_jwk_ref(attempt->key);
    made->claims = attempt->token;
    (void)atomic_fetch_add_explicit(&attempt->token->references, 1, memory_order_relaxed);
    assay_check_window(&attempt->issuer->policy, attempt->token, &made->from, &made->until);
    made->len = text.len;
    made->signed_len = signed_len;
    memcpy(made->digest, found, DIGEST_BYTES);
    memcpy(made->text, text.ptr, signed_len);
    return made;
}

static bool is_expired(slot *at, int64_t now)
{
    const kept_token *kept = atomic_load(at);
    return kept != NULL && now >= kept->until;
}

/* Some at a time, so that all are looked at sooner or later. */
static void drop_expired(assay_token_cache *cache, int64_t now)
{
    for (size_t i = 0; i < GLANCES; i++) {
        slot *at = &cache->slots[cache->glance++ % (cache->sets * cache->ways)];
        if (is_expired(at, now))
            drop(cache, at);
    }
}

/* An empty place, or that of one that expired or was not asked for since its place was wanted last; else any. */
static slot *choose(assay_token_cache *cache, slot *set, int64_t now)
{
    slot *chosen = NULL;
    for (size_t i = 0; i < cache->ways; i++)
        if (atomic_load(&set[i]) == NULL || is_expired(&set[i], now))
            return &set[i];
    cache->turn++;
    for (size_t i = 0; i < cache->ways; i++) {
        slot *at = &set[(cache->turn + i) % cache->ways];
        kept_token *kept = atomic_load(at);
        uint64_t hits = atomic_load(&kept->hits);
        if (chosen == NULL && hits == kept->rated)
            chosen = at;
        kept->rated = hits;
    }
    return chosen != NULL ? chosen : &set[cache->turn % cache->ways];
}

static void put(assay_token_cache *cache, const assay_attempt *attempt)
{
    kept_token *old;
    drop_expired(cache, attempt->now);
    /* Keys that went since it was verified took their tokens out already, and this would come too late for that. */
    if (atomic_load(&attempt->issuer->keys.version) != attempt->version)
        return;
    kept_token *made = make(cache, attempt);
    if (made == NULL)
        return;
    slot *at = look_up(cache, attempt->text, &old);
    if (at == NULL)
        at = choose(cache, set_of(cache, attempt->text), attempt->now);
    drop(cache, at);
    atomic_store(at, made);
}

void assay_token_cache_put(const assay_attempt *attempt)
{
    assay_token_cache *cache = attempt->validator->keyring->tokens;
    if (attempt->key == NULL || pthread_mutex_trylock(&cache->lock) != 0)
        return;
    put(cache, attempt);
    retire_dropped(cache);
    (void)pthread_mutex_unlock(&cache->lock);
}

void assay_token_cache_sweep(assay_token_cache *cache, assay_issuer_keys *keys)
{
    bool served;
    if (cache == NULL)
        return;
    const assay_snapshot *snapshot = atomic_load(&keys->snapshot);
    int64_t now_ms = assay_schedule_add(assay_issuer_keys_now(keys), atomic_load(&keys->lag));
    assay_token_cache_hold(cache);
    for (size_t i = 0; i < cache->sets * cache->ways; i++) {
        const kept_token *kept = atomic_load(&cache->slots[i]);
        if (kept != NULL && &kept->issuer->keys == keys &&
            (snapshot == NULL || !assay_snapshot_has(snapshot, kept->key, now_ms, &served)))
            drop(cache, &cache->slots[i]);
    }
    retire_dropped(cache);
    assay_token_cache_release(cache);
}

void assay_token_cache_count(assay_token_cache *cache)
{
    if (cache == NULL)
        return;
    assay_token_cache_hold(cache);
    for (size_t i = 0; i < cache->sets * cache->ways; i++) {
        kept_token *kept = atomic_load(&cache->slots[i]);
        if (kept == NULL)
            continue;
        uint64_t hits = atomic_load(&kept->hits);
        atomic_fetch_add(&kept->issuer->keys.cache_hits, hits - kept->counted);
        kept->counted = hits;
    }
    assay_token_cache_release(cache);
}

void assay_token_cache_hold(assay_token_cache *cache)
{
    if (cache != NULL)
        (void)pthread_mutex_lock(&cache->lock);
}

void assay_token_cache_release(assay_token_cache *cache)
{
    if (cache != NULL)
        (void)pthread_mutex_unlock(&cache->lock);
}
