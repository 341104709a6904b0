/* SPDX-License-Identifier: MIT */
#include "flow/access_token.h"

#include "base/clock.h"

static const char scheme[] = "Bearer ";
enum { SCHEME_LEN = sizeof scheme - 1, CLOCK_BACK = 60 };

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
        after = least(answer->refresh_in, life) * 1000;
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
    assay_access_token *token = assay_zalloc(sizeof *token);
    if (token == NULL)
        return NULL;
    atomic_init(&token->references, 1);
    token->retiree.destroy = unref_retired;
    token->source = source;
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

bool assay_access_token_serves(const assay_access_token *token, int64_t now_wall, int64_t now_ms)
{
    int64_t early =
        token->obtained_ms > now_ms ? 0 : 1; /* a steady clock never goes back; one that does is not believed */
    int64_t left = token->expires_at == 0 ? 1 : token->expires_at - now_wall;
    int64_t margin = token->expires_at == 0 ? 0 : least(30, (token->expires_at - token->obtained_at) / 10);
    return early != 0 && now_ms < token->until_ms && left > margin;
}

bool assay_access_token_is_due(const assay_access_token *token, int64_t now_wall, int64_t now_ms)
{
    return now_ms >= token->renew_ms || now_wall < token->obtained_at - CLOCK_BACK;
}

const char *assay_access_token_text(const assay_access_token *token, size_t *len)
{
    if (len != NULL)
        *len = token == NULL ? 0 : token->authorization.len - SCHEME_LEN;
    return token == NULL ? "" : token->authorization.text + SCHEME_LEN;
}

const char *assay_access_token_authorization(const assay_access_token *token, size_t *len)
{
    if (len != NULL)
        *len = token == NULL ? 0 : token->authorization.len;
    return token == NULL ? "" : token->authorization.text;
}

int64_t assay_access_token_expires_at(const assay_access_token *token)
{
    return token == NULL ? 0 : token->expires_at;
}

const char *assay_access_token_scope(const assay_access_token *token)
{
    return token == NULL ? "" : token->scope;
}

const char *assay_access_token_type(const assay_access_token *token)
{
    return token == NULL ? "" : token->type;
}

const char *assay_access_token_issued_type(const assay_access_token *token)
{
    return token == NULL ? "" : token->issued_type;
}

const char *assay_access_token_source(const assay_access_token *token)
{
    return token == NULL ? "" : token->source;
}
