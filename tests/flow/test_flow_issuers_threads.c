/* SPDX-License-Identifier: MIT */
/* M08: one issuer hangs and one is down; what the others answer neither waits nor fails. */
#include "support/loop.h"
#include "support/mint.h"
#include "support/raw_server.h"
#include "support/scene.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Milliseconds. What must not wait for the hung issuer is far below its time, on a busy machine as well. */
enum { HUNG_WAIT = 4000, PROMPT = 2000 };

static scene at;
static raw_server *hung;
static char *hung_url, *hung_token, *down_token;
static const char down_url[] = "https://127.0.0.1:1/down";
static atomic_int hung_done;

/* Of an issuer whose keys never come, so that any signature will do. */
static char *token_of(const char *url)
{
    int64_t now = (int64_t)time(NULL);
    char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"a\",\"sub\":\"s\",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}",
                                 url, now, now + 3600);
    mint_key *key = mint_key_new("ES256", "k");
    char *token = mint_token(key, payload);
    mint_key_free(key);
    free(payload);
    return token;
}

static assay_issuer *issuer_of(const char *url)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_new(url, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, "a", NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "ES256", NULL));
    return issuer;
}

/* The hung and the dead one stand before the good one, wherever issuers are taken in turn. */
static int open_all(void **state)
{
    (void)state;
    scene_open(&at, NULL);
    hung = raw_server_start(&(raw_script){.hold = true});
    hung_url = trial_format("https://127.0.0.1:%d/hung", raw_server_port(hung));
    hung_token = token_of(hung_url);
    down_token = token_of(down_url);
    atomic_store(&hung_done, 0);
    must_ok(assay_issuer_add_algorithm(at.configuration, "RS256", NULL));
    assay_issuer *issuers[] = {issuer_of(hung_url), issuer_of(down_url), at.configuration};
    must_ok(assay_validator_new(at.runtime, issuers, 3, &at.validator, NULL));
    assay_issuer_free(issuers[0]);
    assay_issuer_free(issuers[1]);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    scene_close(&at);
    raw_server_stop(hung);
    free(hung_url);
    free(hung_token);
    free(down_token);
    return 0;
}

static void *validate_hung(void *data)
{
    (void)data;
    int code = scene_validate(&at, hung_token, HUNG_WAIT);
    atomic_store(&hung_done, 1);
    return (void *)(intptr_t)code;
}

/* Until the hung issuer has been asked. */
static void await_hung(void)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    for (int i = 0; i < 1000 && raw_server_connections(hung) == 0; i++)
        nanosleep(&moment, NULL);
    assert_true(raw_server_connections(hung) > 0);
}

static void m08_callers_who_wait(void **state)
{
    (void)state;
    pthread_t waiting[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&waiting[i], NULL, validate_hung, NULL), 0);
    await_hung();
    int64_t start = scene_real_ms();
    assert_int_equal(scene_try(&at, "{\"algorithm\":\"RS256\"}", HUNG_WAIT), ASSAY_OK); /* cold, with a fetch */
    assert_int_equal(scene_validate(&at, down_token, HUNG_WAIT), ASSAY_E_KEYS_UNAVAILABLE);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(scene_try(&at, "{\"algorithm\":\"RS256\"}", i % 2 == 0 ? 0 : HUNG_WAIT), ASSAY_OK);
        assert_int_equal(scene_validate(&at, down_token, HUNG_WAIT), ASSAY_E_KEYS_UNAVAILABLE); /* backing off */
    }
    /* What the hung one's tokens could be nobody knows, and a caller who does not wait is told so at once. */
    assert_int_equal(scene_validate(&at, hung_token, 0), ASSAY_E_KEYS_NEEDED);
    /* A rotation of the good one: its fetch passes the hung one by. */
    char *answer = NULL;
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    assert_int_equal(scene_try(&at, "{\"algorithm\":\"RS256\"}", HUNG_WAIT), ASSAY_OK);
    int64_t took = scene_real_ms() - start;
    assert_int_equal(atomic_load(&hung_done), 0);
    for (size_t i = 0; i < 4; i++) {
        void *code;
        assert_int_equal(pthread_join(waiting[i], &code), 0);
        assert_int_equal((intptr_t)code, ASSAY_E_KEYS_UNAVAILABLE);
    }
    print_message("the others took %d ms beside a hung issuer\n", (int)took);
    assert_true(took < PROMPT);
}

static assay_op *make_op(const char *token)
{
    assay_op *op = NULL;
    must_ok(assay_op_new_validate(at.validator, token, strlen(token), NULL, HUNG_WAIT, &op, NULL));
    return op;
}

/* One driver for all of them; it keeps them fresh as well. */
static void m08_operations_of_a_driver(void **state)
{
    (void)state;
    static loop turning;
    char *good = scene_mint(&at, "{\"algorithm\":\"RS256\"}");
    loop_open(&turning, LOOP_EDGE);
    must_ok(assay_driver_keep_fresh(turning.driver, at.validator, NULL));
    int64_t start = scene_real_ms();
    assay_op *stuck = make_op(hung_token);
    loop_add(&turning, stuck);
    loop_add(&turning, make_op(down_token));
    for (int i = 0; i < 20; i++)
        loop_add(&turning, make_op(good));
    int accepted = 0;
    for (int i = 0; i < 21; i++) {
        assay_op *op = loop_next(&turning, PROMPT);
        assert_non_null(op);
        assert_ptr_not_equal(op, stuck);
        int code = loop_result(op);
        assert_true(code == ASSAY_OK || code == ASSAY_E_KEYS_UNAVAILABLE);
        accepted += code == ASSAY_OK ? 1 : 0;
    }
    assert_int_equal(accepted, 20);
    assert_true(scene_real_ms() - start < PROMPT);
    /* The refresh that is due comes while the hung one is still asked. */
    int64_t before = scene_requests(&at, "jwks");
    scene_advance(&at, 3601);
    while (scene_requests(&at, "jwks") == before && scene_real_ms() - start < PROMPT)
        loop_turn(&turning, 100);
    assert_true(scene_requests(&at, "jwks") > before);
    assay_op *last = loop_next(&turning, 2 * HUNG_WAIT);
    assert_ptr_equal(last, stuck);
    assert_int_equal(loop_result(last), ASSAY_E_KEYS_UNAVAILABLE);
    loop_close(&turning);
    free(good);
}

/* The thread that refreshes asks the good one though the hung one, which comes first, has not answered. */
static void m08_refresh_thread(void **state)
{
    (void)state;
    const struct timespec moment = {.tv_nsec = 5000000};
    must_ok(assay_validator_start_refresh_thread(at.validator, NULL));
    await_hung();
    int64_t start = scene_real_ms();
    while (scene_requests(&at, "jwks") == 0 && scene_real_ms() - start < PROMPT)
        nanosleep(&moment, NULL);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    assert_int_equal(scene_try(&at, "{\"algorithm\":\"RS256\"}", PROMPT), ASSAY_OK);
    assay_validator_stop_refresh_thread(at.validator);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(m08_callers_who_wait),
        CASE(m08_operations_of_a_driver),
        CASE(m08_refresh_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
