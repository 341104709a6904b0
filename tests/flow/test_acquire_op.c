/* SPDX-License-Identifier: MIT */
/* Acquisitions and renewals stepped by hand, with canned answers: a host with an HTTP client of its own. Nothing is sent; the clock stands still but for the test. */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDPOINT "https://login.example/" EXCHANGE_TENANT "/oauth2/v2.0/token"
#define OTHER_SCOPE "https://storage.azure.com/.default"
#define WAIT 20000
#define GOOD "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"token-1\"}"
#define GOOD_TOO "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"token-2\"}"
#define REFUSED "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: no\",\"error_codes\":[7000215]}"

static atomic_llong clock_ms;
static assay_runtime *runtime;
static assay_credential *credential;

static int64_t wall(void *user_data)
{
    (void)user_data;
    return 1700000000 + atomic_load(&clock_ms) / 1000;
}

static int64_t steady(void *user_data)
{
    (void)user_data;
    return atomic_load(&clock_ms);
}

static assay_credential *make_credential(const char *kind)
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

static int open_credential(void **state)
{
    (void)state;
    atomic_store(&clock_ms, 5000000);
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL), ASSAY_OK);
    credential = make_credential("client-secret");
    assert_int_equal(assay_credential_set_secret(credential, EXCHANGE_SECRET, sizeof EXCHANGE_SECRET - 1, NULL),
                     ASSAY_OK);
    return 0;
}

static int close_credential(void **state)
{
    (void)state;
    assay_credential_unref(credential);
    assay_runtime_unref(runtime);
    return 0;
}

static assay_op *acquire(assay_credential *from, const char *scope, int64_t timeout_ms)
{
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new(scope, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(from, request, timeout_ms, &op, NULL), ASSAY_OK);
    assay_token_request_free(request); /* it was copied */
    return op;
}

static assay_op *ask(int64_t timeout_ms)
{
    return acquire(credential, EXCHANGE_SCOPE, timeout_ms);
}

static assay_op *renew(int64_t timeout_ms)
{
    assay_op *op = NULL;
    assert_int_equal(assay_op_new_renew(credential, timeout_ms, &op, NULL), ASSAY_OK);
    return op;
}

static void answer(assay_op *op, int status, const char *body)
{
    assert_int_equal(assay_op_fetched(op, status, assay_op_fetch_url(op), (const uint8_t *)body, strlen(body)),
                     ASSAY_OK);
}

static void expect_token(const assay_op *op, const char *text)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int code = assay_op_token(op, &token, &error);
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), assay_error_message(error));
    assert_string_equal(assay_access_token_text(token, NULL), text);
    assay_access_token_unref(token);
}

static void expect_failure(const assay_op *op, int code)
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

/* Step until it is done with this; the operation is freed. */
static void finish_with(assay_op *op, const char *text)
{
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    expect_token(op, text);
    assay_op_free(op);
}

static void fail_with(assay_op *op, int code)
{
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    expect_failure(op, code);
    assay_op_free(op);
}

static void get_first(void)
{
    assay_op *op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 200, GOOD);
    finish_with(op, "token-1");
}

static const char *header_of(const assay_op *op, const char *name)
{
    for (size_t i = 0; i < assay_op_fetch_header_count(op); i++)
        if (strcasecmp(assay_op_fetch_header_name(op, i), name) == 0)
            return assay_op_fetch_header_value(op, i);
    return NULL;
}

static void test_the_request_that_is_lent(void **state)
{
    (void)state;
    size_t len = 0;
    assay_op *op = ask(WAIT);
    assert_null(assay_op_fetch_url(op)); /* nothing before the first step */
    expect_failure(op, ASSAY_E_STATE);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH); /* until it is answered */
    assert_string_equal(assay_op_fetch_method(op), "POST");
    assert_string_equal(assay_op_fetch_url(op), ENDPOINT);
    const char *body = (const char *)assay_op_fetch_body(op, &len);
    assert_non_null(body);
    assert_int_equal(strlen(body), len);
    assert_non_null(strstr(body, "grant_type=client_credentials"));
    assert_non_null(strstr(body, "client_secret=a%2Bb%2Fc%3D%25%26~%20%C3%BC"));
    assert_string_equal(header_of(op, "Content-Type"), "application/x-www-form-urlencoded");
    assert_string_equal(header_of(op, "Accept"), "application/json");
    assert_int_equal(strlen(header_of(op, "client-request-id")), 36);
    assert_null(assay_op_fetch_header_name(op, assay_op_fetch_header_count(op)));
    assert_null(assay_op_fetch_tls_name(op));
    assert_null(assay_op_fetch_ca_pem(op, NULL));
    assert_int_equal(assay_op_fetch_is_direct(op), 0);
    assert_int_equal(assay_op_fetch_body_limit(op), 1 << 20);
    assert_in_range(assay_op_fetch_timeout_ms(op), WAIT - 2000, WAIT);
    assert_int_equal(assay_op_fetched_header(op, "Content-Type", 12, "application/json", 16), ASSAY_OK);
    answer(op, 200, GOOD);
    finish_with(op, "token-1");
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_REQUESTS), 1);
}

static void test_kept_token_needs_no_fetch(void **state)
{
    (void)state;
    get_first();
    assay_op *op = ask(WAIT);
    finish_with(op, "token-1");
    op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_fetched(op, 200, ENDPOINT, NULL, 0), ASSAY_E_STATE);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
}

static void test_requests_that_are_refused_at_once(void **state)
{
    (void)state;
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new("https://a.example/.default https://b.example/.default", &request, NULL),
                     ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, WAIT, &op, NULL), ASSAY_E_CONFIG_SCOPE);
    assert_null(op);
    assay_token_request_free(request);
    assert_int_equal(assay_token_request_new(EXCHANGE_SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_token_request_set_tenant(request, "bbbbcccc-1111-dddd-2222-eeee3333ffff", NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, WAIT, &op, NULL), ASSAY_E_CONFIG_TENANT);
    assert_int_equal(assay_op_new_acquire(credential, request, 0, &op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_acquire(credential, request, 600001, &op, NULL), ASSAY_E_ARGUMENT);
    assert_null(op);
    assay_token_request_free(request);
}

static void test_answer_from_elsewhere(void **state)
{
    (void)state;
    assay_op *op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetched(op, 200, "https://evil.example/token", (const uint8_t *)GOOD, strlen(GOOD)),
                     ASSAY_OK);
    fail_with(op, ASSAY_E_REDIRECT);
    assert_null(trial_kept(credential, EXCHANGE_SCOPE));
    op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 302, "");
    fail_with(op, ASSAY_E_REDIRECT);
}

static void test_answer_that_is_too_long(void **state)
{
    (void)state;
    size_t len = (1 << 20) + 1;
    char *body = malloc(len);
    assert_non_null(body);
    memset(body, ' ', len);
    memcpy(body, GOOD, strlen(GOOD));
    assay_op *op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetched(op, 200, ENDPOINT, (const uint8_t *)body, len), ASSAY_OK);
    free(body);
    fail_with(op, ASSAY_E_RESPONSE_SIZE);
}

static void test_refusal(void **state)
{
    (void)state;
    assay_error *error = NULL;
    assay_access_token *token = NULL;
    assay_op *op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 401, REFUSED);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_token(op, &token, &error), ASSAY_E_GRANT);
    assert_string_equal(assay_error_server_code(error), "AADSTS7000215");
    assert_int_equal(assay_error_diagnosis(error), 18);
    assay_op_free(op); /* the error is the caller's */
    assert_string_equal(assay_error_server_code(error), "AADSTS7000215");
    assay_error_free(error);
}

/* One that the host can't reach: twice more, each after a while of the runtime's clock. */
static void test_fetches_that_fail(void **state)
{
    (void)state;
    assay_op *op = ask(WAIT);
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, "no route"), ASSAY_OK);
        if (tries == 2)
            break;
        assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
        assert_null(assay_op_fetch_url(op));
        assert_in_range(assay_op_wait_ms(op), 1, 1000);
        assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, NULL), ASSAY_E_STATE);
        atomic_fetch_add(&clock_ms, 3000);
    }
    fail_with(op, ASSAY_E_CONNECT);
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_REQUESTS), 3);
    op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_GRANT, NULL), ASSAY_E_ARGUMENT); /* not for the host to say */
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_TLS, "unknown authority"), ASSAY_OK);
    fail_with(op, ASSAY_E_TLS); /* a certificate does not get better */
}

static void test_host_that_never_answers(void **state)
{
    (void)state;
    assay_op *op = ask(120), *waiting = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(130);
    fail_with(op, ASSAY_E_TIMEOUT);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH); /* it begins anew */
    answer(waiting, 200, GOOD);
    finish_with(waiting, "token-1");
}

/* The host forgets the operation altogether: whoever waits takes over when the lease has ended. */
static void test_host_that_is_silent(void **state)
{
    (void)state;
    assay_op *silent = ask(100), *waiting = ask(WAIT);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(100 + 250 + 20);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH);
    answer(silent, 200, GOOD); /* late, and as good */
    finish_with(silent, "token-1");
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH); /* it leads: its own request is under way */
    answer(waiting, 200, GOOD_TOO);
    finish_with(waiting, "token-2");
    assay_op *op = ask(WAIT);
    finish_with(op, "token-2");
}

/* By the time it fails another one has got the token. */
static void test_late_failure_is_none(void **state)
{
    (void)state;
    assay_op *silent = ask(100), *waiting = ask(WAIT);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(100 + 250 + 20);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH);
    answer(waiting, 200, GOOD);
    finish_with(waiting, "token-1");
    answer(silent, 401, REFUSED);
    finish_with(silent, "token-1");
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_FAILURES), 0);
}

/* A flight is over, and the token is to be renewed in its time: not when the lease of somebody who is gone has ended. */
static void expect_no_flight(void)
{
    int64_t wait_ms = 0;
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    assert_in_range(wait_ms, 2000000, 3000000);
}

/* The token comes late, from one whose lead was taken over: before the heir of the next leader begins, and before there is one. */
static void test_heir_that_need_not_lead(void **state)
{
    for (int before = 0; before < 2; before++) {
        assay_op *silent = ask(100), *leader = ask(WAIT), *heir = ask(WAIT);
        assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_step(leader), ASSAY_WANT_WAIT);
        assert_int_equal(assay_op_step(heir), ASSAY_WANT_WAIT);
        trial_sleep(100 + 250 + 20);
        assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
        if (before == 1)
            answer(silent, 200, GOOD);
        assay_op_free(leader);
        if (before == 0)
            answer(silent, 200, GOOD);
        finish_with(silent, "token-1");
        finish_with(heir, "token-1");
        expect_no_flight();
        (void)close_credential(state);
        (void)open_credential(state);
    }
}

/* A renewal that its host forgot is due again, for whoever keeps tokens fresh. */
static void test_silent_renewal_is_due_again(void **state)
{
    (void)state;
    int64_t wait_ms = 0;
    get_first();
    atomic_fetch_add(&clock_ms, 2900000);
    assay_op *silent = renew(100);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    assert_in_range(wait_ms, 1, 350); /* when its time and the grace are over */
    trial_sleep(370);
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    assert_int_equal(wait_ms, 0);
    assay_op *op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 200, GOOD_TOO);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
    assay_op_free(silent);
    op = ask(WAIT);
    finish_with(op, "token-2");
}

static void test_shared_by_operations(void **state)
{
    enum { COUNT = 20 };
    assay_op *ops[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        ops[i] = ask(WAIT);
        assert_int_equal(assay_op_step(ops[i]), i == 0 ? ASSAY_WANT_FETCH : ASSAY_WANT_WAIT);
        assert_true(i == 0 || assay_op_wait_ms(ops[i]) >= 1);
    }
    assay_op *other = acquire(credential, OTHER_SCOPE, WAIT); /* another flight */
    assert_int_equal(assay_op_step(other), ASSAY_WANT_FETCH);
    answer(ops[0], 200, GOOD);
    assay_credential_forget(credential, NULL);
    for (int i = 0; i < COUNT; i++)
        finish_with(ops[i], "token-1"); /* theirs, though it is forgotten */
    assay_op_free(other);
}

static void test_failure_shared_by_operations(void **state)
{
    enum { COUNT = 20 };
    assay_op *ops[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        ops[i] = ask(WAIT);
        assert_int_equal(assay_op_step(ops[i]), i == 0 ? ASSAY_WANT_FETCH : ASSAY_WANT_WAIT);
    }
    answer(ops[0], 401, REFUSED);
    fail_with(ops[0], ASSAY_E_GRANT);
    assay_op *next = ask(WAIT); /* of another flight, which those do not wait for */
    assert_int_equal(assay_op_step(next), ASSAY_WANT_FETCH);
    for (int i = 1; i < COUNT; i++)
        fail_with(ops[i], ASSAY_E_GRANT);
    answer(next, 200, GOOD);
    finish_with(next, "token-1");
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 2);
}

static void test_case_49_cancelling(void **state)
{
    (void)state;
    assay_op *leader = ask(WAIT), *waiting = ask(WAIT), *patient = ask(2 * WAIT);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    assert_int_equal(assay_op_step(patient), ASSAY_WANT_WAIT);
    assay_op_cancel(waiting);
    fail_with(waiting, ASSAY_E_CANCELLED);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH); /* for the others it goes on */
    assay_op_cancel(leader);
    assert_null(assay_op_fetch_url(leader));
    fail_with(leader, ASSAY_E_CANCELLED);
    assert_int_equal(assay_op_step(patient), ASSAY_WANT_FETCH);
    assay_op_cancel(patient);
    fail_with(patient, ASSAY_E_CANCELLED);
    get_first(); /* nothing is left behind */
}

/* The heir goes before it leads: the next one does at once, not when some lease has ended. */
static void test_heir_that_goes(void **state)
{
    (void)state;
    assay_op *leader = ask(WAIT), *heir = ask(2 * WAIT), *next = ask(WAIT);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(heir), ASSAY_WANT_WAIT);
    assert_int_equal(assay_op_step(next), ASSAY_WANT_WAIT);
    assay_op_free(leader);
    assert_int_equal(assay_op_step(next), ASSAY_WANT_WAIT); /* the other one has more time */
    assay_op_free(heir);
    assert_int_equal(assay_op_step(next), ASSAY_WANT_FETCH);
    answer(next, 200, GOOD);
    finish_with(next, "token-1");
}

static void test_leaders_who_go_are_limited(void **state)
{
    enum { COUNT = 12 };
    assay_op *ops[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        ops[i] = ask(WAIT - i * 100);
        assert_int_equal(assay_op_step(ops[i]), i == 0 ? ASSAY_WANT_FETCH : ASSAY_WANT_WAIT);
    }
    int led = 0, over = 0;
    for (int i = 0; i < COUNT; i++) {
        int want = assay_op_step(ops[i]);
        led += want == ASSAY_WANT_FETCH;
        over += want == ASSAY_WANT_NOTHING;
        assay_op_free(ops[i]);
    }
    assert_int_equal(led, ASSAY_LIMIT_ABANDONED);
    assert_int_equal(led + over, COUNT);
}

/* In each state: new, leading, waiting, pausing, answered, done. */
static void test_freed_in_every_state(void **state)
{
    (void)state;
    for (int at = 0; at < 6; at++) {
        assay_credential_forget(credential, NULL);
        assay_op *leader = at == 2 ? ask(WAIT) : NULL;
        if (leader != NULL)
            assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
        assay_op *op = ask(WAIT);
        if (at >= 1)
            assert_int_equal(assay_op_step(op), at == 2 ? ASSAY_WANT_WAIT : ASSAY_WANT_FETCH);
        if (at == 3) {
            answer(op, 503, "");
            assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
        } else if (at >= 4) {
            answer(op, 200, GOOD);
        }
        if (at == 5)
            assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
        assay_op_free(op);
        assay_op_free(leader);
    }
    assay_op_free(NULL);
    assay_credential_forget(credential, NULL);
    get_first();
}

/* An operation is the last who knows the credential. */
static void test_operation_outlives_the_credential(void **state)
{
    (void)state;
    assay_op *op = ask(WAIT);
    assay_credential_unref(credential);
    credential = NULL;
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 200, GOOD);
    finish_with(op, "token-1");
}

static void test_renewals(void **state)
{
    (void)state;
    assay_op *op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING); /* none is due: nothing at all */
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
    get_first();
    atomic_fetch_add(&clock_ms, 2900000);
    assay_op *due = ask(WAIT); /* given at once */
    finish_with(due, "token-1");
    op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assay_op *second = renew(WAIT); /* it is being done */
    assert_int_equal(assay_op_step(second), ASSAY_WANT_NOTHING);
    assay_op_free(second);
    answer(op, 401, REFUSED);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_E_GRANT);
    assay_op_free(op);
    int64_t wait_ms = 0;
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    assert_int_equal(wait_ms, 30000);
    op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING); /* not so soon after a failure */
    assay_op_free(op);
    atomic_fetch_add(&clock_ms, 30000);
    op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 200, GOOD_TOO);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
    op = ask(WAIT);
    finish_with(op, "token-2");
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_REFRESHES), 2);
}

/* Whose life is over before it began: an error, and no reason to ask again at once. */
static void test_dead_on_arrival(void **state)
{
    (void)state;
    int64_t wait_ms = 0;
    assay_credential *managed = make_credential("managed-identity");
    assay_op *op = acquire(managed, EXCHANGE_SCOPE, WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_is_direct(op), 1);
    assert_string_equal(assay_op_fetch_method(op), "GET");
    assert_null(assay_op_fetch_body(op, NULL));
    assert_string_equal(header_of(op, "Metadata"), "true");
    answer(op, 200,
           "{\"access_token\":\"x\",\"token_type\":\"Bearer\",\"resource\":\"https://"
           "vault.azure.net\",\"expires_on\":\"1600000000\"}");
    fail_with(op, ASSAY_E_TOKEN_RESPONSE);
    assert_null(trial_kept(managed, EXCHANGE_SCOPE));
    assert_int_equal(assay_credential_refresh_due(managed, &wait_ms), ASSAY_OK);
    assert_int_equal(wait_ms, -1);
    assay_credential_unref(managed);
}

/* AKS identity bindings: another name in TLS, CA certificates of its own, no proxy of the host's. */
static void test_token_proxy(void **state)
{
    static const char token[] = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjk5OTk5OTk5OTl9.c2ln"; /* exp 9999999999 */
    char path[] = "/tmp/assay-op-XXXXXX";
    size_t len = 0, lent_len = 0;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, token, sizeof token - 1) == (ssize_t)sizeof token - 1);
    (void)close(fd);
    char *ca = certificates_pem("ca", &len);
    assay_credential *workload = make_credential("workload-identity");
    assert_int_equal(assay_credential_set_token_file(workload, path, NULL), ASSAY_OK);
    assert_int_equal(
        assay_credential_set_token_proxy(workload, "https://10.0.0.1:9443/p", "proxy.test", NULL, ca, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_proxy_mode(workload, ASSAY_TOKEN_PROXY_ON, NULL), ASSAY_OK);
    assay_op *op = acquire(workload, EXCHANGE_SCOPE, WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), "https://10.0.0.1:9443/p/" EXCHANGE_TENANT "/oauth2/v2.0/token");
    assert_string_equal(assay_op_fetch_tls_name(op), "proxy.test");
    assert_int_equal(assay_op_fetch_is_direct(op), 1);
    const char *lent = assay_op_fetch_ca_pem(op, &lent_len);
    assert_non_null(lent);
    assert_int_equal(lent_len, len);
    assert_memory_equal(lent, ca, len);
    assert_non_null(strstr((const char *)assay_op_fetch_body(op, NULL), token));
    answer(op, 200, GOOD);
    assert_null(assay_op_fetch_ca_pem(op, NULL));
    finish_with(op, "token-1");
    assay_credential_unref(workload);
    free(ca);
    (void)unlink(path);
}

/* A thread that blocks, and an operation of the same flight. */
static void test_thread_waits_for_an_operation(void **state)
{
    (void)state;
    trial_caller caller, hurried;
    assay_op *op = ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    trial_call(&caller, credential, EXCHANGE_SCOPE, WAIT);
    trial_call(&hurried, credential, EXCHANGE_SCOPE, 50);
    trial_answered(&hurried, ASSAY_E_TIMEOUT);
    assert_false(atomic_load(&caller.done));
    answer(op, 200, GOOD);
    finish_with(op, "token-1");
    trial_answered(&caller, ASSAY_OK);
    assert_string_equal(assay_access_token_text(caller.token, NULL), "token-1");
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 1);
    trial_release(&caller);
    trial_release(&hurried);
}

/* A host that drives operations itself never gets a thread for it, whatever it is late with. */
static void test_no_thread_is_started(void **state)
{
    (void)state;
    get_first();
    atomic_fetch_add(&clock_ms, 2900000);
    assay_op *op = ask(WAIT);
    finish_with(op, "token-1");
    assay_access_token *kept = trial_kept(credential, EXCHANGE_SCOPE);
    assay_access_token_unref(kept);
    op = acquire(credential, OTHER_SCOPE, 60);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    trial_sleep(70);
    fail_with(op, ASSAY_E_TIMEOUT);
    assert_false(assay_refresher_poke(&credential->refreshing));
    int64_t wait_ms = -1; /* what it had no time for is due, like a renewal */
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    assert_int_equal(wait_ms, 0);
}

/* What nobody has the time for waits out the pause after a failure: or whoever keeps tokens fresh would try without an end. */
static void test_background_waits_out_the_pause(void **state)
{
    (void)state;
    get_first();
    atomic_fetch_add(&clock_ms, 3565000); /* nearly over */
    assay_op *op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 401, REFUSED);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
    atomic_fetch_add(&clock_ms, 6000); /* over */
    op = ask(60);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    trial_sleep(70);
    fail_with(op, ASSAY_E_TIMEOUT);
    int64_t wait_ms = 0;
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    assert_int_equal(wait_ms, 24000);
    op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
    atomic_fetch_add(&clock_ms, 24000);
    op = renew(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    answer(op, 200, GOOD_TOO);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_credential, close_credential)
    const struct CMUnitTest tests[] = {
        TEST(test_the_request_that_is_lent),
        TEST(test_kept_token_needs_no_fetch),
        TEST(test_requests_that_are_refused_at_once),
        TEST(test_answer_from_elsewhere),
        TEST(test_answer_that_is_too_long),
        TEST(test_refusal),
        TEST(test_fetches_that_fail),
        TEST(test_host_that_never_answers),
        TEST(test_host_that_is_silent),
        TEST(test_late_failure_is_none),
        TEST(test_heir_that_need_not_lead),
        TEST(test_silent_renewal_is_due_again),
        TEST(test_shared_by_operations),
        TEST(test_failure_shared_by_operations),
        TEST(test_case_49_cancelling),
        TEST(test_heir_that_goes),
        TEST(test_leaders_who_go_are_limited),
        TEST(test_freed_in_every_state),
        TEST(test_operation_outlives_the_credential),
        TEST(test_renewals),
        TEST(test_dead_on_arrival),
        TEST(test_token_proxy),
        TEST(test_thread_waits_for_an_operation),
        TEST(test_no_thread_is_started),
        TEST(test_background_waits_out_the_pause),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
