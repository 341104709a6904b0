/* SPDX-License-Identifier: MIT */
#include "flow/op_private.h"

#include "flow/token_cache.h"
#include "http/url.h"
#include "token/request.h"

enum { PAUSE_MIN_MS = 5, PAUSE_MAX_MS = 100 };

int assay_op_make(int64_t timeout_ms, assay_op **op, assay_failure *failure)
{
    *op = assay_zalloc(sizeof **op);
    if (*op == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    (*op)->deadline = assay_clock_real_ms() + timeout_ms;
    (*op)->pause_ms = PAUSE_MIN_MS;
    assay_http_response_init(&(*op)->answer);
    (*op)->seat.process = assay_fork_generation();
    return ASSAY_OK;
}

static int make(assay_validator *validator, int64_t timeout_ms, bool counted, assay_op **op, assay_failure *failure)
{
    int code = assay_op_make(timeout_ms, op, failure);
    if (code != ASSAY_OK)
        return code;
    if (counted)
        (void)atomic_fetch_add_explicit(&validator->references, 1, memory_order_relaxed);
    (*op)->validator = validator;
    (*op)->counted = counted;
    return ASSAY_OK;
}

int assay_op_make_validation(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                             int64_t timeout_ms, assay_op **op, assay_failure *failure)
{
    *op = NULL;
    ASSAY_CLEANUP(assay_op_drop_p) assay_op *made = NULL;
    int code = make(validator, timeout_ms, true, &made, failure);
    if (code != ASSAY_OK)
        return code;
    /* A longer one is refused for its size: its bytes are not needed for that. */
    made->token_len = len;
    made->token = assay_memdup(token, len <= ASSAY_LIMIT_TOKEN_BYTES ? len : 0);
    if (made->token == NULL || assay_request_copy(request, &made->request) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *op = ASSAY_STEAL(made);
    return ASSAY_OK;
}

int assay_op_make_refresh(assay_validator *validator, assay_trusted_issuer *issuer, int64_t timeout_ms, bool counted,
                          assay_op **op, assay_failure *failure)
{
    int code = make(validator, timeout_ms, counted, op, failure);
    if (code == ASSAY_OK)
        (*op)->issuer = issuer;
    return code;
}

/* What only the way to the result needs; the token is a secret. */
static void forget(assay_op *op)
{
    assay_acquisition_leave(&op->acquisition);
    assay_flight_leave(&op->seat);
    assay_attempt_close(&op->attempt);
    assay_http_response_clear(&op->answer);
    assay_release_wiped(ASSAY_STEAL(op->token), op->token_len <= ASSAY_LIMIT_TOKEN_BYTES ? op->token_len : 0);
    assay_request_drop(ASSAY_STEAL(op->request));
}

void assay_op_drop(assay_op *op)
{
    if (op == NULL)
        return;
    forget(op);
    assay_claims_unref(op->claims);
    assay_access_token_unref(op->got);
    assay_token_request_drop(op->wanted);
    if (op->counted) {
        assay_validator_drop(op->validator);
        assay_credential_drop(op->credential);
    }
    assay_release(op);
}

void assay_op_finish(assay_op *op, int code)
{
    op->state = ASSAY_OP_DONE;
    op->code = code;
    forget(op);
}

void assay_op_end(assay_op *op, int code)
{
    if (op->state == ASSAY_OP_DONE)
        return;
    assay_op_finish(op, assay_fail(&op->failure, code));
}

static void take_seat(assay_op *op, assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen)
{
    assay_waker *waker = op->seat.waker;
    assay_seat_init(&op->seat, keys, reason, seen, op->deadline, waker);
    op->state = ASSAY_OP_SEATED;
    op->turn = ASSAY_TURN_WAIT;
}

static void begin_validation(assay_op *op)
{
    assay_attempt_begin(&op->attempt, op->validator, op->token, op->token_len, op->request, &op->failure);
    if (assay_token_cache_find(&op->attempt, &op->claims)) {
        assay_op_finish(op, ASSAY_OK);
        return;
    }
    int code = assay_attempt_open(&op->attempt);
    op->lack = ASSAY_LACK_NOTHING;
    if (code == ASSAY_OK)
        code = assay_attempt_look(&op->attempt, &op->lack);
    code = assay_attempt_look_in_store(&op->attempt, &op->lack, code);
    if (code == ASSAY_OK)
        code = assay_attempt_accept(&op->attempt, &op->claims);
    op->looked = code;
    if (op->lack == ASSAY_LACK_NOTHING)
        assay_op_finish(op, code);
    else
        take_seat(op, &op->attempt.issuer->keys, assay_lack_reason(op->lack), op->attempt.seen);
}

/* What is due counts as the scheduled fetch; what is not is made because the host wants it. */
static void begin_refresh(assay_op *op)
{
    int64_t due_at;
    int64_t now = assay_clock_steady(&op->validator->keyring->runtime->clock);
    assay_source_reason reason;
    assay_trusted_issuer *issuer = op->issuer;
    if (issuer == NULL)
        issuer = assay_validator_due(op->validator, now, &due_at);
    if (issuer == NULL || (op->issuer == NULL && due_at > now)) {
        assay_op_finish(op, assay_fail(&op->failure, ASSAY_OK));
        return;
    }
    uint64_t seen = assay_flight_seen(&issuer->keys);
    if (assay_issuer_keys_due(&issuer->keys, now, &reason) > now) {
        if (op->issuer == NULL || op->own) { /* another one has fetched them since it was due */
            assay_op_finish(op, assay_fail(&op->failure, ASSAY_OK));
            return;
        }
        reason = ASSAY_SOURCE_FORCED;
    }
    take_seat(op, &issuer->keys, reason, seen);
}

static void end_validation(assay_op *op)
{
    int code = op->fetched == ASSAY_E_KEYS_NEEDED
                   ? assay_attempt_answer(&op->attempt, op->lack, op->looked, true)
                   : assay_attempt_look_again(&op->attempt, op->lack, op->fetched, &op->why);
    if (code == ASSAY_OK)
        code = assay_attempt_accept(&op->attempt, &op->claims);
    assay_op_finish(op, code);
}

static void end_refresh(assay_op *op)
{
    op->failure = op->why;
    /* None was allowed: keys that were given are never fetched; or another's fetch failed this moment. */
    if (op->fetched == ASSAY_E_KEYS_NEEDED)
        op->fetched = assay_fail(&op->failure, atomic_load(&op->seat.keys->last_failure));
    assay_op_finish(op, op->fetched);
}

static void land(assay_op *op)
{
    if (op->credential != NULL)
        assay_op_end_acquisition(op);
    else if (op->fetched == ASSAY_E_FORKED)
        assay_op_end(op, ASSAY_E_FORKED);
    else if (op->token != NULL)
        end_validation(op);
    else
        end_refresh(op);
}

static void seated(assay_op *op, assay_turn turn)
{
    op->turn = turn;
    if (turn == ASSAY_TURN_OVER)
        op->state = ASSAY_OP_LANDED;
}

/* A host that does not answer in time gives up its lead. */
static void look(assay_op *op)
{
    uint64_t lease = op->credential != NULL ? op->acquisition.lease : op->seat.lease;
    if (op->turn == ASSAY_TURN_LEAD && assay_clock_real_ms() >= assay_op_errand_until(op)) {
        assay_failure late;
        (void)assay_fail_note(&late, ASSAY_E_TIMEOUT, "the host did not answer in time for %.160s",
                              assay_op_errand(op)->url);
        assay_op_report(op, NULL, ASSAY_E_TIMEOUT, &late);
        return;
    }
    if (op->credential != NULL)
        seated(op, assay_acquisition_board(&op->acquisition, &op->fetched, &op->failure, &op->detail));
    else
        seated(op, assay_flight_board(&op->seat, &op->fetched, &op->why));
    if ((op->credential != NULL ? op->acquisition.lease : op->seat.lease) != lease)
        assay_http_response_clear(&op->answer);
}

int assay_op_go_on(assay_op *op)
{
    if (assay_op_is_inherited(op))
        assay_op_end(op, ASSAY_E_FORKED);
    if (op->state == ASSAY_OP_NEW && op->credential != NULL)
        assay_op_begin_acquisition(op);
    else if (op->state == ASSAY_OP_NEW && op->token != NULL)
        begin_validation(op);
    else if (op->state == ASSAY_OP_NEW)
        begin_refresh(op);
    if (op->state == ASSAY_OP_SEATED)
        look(op);
    if (op->state == ASSAY_OP_LANDED)
        land(op);
    if (op->state == ASSAY_OP_DONE)
        return ASSAY_WANT_NOTHING;
    op->pause_ms = op->pause_ms < PAUSE_MAX_MS / 2 ? op->pause_ms * 2 : PAUSE_MAX_MS;
    return op->turn == ASSAY_TURN_LEAD ? ASSAY_WANT_FETCH : ASSAY_WANT_WAIT;
}

void assay_op_report(assay_op *op, const assay_http_response *response, int missed, const assay_failure *why)
{
    if (op->credential != NULL)
        seated(op, assay_acquisition_report(&op->acquisition, response, missed, why, &op->fetched, &op->failure,
                                            &op->detail));
    else
        seated(op, assay_flight_report(&op->seat, response, missed, why, &op->fetched, &op->why));
    assay_http_response_clear(&op->answer); /* what came of one document says nothing about the next */
}

bool assay_op_errand_is_direct(const assay_op *op)
{
    assay_url url;
    const assay_http_request *errand = assay_op_errand(op);
    bool parsed = assay_url_parse(errand->url, strlen(errand->url), &url) == NULL;
    return errand->direct || errand->tls_name != NULL || (parsed && (url.loopback || url.link_local));
}

void assay_op_wake_by(assay_op *op, assay_waker *waker)
{
    if (op->credential != NULL)
        assay_acquisition_wake_by(&op->acquisition, waker);
    else
        assay_seat_wake_by(&op->seat, waker);
}

int assay_op_detach(assay_op *op, assay_op **rest)
{
    if (op->credential != NULL) /* an heir begins anew */
        return ASSAY_E_UNSUPPORTED;
    int code = make(op->validator, 0, op->counted, rest, NULL);
    if (code != ASSAY_OK)
        return code;
    (*rest)->deadline = op->deadline;
    (*rest)->state = ASSAY_OP_SEATED;
    (*rest)->turn = ASSAY_TURN_LEAD;
    assay_seat_move(&op->seat, &(*rest)->seat);
    return ASSAY_OK;
}
