/* SPDX-License-Identifier: MIT */
#include "flow/access_token.h"

#include "base/clock.h"

#include <time.h>

static const char scheme[] = "Bearer ";
_Static_assert(sizeof scheme - 1 == ASSAY_SCHEME_LEN, "what the getters skip");

enum {
    CLOCK_BACK = 60,      /* seconds that the wall clock may be set back without a renewal */
    RENEWED_EARLIEST = 30 /* seconds: however short a refresh_in is, and at most half the life */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void destroy(assay_access_token *token)
{
    assay_secret_clear(&token->authorization);
    assay_release(token->scope);
    assay_release(token);
}

static void unref_retired(assay_retiree *retiree)
{
    assay_access_token_unref((assay_access_token *)retiree); /* its first member */
}

assay_access_token *assay_access_token_ref(assay_access_token *token)
{
    if (token != NULL)
        (void)atomic_fetch_add_explicit(&token->references, 1, memory_order_relaxed);
    return token;
}

void assay_access_token_unref(assay_access_token *token)
{
    if (token != NULL && atomic_fetch_sub_explicit(&token->references, 1, memory_order_acq_rel) == 1)
        destroy(token);
}

static assay_access_token *new_token(const char *source)
{
    assay_access_token *token = assay_zalloc(sizeof *token);
    if (token == NULL)
        return NULL;
    atomic_init(&token->references, 1);
    token->retiree.destroy = unref_retired;
    token->source = source;
    return token;
}

/* Seconds that it lives from now on. A server that does not tell gets a short one (RFC 6749, section 5.1: "RECOMMENDED"). */
static int64_t life_of(const assay_token_answer *answer, int64_t now_wall)
{
    int64_t life = answer->lifetime > 0     ? answer->lifetime
                   : answer->expires_at > 0 ? answer->expires_at - now_wall
                                            : ASSAY_LIMIT_UNTOLD_LIFETIME;
    return least(most(life, 0), ASSAY_LIMIT_TOKEN_LIFETIME);
}

static void set_times(assay_access_token *token, const assay_token_answer *answer, int64_t now_wall, int64_t now_ms,
                      unsigned jitter)
{
    int64_t life = life_of(answer, now_wall);
    int64_t early = least(most(300, life / 5), life / 2);
    int64_t after = (life - early) * 1000;
    if (answer->refresh_in > 0)
        after = least(most(answer->refresh_in, least(RENEWED_EARLIEST, life / 2)), life) * 1000;
    token->renew_ms = now_ms + after - after / 10 * (int64_t)(jitter & 255u) / 256;
    token->until_ms = now_ms + life * 1000 - least(30000, life * 100);
    bool told = answer->lifetime > 0 || answer->expires_at > 0;
    token->expires_at = told ? now_wall + life : 0;
    token->obtained_at = now_wall;
    token->obtained_ms = now_ms;
    token->obtained_real_ms = assay_clock_real_ms();
}

assay_access_token *assay_access_token_make(assay_token_answer *answer, const char *asked, const char *source,
                                            int64_t now_wall, int64_t now_ms, unsigned jitter)
{
    assay_access_token *token = new_token(source);
    if (token == NULL)
        return NULL;
    memcpy(token->type, answer->token_type, sizeof token->type);
    memcpy(token->issued_type, answer->issued_token_type, sizeof token->issued_type);
    set_times(token, answer, now_wall, now_ms, jitter);
    assay_secret_put(&token->authorization, scheme);
    assay_secret_add(&token->authorization, answer->token.text, answer->token.len);
    assay_secret_clear(&answer->token);
    token->scope = assay_strdup(answer->scope != NULL ? answer->scope : asked);
    if (!token->authorization.failed && token->scope != NULL)
        return token;
    destroy(token);
    return NULL;
}

/* Of the system, whatever clock the runtime was given. */
static int64_t system_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void assay_access_token_to_record(const assay_access_token *token, int64_t now_wall, int64_t now_ms,
                                  assay_token_record *record)
{
    size_t len = 0;
    const char *text = assay_access_token_text(token, &len);
    int64_t until = now_wall + (token->until_ms - now_ms) / 1000;
    if (token->expires_at != 0)
        until = least(until, token->expires_at);
    *record = (assay_token_record){.token = {text, len},
                                   .scope = assay_span_of(token->scope),
                                   .type = assay_span_of(token->type),
                                   .issued_type = assay_span_of(token->issued_type),
                                   .expires_at = token->expires_at,
                                   .obtained_at = token->obtained_at,
                                   .renew_at = least(now_wall + (token->renew_ms - now_ms) / 1000, until),
                                   .until_at = until,
                                   .obtained_ms = system_ms() - (assay_clock_real_ms() - token->obtained_real_ms)};
}

/* A steady clock has begun anew since, or is another one; so all is counted from now. */
static bool take_times(assay_access_token *token, const assay_token_record *record, int64_t now_wall, int64_t now_ms)
{
    int64_t age = now_wall - record->obtained_at;
    int64_t system_age = system_ms() - record->obtained_ms;
    if (age < -ASSAY_LIMIT_STORE_FUTURE || system_age < -ASSAY_LIMIT_STORE_FUTURE * 1000 || record->obtained_at < 0 ||
        record->obtained_ms < 0)
        return false;
    if (record->until_at < record->obtained_at || record->until_at - record->obtained_at > ASSAY_LIMIT_TOKEN_LIFETIME ||
        record->renew_at > record->until_at)
        return false;
    if (record->expires_at != 0 && record->expires_at < record->until_at)
        return false;
    token->expires_at = record->expires_at;
    token->obtained_at = record->obtained_at;
    token->obtained_real_ms = assay_clock_real_ms() - most(system_age, 0);
    token->obtained_ms = now_ms - most(age, 0) * 1000;
    token->renew_ms = now_ms + (record->renew_at - now_wall) * 1000;
    token->until_ms = now_ms + (record->until_at - now_wall) * 1000;
    return true;
}

static bool take_text(char *out, size_t size, assay_span text)
{
    if (text.len >= size)
        return false;
    memcpy(out, text.ptr, text.len); /* zeroed beyond */
    return true;
}

assay_access_token *assay_access_token_from_record(const assay_token_record *record, const char *source,
                                                   int64_t now_wall, int64_t now_ms)
{
    assay_access_token *token = new_token(source);
    if (token == NULL)
        return NULL;
    if (record->token.len > 0 && take_times(token, record, now_wall, now_ms) &&
        take_text(token->type, sizeof token->type, record->type) &&
        take_text(token->issued_type, sizeof token->issued_type, record->issued_type)) {
        token->scope = assay_memdup(record->scope.ptr, record->scope.len);
        assay_secret_put(&token->authorization, scheme);
        assay_secret_add(&token->authorization, record->token.ptr, record->token.len);
        if (!token->authorization.failed && token->scope != NULL)
            return token;
    }
    destroy(token);
    return NULL;
}

bool assay_access_token_serves(const assay_access_token *token, int64_t now_wall, int64_t now_ms)
{
    /* A steady clock never goes back; one that does is not believed. */
    if (now_ms < token->obtained_ms || now_ms >= token->until_ms)
        return false;
    if (token->expires_at == 0) /* a steady clock may stand still while the machine sleeps */
        return now_wall - token->obtained_at < ASSAY_LIMIT_UNTOLD_LIFETIME;
    int64_t margin = least(30, (token->expires_at - token->obtained_at) / 10);
    return token->expires_at - now_wall > margin;
}

bool assay_access_token_is_due(const assay_access_token *token, int64_t now_wall, int64_t now_ms)
{
    return now_ms >= token->renew_ms || now_wall < token->obtained_at - CLOCK_BACK;
}
