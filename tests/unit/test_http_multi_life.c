/* SPDX-License-Identifier: MIT */
/* The lives of transfers: cancelled at any moment, started and cancelled from callbacks, left in a forked child; and the host's signals. */
#include "base/clock.h"
#include "http/client.h"
#include "support/certificates.h"
#include "support/multi_loop.h"
#include "support/process.h"
#include "support/raw_server.h"

#include <arpa/inet.h>
#include <dev_issuer.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static multi_loop loop;
static dev_issuer *issuer;
static assay_http_settings settings;
static char url[256];

static int open_issuer(void **state)
{
    char message[200];
    /* An RSA key would take valgrind longer than all that is fetched here. */
    const dev_issuer_options options = {
        .tls = true, .algorithms = (const char *const[]){"ES256"}, .algorithm_count = 1};
    if (certificates_make(state) != 0 || dev_issuer_start(&options, &issuer, message, sizeof message) != 0)
        return 1;
    const char *pem = dev_issuer_ca_pem(issuer);
    settings.ca.pem = assay_strdup(pem);
    settings.ca.len = strlen(pem);
    snprintf(url, sizeof url, "%s/.well-known/openid-configuration", dev_issuer_url(issuer));
    return 0;
}

static int close_issuer(void **state)
{
    assay_http_settings_clear(&settings);
    dev_issuer_stop(issuer);
    return certificates_remove(state);
}

static int open_loop(void **state)
{
    (void)state;
    multi_loop_open(&loop);
    return 0;
}

static int close_loop(void **state)
{
    (void)state;
    multi_loop_close(&loop);
    return 0;
}

static assay_http_transfer *start(const char *target, assay_http_settings *with, assay_http_done done, void *user_data)
{
    assay_http_transfer *transfer = NULL;
    const assay_http_request request = {.url = target, .body_limit = 100000, .allow_loopback_http = true};
    assert_int_equal(assay_http_multi_start(loop.multi, with, &request, 60000, 0, done, user_data, &transfer, NULL),
                     ASSAY_OK);
    return transfer;
}

/* Nothing is left to be watched; idle connections are kept unwatched. */
static void expect_quiet(void)
{
    assay_poller_event event;
    int64_t end = assay_clock_real_ms() + 5000;
    /* What curl put off, such as closing, is done by its timer. */
    while (assay_poller_take(loop.poller, &event, 1) > 0 && assay_clock_real_ms() < end)
        assay_http_multi_timeout(loop.multi);
    assert_int_equal(assay_poller_take(loop.poller, &event, 1), 0);
}

/* After each number of turns from none to those that a whole fetch takes. */
static void test_cancel_at_each_moment(void **state)
{
    (void)state;
    multi_result got = {.calls = 0};
    int turns = 0;
    for (bool whole = false; !whole && turns < 1000; turns++) {
        multi_loop_close(&loop); /* a new connection for each */
        multi_loop_open(&loop);
        assay_http_transfer *transfer = start(url, &settings, multi_result_done, &got);
        for (int i = 0; i < turns && got.calls == 0; i++)
            multi_loop_turn(&loop, 5000);
        whole = got.calls > 0;
        if (!whole)
            assay_http_transfer_cancel(transfer);
        expect_quiet();
        assert_int_equal(got.calls, whole);
        assert_int_equal(got.code, ASSAY_OK);
    }
    assert_true(turns > 3 && turns < 1000);
    multi_result_clear(&got);
    assay_http_transfer_cancel(NULL);
    /* And many, of which each second one is cancelled on the way. */
    static multi_result many[40];
    assay_http_transfer *transfers[40];
    for (size_t i = 0; i < ASSAY_COUNT_OF(many); i++)
        transfers[i] = start(url, &settings, multi_result_done, &many[i]);
    for (size_t i = 0; i < ASSAY_COUNT_OF(many); i += 2, multi_loop_turn(&loop, 20))
        if (many[i].calls == 0)
            assay_http_transfer_cancel(transfers[i]);
    for (size_t i = 0; i < ASSAY_COUNT_OF(many); i++) {
        if (i % 2 == 1)
            assert_true(multi_loop_until(&loop, &many[i], 60000));
        assert_true(many[i].calls == 1 || i % 2 == 0);
        assert_int_equal(many[i].code, ASSAY_OK);
        multi_result_clear(&many[i]);
    }
    expect_quiet();
}

static void test_free_with_transfers_under_way(void **state)
{
    (void)state;
    multi_result got[5];
    memset(got, 0, sizeof got);
    for (int turns = 0; turns < 6; turns++) {
        int calls[ASSAY_COUNT_OF(got)];
        for (size_t i = 0; i < ASSAY_COUNT_OF(got); i++)
            start(url, &settings, multi_result_done, &got[i]);
        for (int i = 0; i < turns && got[0].calls == 0; i++)
            multi_loop_turn(&loop, 1000);
        for (size_t i = 0; i < ASSAY_COUNT_OF(got); i++)
            calls[i] = got[i].calls;
        multi_loop_close(&loop);
        for (size_t i = 0; i < ASSAY_COUNT_OF(got); i++) {
            assert_int_equal(got[i].calls, calls[i]);
            multi_result_clear(&got[i]);
        }
        multi_loop_open(&loop);
    }
    assay_http_multi_free(NULL);
}

enum { SIBLINGS = 12 };
static assay_http_transfer *siblings[SIBLINGS];
static int calls_of[SIBLINGS], started, ended;
static multi_result last;

static void on_late(void *user_data, int code, assay_http_response *response, const assay_failure *failure)
{
    (void)user_data;
    (void)failure;
    assert_int_equal(code, ASSAY_OK);
    assert_non_null(response->body); /* not taken over */
    ended++;
}

/* Cancels itself, its neighbours on both sides, and starts one, each time. */
static void on_sibling(void *user_data, int code, assay_http_response *response, const assay_failure *failure)
{
    size_t self = (size_t)((assay_http_transfer **)user_data - siblings);
    (void)failure;
    assert_int_equal(code, ASSAY_OK);
    assert_int_equal(response->status, 200);
    calls_of[self]++;
    assay_http_transfer_cancel(siblings[self]); /* has no effect: it has ended */
    siblings[self] = NULL;
    for (size_t i = self == 0 ? 0 : self - 1; i <= self + 1 && i < SIBLINGS; i++)
        assay_http_transfer_cancel(ASSAY_STEAL(siblings[i]));
    start(url, &settings, on_late, NULL);
    started++;
}

static void test_callbacks_that_start_and_cancel(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        memset(calls_of, 0, sizeof calls_of);
        started = ended = 0;
        for (size_t i = 0; i < SIBLINGS; i++)
            siblings[i] = start(url, &settings, on_sibling, &siblings[i]);
        int64_t end = assay_clock_real_ms() + 20000;
        for (bool some = true; (some || ended < started) && assay_clock_real_ms() < end;) {
            multi_loop_turn(&loop, 100);
            some = false;
            for (size_t i = 0; i < SIBLINGS; i++)
                some = some || siblings[i] != NULL;
        }
        assert_true(started >= SIBLINGS / 3);
        assert_int_equal(ended, started);
        for (size_t i = 0; i < SIBLINGS; i++) {
            assert_null(siblings[i]);
            assert_true(calls_of[i] <= 1);
            assert_true(i == 0 || calls_of[i] + calls_of[i - 1] <= 1); /* it would have cancelled its neighbour */
        }
        expect_quiet();
    }
}

static void on_chain(void *user_data, int code, assay_http_response *response, const assay_failure *failure)
{
    int *left = user_data;
    if (--*left > 0)
        start(url, &settings, on_chain, left);
    else
        multi_result_done(&last, code, response, failure);
}

static void test_a_chain_of_transfers(void **state)
{
    (void)state;
    int left = 50;
    start(url, &settings, on_chain, &left);
    assert_true(multi_loop_until(&loop, &last, 60000));
    assert_int_equal(last.code, ASSAY_OK);
    multi_result_clear(&last);
}

static int abandon(void *calls)
{
    assay_http_multi_abandon(loop.multi);
    assay_http_multi_abandon(NULL);
    assay_poller_free(loop.poller);
    return *(const int *)calls > 1;
}

/* A child that leaves a multi behind does not end the parent's transfers and connections. */
static void test_child_abandons(void **state)
{
    (void)state;
    multi_result got = {.calls = 0};
    for (int turns = 0; turns < 8; turns++) {
        start(url, &settings, multi_result_done, &got);
        for (int i = 0; i < turns && got.calls == 0; i++)
            multi_loop_turn(&loop, 1000);
        assert_int_equal(process_run(abandon, &got.calls, 20), 0);
        assert_true(multi_loop_until(&loop, &got, 60000));
        assert_int_equal(got.code, ASSAY_OK);
        multi_result_clear(&got);
    }
}

static void test_signal_mask_is_as_before(void **state)
{
    (void)state;
    sigset_t mask, before, after;
    multi_result got = {.calls = 0};
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask, &before), 0);
    start(url, &settings, multi_result_done, &got);
    assert_true(multi_loop_until(&loop, &got, 60000));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, &after), 0);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&after, number), number == SIGUSR2);
    multi_result_clear(&got);
}

/* ---- SIGPIPE ---- */

/* Two requests over one client or multi, with a pause between them in which the server may hang up; then everything is closed. */
static void ask_twice(const char *target, assay_http_settings *with, bool through_multi)
{
    assay_http_client *client = NULL;
    const assay_http_request request = {.url = target, .body_limit = 100000, .allow_loopback_http = true};
    if (through_multi)
        multi_loop_open(&loop);
    else if (assay_http_client_new(with, &client) != ASSAY_OK)
        _exit(2);
    for (int i = 0; i < 2; i++) {
        multi_result got = {.calls = 0};
        if (through_multi) {
            start(target, with, multi_result_done, &got);
            (void)multi_loop_until(&loop, &got, 5000);
        } else {
            (void)assay_http_client_send(client, &request, 5000, 0, &got.response, NULL);
        }
        multi_result_clear(&got);
        (void)usleep(20000); /* the reset arrives; were it late, only this test would see less */
    }
    assay_http_client_free(client);
    if (through_multi)
        multi_loop_close(&loop);
}

static atomic_bool watching, was_changed;

static void *watch_sigpipe(void *user_data)
{
    struct sigaction action;
    (void)user_data;
    while (atomic_load(&watching))
        if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
            atomic_store(&was_changed, true);
    return NULL;
}

/* Clients, multis and transfers that never get so far as to connect, while another thread looks at the setting of the process. */
static int refuse_often(void)
{
    pthread_t watcher;
    const assay_http_request unfit = {.url = "http://example.com/", .body_limit = 100};
    atomic_store(&watching, true);
    if (pthread_create(&watcher, NULL, watch_sigpipe, NULL) != 0)
        return 4;
    for (int i = 0; i < 3000; i++) {
        multi_loop_open(&loop);
        assay_http_client *client = NULL;
        assay_http_response response;
        assay_http_transfer *transfer;
        if (assay_http_client_new(NULL, &client) != ASSAY_OK ||
            (i % 2 == 0 && assay_http_client_send(client, &unfit, 100, 0, &response, NULL) == ASSAY_OK) ||
            assay_http_multi_start(loop.multi, &settings, &unfit, 100, 0, multi_result_done, NULL, &transfer, NULL) ==
                ASSAY_OK)
            return 5;
        assay_http_client_free(client);
        multi_loop_close(&loop);
    }
    atomic_store(&watching, false);
    pthread_join(watcher, NULL);
    return atomic_load(&was_changed) ? 6 : 0;
}

static const char *program; /* this one; /proc/self/exe may be valgrind */

/* The program of the child: WAY TARGET CA. It ends by SIGPIPE, or with 0. */
static int child(char **arguments)
{
    struct sigaction action;
    signal(SIGPIPE, SIG_DFL);
    if (strcmp(arguments[0], "control") == 0) { /* without the library, to see that it would be noticed */
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && close(ends[0]) == 0)
            (void)!write(ends[1], "x", 1);
        return 0;
    }
    if (strcmp(arguments[0], "refuse") == 0)
        return refuse_often();
    assay_http_settings with = {.ca = {.pem = assay_strdup(arguments[2]), .len = strlen(arguments[2])}};
    ask_twice(arguments[1], &with, strcmp(arguments[0], "multi") == 0);
    assay_http_settings_clear(&with);
    return sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL ? 0 : 1;
}

/* In a program of its own, where SIGPIPE is deadly (a mere fork of one with threads could not even allocate safely); what it ended with. */
static int status_of_child(const char *way, const char *target, const char *pem)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl(program, "child", way, target, pem, (char *)NULL);
        _exit(3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_no_sigpipe(void **state)
{
    (void)state;
    static char block[65536];
    memset(block, 'x', sizeof block - 1);
    const raw_script scripts[] = {
        {.reset = RAW_RESET_ACCEPTED},
        {.reset = RAW_RESET_HELLO},
        {.reset = RAW_RESET_REQUEST},
        {.reset = RAW_RESET_ANSWERED, .head = OK_HEAD "Content-Length: 5\r\n\r\nab"},
        {.reset = RAW_RESET_ANSWERED, .head = OK_HEAD "Content-Length: 65535\r\n\r\n", .chunk = block, .times = 1},
        {.reset = RAW_RESET_ANSWERED, .head = OK_HEAD "Content-Length: 2\r\n\r\n{}"}, /* a kept connection dies */
        {.head = OK_HEAD "Content-Length: 2\r\n\r\n{}"},                              /* or is closed */
        {.head = OK_HEAD "Content-Length: 500\r\n\r\n{}"},
        {.head = NULL},
    };
    char target[64];
    size_t len;
    char *pem = certificates_pem("ca", &len);
    int status = status_of_child("control", "", "");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    for (size_t i = 0; i < ASSAY_COUNT_OF(scripts); i++) {
        for (int way = 0; way < 4; way++) {
            raw_script script = scripts[i];
            bool tls = way % 2 == 0;
            if (tls) {
                script.certificate = certificates_path("server", "pem");
                script.key = certificates_path("server", "key");
            }
            raw_server *server = raw_server_start(&script);
            snprintf(target, sizeof target, "%s://127.0.0.1:%d/", tls ? "https" : "http", raw_server_port(server));
            status = status_of_child(way >= 2 ? "multi" : "client", target, pem);
            if (status != 0)
                fail_msg("script %zu, way %d: status %x", i, way, (unsigned)status);
            assert_true(raw_server_connections(server) >= 1);
            raw_server_stop(server);
        }
    }
    free(pem);
}

/* How many sockets of this process are connected to a port; none of them is passed on to a program that it executes. */
static int count_sockets_to(int port)
{
    int count = 0;
    struct sockaddr_in peer;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        socklen_t len = sizeof peer;
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] == '.' || getpeername(fd, (struct sockaddr *)&peer, &len) != 0 ||
            peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
            continue;
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        count++;
    }
    closedir(folder);
    return count;
}

static void test_sockets_are_closed_by_exec(void **state)
{
    (void)state;
    int port = (int)strtol(strrchr(dev_issuer_base(issuer), ':') + 1, NULL, 10);
    multi_result got = {.calls = 0};
    assert_int_equal(count_sockets_to(port), 0);
    dev_issuer_fault(issuer, "metadata", "slow", 400, 1);
    start(url, &settings, multi_result_done, &got);
    int64_t end = assay_clock_real_ms() + 300;
    int most = 0;
    while (got.calls == 0 && assay_clock_real_ms() < end) {
        multi_loop_turn(&loop, 20);
        int count = count_sockets_to(port);
        most = count > most ? count : most;
    }
    assert_int_equal(most, 1); /* under way */
    assert_true(multi_loop_until(&loop, &got, 5000));
    assert_int_equal(got.code, ASSAY_OK);
    assert_int_equal(count_sockets_to(port), 1); /* kept for later */
    multi_result_clear(&got);

    /* The engine of those who wait. */
    assay_http_client *client = NULL;
    assay_http_response response;
    const assay_http_request request = {.url = url, .body_limit = 100000, .allow_loopback_http = true};
    assert_int_equal(assay_http_client_new(&settings, &client), ASSAY_OK);
    assert_int_equal(assay_http_client_send(client, &request, 5000, 0, &response, NULL), ASSAY_OK);
    assert_int_equal(count_sockets_to(port), 2);
    assay_http_response_clear(&response);
    assay_http_client_free(client);
    assert_int_equal(count_sockets_to(port), 1);
}

/* Without CURLOPT_NOSIGNAL curl ignores SIGPIPE, for the whole process, while it frees a handle; two threads could leave it so. */
static void test_setting_of_sigpipe_is_never_touched(void **state)
{
    (void)state;
    assert_int_equal(status_of_child("refuse", "", ""), 0);
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return child(argv + 1);
    program = argv[0];
#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, open_loop, close_loop)
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_cancel_at_each_moment),
        LOOP_TEST(test_free_with_transfers_under_way),
        LOOP_TEST(test_callbacks_that_start_and_cancel),
        LOOP_TEST(test_a_chain_of_transfers),
        LOOP_TEST(test_child_abandons),
        LOOP_TEST(test_signal_mask_is_as_before),
        LOOP_TEST(test_sockets_are_closed_by_exec),
        cmocka_unit_test(test_no_sigpipe),
        cmocka_unit_test(test_setting_of_sigpipe_is_never_touched),
    };
    return cmocka_run_group_tests(tests, open_issuer, close_issuer);
}
