/* SPDX-License-Identifier: MIT */
#include "support/stepped.h"

#include "support/acquire_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

atomic_llong stepped_clock_ms;
static assay_runtime *runtime;
static assay_credential *credential;

static int64_t wall(void *user_data)
{
    (void)user_data;
    return 1700000000 + atomic_load(&stepped_clock_ms) / 1000;
}

static int64_t steady(void *user_data)
{
    (void)user_data;
    return atomic_load(&stepped_clock_ms);
}

assay_credential *stepped_credential(const char *kind)
{
    assay_credential *made = NULL;
    assert_int_equal(assay_credential_new(runtime, kind, &made, NULL), ASSAY_OK);
    if (strcmp(kind, "managed-identity") == 0)
        return made;
    assert_int_equal(assay_credential_set_tenant(made, EXCHANGE_TENANT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(made, EXCHANGE_CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_authority(made, "https://login.example", NULL), ASSAY_OK);
    return made;
}

assay_credential *stepped_chain(assay_credential *const *members, size_t count)
{
    assay_credential *made = NULL;
    assert_int_equal(assay_credential_new_chain(runtime, members, count, &made, NULL), ASSAY_OK);
    return made;
}

assay_credential *stepped_open(void)
{
    atomic_store(&stepped_clock_ms, 5000000);
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL), ASSAY_OK);
    credential = stepped_credential("client-secret");
    assert_int_equal(assay_credential_set_secret(credential, EXCHANGE_SECRET, sizeof EXCHANGE_SECRET - 1, NULL),
                     ASSAY_OK);
    return credential;
}

void stepped_close(void)
{
    credential = NULL;
    assay_runtime_unref(runtime);
}

assay_op *stepped_acquire(assay_credential *from, const char *scope, int64_t timeout_ms)
{
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new(scope, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(from, request, timeout_ms, &op, NULL), ASSAY_OK);
    assay_token_request_free(request); /* it was copied */
    return op;
}

assay_op *stepped_ask(int64_t timeout_ms)
{
    return stepped_acquire(credential, EXCHANGE_SCOPE, timeout_ms);
}

assay_op *stepped_renew(int64_t timeout_ms)
{
    assay_op *op = NULL;
    assert_int_equal(assay_op_new_renew(credential, timeout_ms, &op, NULL), ASSAY_OK);
    return op;
}

void stepped_answer(assay_op *op, int status, const char *body)
{
    assert_int_equal(assay_op_fetched(op, status, assay_op_fetch_url(op), (const uint8_t *)body, strlen(body)),
                     ASSAY_OK);
}

void stepped_token(const assay_op *op, const char *text)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int code = assay_op_token(op, &token, &error);
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), assay_error_message(error));
    assert_string_equal(assay_access_token_text(token, NULL), text);
    assay_access_token_unref(token);
}

void stepped_failure(const assay_op *op, int code)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int found = assay_op_token(op, &token, &error);
    if (found != code)
        fail_msg("%s instead of %s", assay_code_name(found), assay_code_name(code));
    assert_null(token);
    assert_int_equal(assay_error_code(error), code);
    assay_error_free(error);
}

void stepped_done(assay_op *op, const char *text)
{
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    stepped_token(op, text);
    assay_op_free(op);
}

void stepped_failed(assay_op *op, int code)
{
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    stepped_failure(op, code);
    assay_op_free(op);
}

assay_error *stepped_error(assay_op *op, int code)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    int found = assay_op_token(op, &token, &error);
    if (found != code)
        fail_msg("%s instead of %s: %s", assay_code_name(found), assay_code_name(code), assay_error_message(error));
    assert_null(token);
    assay_op_free(op);
    return error;
}

void stepped_ended(assay_op *op, int code, int row, const char *words)
{
    assay_error *error = stepped_error(op, code);
    assert_int_equal(assay_error_diagnosis(error), row);
    if (strstr(assay_error_message(error), words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, assay_error_message(error));
    assay_error_free(error);
}

void stepped_first(void)
{
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 200, STEPPED_GOOD);
    stepped_done(op, "token-1");
}

int stepped_begin(void **state)
{
    (void)state;
    trial_replace(stepped_open());
    return 0;
}

int stepped_end(void **state)
{
    int code = trial_end(state);
    stepped_close();
    return code;
}
