/* SPDX-License-Identifier: MIT */
#include "flow/kept_tokens.h"

#include "base/clock.h"

static uint32_t hash_of(const char *scope, const char *tenant, const char *claims, bool continuous, const uint8_t *user)
{
    uint32_t hash = assay_text_hash(scope, strlen(scope), continuous ? 1u : 0u);
    if (tenant != NULL)
        hash = assay_text_hash(tenant, strlen(tenant), hash);
    if (claims != NULL)
        hash = assay_text_hash(claims, strlen(claims), hash);
    if (user != NULL) /* a digest already */
        hash = assay_text_hash((const char *)user, 32, hash);
    return hash;
}

static uint32_t hash_request(const assay_token_request *wanted)
{
    return hash_of(wanted->scope, wanted->tenant, wanted->claims, wanted->continuous,
                   wanted->has_user ? wanted->user_digest : NULL);
}

/* Whether a token of one answers the other. */
static bool is_same(const assay_token_request *a, const assay_token_request *b)
{
    return a->continuous == b->continuous && a->has_user == b->has_user && strcmp(a->scope, b->scope) == 0 &&
           assay_text_same(a->tenant, b->tenant) && assay_text_same(a->claims, b->claims) &&
           (!a->has_user || memcmp(a->user_digest, b->user_digest, sizeof a->user_digest) == 0);
}

static void destroy(assay_retiree *retiree)
{
    assay_kept *kept = (assay_kept *)retiree; /* its first member */
    assay_access_token_unref(atomic_load(&kept->token));
    assay_token_request_drop(kept->wanted);
    (void)pthread_cond_destroy(&kept->landed);
    assay_release(kept);
}

int assay_kept_tokens_init(assay_kept_tokens *tokens)
{
    tokens->readers = assay_readers_new();
    return tokens->readers == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
}

void assay_kept_tokens_clear(assay_kept_tokens *tokens)
{
    for (size_t i = 0; i < ASSAY_KEPT_BUCKETS; i++) {
        for (assay_kept *kept = atomic_load(&tokens->buckets[i]), *next; kept != NULL; kept = next) {
            next = atomic_load(&kept->next);
            destroy(&kept->retiree);
        }
        atomic_store(&tokens->buckets[i], NULL);
    }
    assay_readers_free(ASSAY_STEAL(tokens->readers));
}

static _Atomic(assay_kept *) *bucket_of(assay_kept_tokens *tokens, uint32_t hash)
{
    return &tokens->buckets[hash % ASSAY_KEPT_BUCKETS];
}

assay_kept *assay_kept_find(assay_kept_tokens *tokens, const assay_token_request *wanted)
{
    uint32_t hash = hash_request(wanted);
    assay_kept *kept = atomic_load_explicit(bucket_of(tokens, hash), memory_order_acquire);
    while (kept != NULL && (kept->hash != hash || !is_same(kept->wanted, wanted)))
        kept = atomic_load_explicit(&kept->next, memory_order_acquire);
    return kept;
}

assay_kept *assay_kept_find_scope(assay_kept_tokens *tokens, const char *scope)
{
    char text[ASSAY_LIMIT_SCOPE_BYTES + 1];
    size_t len = strlen(scope);
    if (len >= sizeof text)
        return NULL;
    memcpy(text, scope, len + 1);
    const assay_token_request wanted = {.scope = text};
    return assay_kept_find(tokens, &wanted);
}

/* Many children have one token, with one time for its renewal; together they would be a burst of requests. */
static void put_off(assay_kept *kept, uint64_t salt)
{
    const assay_access_token *token = atomic_load(&kept->token);
    int64_t allowed = atomic_load(&kept->renew_allowed_ms);
    int64_t from = token != NULL && token->renew_ms > allowed ? token->renew_ms : allowed;
    if (token == NULL || token->until_ms <= from)
        return;
    int64_t most = (token->until_ms - from) / 4;
    atomic_store(&kept->renew_allowed_ms, from + most * (int64_t)(salt >> 48) / 65536);
}

/* The condition's waiters did not come along: it is made anew rather than destroyed, which would wait for them. */
void assay_kept_forked(assay_kept *kept, uint64_t salt)
{
    put_off(kept, salt);
    (void)assay_clock_init_condition(&kept->landed);
    kept->waiting = NULL;
    kept->flying = false;
    kept->pins = 0;
    kept->lease = kept->heir = 0;
    atomic_store(&kept->called_ms, INT64_MIN / 2);
}

static assay_kept *make(const assay_token_request *wanted)
{
    assay_kept *kept = assay_zalloc(sizeof *kept);
    if (kept == NULL || assay_token_request_copy(wanted, &kept->wanted) != ASSAY_OK) {
        assay_release(kept);
        return NULL;
    }
    assay_secret_clear(&kept->wanted->user_assertion);
    kept->wanted->made_ms = 0;
    kept->hash = hash_request(wanted);
    kept->retiree.destroy = destroy;
    atomic_init(&kept->renew_allowed_ms, INT64_MIN);
    kept->gate_ms = INT64_MIN;
    atomic_init(&kept->called_ms, INT64_MIN / 2);
    if (assay_clock_init_condition(&kept->landed))
        return kept;
    assay_token_request_drop(kept->wanted);
    assay_release(kept);
    return NULL;
}

static void take_out(assay_kept_tokens *tokens, assay_kept *kept)
{
    _Atomic(assay_kept *) *link = bucket_of(tokens, kept->hash);
    while (atomic_load(link) != kept)
        link = &atomic_load(link)->next;
    atomic_store(link, atomic_load(&kept->next));
    tokens->count -= assay_kept_is_of_user(kept) ? 0 : 1;
    tokens->user_count -= assay_kept_is_of_user(kept) ? 1 : 0;
    assay_readers_retire(tokens->readers, &kept->retiree);
}

/* The one of its sort that was not asked for the longest, and that nobody waits for. */
static assay_kept *find_oldest(assay_kept_tokens *tokens, bool of_user)
{
    assay_kept *oldest = NULL;
    for (assay_kept *kept = assay_kept_next(tokens, NULL); kept != NULL; kept = assay_kept_next(tokens, kept)) {
        bool fits = assay_kept_is_of_user(kept) == of_user && kept->pins == 0 && !kept->flying;
        if (fits && (oldest == NULL || atomic_load(&kept->used_ms) < atomic_load(&oldest->used_ms)))
            oldest = kept;
    }
    return oldest;
}

assay_kept *assay_kept_need(assay_kept_tokens *tokens, const assay_token_request *wanted)
{
    assay_kept *kept = assay_kept_find(tokens, wanted);
    if (kept != NULL)
        return kept;
    bool full = wanted->has_user ? tokens->user_count >= ASSAY_LIMIT_KEPT_USER_TOKENS
                                 : tokens->count >= ASSAY_LIMIT_KEPT_TOKENS;
    assay_kept *oldest = full ? find_oldest(tokens, wanted->has_user) : NULL;
    kept = full && oldest == NULL ? NULL : make(wanted);
    if (kept == NULL)
        return NULL;
    if (oldest != NULL)
        take_out(tokens, oldest);
    tokens->count += wanted->has_user ? 0 : 1;
    tokens->user_count += wanted->has_user ? 1 : 0;
    _Atomic(assay_kept *) *bucket = bucket_of(tokens, kept->hash);
    atomic_store(&kept->next, atomic_load(bucket));
    atomic_store_explicit(bucket, kept, memory_order_release);
    return kept;
}

void assay_kept_put(assay_kept_tokens *tokens, assay_kept *kept, assay_access_token *token)
{
    assay_access_token *before = atomic_exchange(&kept->token, token);
    if (token != NULL)
        atomic_fetch_add(&kept->generation, 1);
    if (before != NULL)
        assay_readers_retire(tokens->readers, &before->retiree);
}

assay_kept *assay_kept_next(assay_kept_tokens *tokens, const assay_kept *kept)
{
    assay_kept *next = kept == NULL ? NULL : atomic_load(&kept->next);
    for (size_t i = kept == NULL ? 0 : kept->hash % ASSAY_KEPT_BUCKETS + 1; next == NULL && i < ASSAY_KEPT_BUCKETS; i++)
        next = atomic_load(&tokens->buckets[i]);
    return next;
}
