/* SPDX-License-Identifier: MIT */
#include "flow/op.h"

#include "api/api.h"
#include "flow/driver.h"
#include "token/token.h"

static bool is_timeout(int64_t timeout_ms)
{
    return timeout_ms >= 1 && timeout_ms <= ASSAY_LIMIT_CALL_TIMEOUT_MS;
}

#define BAD_TIMEOUT "timeout_ms must be 1 to 600000"

int assay_op_new_validate(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                          int64_t timeout_ms, assay_op **op, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (op == NULL)
        return ASSAY_BAD("op is NULL");
    *op = NULL;
    if (validator == NULL || token == NULL)
        return ASSAY_BAD("validator or token is NULL");
    if (!is_timeout(timeout_ms))
        return ASSAY_BAD(BAD_TIMEOUT);
    return ASSAY_END(assay_op_make_validation(validator, token, len, request, timeout_ms, op, failure));
}

int assay_op_new_refresh(assay_validator *validator, const char *issuer, int64_t timeout_ms, assay_op **op,
                         assay_error **error)
{
    ASSAY_BEGIN(error);
    if (op == NULL)
        return ASSAY_BAD("op is NULL");
    *op = NULL;
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    if (!is_timeout(timeout_ms))
        return ASSAY_BAD(BAD_TIMEOUT);
    assay_trusted_issuer *found = issuer == NULL ? NULL : assay_validator_named(validator, issuer);
    if (issuer != NULL && found == NULL)
        return ASSAY_END(assay_fail_found(failure, ASSAY_E_NOT_CONFIGURED, NULL, issuer, strlen(issuer)));
    return ASSAY_END(assay_op_make_refresh(validator, found, timeout_ms, true, op, failure));
}

void assay_op_free(assay_op *op)
{
    if (op != NULL &&
        op->driver == NULL) /* else it is the driver's; freeing it here would leave that one with a stale pointer */
        assay_op_drop(op);
}

int assay_op_step(assay_op *op)
{
    if (op == NULL)
        return ASSAY_WANT_NOTHING;
    return op->driver != NULL && !assay_op_is_inherited(op) ? ASSAY_WANT_WAIT : assay_op_go_on(op);
}

void assay_op_cancel(assay_op *op)
{
    if (op == NULL)
        return;
    if (op->driver != NULL)
        assay_driver_cancel(op->driver, op);
    else
        assay_op_end(op, ASSAY_E_CANCELLED);
}

int assay_op_result(const assay_op *op, assay_claims **claims, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims != NULL)
        *claims = NULL;
    if (op == NULL)
        return ASSAY_BAD("op is NULL");
    if (op->state != ASSAY_OP_DONE || op->driver != NULL)
        return ASSAY_END(assay_op_is_inherited(op)
                             ? assay_fail(failure, ASSAY_E_FORKED)
                             : assay_fail_note(failure, ASSAY_E_STATE, "the operation is not done"));
    if (op->code == ASSAY_OK && claims != NULL)
        *claims = assay_claims_ref(op->claims);
    if (failure != NULL)
        *failure = op->failure;
    return ASSAY_END(op->code);
}

/* What is asked for now; NULL: nothing that the host would fetch. */
static const assay_errand *errand_of(const assay_op *op)
{
    return op != NULL && op->driver == NULL && assay_op_wants_fetch(op) ? &op->seat.errand : NULL;
}

int64_t assay_op_wait_ms(const assay_op *op)
{
    if (op == NULL || op->driver != NULL || op->state != ASSAY_OP_SEATED || op->turn != ASSAY_TURN_WAIT)
        return 0;
    int64_t left = assay_flight_look_at(&op->seat) - assay_clock_real_ms();
    left = left < op->pause_ms ? left : op->pause_ms;
    return left < 1 ? 1 : left;
}

const char *assay_op_fetch_method(const assay_op *op)
{
    return errand_of(op) == NULL ? NULL : "GET";
}

const char *assay_op_fetch_url(const assay_op *op)
{
    const assay_errand *errand = errand_of(op);
    return errand == NULL ? NULL : errand->url;
}

typedef struct header_field {
    const char *name, *value;
} header_field;

enum { HEADER_FIELDS = 3 };

/* Those that have a value, in a row; how many there are. */
static size_t list_headers(const assay_op *op, header_field fields[HEADER_FIELDS])
{
    const assay_errand *errand = errand_of(op);
    size_t count = 0;
    if (errand == NULL)
        return 0;
    fields[count++] = (header_field){"Accept", errand->request.accept};
    if (errand->etag != NULL)
        fields[count++] = (header_field){"If-None-Match", errand->etag};
    if (errand->authorization != NULL)
        fields[count++] = (header_field){"Authorization", errand->authorization};
    return count;
}

size_t assay_op_fetch_header_count(const assay_op *op)
{
    header_field fields[HEADER_FIELDS];
    return list_headers(op, fields);
}

const char *assay_op_fetch_header_name(const assay_op *op, size_t index)
{
    header_field fields[HEADER_FIELDS];
    return index < list_headers(op, fields) ? fields[index].name : NULL;
}

const char *assay_op_fetch_header_value(const assay_op *op, size_t index)
{
    header_field fields[HEADER_FIELDS];
    return index < list_headers(op, fields) ? fields[index].value : NULL;
}

size_t assay_op_fetch_body_limit(const assay_op *op)
{
    const assay_errand *errand = errand_of(op);
    return errand == NULL ? 0 : errand->request.body_limit;
}

int64_t assay_op_fetch_timeout_ms(const assay_op *op)
{
    const assay_errand *errand = errand_of(op);
    int64_t left = errand == NULL ? 0 : errand->until - assay_clock_real_ms();
    return left < 0 ? 0 : left;
}

int assay_op_fetched_header(assay_op *op, const char *name, size_t name_len, const char *value, size_t value_len)
{
    if (errand_of(op) == NULL)
        return op == NULL ? ASSAY_E_ARGUMENT : ASSAY_E_STATE;
    if (name == NULL || value == NULL)
        return ASSAY_E_ARGUMENT;
    int64_t now = assay_clock_wall(&op->validator->keyring->runtime->clock);
    assay_http_response_add_header(&op->answer, name, name_len, value, value_len, now);
    return ASSAY_OK;
}

int assay_op_fetched(assay_op *op, int status, const char *effective_url, const uint8_t *body, size_t body_len)
{
    const assay_errand *errand = errand_of(op);
    if (errand == NULL)
        return op == NULL ? ASSAY_E_ARGUMENT : ASSAY_E_STATE;
    if (effective_url == NULL || (body == NULL && body_len > 0))
        return ASSAY_E_ARGUMENT;
    op->answer.status = status;
    op->answer.body_len = body_len;
    op->answer.effective_url = assay_strdup(effective_url);
    /* One that is too long is refused for its length alone. */
    if (body_len > 0 && body_len <= errand->request.body_limit)
        op->answer.body = assay_memdup(body, body_len);
    bool copied = op->answer.effective_url != NULL &&
                  (op->answer.body != NULL || body_len == 0 || body_len > errand->request.body_limit);
    assay_op_report(op, &op->answer, copied ? ASSAY_OK : ASSAY_E_MEMORY, NULL);
    return ASSAY_OK;
}

int assay_op_fetch_failed(assay_op *op, int code, const char *reason)
{
    char shown[160] = "the host gave no reason";
    assay_failure why;
    if (errand_of(op) == NULL)
        return op == NULL ? ASSAY_E_ARGUMENT : ASSAY_E_STATE;
    switch (code) {
    case ASSAY_E_RESOLVE:
    case ASSAY_E_CONNECT:
    case ASSAY_E_TLS:
    case ASSAY_E_TIMEOUT:
    case ASSAY_E_NETWORK:
    case ASSAY_E_RESPONSE_SIZE:
    case ASSAY_E_RESPONSE:
        break;
    default:
        return ASSAY_E_ARGUMENT;
    }
    if (reason != NULL)
        assay_text_escape(reason, strlen(reason), shown, sizeof shown);
    assay_op_report(op, NULL, assay_fail_note(&why, code, "%s", shown), &why);
    return ASSAY_OK;
}

void assay_op_set_user_data(assay_op *op, void *user_data)
{
    if (op != NULL)
        op->user_data = user_data;
}

void *assay_op_user_data(const assay_op *op)
{
    return op == NULL ? NULL : op->user_data;
}
