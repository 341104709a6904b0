/* SPDX-License-Identifier: MIT */

/*
 * Operations in any order, against a model of what they may do. Each byte is one move: its low five bits say which, its high three bits of which of
 * eight operations. The steady clock moves as the input says, and no lease runs out meanwhile.
 */

#include "fuzz/token_keys.h"

#include <assay/assay.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

enum { SLOTS = 8, ISSUERS = 2, WAIT_MS = 600000, LEADS = 8, HOUR = 3600 * 1000, ANSWERED = -1 };

typedef enum kind { GOOD, UNKNOWN, FORGED, REFRESH_A, REFRESH_B, REFRESH_ANY } kind;

typedef struct slot {
    assay_op *op; /* NULL: free */
    kind kind;
    int want;   /* what it wanted last; ANSWERED: it is to be stepped */
    bool fresh; /* not yet stepped */
    bool ended; /* cancelled, or it wanted nothing any more */
    bool cold;  /* there were no keys when it was first stepped */
    int issuer; /* whose keys it needs; -1: not known yet */
    int flight; /* for which it waits */
} slot;

/* What the model knows of an issuer. Times are those of the steady clock; a long time ago: never. */
typedef struct source {
    bool warm; /* keys were answered */
    bool good; /* ... and the newest ones hold the key of the good token */
    bool ever_good;
    bool served; /* the newest document names that key, purged or not */
    bool purged; /* that key was dropped: it does not come back */
    int64_t succeeded_at;
    int64_t failed_at;      /* the last fetch that may not be made again at once */
    int64_t unknown_kid_at; /* the last one for an unknown kid */
    int flight;             /* counts them */
    int leads;              /* of the flight under way */
    bool handed;            /* its leader left, and somebody waits */
} source;

static const char *const issuers[ISSUERS] = {"https://a.example", "https://b.example"};
static const int64_t never = -((int64_t)1 << 60);

static assay_runtime *runtime;
static assay_issuer *configured[ISSUERS];
static char forged_token[1024], unknown_token[1024];
static const char *good_token;
static char oversize[600000];

static assay_validator *validator;
static slot slots[SLOTS];
static source sources[ISSUERS];
static int64_t now_ms;

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_op.c:%d: %s\n", line, condition);
    abort();
}

static int64_t wall(void *user_data)
{
    (void)user_data;
    return 1700000000; /* stands still: the good token does not expire */
}

static int64_t steady(void *user_data)
{
    (void)user_data;
    return now_ms;
}

/* The set of one key of token_keys.h. */
static void write_set(const char *kid, char *out, size_t size)
{
    char mark[16];
    snprintf(mark, sizeof mark, "\"kid\":\"%s\"", kid);
    const char *at = strstr(fuzz_token_keys, mark), *begin = at, *end = at;
    MUST(at != NULL);
    while (*begin != '{')
        begin--;
    end = strchr(at, '}');
    snprintf(out, size, "{\"keys\":[%.*s]}", (int)(end + 1 - begin), begin);
}

static void prepare(void)
{
    good_token = fuzz_token_good[2]; /* ES256, kid "c" */
    snprintf(forged_token, sizeof forged_token, "%s", good_token);
    char *signature = strrchr(forged_token, '.') + 5;
    *signature = *signature == 'A' ? 'B' : 'A';
    /* {"alg":"ES256","kid":"z"} */
    snprintf(unknown_token, sizeof unknown_token, "eyJhbGciOiJFUzI1NiIsImtpZCI6InoifQ%s", strchr(good_token, '.'));
    MUST(assay_runtime_new(&runtime, NULL) == ASSAY_OK);
    MUST(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL) == ASSAY_OK);
    MUST(assay_runtime_set_fetch_timeout(runtime, 60000, NULL) == ASSAY_OK);
    for (int i = 0; i < ISSUERS; i++) {
        MUST(assay_issuer_new(issuers[i], &configured[i], NULL) == ASSAY_OK);
        MUST(assay_issuer_add_audience(configured[i], "api", NULL) == ASSAY_OK);
        MUST(assay_issuer_add_algorithm(configured[i], "ES256", NULL) == ASSAY_OK);
        MUST(assay_issuer_add_algorithm(configured[i], "EdDSA", NULL) == ASSAY_OK);
    }
}

static bool is_warm(const source *at)
{
    return at->warm && now_ms - at->succeeded_at < 24 * (int64_t)HOUR;
}

static int issuer_of(const char *url)
{
    for (int i = 0; i < ISSUERS; i++)
        if (strncmp(url, issuers[i], strlen(issuers[i])) == 0)
            return i;
    die("a URL of an issuer", __LINE__);
    return -1;
}

static bool is_refresh(const slot *at)
{
    return at->kind >= REFRESH_A;
}

static bool is_awaited_by_others(const slot *at)
{
    for (int i = 0; i < SLOTS; i++)
        if (&slots[i] != at && slots[i].op != NULL && !slots[i].ended && slots[i].want == ASSAY_WANT_WAIT &&
            slots[i].issuer == at->issuer && slots[i].flight == sources[at->issuer].flight)
            return true;
    return false;
}

/* It leaves its flight: the lead passes on where somebody waits, but not for ever; where the heir leaves, to the next, if there is one. */
static void leave(const slot *at)
{
    if (at->ended || at->issuer < 0)
        return;
    source *from = &sources[at->issuer];
    if (at->want == ASSAY_WANT_FETCH)
        from->handed = is_awaited_by_others(at) && from->leads < LEADS;
    else if (at->want == ASSAY_WANT_WAIT)
        from->handed = from->handed && is_awaited_by_others(at);
}

static void check_validation(const slot *at, int code, const assay_claims *claims)
{
    const source *from = &sources[0];
    MUST((code == ASSAY_OK) == (claims != NULL));
    MUST(code != ASSAY_OK || (at->kind == GOOD && from->ever_good));
    MUST(code == ASSAY_OK || code == ASSAY_E_KEYS_UNAVAILABLE || code == ASSAY_E_KEY_UNKNOWN ||
         code == ASSAY_E_CANCELLED || (code == ASSAY_E_SIGNATURE && at->kind == FORGED));
    MUST(code != ASSAY_E_SIGNATURE || from->ever_good);
    if (claims != NULL)
        MUST(strcmp(assay_claims_subject(claims), "u") == 0);
}

static void check_result(slot *at)
{
    assay_claims *claims = (assay_claims *)(uintptr_t)1;
    assay_error *error = (assay_error *)(uintptr_t)1;
    int code = assay_op_result(at->op, &claims, &error);
    MUST((error == NULL) == (code == ASSAY_OK) && assay_error_code(error) == code);
    if (!at->ended) {
        MUST(code == ASSAY_E_STATE && claims == NULL);
    } else if (is_refresh(at)) {
        MUST(claims == NULL &&
             (code == ASSAY_OK || code == ASSAY_E_CANCELLED || assay_code_category(code) == ASSAY_CATEGORY_NETWORK));
    } else {
        check_validation(at, code, claims);
    }
    assay_claims_unref(claims);
    assay_error_free(error);
}

/* A flight begins, or its lead is taken over. */
static void check_lead(const slot *at, bool fresh)
{
    source *to = &sources[at->issuer];
    bool named = at->kind == REFRESH_A || at->kind == REFRESH_B; /* the host's affair */
    bool warm = is_warm(to), refresh = is_refresh(at);
    for (int i = 0; i < SLOTS; i++)
        MUST(&slots[i] == at || slots[i].op == NULL || slots[i].ended || slots[i].want != ASSAY_WANT_FETCH ||
             slots[i].issuer != at->issuer);
    MUST(fresh || to->handed);
    if (!to->handed) {
        to->flight++;
        to->leads = 0;
        MUST(named || warm || now_ms - to->failed_at >= 2500);
        MUST(refresh || at->cold || now_ms - to->unknown_kid_at >= 30000);
        MUST(named || !refresh || !warm || now_ms - to->succeeded_at >= 5 * 60 * 1000);
    }
    MUST(++to->leads <= LEADS);
    to->handed = false;
    if (!refresh && !at->cold)
        to->unknown_kid_at = now_ms;
}

static void step(slot *at)
{
    if (at->op == NULL)
        return;
    bool fresh = at->fresh, led = at->want == ASSAY_WANT_FETCH && !at->ended;
    /* What the newest keys can decide needs nothing. */
    bool decided =
        fresh && !at->ended && is_warm(&sources[0]) && sources[0].good && (at->kind == GOOD || at->kind == FORGED);
    if (fresh)
        at->cold = !is_warm(&sources[0]); /* of a validation */
    int want = assay_op_step(at->op);
    MUST(!at->ended || want == ASSAY_WANT_NOTHING);
    MUST(!decided || (want == ASSAY_WANT_NOTHING &&
                      assay_op_result(at->op, NULL, NULL) == (at->kind == GOOD ? ASSAY_OK : ASSAY_E_SIGNATURE)));
    at->fresh = false;
    at->want = want;
    MUST(at->ended || want != ASSAY_WANT_NOTHING || is_refresh(at) || !sources[0].purged ||
         assay_op_result(at->op, NULL, NULL) != ASSAY_OK);
    at->ended = want == ASSAY_WANT_NOTHING;
    MUST((want == ASSAY_WANT_FETCH) == (assay_op_fetch_url(at->op) != NULL));
    MUST((want == ASSAY_WANT_WAIT) == (assay_op_wait_ms(at->op) > 0));
    if (want == ASSAY_WANT_WAIT && at->issuer >= 0)
        at->flight = sources[at->issuer].flight;
    if (want == ASSAY_WANT_FETCH) {
        at->issuer = issuer_of(assay_op_fetch_url(at->op));
        if (!led)
            check_lead(at, fresh);
    }
    check_result(at);
}

typedef struct reply {
    int status, failed;
    const char *metadata, *keys, *etag, *effective_url;
    size_t body_len; /* 0: that of the text */
    bool good;       /* usable; else it ends the flight, unless there is an old jwks_uri to go on with */
} reply;

/* An answer ends the flight, well or badly, or there is another errand. */
static void note_answer(slot *at, bool metadata, bool good, const char *keys)
{
    source *to = &sources[at->issuer];
    if (assay_op_fetch_url(at->op) != NULL)
        return;
    at->want = ANSWERED;
    if (metadata || !good) {
        if (at->kind == REFRESH_ANY || (!is_refresh(at) && at->cold))
            to->failed_at = now_ms;
        return;
    }
    to->warm = true;
    to->succeeded_at = now_ms;
    to->failed_at = never;
    to->good = to->served = keys == NULL ? to->served : strstr(keys, "\"c\"") != NULL;
    to->ever_good = to->ever_good || to->good;
}

static void answer(slot *at, const reply *with)
{
    if (at->op == NULL)
        return;
    if (at->ended || at->want != ASSAY_WANT_FETCH) {
        MUST(assay_op_fetched(at->op, 200, "x", NULL, 0) == ASSAY_E_STATE);
        MUST(assay_op_fetch_failed(at->op, ASSAY_E_TLS, NULL) == ASSAY_E_STATE);
        MUST(assay_op_fetched_header(at->op, "ETag", 4, "\"x\"", 3) == ASSAY_E_STATE);
        return;
    }
    char url[256];
    snprintf(url, sizeof url, "%s", with->effective_url != NULL ? with->effective_url : assay_op_fetch_url(at->op));
    bool metadata = strstr(assay_op_fetch_url(at->op), "/.well-known/") != NULL;
    bool conditional = assay_op_fetch_header_count(at->op) == 2;
    const char *text = metadata ? with->metadata : with->keys;
    char own[256];
    if (text != NULL && strstr(text, "%s") != NULL) { /* metadata of the issuer asked */
        snprintf(own, sizeof own, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", issuers[at->issuer],
                 issuers[at->issuer]);
        text = own;
    }
    if (with->failed != 0) {
        MUST(assay_op_fetch_failed(at->op, with->failed, "x") == ASSAY_OK);
    } else {
        if (with->etag != NULL)
            MUST(assay_op_fetched_header(at->op, "ETag", 4, with->etag, strlen(with->etag)) == ASSAY_OK);
        size_t len = with->body_len > 0 ? with->body_len : text == NULL ? 0 : strlen(text);
        const char *body = with->body_len > 0 ? oversize : text;
        MUST(assay_op_fetched(at->op, with->status, url, (const uint8_t *)body, len) == ASSAY_OK);
    }
    bool good = with->good && (with->status != 304 || conditional);
    source *to = &sources[at->issuer];
    if (good && !metadata && to->purged) /* a set of nothing but a purged key is none */
        good = text == NULL ? !to->served : strstr(text, "\"c\"") == NULL;
    note_answer(at, metadata, good, with->status == 304 ? NULL : text);
}

static void purge(void)
{
    int code = assay_validator_purge(validator, issuers[0], "c", NULL);
    MUST(code == ASSAY_OK || code == ASSAY_E_KEY_UNKNOWN);
    sources[0].purged = true;
    sources[0].good = false;
}

static void begin(slot *at, kind what)
{
    const char *token = what == GOOD ? good_token : what == UNKNOWN ? unknown_token : forged_token;
    const char *issuer = what == REFRESH_A ? issuers[0] : what == REFRESH_B ? issuers[1] : NULL;
    if (at->op != NULL)
        return;
    *at = (slot){.kind = what,
                 .fresh = true,
                 .want = ASSAY_WANT_WAIT,
                 .issuer = what == REFRESH_ANY ? -1
                           : what == REFRESH_B ? 1
                                               : 0};
    if (what < REFRESH_A)
        MUST(assay_op_new_validate(validator, token, strlen(token), NULL, WAIT_MS, &at->op, NULL) == ASSAY_OK);
    else
        MUST(assay_op_new_refresh(validator, issuer, WAIT_MS, &at->op, NULL) == ASSAY_OK);
}

static void cancel(slot *at)
{
    if (at->op == NULL)
        return;
    leave(at);
    assay_op_cancel(at->op);
    at->ended = true;
    check_result(at);
}

static void drop(slot *at)
{
    if (at->op == NULL)
        return;
    leave(at);
    assay_op_free(at->op);
    *at = (slot){0};
}

static void move(uint8_t byte)
{
    static char good_keys[512], other_keys[512];
    static const int64_t times[] = {1000, 31000, 301000, HOUR + 1000, 24 * (int64_t)HOUR + 1000};
    static const int failures[] = {ASSAY_E_TIMEOUT, ASSAY_E_TLS};
    if (good_keys[0] == '\0') {
        write_set("c", good_keys, sizeof good_keys);
        write_set("e", other_keys, sizeof other_keys);
    }
    const reply replies[] = {
        {.status = 200, .metadata = "%s", .keys = good_keys, .good = true},
        {.status = 200, .metadata = "%s", .keys = good_keys, .etag = "\"t\"", .good = true},
        {.status = 200, .metadata = "%s", .keys = other_keys, .good = true},
        {.status = 200,
         .metadata = "{\"issuer\":\"https://evil.example\",\"jwks_uri\":\"https://evil.example/keys\"}",
         .keys = "{\"keys\":[]}"},
        {.status = 200, .metadata = "\x01{", .keys = "{\"keys\":7}"},
        {.status = 304, .good = true},
        {.status = 500, .metadata = "%s", .keys = good_keys},
        {.status = 200, .body_len = sizeof oversize},
        {.status = 200, .metadata = "%s", .keys = good_keys, .effective_url = "https://evil.example/"},
    };
    slot *at = &slots[byte >> 5];
    int which = byte & 31;
    if (which <= 6)
        begin(at, which == 0 ? GOOD : (kind)(which - 1));
    else if (which <= 8)
        step(at);
    else if (which == 9)
        purge();
    else if (which <= 18)
        answer(at, &replies[which - 10]);
    else if (which <= 20)
        answer(at, &(reply){.failed = failures[which - 19]});
    else if (which <= 22)
        cancel(at);
    else if (which <= 24)
        drop(at);
    else if (which <= 29)
        now_ms += times[which - 25];
    else
        for (int i = 0; i < SLOTS; i++)
            step(&slots[i]);
}

/* Whatever state they are in: with a host that goes on, all come to an end. */
static void finish_all(void)
{
    int left = 1;
    for (int round = 0; left > 0; round++) {
        left = 0;
        MUST(round < 100);
        for (int i = 0; i < SLOTS; i++) {
            if (slots[i].op == NULL || slots[i].ended)
                continue;
            step(&slots[i]);
            if (slots[i].want == ASSAY_WANT_FETCH)
                answer(&slots[i], &(reply){.failed = ASSAY_E_CONNECT});
            left += slots[i].ended ? 0 : 1;
        }
    }
}

static void check_due(void)
{
    int64_t wait = -2;
    const char *issuer = NULL;
    MUST(assay_validator_refresh_due(validator, &wait, &issuer) == ASSAY_OK);
    MUST(wait >= 0 && wait <= HOUR && issuer != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (runtime == NULL)
        prepare();
    now_ms = 0;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < ISSUERS; i++)
        sources[i] = (source){.succeeded_at = never, .failed_at = never, .unknown_kid_at = never};
    MUST(assay_validator_new(runtime, configured, ISSUERS, &validator, NULL) == ASSAY_OK);
    for (size_t i = 0; i < size && i < 400; i++) {
        move(data[i]);
        check_due();
    }
    finish_all();
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].op != NULL)
            check_result(&slots[i]);
        drop(&slots[i]);
    }
    check_due();
    assay_validator_unref(validator);
    return 0;
}
