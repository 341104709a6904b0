/* SPDX-License-Identifier: MIT */
/* One flight for blocking threads, drivers and bare operations at once, and what becomes of it where its leader goes away. Run under TSan too. */
#include "flow/flight.h"
#include "flow/validator.h"
#include "support/fetch.h"
#include "support/pace.h"
#include "support/scene.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT 30000
enum { BLOCKING = 50, DRIVERS = 3, EACH = 50, BARE = 10, MOST = BLOCKING + DRIVERS + 1 };

/* Sanitizers on two busy cores are slow; the times of the library stretch with what they are compared to. */
static int64_t unit = 1;
#define FETCH_MS (500 * unit)
#define SLACK_MS (1000 * unit)

static scene at;
static char *token;

static int open_scene(void **state)
{
    (void)state;
    unit = pace_is_sanitized() ? 4 : 1;
    scene_open(&at, NULL);
    token = scene_mint(&at, "{}");
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    dev_issuer_fault(at.issuer, "all", "none", -1, -1);
    free(token);
    scene_close(&at);
    return 0;
}

static assay_op *make_op(int64_t timeout_ms)
{
    assay_op *op = NULL;
    if (assay_op_new_validate(at.validator, token, strlen(token), NULL, timeout_ms, &op, NULL) != ASSAY_OK)
        abort();
    return op;
}

static int end_op(assay_op *op)
{
    assay_claims *claims = NULL;
    int code = assay_op_result(op, &claims, NULL);
    if ((code == ASSAY_OK) != (claims != NULL))
        abort();
    assay_claims_unref(claims);
    assay_op_free(op);
    return code;
}

/* A crowd: each member in a thread of its own, with one way of waiting and one or many validations. */
typedef struct member {
    void (*work)(struct member *self);
    int count;
    int64_t timeout_ms;
    int accepted, unavailable;
    int64_t took_ms; /* until the last of them */
    pthread_t thread;
} member;

static void count_code(member *self, int code)
{
    self->accepted += code == ASSAY_OK;
    self->unavailable += code == ASSAY_E_KEYS_UNAVAILABLE;
}

static void block(member *self)
{
    count_code(self, scene_validate(&at, token, self->timeout_ms));
}

/* Process until so many are done; bounded. */
static void drive(assay_driver *driver, member *self)
{
    struct pollfd ready = {.fd = assay_driver_fd(driver), .events = POLLIN};
    int64_t start = scene_real_ms();
    for (int done = 0; done < self->count && scene_real_ms() - start < 2 * WAIT;) {
        (void)poll(&ready, 1, 1000);
        if (assay_driver_process(driver, NULL) != ASSAY_OK)
            abort();
        for (assay_op *op; (op = assay_driver_next_done(driver)) != NULL; done++)
            count_code(self, end_op(op));
    }
}

static void drive_many(member *self)
{
    assay_driver *driver = NULL;
    if (assay_driver_new(&driver, NULL) != ASSAY_OK)
        abort();
    for (int i = 0; i < self->count; i++)
        if (assay_driver_add(driver, make_op(self->timeout_ms), NULL) != ASSAY_OK)
            abort();
    drive(driver, self);
    assay_driver_free(driver);
}

/* A host with its own HTTP: all are stepped in turn. */
static void answer_many(member *self)
{
    assay_op *ops[BARE];
    int left = self->count;
    for (int i = 0; i < left; i++)
        ops[i] = make_op(self->timeout_ms);
    for (int64_t start = scene_real_ms(); left > 0 && scene_real_ms() - start < 2 * WAIT;) {
        const struct timespec pause = {0, 5000000};
        for (int i = 0; i < left; i++) {
            int want = assay_op_step(ops[i]);
            if (want == ASSAY_WANT_FETCH)
                fetch_for(ops[i], dev_issuer_ca_pem(at.issuer));
            if (want != ASSAY_WANT_NOTHING)
                continue;
            count_code(self, end_op(ops[i]));
            ops[i--] = ops[--left];
        }
        nanosleep(&pause, NULL);
    }
}

static void *run_member(void *argument)
{
    member *self = argument;
    int64_t start = scene_real_ms();
    self->work(self);
    self->took_ms = scene_real_ms() - start;
    return NULL;
}

static void start_members(member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&members[i].thread, NULL, run_member, &members[i]), 0);
}

static void join_members(member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(members[i].thread, NULL), 0);
}

static void fifty_threads_three_drivers_ten_operations(void **state)
{
    (void)state;
    static member members[MOST];
    scene_validator(&at);
    dev_issuer_fault(at.issuer, "all", "slow", 300, -1);
    for (size_t i = 0; i < MOST; i++)
        members[i] = i < BLOCKING             ? (member){.work = block, .count = 1, .timeout_ms = WAIT}
                     : i < BLOCKING + DRIVERS ? (member){.work = drive_many, .count = EACH, .timeout_ms = WAIT}
                                              : (member){.work = answer_many, .count = BARE, .timeout_ms = WAIT};
    start_members(members, MOST);
    join_members(members, MOST);
    int accepted = 0;
    for (size_t i = 0; i < MOST; i++) {
        assert_int_equal(members[i].accepted, members[i].count);
        accepted += members[i].accepted;
    }
    assert_int_equal(accepted, BLOCKING + DRIVERS * EACH + BARE);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

/* How many seats wait for the flight now. */
static int count_waiting(void)
{
    int count = 0;
    assay_issuer_keys *keys = &at.validator->issuers[0].keys;
    assay_issuer_keys_lock(keys);
    for (const assay_seat *seat = keys->waiting; seat != NULL; seat = seat->next)
        count++;
    assay_issuer_keys_unlock(keys);
    return count;
}

/* Until they all wait, or so much time went by: then some come after the leader is gone, which is allowed too. */
static void let_them_wait(int count, int64_t most_ms)
{
    const struct timespec pause = {0, 2000000};
    for (int64_t start = scene_real_ms(); count_waiting() < count && scene_real_ms() - start < most_ms;)
        nanosleep(&pause, NULL);
}

typedef enum fate {
    BARE_FREED,
    BARE_SILENT,
    BARE_CANCELLED,
    DRIVEN_CANCELLED,
    DRIVER_FREED,
    BLOCKING_IN_HASTE,
    FATES
} fate;
static const char *const fate_names[FATES] = {"bare operation freed",
                                              "bare operation never answered",
                                              "bare operation cancelled",
                                              "driven operation cancelled",
                                              "driver freed",
                                              "thread in haste"};

typedef struct leader {
    fate fate;
    bool keys; /* it goes away while the keys are fetched, else the metadata */
    assay_op *op;
    assay_driver *driver;
    member haste;
} leader;

/* Until a driver's transfer is on its way, as the server counts it. */
static void process_until_asked(leader *lead)
{
    struct pollfd ready = {.fd = assay_driver_fd(lead->driver), .events = POLLIN};
    for (int64_t start = scene_real_ms(); scene_requests(&at, lead->keys ? "jwks" : "metadata") == 0;) {
        assert_true(scene_real_ms() - start < 10000);
        (void)poll(&ready, 1, 10);
        assert_int_equal(assay_driver_process(lead->driver, NULL), ASSAY_OK);
    }
}

/* Take the lead, as far as the errand in which it will go away. */
static void take_the_lead(leader *lead)
{
    const char *document = lead->keys ? "jwks" : "metadata";
    if (lead->fate == BLOCKING_IN_HASTE) {
        dev_issuer_fault(at.issuer, document, "slow", 20000, 1);
        lead->haste = (member){.work = block, .count = 1, .timeout_ms = FETCH_MS * 4 / 5};
        start_members(&lead->haste, 1);
        for (int64_t start = scene_real_ms(); scene_requests(&at, document) == 0;)
            assert_true(scene_real_ms() - start < 10000);
        return;
    }
    lead->op = make_op(WAIT);
    if (lead->fate == DRIVEN_CANCELLED || lead->fate == DRIVER_FREED) {
        dev_issuer_fault(at.issuer, document, "slow", lead->fate == DRIVER_FREED ? 20000 : FETCH_MS * 3 / 5, 1);
        assert_int_equal(assay_driver_new(&lead->driver, NULL), ASSAY_OK);
        assert_int_equal(assay_driver_add(lead->driver, lead->op, NULL), ASSAY_OK);
        process_until_asked(lead);
        return;
    }
    assert_int_equal(assay_op_step(lead->op), ASSAY_WANT_FETCH);
    if (lead->keys) {
        fetch_for(lead->op, dev_issuer_ca_pem(at.issuer));
        assert_int_equal(assay_op_step(lead->op), ASSAY_WANT_FETCH);
    }
}

static void go_away(leader *lead)
{
    switch (lead->fate) {
    case BARE_FREED:
        assay_op_free(ASSAY_STEAL(lead->op));
        break;
    case BARE_CANCELLED:
        assay_op_cancel(lead->op);
        break;
    case DRIVEN_CANCELLED: /* the fetch goes on for the others, while the driver lives */
        assay_op_cancel(lead->op);
        lead->haste = (member){.count = 1};
        drive(lead->driver, &lead->haste);
        assert_int_equal(lead->haste.accepted + lead->haste.unavailable, 0);
        lead->op = NULL;
        break;
    case DRIVER_FREED:
        assay_driver_free(ASSAY_STEAL(lead->driver));
        lead->op = NULL;
        break;
    default: /* time does it */
        break;
    }
}

static void *keep_processing(void *argument)
{
    leader *lead = argument;
    struct pollfd ready = {.fd = assay_driver_fd(lead->driver), .events = POLLIN};
    for (int64_t start = scene_real_ms(); scene_real_ms() - start < FETCH_MS;) {
        (void)poll(&ready, 1, 10);
        if (assay_driver_process(lead->driver, NULL) != ASSAY_OK)
            abort();
    }
    return NULL;
}

static void clean_up(leader *lead)
{
    if (lead->fate == BARE_SILENT) { /* when it comes back at last, it has the others' keys */
        fetch_until_done(lead->op, dev_issuer_ca_pem(at.issuer));
        assert_int_equal(end_op(ASSAY_STEAL(lead->op)), ASSAY_OK);
    }
    if (lead->fate == BLOCKING_IN_HASTE) {
        join_members(&lead->haste, 1);
        /* Its heir may be so quick that it sees the keys when it looks for the last time. */
        assert_int_equal(lead->haste.unavailable + lead->haste.accepted, 1);
        assert_in_range(lead->haste.took_ms, FETCH_MS * 4 / 5 - 5, FETCH_MS * 4 / 5 + SLACK_MS);
    }
    assay_op_free(lead->op);
    assay_driver_free(lead->driver);
}

/* What the server was asked: a fetch that was on its way when its leader went is made again, and nothing else is. */
static void check_requests(const leader *lead)
{
    bool again = lead->fate == DRIVER_FREED || lead->fate == BLOCKING_IN_HASTE;
    assert_int_equal(scene_requests(&at, "metadata"), again && !lead->keys ? 2 : 1);
    assert_int_equal(scene_requests(&at, "jwks"), again && lead->keys ? 2 : 1);
}

static void lose_the_leader(fate how, bool keys)
{
    member others[10];
    leader lead = {.fate = how, .keys = keys};
    assert_int_equal(assay_runtime_set_fetch_timeout(at.runtime, FETCH_MS, NULL), ASSAY_OK);
    scene_validator(&at);
    take_the_lead(&lead);
    for (int i = 0; i < 10; i++)
        others[i] = i < 8    ? (member){.work = block, .count = 1, .timeout_ms = WAIT}
                    : i == 8 ? (member){.work = drive_many, .count = 8, .timeout_ms = WAIT}
                             : (member){.work = answer_many, .count = 4, .timeout_ms = WAIT};
    int64_t start = scene_real_ms();
    start_members(others, 10);
    let_them_wait(20, FETCH_MS / 4);
    int waiting = count_waiting();
    pthread_t processing;
    go_away(&lead);
    if (how == DRIVEN_CANCELLED)
        assert_int_equal(pthread_create(&processing, NULL, keep_processing, &lead), 0);
    join_members(others, 10);
    int64_t took = scene_real_ms() - start;
    if (how == DRIVEN_CANCELLED)
        (void)pthread_join(processing, NULL);
    for (int i = 0; i < 10; i++)
        assert_int_equal(others[i].accepted, others[i].count);
    print_message("%s, %s: %d waited; all had their answer after %d ms; requests: %d metadata, %d keys\n",
                  fate_names[how], keys ? "keys" : "metadata", waiting, (int)took, (int)scene_requests(&at, "metadata"),
                  (int)scene_requests(&at, "jwks"));
    assert_in_range(took, 0, FETCH_MS + ASSAY_LIMIT_LEASE_GRACE_MS + SLACK_MS);
    clean_up(&lead);
    check_requests(&lead);
}

static void leader_goes_away(void **state)
{
    for (int i = 0; i < 2 * FATES; i++) {
        if (i > 0) {
            close_scene(state);
            open_scene(state);
        }
        lose_the_leader((fate)(i / 2), i % 2 == 1);
    }
}

/* Nobody waits longer than its own time, however it waits; and the leader's keys are there when they come. */
static void waiters_with_little_time(void **state)
{
    (void)state;
    member others[6];
    scene_validator(&at);
    assay_op *slow = make_op(WAIT);
    assert_int_equal(assay_op_step(slow), ASSAY_WANT_FETCH);
    for (int i = 0; i < 6; i++)
        others[i] = i < 4    ? (member){.work = block, .count = 1, .timeout_ms = 200}
                    : i == 4 ? (member){.work = drive_many, .count = 8, .timeout_ms = 200}
                             : (member){.work = answer_many, .count = 4, .timeout_ms = 200};
    start_members(others, 6);
    join_members(others, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(others[i].unavailable, others[i].count);
        assert_in_range(others[i].took_ms, 195, 200 + SLACK_MS / 2);
    }
    assert_int_equal(scene_requests(&at, "metadata"), 0);
    fetch_until_done(slow, dev_issuer_ca_pem(at.issuer));
    assert_int_equal(end_op(slow), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

/* An operation that waits already is handed to a driver in the moment in which its leader goes. */
typedef struct handing {
    pthread_barrier_t moment;
    assay_op *op;
    member self;
} handing;

static void *hand_over(void *argument)
{
    handing *hand = argument;
    assay_driver *driver = NULL;
    if (assay_driver_new(&driver, NULL) != ASSAY_OK)
        abort();
    pthread_barrier_wait(&hand->moment);
    if (assay_driver_add(driver, hand->op, NULL) != ASSAY_OK)
        abort();
    hand->self = (member){.count = 1};
    drive(driver, &hand->self);
    assay_driver_free(driver);
    return NULL;
}

static void waiting_operation_given_to_a_driver(void **state)
{
    for (int i = 0; i < 10; i++) {
        handing hand;
        pthread_t thread;
        close_scene(state);
        open_scene(state);
        scene_validator(&at);
        assay_op *lead = make_op(WAIT);
        hand.op = make_op(WAIT);
        assert_int_equal(assay_op_step(lead), ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_step(hand.op), ASSAY_WANT_WAIT);
        pthread_barrier_init(&hand.moment, NULL, 2);
        assert_int_equal(pthread_create(&thread, NULL, hand_over, &hand), 0);
        pthread_barrier_wait(&hand.moment);
        assay_op_cancel(lead);
        int64_t start = scene_real_ms();
        (void)pthread_join(thread, NULL);
        assert_int_equal(hand.self.accepted, 1);
        assert_in_range(scene_real_ms() - start, 0, 5 * SLACK_MS);
        pthread_barrier_destroy(&hand.moment);
        assay_op_free(lead);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(fifty_threads_three_drivers_ten_operations),
        CASE(leader_goes_away),
        CASE(waiters_with_little_time),
        CASE(waiting_operation_given_to_a_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
