/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "histogram.h"

#include <arpa/inet.h>
#include <assay/credential.h>
#include <assay/op.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * What a caller waits for a token that is kept: its cost, and how long two threads wait who ask all the time, while nothing happens and while a renewal is under
 * way with a server that takes its time. Real time, since what is asked is how long a caller waits; threads are not pinned. The server is a process of its own.
 */

#define SCOPE "orders.read"
#define ROUNDS 5
#define SLICE_NS 2e9
#define DELAY_MS 1500
#define DUE_MS 2900000 /* of a token for an hour */
#define GOAL "less than 50 us for 99.9 percent"

enum figure { MEDIAN, P99, P999, LONGEST, FIGURES };

static const char *const figure_names[FIGURES] = {"median", "p99", "p999", "max"};
static const double parts[LONGEST] = {0.5, 0.99, 0.999};

static atomic_llong ahead_ms; /* of the clocks */

static int64_t wall(void *user_data)
{
    (void)user_data;
    return (int64_t)time(NULL) + atomic_load(&ahead_ms) / 1000;
}

static int64_t steady(void *user_data)
{
    struct timespec now;
    (void)user_data;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load(&ahead_ms);
}

static assay_credential *make_credential(int port)
{
    char url[64];
    assay_runtime *runtime = NULL;
    assay_credential *credential = NULL;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/token", port);
    bench_must(assay_runtime_new(&runtime, NULL) == ASSAY_OK &&
                   assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL) == ASSAY_OK &&
                   assay_credential_new(runtime, "client-credentials", &credential, NULL) == ASSAY_OK &&
                   assay_credential_set_token_endpoint(credential, url, NULL) == ASSAY_OK &&
                   assay_credential_set_client_id(credential, "bench", NULL) == ASSAY_OK &&
                   assay_credential_set_secret(credential, "secret", 6, NULL) == ASSAY_OK &&
                   assay_credential_allow_loopback_http(credential, NULL) == ASSAY_OK,
               "credential");
    assay_runtime_unref(runtime);
    return credential;
}

static size_t write_answer(char *answer, size_t size)
{
    char token[1700];
    memset(token, 'a', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    return (size_t)snprintf(answer, size, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
                            token);
}

/* The first token, without a server. */
static void give_token(assay_credential *credential)
{
    char answer[2048];
    size_t len = write_answer(answer, sizeof answer);
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    bench_must(assay_token_request_new(SCOPE, &request, NULL) == ASSAY_OK &&
                   assay_op_new_acquire(credential, request, 10000, &op, NULL) == ASSAY_OK &&
                   assay_op_step(op) == ASSAY_WANT_FETCH &&
                   assay_op_fetched(op, 200, assay_op_fetch_url(op), (const uint8_t *)answer, len) == ASSAY_OK &&
                   assay_op_step(op) == ASSAY_WANT_NOTHING && assay_op_result(op, NULL, NULL) == ASSAY_OK,
               "the first token");
    assay_op_free(op);
    assay_token_request_free(request);
}

static void get_token(assay_credential *credential)
{
    assay_access_token *token = NULL;
    bench_must(assay_credential_get_token(credential, SCOPE, 0, &token, NULL) == ASSAY_OK, "no token is kept");
    assay_access_token_unref(token);
}

static void get_tokens(void *state, size_t count)
{
    for (size_t i = 0; i < count; i++)
        get_token(state);
}

void bench_kept(bench_case *made)
{
    assay_credential *credential = make_credential(1);
    give_token(credential);
    made->run = get_tokens;
    made->state = credential;
}

/* --- the server --- */

static void answer_request(int fd)
{
    char request[4096] = "", body[2048], head[128];
    size_t got = 0;
    const char *end = NULL, *length = NULL;
    while (end == NULL || got < (size_t)(end - request) + 4 + (length == NULL ? 0 : strtoul(length + 16, NULL, 10))) {
        ssize_t more = recv(fd, request + got, sizeof request - got - 1, 0);
        if (more <= 0)
            return;
        got += (size_t)more;
        request[got] = '\0';
        end = strstr(request, "\r\n\r\n");
        length = strcasestr(request, "Content-Length: ");
    }
    const struct timespec delay = {DELAY_MS / 1000, DELAY_MS % 1000 * 1000000};
    (void)nanosleep(&delay, NULL);
    size_t len = write_answer(body, sizeof body);
    int head_len = snprintf(
        head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", len);
    (void)send(fd, head, (size_t)head_len, MSG_NOSIGNAL | MSG_MORE);
    (void)send(fd, body, len, MSG_NOSIGNAL);
}

/* It ends with the other process, however that ends. */
static pid_t start_server(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_must(listener >= 0 && bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 16) == 0 &&
                   getsockname(listener, (struct sockaddr *)&address, &len) == 0,
               "a server");
    *port = ntohs(address.sin_port);
    (void)fflush(NULL);
    pid_t process = fork();
    bench_must(process >= 0, "fork");
    if (process != 0) {
        (void)close(listener);
        return process;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(1);
        answer_request(fd);
        (void)close(fd);
    }
}

/* --- two threads --- */

typedef struct asker {
    assay_credential *credential;
    pthread_t thread;
    histogram times;
} asker;

static void *ask(void *argument)
{
    asker *self = argument;
    double start = bench_now_ns();
    for (double now = start; now - start < SLICE_NS;) {
        get_token(self->credential);
        double end = bench_now_ns();
        histogram_add(&self->times, end - now);
        now = end;
    }
    return NULL;
}

static uint64_t refreshes(const assay_credential *credential)
{
    uint64_t value = 0;
    bench_must(assay_credential_get_stat(credential, ASSAY_CREDENTIAL_STAT_REFRESHES, &value) == ASSAY_OK,
               "statistics");
    return value;
}

static void slice(assay_credential *credential, asker *askers, bool renewing, double *figures)
{
    uint64_t before = refreshes(credential);
    if (renewing) /* the first who asks has it renewed, by the thread */
        (void)atomic_fetch_add(&ahead_ms, DUE_MS);
    for (size_t i = 0; i < 2; i++) {
        histogram_clear(&askers[i].times);
        askers[i].credential = credential;
        bench_must(pthread_create(&askers[i].thread, NULL, ask, &askers[i]) == 0, "thread");
    }
    for (size_t i = 0; i < 2; i++)
        bench_must(pthread_join(askers[i].thread, NULL) == 0, "thread");
    bench_must(refreshes(credential) - before == (renewing ? 1 : 0), "not the renewals that were to be measured");
    for (size_t i = 0; i < LONGEST; i++) { /* of the one that fared worse */
        double one = histogram_quantile(&askers[0].times, parts[i]),
               other = histogram_quantile(&askers[1].times, parts[i]);
        figures[i] = one > other ? one : other;
    }
    figures[LONGEST] = askers[0].times.max > askers[1].times.max ? askers[0].times.max : askers[1].times.max;
}

static void print_side(const char *name, double figures[ROUNDS][FIGURES])
{
    for (size_t i = 0; i < FIGURES; i++) {
        char line[64];
        double values[ROUNDS];
        for (size_t round = 0; round < ROUNDS; round++)
            values[round] = figures[round][i];
        (void)snprintf(line, sizeof line, "tokens.%s.%s", name, figure_names[i]);
        bench_print(line, bench_median_of(values, ROUNDS), "ns");
    }
}

void bench_tokens(void)
{
    static asker askers[2];
    double idle[ROUNDS][FIGURES], renewing[ROUNDS][FIGURES];
    int port;
    pid_t server = start_server(&port);
    bench_case kept = {.name = "tokens.get"};
    bench_kept(&kept);
    bench_rounds(&kept, 1);
    bench_print(kept.name, bench_median(&kept), "ns");
    assay_credential *credential = make_credential(port);
    give_token(credential);
    bench_must(assay_credential_start_refresh_thread(credential, NULL) == ASSAY_OK, "refresh thread");
    for (size_t round = 0; round < ROUNDS; round++) {
        slice(credential, askers, false, idle[round]);
        slice(credential, askers, true, renewing[round]);
    }
    printf("# tokens: two threads, a server that takes %d ms, %d renewals; the goal is " GOAL "\n", DELAY_MS, ROUNDS);
    print_side("idle", idle);
    print_side("renewal", renewing);
    assay_credential_unref(credential);
    assay_credential_unref(kept.state);
    (void)kill(server, SIGTERM);
    (void)waitpid(server, NULL, 0);
}
