/* SPDX-License-Identifier: MIT */
/*
 * A day of a busy service, in less than a minute: a hundred threads ask all the time, and two servers give tokens for an hour and for five minutes. They take 5
 * seconds to answer, and are down when each second renewal begins, or each twelfth. No caller ever waits, and none is refused.
 *
 * By Settled 1 of exchange.md a token for an hour is renewed 12 minutes before its end and serves until 30 seconds before it, so an outage of four minutes
 * harms nobody. One for five minutes is renewed at half its life, 150 seconds before its end (165 with jitter), and serves for 120 seconds more. A renewal of three
 * tries takes some 20 seconds here where the server is down for the answers, and the next one begins 30 seconds after it: so what has ended after 70 seconds is seen
 * in time, and four minutes could not be borne by tokens of that length.
 */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/day_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLERS 100
#define DAY_MS 86400000
#define STEP_MS 5000      /* of the day, in each turn */
#define SLOW_STEP_MS 2000 /* while a renewal pauses between tries */
#define WALL 1700000000
#define SCOPE "orders.read"
#define MOVING_MS 20000       /* real: longest wait for it to settle */
#define LEASE_OF_LOOK_MS 2000 /* real */

typedef struct service {
    day_server server;
    assay_credential *credential;
    int64_t lease_until, next_lease_until; /* of the last look that was seen */
} service;

static atomic_llong clock_ms;
static service hour = {
    .server = {.clock_ms = &clock_ms, .lifetime = 3600, .delay_ms = 5000, .outage_ms = 240000, .every = 2}};
static service minutes = {
    .server = {.clock_ms = &clock_ms, .lifetime = 300, .delay_ms = 5000, .outage_ms = 70000, .every = 12}};
static assay_runtime *runtime;
static atomic_bool over;
static atomic_long gets;

static void sleep_us(long microseconds)
{
    const struct timespec pause = {0, microseconds * 1000};
    (void)nanosleep(&pause, NULL);
}

static int64_t wall(void *user_data)
{
    (void)user_data;
    return WALL + atomic_load(&clock_ms) / 1000;
}

static int64_t steady(void *user_data)
{
    (void)user_data;
    return atomic_load(&clock_ms);
}

static void open_service(service *of)
{
    char url[64];
    day_server_start(&of->server);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/token", of->server.port);
    assert_int_equal(assay_credential_new(runtime, "client-credentials", &of->credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_endpoint(of->credential, url, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(of->credential, "day", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_secret(of->credential, "night", 5, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_allow_loopback_http(of->credential, NULL), ASSAY_OK);
}

static void close_service(service *of)
{
    assay_credential_unref(of->credential);
    day_server_stop(&of->server);
}

static int start(void **state)
{
    (void)state;
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL), ASSAY_OK);
    open_service(&hour);
    open_service(&minutes);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    close_service(&hour);
    close_service(&minutes);
    assay_runtime_unref(runtime);
    return 0;
}

/* Without any time to wait there is a token, and it is good at a moment that is not before the call. */
static void get_at_once(const service *of)
{
    assay_access_token *token = NULL;
    int64_t now = wall(NULL);
    int code = assay_credential_get_token(of->credential, SCOPE, 0, &token, NULL);
    if (code != ASSAY_OK || assay_access_token_expires_at(token) <= now) {
        fprintf(stderr, "%s at second %lld of the day, for %lld s tokens\n", assay_code_name(code),
                (long long)(now - WALL), (long long)of->server.lifetime);
        abort();
    }
    assay_access_token_unref(token);
    atomic_fetch_add_explicit(&gets, 1, memory_order_relaxed);
}

static void *ask_all_day(void *argument)
{
    (void)argument;
    while (!atomic_load(&over)) {
        get_at_once(&hour);
        get_at_once(&minutes);
        trial_sleep(8);
    }
    return NULL;
}

/* What keeps the day from going on: real time has no part in what is tested, however slow the machine is. */
typedef enum unsettled {
    SETTLED,
    PAUSING, /* a renewal waits until it may ask again, and has looked at the clock since that was moved */
    MOVING   /* a renewal is due and not begun, or a request is on its way, or that look is still to come */
} unsettled;

/* The leader of a flight that pauses takes a short lease with each look; that of a request is long. */
static bool has_looked(service *of, int64_t lease_until)
{
    bool looked = lease_until != of->lease_until && lease_until - trial_now_ms() < LEASE_OF_LOOK_MS;
    if (looked)
        of->next_lease_until = lease_until;
    return looked;
}

static unsettled look_at(service *of)
{
    assay_credential *credential = of->credential;
    int64_t due_at = INT64_MAX;
    int64_t held_until = atomic_load(&of->server.held_until);
    if (held_until != 0) /* over, and the server's thread has not had its turn: time must not run away from it */
        return atomic_load(&clock_ms) < held_until ? SETTLED : MOVING;
    assay_credential_lock(credential);
    const assay_kept *kept = assay_kept_find_scope(&credential->kept, SCOPE);
    bool flying = kept->flying;
    int64_t lease_until = kept->lease_until;
    (void)assay_acquire_due(credential, steady(NULL), &due_at);
    assay_credential_unlock(credential);
    if (!flying)
        return due_at <= steady(NULL) ? MOVING : SETTLED;
    return has_looked(of, lease_until) ? PAUSING : MOVING;
}

/* How far the day goes on. */
static int64_t settle(void)
{
    unsettled worst = MOVING;
    for (int64_t began = trial_now_ms(); worst == MOVING && trial_now_ms() - began < MOVING_MS; sleep_us(200)) {
        unsettled one = look_at(&hour), other = look_at(&minutes);
        worst = one > other ? one : other;
    }
    hour.lease_until = hour.next_lease_until;
    minutes.lease_until = minutes.next_lease_until;
    assert_int_not_equal(worst, MOVING);
    return worst == SETTLED ? STEP_MS : SLOW_STEP_MS;
}

static void live_through_the_day(void)
{
    int64_t until = atomic_load(&clock_ms) + DAY_MS;
    while (atomic_load(&clock_ms) < until) {
        atomic_fetch_add(&clock_ms, settle());
        get_at_once(&hour);
        get_at_once(&minutes);
        sleep_us(500);
    }
}

/* The first token is waited for, while the day goes on. */
static void get_first(service *of)
{
    trial_caller caller;
    trial_call(&caller, of->credential, SCOPE, 60000);
    while (!atomic_load(&caller.done)) {
        atomic_fetch_add(&clock_ms, 100);
        trial_sleep(1);
    }
    trial_answered(&caller, ASSAY_OK);
    trial_release(&caller);
    assert_int_equal(assay_credential_start_refresh_thread(of->credential, NULL), ASSAY_OK);
}

/*
 * So many tokens: one life, less what it is renewed early by; some renewals late by what the outage and the pauses between renewals last.
 */
static void check_counts(const service *of, int64_t shortest, int64_t longest)
{
    const day_server *server = &of->server;
    uint64_t exchanges = trial_stat(of->credential, ASSAY_CREDENTIAL_STAT_EXCHANGES);
    uint64_t failures = trial_stat(of->credential, ASSAY_CREDENTIAL_STAT_FAILURES);
    int given = atomic_load(&server->given), outages = atomic_load(&server->outages);
    print_message("# %lld s tokens: %d given, %d refused, %d outages, %llu exchanges, %llu failures, %ld gets\n",
                  (long long)server->lifetime, given, atomic_load(&server->refused), outages,
                  (unsigned long long)exchanges, (unsigned long long)failures, atomic_load(&gets));
    assert_in_range(given, DAY_MS / 1000 / longest, DAY_MS / 1000 / shortest + 2);
    assert_in_range(outages, given / server->every - 1, given / server->every);
    assert_in_range(exchanges - failures, given, given + 1); /* one may be under way */
    assert_int_equal(trial_stat(of->credential, ASSAY_CREDENTIAL_STAT_REFRESHES), exchanges - 1);
    assert_int_equal(trial_stat(of->credential, ASSAY_CREDENTIAL_STAT_REQUESTS), atomic_load(&server->requests));
    /* Each outage is met by a renewal at once, and then every 30 seconds at most. */
    assert_in_range(failures, outages, (unsigned)outages * (uint64_t)(server->outage_ms / 30000 + 1));
    assert_true(atomic_load(&server->refused) <= 3 * (int)failures + 2 * outages);
}

static void test_case_39_a_day_with_outages(void **state)
{
    pthread_t threads[CALLERS];
    (void)state;
    get_first(&hour);
    get_first(&minutes);
    int64_t began = trial_now_ms();
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_all_day, NULL), 0);
    live_through_the_day();
    atomic_store(&over, true);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    print_message("# a day in %lld ms\n", (long long)(trial_now_ms() - began));
    check_counts(&hour, 2592, 2880 + 300);
    check_counts(&minutes, 135, 150 + 120);
    assert_true(atomic_load(&gets) > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_case_39_a_day_with_outages)};
    return cmocka_run_group_tests(tests, start, stop);
}
