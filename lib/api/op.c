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

int assay_op_new_acquire(assay_credential *credential, const assay_token_request *request, int64_t timeout_ms,
                         assay_op **op, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (op == NULL)
        return ASSAY_BAD("op is NULL");
    *op = NULL;
    if (credential == NULL || request == NULL)
        return ASSAY_BAD("credential or request is NULL");
    if (!is_timeout(timeout_ms))
        return ASSAY_BAD(BAD_TIMEOUT);
    return ASSAY_END(assay_op_make_acquisition(credential, request, timeout_ms, op, failure));
}

int assay_op_new_renew(assay_credential *credential, int64_t timeout_ms, assay_op **op, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (op == NULL)
        return ASSAY_BAD("op is NULL");
    *op = NULL;
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    if (!is_timeout(timeout_ms))
        return ASSAY_BAD(BAD_TIMEOUT);
    return ASSAY_END(assay_op_make_any_renewal(credential, timeout_ms, op, failure));
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

static int fail_undone(const assay_op *op, assay_failure *failure)
{
    return assay_op_is_inherited(op) ? assay_fail(failure, ASSAY_E_FORKED)
                                     : assay_fail_note(failure, ASSAY_E_STATE, "the operation is not done");
}

int assay_op_result(const assay_op *op, assay_claims **claims, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims != NULL)
        *claims = NULL;
    if (op == NULL)
        return ASSAY_BAD("op is NULL");
    if (op->state != ASSAY_OP_DONE || op->driver != NULL)
        return ASSAY_END(fail_undone(op, failure));
    if (op->code == ASSAY_OK && claims != NULL)
        *claims = assay_claims_ref(op->claims);
    if (failure != NULL)
        *failure = op->failure;
    return ASSAY_END(op->code);
}

int assay_op_token(const assay_op *op, assay_access_token **token, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (token != NULL)
        *token = NULL;
    if (op == NULL || token == NULL)
        return ASSAY_BAD("op or token is NULL");
    if (op->state != ASSAY_OP_DONE || op->driver != NULL)
        return ASSAY_END(fail_undone(op, failure));
    if (op->code == ASSAY_OK && op->got == NULL)
        return ASSAY_END(assay_fail_note(failure, ASSAY_E_STATE, "the operation does not get a token"));
    *token = assay_access_token_ref(op->got);
    if (failure != NULL)
        *failure = op->failure;
    return ASSAY_END(op->code);
}

/* What is asked for now; NULL: nothing that the host would fetch. */
static const assay_http_request *errand_of(const assay_op *op)
{
    return op != NULL && op->driver == NULL && assay_op_wants_fetch(op) ? assay_op_errand(op) : NULL;
}

int64_t assay_op_wait_ms(const assay_op *op)
{
    if (op == NULL || op->driver != NULL || op->state != ASSAY_OP_SEATED || op->turn != ASSAY_TURN_WAIT)
        return 0;
    int64_t left = assay_op_look_at(op) - assay_clock_real_ms();
    left = left < op->pause_ms ? left : op->pause_ms;
    return left < 1 ? 1 : left;
}

const char *assay_op_fetch_method(const assay_op *op)
{
    const assay_http_request *errand = errand_of(op);
    return errand == NULL ? NULL : assay_http_request_is_post(errand) ? "POST" : "GET";
}

const char *assay_op_fetch_url(const assay_op *op)
{
    const assay_http_request *errand = errand_of(op);
    return errand == NULL ? NULL : errand->url;
}

enum { OWN_FIELDS = 4 };

/* Those that have a value, in a row, before the request's further ones; how many there are. */
static size_t list_own(const assay_http_request *errand, assay_http_field fields[OWN_FIELDS])
{
    const assay_http_field all[OWN_FIELDS] = {{"Accept", errand->accept},
                                              {"If-None-Match", errand->if_none_match},
                                              {"Authorization", errand->authorization},
                                              {"Content-Type", errand->content_type}};
    size_t count = 0;
    for (size_t i = 0; i < OWN_FIELDS; i++)
        if (all[i].value != NULL)
            fields[count++] = all[i];
    return count;
}

static assay_http_field field_at(const assay_op *op, size_t index)
{
    const assay_http_field none = {NULL, NULL};
    const assay_http_request *errand = errand_of(op);
    assay_http_field own[OWN_FIELDS];
    size_t count = errand == NULL ? 0 : list_own(errand, own);
    if (index < count)
        return own[index];
    return errand != NULL && index - count < errand->field_count ? errand->fields[index - count] : none;
}

size_t assay_op_fetch_header_count(const assay_op *op)
{
    const assay_http_request *errand = errand_of(op);
    assay_http_field own[OWN_FIELDS];
    return errand == NULL ? 0 : list_own(errand, own) + errand->field_count;
}

const char *assay_op_fetch_header_name(const assay_op *op, size_t index)
{
    return field_at(op, index).name;
}

const char *assay_op_fetch_header_value(const assay_op *op, size_t index)
{
    return field_at(op, index).value;
}

const uint8_t *assay_op_fetch_body(const assay_op *op, size_t *len)
{
    const assay_http_request *errand = errand_of(op);
    if (len != NULL)
        *len = errand == NULL ? 0 : errand->body_len;
    return errand == NULL ? NULL : (const uint8_t *)errand->body;
}

const char *assay_op_fetch_tls_name(const assay_op *op)
{
    const assay_http_request *errand = errand_of(op);
    return errand == NULL ? NULL : errand->tls_name;
}

const char *assay_op_fetch_ca_pem(const assay_op *op, size_t *len)
{
    const assay_http_request *errand = errand_of(op);
    const assay_http_ca *ca = errand == NULL ? NULL : errand->ca;
    if (len != NULL)
        *len = ca == NULL ? 0 : ca->len;
    return ca == NULL ? NULL : ca->pem;
}

int assay_op_fetch_is_direct(const assay_op *op)
{
    const assay_http_request *errand = errand_of(op);
    return errand != NULL && assay_op_errand_is_direct(op);
}

size_t assay_op_fetch_body_limit(const assay_op *op)
{
    const assay_http_request *errand = errand_of(op);
    return errand == NULL ? 0 : errand->body_limit;
}

int64_t assay_op_fetch_timeout_ms(const assay_op *op)
{
    int64_t left = errand_of(op) == NULL ? 0 : assay_op_errand_until(op) - assay_clock_real_ms();
    return left < 0 ? 0 : left;
}

int assay_op_fetched_header(assay_op *op, const char *name, size_t name_len, const char *value, size_t value_len)
{
    if (errand_of(op) == NULL)
        return op == NULL ? ASSAY_E_ARGUMENT : ASSAY_E_STATE;
    if (name == NULL || value == NULL)
        return ASSAY_E_ARGUMENT;
    int64_t now = assay_clock_wall(&assay_op_runtime(op)->clock);
    bool taken = assay_http_response_add_header(&op->answer, name, name_len, value, value_len, now);
    return taken ? ASSAY_OK : ASSAY_E_MEMORY;
}

int assay_op_fetched(assay_op *op, int status, const char *effective_url, const uint8_t *body, size_t body_len)
{
    const assay_http_request *errand = errand_of(op);
    if (errand == NULL)
        return op == NULL ? ASSAY_E_ARGUMENT : ASSAY_E_STATE;
    if (effective_url == NULL || (body == NULL && body_len > 0))
        return ASSAY_E_ARGUMENT;
    op->answer.status = status;
    op->answer.body_len = body_len;
    op->answer.effective_url = assay_strdup(effective_url);
    /* One that is too long is refused for its length alone. */
    if (body_len > 0 && body_len <= errand->body_limit)
        op->answer.body = assay_memdup(body, body_len);
    op->answer.body_room = op->answer.body == NULL ? 0 : body_len + 1; /* what is wiped */
    bool copied =
        op->answer.effective_url != NULL && (op->answer.body != NULL || body_len == 0 || body_len > errand->body_limit);
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
