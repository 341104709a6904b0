/* SPDX-License-Identifier: MIT */
/* Signals: calls that are interrupted all the time, what the library leaves of the host's handlers and masks, and SIGPIPE. Run under TSan too. */
#include "support/far_issuer.h"
#include "support/loop.h"
#include "support/process.h"
#include "support/scene.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 20000
#define SECONDS 60
#define SIGNALS 65

static far_issuer issuer;
static char *good;
static atomic_int rung;

static int start_issuer(void **state)
{
    (void)state;
    far_issuer_start(&issuer, true);
    good = far_issuer_mint(&issuer, "{}");
    return 0;
}

static int stop_issuer(void **state)
{
    (void)state;
    far_issuer_stop(&issuer);
    free(good);
    return 0;
}

static void on_alarm(int number)
{
    (void)number;
    atomic_fetch_add(&rung, 1);
}

/* Every millisecond, without SA_RESTART: whatever waits is interrupted. */
static void ring(bool on)
{
    const struct sigaction action = {.sa_handler = on ? on_alarm : SIG_DFL};
    const struct itimerval every = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};
    if (on)
        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    if (!on)
        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
}

static assay_validator *cold(int slow_ms)
{
    far_issuer_fault(&issuer, "all", slow_ms == 0 ? "none" : "slow", slow_ms == 0 ? -1 : slow_ms, -1);
    return far_issuer_validator(&issuer, NULL);
}

static void blocking_calls_are_interrupted(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assay_validator *validator = cold(40);
        atomic_store(&rung, 0);
        ring(true);
        int code = i % 2 == 0 ? far_issuer_try(validator, good, WAIT) : assay_validator_warm_up(validator, WAIT, NULL);
        int refreshed = assay_validator_refresh(validator, NULL, WAIT, NULL);
        ring(false);
        assert_int_equal(code, ASSAY_OK);
        assert_int_equal(refreshed, ASSAY_OK);
        assert_true(atomic_load(&rung) > 20);
        assay_validator_unref(validator);
    }
}

static void driver_is_interrupted(void **state)
{
    (void)state;
    for (int kind = LOOP_EDGE; kind <= LOOP_CALLBACKS; kind++) {
        loop turning;
        assay_validator *validator = cold(40);
        ring(true);
        loop_open(&turning, (loop_kind)kind);
        for (int i = 0; i < 20; i++) {
            assay_op *op = NULL;
            assert_int_equal(assay_op_new_validate(validator, good, strlen(good), NULL, WAIT, &op, NULL), ASSAY_OK);
            loop_add(&turning, op);
        }
        for (int i = 0; i < 20; i++) {
            assay_op *op = loop_next(&turning, WAIT);
            assert_non_null(op);
            assert_int_equal(loop_result(op), ASSAY_OK);
        }
        loop_close(&turning);
        ring(false);
        assay_validator_unref(validator);
    }
}

/* The thread is stopped, joined and started under fire, and its signals are the other thread's to handle. */
static void refresh_thread_is_interrupted(void **state)
{
    (void)state;
    assay_validator *validator = cold(10);
    ring(true);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(assay_validator_start_refresh_thread(validator, NULL), ASSAY_OK);
        assert_int_equal(far_issuer_try(validator, good, WAIT), ASSAY_OK);
        assay_validator_stop_refresh_thread(validator);
    }
    assay_validator_unref(validator);
    ring(false);
}

/* Handlers and mask of the process, as the library finds them and must leave them. */
typedef struct dispositions {
    struct sigaction actions[SIGNALS];
    bool known[SIGNALS];
    sigset_t mask;
} dispositions;

static void look(dispositions *at)
{
    memset(at, 0, sizeof *at);
    for (int number = 1; number < SIGNALS; number++)
        at->known[number] = sigaction(number, NULL, &at->actions[number]) == 0;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &at->mask);
}

static void assert_alike(const dispositions *a, const dispositions *b)
{
    for (int number = 1; number < SIGNALS; number++) {
        assert_int_equal(a->known[number], b->known[number]);
        if (!a->known[number])
            continue;
        assert_int_equal(sigismember(&a->mask, number), sigismember(&b->mask, number));
        assert_int_equal(a->actions[number].sa_flags, b->actions[number].sa_flags);
        if ((a->actions[number].sa_flags & SA_SIGINFO) != 0)
            assert_true(a->actions[number].sa_sigaction == b->actions[number].sa_sigaction);
        else
            assert_true(a->actions[number].sa_handler == b->actions[number].sa_handler);
    }
}

static void on_socket(void *user_data, int fd, int events)
{
    (void)user_data;
    (void)fd;
    (void)events;
}

static void on_timer(void *user_data, int64_t timeout_ms)
{
    (void)user_data;
    (void)timeout_ms;
}

static void handlers_and_mask_are_the_hosts(void **state)
{
    (void)state;
    dispositions before, after;
    sigset_t some;
    assay_driver *driver = NULL;
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGUSR2); /* what is blocked stays so, too */
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &some, NULL), 0);
    look(&before);

    assay_validator *validator = cold(0);
    assert_int_equal(far_issuer_try(validator, good, WAIT), ASSAY_OK);
    look(&after);
    assert_alike(&before, &after);
    assert_int_equal(assay_validator_start_refresh_thread(validator, NULL), ASSAY_OK);
    look(&after);
    assert_alike(&before, &after);
    assert_int_equal(assay_driver_new_with_callbacks(on_socket, on_timer, NULL, NULL, &driver, NULL), ASSAY_OK);
    assert_int_equal(assay_driver_keep_fresh(driver, validator, NULL), ASSAY_OK);
    assert_int_equal(assay_driver_process(driver, NULL), ASSAY_OK);
    look(&after);
    assert_alike(&before, &after);
    assay_driver_free(driver);
    loop turning;
    loop_open(&turning, LOOP_EDGE);
    assay_op *op = NULL;
    assert_int_equal(assay_op_new_refresh(validator, issuer.url, WAIT, &op, NULL), ASSAY_OK);
    loop_add(&turning, op);
    assert_int_equal(loop_result(loop_next(&turning, WAIT)), ASSAY_OK);
    look(&after);
    assert_alike(&before, &after);
    loop_close(&turning);
    assay_validator_unref(validator);
    look(&after);
    assert_alike(&before, &after);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &some, NULL), 0);
}

/* A server that closes every connection: at once, or after a look at what was sent and the beginning of an answer. */
typedef struct rude_server {
    int listener, port;
    bool tls, answers;
    pthread_t thread;
} rude_server;

static void *close_all(void *argument)
{
    static const char begun[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{";
    const rude_server *at = argument;
    char request[4096];
    for (int fd; (fd = accept(at->listener, NULL, NULL)) >= 0; close(fd)) {
        if (!at->answers || recv(fd, request, sizeof request, 0) <= 0)
            continue;
        (void)send(fd, begun, sizeof begun - 1, MSG_NOSIGNAL);
    }
    return NULL;
}

static bool start_rude(rude_server *at)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    at->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (at->listener < 0 || bind(at->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(at->listener, 16) != 0 || getsockname(at->listener, (struct sockaddr *)&address, &len) != 0)
        return false;
    at->port = ntohs(address.sin_port);
    return pthread_create(&at->thread, NULL, close_all, at) == 0;
}

/* In a child whose SIGPIPE ends it. */
static int ask_who_closes(void *argument)
{
    rude_server *server = argument;
    char url[100];
    assay_issuer *configuration = NULL;
    assay_validator *validator = NULL;
    (void)signal(SIGPIPE, SIG_DFL);
    if (!start_rude(server))
        return 1;
    snprintf(url, sizeof url, "%s://127.0.0.1:%d", server->tls ? "https" : "http", server->port);
    if (assay_issuer_new(url, &configuration, NULL) != ASSAY_OK ||
        assay_issuer_add_audience(configuration, "a", NULL) != ASSAY_OK ||
        (!server->tls && assay_issuer_allow_loopback_http(configuration, NULL) != ASSAY_OK) ||
        assay_validator_new(NULL, &configuration, 1, &validator, NULL) != ASSAY_OK)
        return 2;
    for (int i = 0; i < 20; i++) {
        loop turning;
        assay_op *op = NULL;
        if (assay_validator_refresh(validator, NULL, WAIT, NULL) == ASSAY_OK)
            return 3;
        loop_open(&turning, i % 2 == 0 ? LOOP_EDGE : LOOP_CALLBACKS);
        if (assay_op_new_refresh(validator, url, WAIT, &op, NULL) != ASSAY_OK)
            return 4;
        loop_add(&turning, op);
        op = loop_next(&turning, WAIT);
        if (op == NULL || loop_result(op) == ASSAY_OK)
            return 5;
        loop_close(&turning);
    }
    assay_validator_unref(validator);
    assay_issuer_free(configuration);
    (void)shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    return 0;
}

static void no_broken_pipe_is_raised(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        rude_server server = {.tls = i / 2 == 1, .answers = i % 2 == 1};
        assert_int_equal(process_run(ask_who_closes, &server, SECONDS), 0);
    }
}

/* A TLS connection that is kept and whose server is gone: closing it writes into nothing. */
static int outlive_the_issuer(void *argument)
{
    far_issuer gone;
    loop turning;
    assay_op *op = NULL;
    (void)argument;
    (void)signal(SIGPIPE, SIG_DFL);
    far_issuer_start(&gone, true);
    assay_validator *validator = far_issuer_validator(&gone, NULL);
    loop_open(&turning, LOOP_EDGE);
    if (assay_op_new_refresh(validator, gone.url, WAIT, &op, NULL) != ASSAY_OK)
        return 1;
    loop_add(&turning, op);
    if (loop_result(loop_next(&turning, WAIT)) != ASSAY_OK)
        return 2;
    far_issuer_stop(&gone);
    for (int i = 0; i < 3; i++) {
        if (assay_op_new_refresh(validator, gone.url, WAIT, &op, NULL) != ASSAY_OK)
            return 3;
        loop_add(&turning, op);
        if (loop_result(loop_next(&turning, WAIT)) == ASSAY_OK)
            return 4;
    }
    loop_close(&turning);
    assay_validator_unref(validator);
    return 0;
}

static void connection_whose_server_is_gone(void **state)
{
    (void)state;
    assert_int_equal(process_run(outlive_the_issuer, NULL, SECONDS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocking_calls_are_interrupted), cmocka_unit_test(driver_is_interrupted),
        cmocka_unit_test(refresh_thread_is_interrupted),  cmocka_unit_test(handlers_and_mask_are_the_hosts),
        cmocka_unit_test(no_broken_pipe_is_raised),       cmocka_unit_test(connection_whose_server_is_gone),
    };
    return cmocka_run_group_tests(tests, start_issuer, stop_issuer);
}
