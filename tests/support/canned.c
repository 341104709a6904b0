/* SPDX-License-Identifier: MIT */
#include "canned.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t wall(void *data)
{
    return ((canned *)data)->now_ms / 1000;
}

static int64_t steady(void *data)
{
    return ((canned *)data)->now_ms;
}

static void take_line(void *data, int level, const char *text, size_t len)
{
    canned *c = data;
    (void)level;
    (void)len;
    c->lines++;
    snprintf(c->last_line, sizeof c->last_line, "%s", text);
}

void canned_open(canned *c)
{
    memset(c, 0, sizeof *c);
    c->now_ms = (int64_t)TRIAL_NOW * 1000;
    c->key = mint_key_new("ES256", "k");
    c->keys = mint_jwks(&c->key, 1);
    must_ok(assay_runtime_new(&c->runtime, NULL));
    must_ok(assay_runtime_set_clock(c->runtime, wall, steady, c, NULL, NULL));
    must_ok(assay_runtime_set_log(c->runtime, ASSAY_LOG_WARNING, take_line, c, NULL, NULL));
    must_ok(assay_issuer_new(CANNED_ISSUER, &c->issuer, NULL));
    must_ok(assay_issuer_add_audience(c->issuer, CANNED_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(c->issuer, "ES256", NULL));
}

void canned_start(canned *c, assay_issuer *more, assay_issuer *yet_more)
{
    assay_issuer *issuers[] = {c->issuer, more, yet_more};
    size_t count = more == NULL ? 1 : yet_more == NULL ? 2 : 3;
    must_ok(assay_validator_new(c->runtime, issuers, count, &c->validator, NULL));
}

void canned_close(canned *c)
{
    assay_validator_unref(c->validator);
    assay_issuer_free(c->issuer);
    assay_runtime_unref(c->runtime);
    mint_key_free(c->key);
    free(c->keys);
    memset(c, 0, sizeof *c);
}

void canned_advance(canned *c, int64_t seconds)
{
    c->now_ms += seconds * 1000;
}

char *canned_token_of(canned *c, const char *kid)
{
    int64_t now = c->now_ms / 1000;
    char *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);
    char *payload = trial_format("{\"iss\":\"" CANNED_ISSUER "\",\"aud\":\"" CANNED_AUDIENCE
                                 "\",\"sub\":\"subject\",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}",
                                 now, now + 7200);
    char *token = mint_sign(c->key, "ES256", header, payload);
    free(header);
    free(payload);
    return token;
}

char *canned_token(canned *c)
{
    return canned_token_of(c, "k");
}

assay_op *canned_validation(canned *c, const char *token, int64_t timeout_ms)
{
    assay_op *op = NULL;
    must_ok(assay_op_new_validate(c->validator, token, strlen(token), NULL, timeout_ms, &op, NULL));
    assert_non_null(op);
    return op;
}

assay_op *canned_refresh(canned *c, const char *issuer, int64_t timeout_ms)
{
    assay_op *op = NULL;
    must_ok(assay_op_new_refresh(c->validator, issuer, timeout_ms, &op, NULL));
    assert_non_null(op);
    return op;
}

/* The good document of a URL: a key set where it is one's, else metadata of the issuer in front of the well-known path. */
static char *document_of(const canned *c, const char *url)
{
    const char *path = strstr(url, "/.well-known/");
    if (path == NULL)
        return strdup(c->keys);
    int len = (int)(path - url);
    return trial_format("{\"issuer\":\"%.*s\",\"jwks_uri\":\"%.*s/keys\"}", len, url, len, url);
}

void canned_answer(canned *c, assay_op *op, const canned_reply *reply)
{
    const char *asked = assay_op_fetch_url(op);
    assert_non_null(asked);
    char *url =
        strdup(reply->effective_url != NULL ? reply->effective_url : asked); /* the one asked dies with the answer */
    char *body = reply->body != NULL ? strdup(reply->body) : document_of(c, asked);
    size_t len = reply->body_len > 0 ? reply->body_len : strlen(body);
    uint8_t *exact = calloc(1, len); /* memory of exactly this size */
    assert_true(url != NULL && body != NULL && exact != NULL);
    for (size_t i = 0; i < len; i++)
        exact[i] = i < strlen(body) ? (uint8_t)body[i] : ' ';
    for (size_t i = 0; i + 1 < 6 && reply->headers[i] != NULL; i += 2)
        must_ok(assay_op_fetched_header(op, reply->headers[i], strlen(reply->headers[i]), reply->headers[i + 1],
                                        strlen(reply->headers[i + 1])));
    must_ok(assay_op_fetched(op, reply->status == 0 ? 200 : reply->status, url, reply->empty ? NULL : exact,
                             reply->empty ? 0 : len));
    free(exact);
    free(body);
    free(url);
}

void canned_answer_well(canned *c, assay_op *op)
{
    const canned_reply good = {0};
    canned_answer(c, op, &good);
}

static void pause_a_moment(int64_t ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

int canned_finish(canned *c, assay_op *op)
{
    for (int i = 0; i < 1000; i++) {
        switch (assay_op_step(op)) {
        case ASSAY_WANT_NOTHING:
            return assay_op_result(op, NULL, NULL);
        case ASSAY_WANT_FETCH:
            canned_answer_well(c, op);
            break;
        default:
            pause_a_moment(assay_op_wait_ms(op));
        }
    }
    fail_msg("the operation does not end");
    return -1;
}

void canned_result_at(const assay_op *op, int code, bool claims, const char *file, int line)
{
    assay_claims *got = (assay_claims *)(uintptr_t)1;
    assay_error *error = (assay_error *)(uintptr_t)1;
    int result = assay_op_result(op, &got, &error);
    if (result != code || (got != NULL) != claims || (error != NULL) != (code != ASSAY_OK) ||
        (error != NULL && assay_error_code(error) != code)) {
        print_error("%s (%s) instead of %s; claims: %d\n", assay_code_name(result), assay_error_message(error),
                    assay_code_name(code), got != NULL);
        _fail(file, line);
    }
    assay_claims_unref(got);
    assay_error_free(error);
}

void canned_step_at(assay_op *op, int want, const char *file, int line)
{
    int got = assay_op_step(op);
    if (got != want) {
        print_error("it wants %d instead of %d\n", got, want);
        _fail(file, line);
    }
}

uint64_t canned_stat(canned *c, int stat)
{
    uint64_t value = 0;
    must_ok(assay_validator_get_stat(c->validator, NULL, stat, &value));
    return value;
}

void canned_warm_up(canned *c)
{
    assay_op *op = canned_refresh(c, CANNED_ISSUER, 5000);
    assert_int_equal(canned_finish(c, op), ASSAY_OK);
    assay_op_free(op);
}
