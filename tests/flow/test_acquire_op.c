/* SPDX-License-Identifier: MIT */
/* Acquisitions and renewals stepped by hand, with canned answers: a host with an HTTP client of its own. Nothing is sent; the clock stands still but for the test. */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/certificates.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDPOINT "https://login.example/" EXCHANGE_TENANT "/oauth2/v2.0/token"

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
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assert_null(assay_op_fetch_url(op)); /* nothing before the first step */
    stepped_failure(op, ASSAY_E_STATE);
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
    assert_in_range(assay_op_fetch_timeout_ms(op), STEPPED_WAIT - 2000, STEPPED_WAIT);
    assert_int_equal(assay_op_fetched_header(op, "Content-Type", 12, "application/json", 16), ASSAY_OK);
    stepped_answer(op, 200, STEPPED_GOOD);
    stepped_done(op, "token-1");
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REQUESTS), 1);
}

static void test_kept_token_needs_no_fetch(void **state)
{
    (void)state;
    stepped_first();
    assay_op *op = stepped_ask(STEPPED_WAIT);
    stepped_done(op, "token-1");
    op = stepped_ask(STEPPED_WAIT);
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
    assert_int_equal(assay_op_new_acquire(the_credential, request, STEPPED_WAIT, &op, NULL), ASSAY_E_CONFIG_SCOPE);
    assert_null(op);
    assay_token_request_free(request);
    assert_int_equal(assay_token_request_new(EXCHANGE_SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_token_request_set_tenant(request, EXCHANGE_OTHER_TENANT, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(the_credential, request, STEPPED_WAIT, &op, NULL), ASSAY_E_CONFIG_TENANT);
    assert_int_equal(assay_op_new_acquire(the_credential, request, 0, &op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_acquire(the_credential, request, 600001, &op, NULL), ASSAY_E_ARGUMENT);
    assert_null(op);
    assay_token_request_free(request);
}

static void test_answer_from_elsewhere(void **state)
{
    (void)state;
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(
        assay_op_fetched(op, 200, "https://evil.example/token", (const uint8_t *)STEPPED_GOOD, strlen(STEPPED_GOOD)),
        ASSAY_OK);
    stepped_failed(op, ASSAY_E_REDIRECT);
    assert_null(trial_kept(the_credential, EXCHANGE_SCOPE));
    op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 302, "");
    stepped_failed(op, ASSAY_E_REDIRECT);
}

static void test_answer_that_is_too_long(void **state)
{
    (void)state;
    size_t len = (1 << 20) + 1;
    char *body = malloc(len);
    assert_non_null(body);
    memset(body, ' ', len);
    memcpy(body, STEPPED_GOOD, strlen(STEPPED_GOOD));
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetched(op, 200, ENDPOINT, (const uint8_t *)body, len), ASSAY_OK);
    free(body);
    stepped_failed(op, ASSAY_E_RESPONSE_SIZE);
}

static void test_refusal(void **state)
{
    (void)state;
    assay_error *error = NULL;
    assay_access_token *token = NULL;
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 401, STEPPED_REFUSED);
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
    assay_op *op = stepped_ask(STEPPED_WAIT);
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, "no route"), ASSAY_OK);
        if (tries == 2)
            break;
        assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
        assert_null(assay_op_fetch_url(op));
        assert_in_range(assay_op_wait_ms(op), 1, 1000);
        assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, NULL), ASSAY_E_STATE);
        atomic_fetch_add(&stepped_clock_ms, 3000);
    }
    stepped_failed(op, ASSAY_E_CONNECT);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REQUESTS), 3);
    op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_GRANT, NULL), ASSAY_E_ARGUMENT); /* not for the host to say */
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_TLS, "unknown authority"), ASSAY_OK);
    stepped_failed(op, ASSAY_E_TLS); /* a certificate does not get better */
}

/* In each state: new, leading, waiting, pausing, answered, done. */
static void test_freed_in_every_state(void **state)
{
    (void)state;
    for (int at = 0; at < 6; at++) {
        assay_credential_forget(the_credential, NULL);
        assay_op *leader = at == 2 ? stepped_ask(STEPPED_WAIT) : NULL;
        if (leader != NULL)
            assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
        assay_op *op = stepped_ask(STEPPED_WAIT);
        if (at >= 1)
            assert_int_equal(assay_op_step(op), at == 2 ? ASSAY_WANT_WAIT : ASSAY_WANT_FETCH);
        if (at == 3) {
            stepped_answer(op, 503, "");
            assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
        } else if (at >= 4) {
            stepped_answer(op, 200, STEPPED_GOOD);
        }
        if (at == 5)
            assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
        assay_op_free(op);
        assay_op_free(leader);
    }
    assay_op_free(NULL);
    assay_credential_forget(the_credential, NULL);
    stepped_first();
}

/* An operation is the last who knows the credential. */
static void test_operation_outlives_the_credential(void **state)
{
    (void)state;
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assay_credential_unref(the_credential);
    the_credential = NULL;
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 200, STEPPED_GOOD);
    stepped_done(op, "token-1");
}

static void test_renewals(void **state)
{
    (void)state;
    assay_op *op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING); /* none is due: nothing at all */
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
    stepped_first();
    atomic_fetch_add(&stepped_clock_ms, 2900000);
    assay_op *due = stepped_ask(STEPPED_WAIT); /* given at once */
    stepped_done(due, "token-1");
    op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assay_op *second = stepped_renew(STEPPED_WAIT); /* it is being done */
    assert_int_equal(assay_op_step(second), ASSAY_WANT_NOTHING);
    assay_op_free(second);
    stepped_answer(op, 401, STEPPED_REFUSED);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_E_GRANT);
    assay_op_free(op);
    assert_int_equal(trial_due(the_credential), 30000);
    op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING); /* not so soon after a failure */
    assay_op_free(op);
    atomic_fetch_add(&stepped_clock_ms, 30000);
    op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 200, STEPPED_GOOD_TOO);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
    op = stepped_ask(STEPPED_WAIT);
    stepped_done(op, "token-2");
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REFRESHES), 2);
}

/* Whose life is over before it began: an error, and no reason to ask again at once. */
static void test_dead_on_arrival(void **state)
{
    (void)state;
    assay_credential *managed = stepped_credential("managed-identity");
    assay_op *op = stepped_acquire(managed, EXCHANGE_SCOPE, STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_is_direct(op), 1);
    assert_string_equal(assay_op_fetch_method(op), "GET");
    assert_null(assay_op_fetch_body(op, NULL));
    assert_string_equal(header_of(op, "Metadata"), "true");
    stepped_answer(op, 200,
                   "{\"access_token\":\"x\",\"token_type\":\"Bearer\",\"resource\":\"https://"
                   "vault.azure.net\",\"expires_on\":\"1600000000\"}");
    stepped_failed(op, ASSAY_E_TOKEN_RESPONSE);
    assert_null(trial_kept(managed, EXCHANGE_SCOPE));
    assert_int_equal(trial_due(managed), -1);
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
    assay_credential *workload = stepped_credential("workload-identity");
    assert_int_equal(assay_credential_set_token_file(workload, path, NULL), ASSAY_OK);
    assert_int_equal(
        assay_credential_set_token_proxy(workload, "https://10.0.0.1:9443/p", "proxy.test", NULL, ca, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_proxy_mode(workload, ASSAY_TOKEN_PROXY_ON, NULL), ASSAY_OK);
    assay_op *op = stepped_acquire(workload, EXCHANGE_SCOPE, STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), "https://10.0.0.1:9443/p/" EXCHANGE_TENANT "/oauth2/v2.0/token");
    assert_string_equal(assay_op_fetch_tls_name(op), "proxy.test");
    assert_int_equal(assay_op_fetch_is_direct(op), 1);
    const char *lent = assay_op_fetch_ca_pem(op, &lent_len);
    assert_non_null(lent);
    assert_int_equal(lent_len, len);
    assert_memory_equal(lent, ca, len);
    assert_non_null(strstr((const char *)assay_op_fetch_body(op, NULL), token));
    stepped_answer(op, 200, STEPPED_GOOD);
    assert_null(assay_op_fetch_ca_pem(op, NULL));
    stepped_done(op, "token-1");
    assay_credential_unref(workload);
    free(ca);
    (void)unlink(path);
}

/* A host that drives operations itself never gets a thread for it, whatever it is late with. */
static void test_no_thread_is_started(void **state)
{
    (void)state;
    stepped_first();
    atomic_fetch_add(&stepped_clock_ms, 2900000);
    assay_op *op = stepped_ask(STEPPED_WAIT);
    stepped_done(op, "token-1");
    assay_access_token *kept = trial_kept(the_credential, EXCHANGE_SCOPE);
    assay_access_token_unref(kept);
    op = stepped_acquire(the_credential, EXCHANGE_OTHER_SCOPE, 60);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    trial_sleep(70);
    stepped_failed(op, ASSAY_E_TIMEOUT);
    assert_false(assay_refresher_poke(&the_credential->refreshing));
    /* What it had no time for is due, like a renewal. */
    assert_int_equal(trial_due(the_credential), 0);
}

/* What nobody has the time for waits out the pause after a failure: or whoever keeps tokens fresh would try without an end. */
static void test_background_waits_out_the_pause(void **state)
{
    (void)state;
    stepped_first();
    atomic_fetch_add(&stepped_clock_ms, 3565000); /* nearly over */
    assay_op *op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 401, STEPPED_REFUSED);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
    atomic_fetch_add(&stepped_clock_ms, 6000); /* over */
    op = stepped_ask(60);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    trial_sleep(70);
    stepped_failed(op, ASSAY_E_TIMEOUT);
    assert_int_equal(trial_due(the_credential), 24000);
    op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
    atomic_fetch_add(&stepped_clock_ms, 24000);
    op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 200, STEPPED_GOOD_TOO);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stepped_begin, stepped_end)
    const struct CMUnitTest tests[] = {
        TEST(test_the_request_that_is_lent),
        TEST(test_kept_token_needs_no_fetch),
        TEST(test_requests_that_are_refused_at_once),
        TEST(test_answer_from_elsewhere),
        TEST(test_answer_that_is_too_long),
        TEST(test_refusal),
        TEST(test_fetches_that_fail),
        TEST(test_freed_in_every_state),
        TEST(test_operation_outlives_the_credential),
        TEST(test_renewals),
        TEST(test_dead_on_arrival),
        TEST(test_token_proxy),
        TEST(test_no_thread_is_started),
        TEST(test_background_waits_out_the_pause),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
