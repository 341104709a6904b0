/* SPDX-License-Identifier: MIT */
/* Credentials of many processes with one cache directory, and a server that counts how often it is asked. */
#include "support/process.h"
#include "support/raw_server.h"
#include "support/store_folder.h"
#include "support/trial.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PROCESSES 20
#define PATIENCE 60 /* seconds that a child may take */
#define WAIT 20000
#define TOKEN "marker-of-the-token-of-the-server"
#define BODY "{\"access_token\":\"" TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":3600}"

static char answer[512], endpoint[64];
static raw_server *server;

static void serve(int pause_ms)
{
    snprintf(answer, sizeof answer,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             strlen(BODY), BODY);
    server = raw_server_start(&(raw_script){.chunk = answer, .times = 1, .pause_ms = pause_ms});
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d/token", raw_server_port(server));
}

static int end(void **state)
{
    if (server != NULL)
        raw_server_stop(server);
    server = NULL;
    return store_folder_remove(state);
}

static assay_credential *client(void)
{
    assay_credential *credential = NULL;
    must_ok(assay_credential_new(NULL, "client-credentials", &credential, NULL));
    must_ok(assay_credential_allow_loopback_http(credential, NULL));
    must_ok(assay_credential_set_token_endpoint(credential, endpoint, NULL));
    must_ok(assay_credential_set_client_id(credential, "client", NULL));
    must_ok(assay_credential_set_secret(credential, "secret", 6, NULL));
    must_ok(assay_credential_set_cache_directory(credential, store_directory, NULL));
    return credential;
}

static bool gets(assay_credential *credential)
{
    assay_access_token *token = NULL;
    int code = assay_credential_get_token(credential, "read", WAIT, &token, NULL);
    bool right = code == ASSAY_OK && strcmp(assay_access_token_text(token, NULL), TOKEN) == 0;
    assay_access_token_unref(token);
    return right;
}

static int stat_of(const assay_credential *credential, int which)
{
    uint64_t value = 0;
    return assay_credential_get_stat(credential, which, &value) == ASSAY_OK ? (int)value : -1;
}

/* 0: it was asked for; 1: it came from the directory; more: it is not there. */
static int get_alone(void *argument)
{
    (void)argument;
    assay_credential *credential = client();
    if (!gets(credential) || !gets(credential))
        return 2;
    int shared = stat_of(credential, ASSAY_CREDENTIAL_STAT_SHARED);
    int exchanges = stat_of(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES);
    assay_credential_unref(credential);
    return shared + exchanges == 1 ? shared : 3;
}

/*
 * What children wait at until there is a server. They are forked before it has a thread, which may be in the allocator, whose lock a child would
 * inherit where that is a sanitizer's.
 */
static int gates[2][2];

static void make_gates(void)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(pipe(gates[i]), 0);
}

static void open_gate(int which, int children)
{
    for (int i = 0; i < children; i++)
        assert_int_equal(write(gates[which][1], endpoint, sizeof endpoint), sizeof endpoint);
    assert_int_equal(close(gates[which][1]), 0);
    assert_int_equal(close(gates[which][0]), 0);
}

static int get_behind_gate(void *argument)
{
    const int *which = argument;
    return read(gates[*which][0], endpoint, sizeof endpoint) == (ssize_t)sizeof endpoint ? get_alone(NULL) : 4;
}

static void twenty_cold_processes_ask_once(void **state)
{
    (void)state;
    int children[PROCESSES], from_directory = 0, first = 0;
    make_gates();
    for (int i = 0; i < PROCESSES; i++)
        children[i] = process_start(get_behind_gate, &first, PATIENCE);
    serve(300);
    open_gate(0, PROCESSES);
    open_gate(1, 0);
    for (int i = 0; i < PROCESSES; i++) {
        int code = process_wait(children[i]);
        assert_in_range(code, 0, 1);
        from_directory += code;
    }
    assert_int_equal(raw_server_connections(server), 1);
    assert_int_equal(from_directory, PROCESSES - 1);
}

static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* all threads wait for something then */
}

static void wait_for_connections(int wanted)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 4000 && raw_server_connections(server) < wanted; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(raw_server_connections(server), wanted);
}

static void another_goes_on_for_one_that_is_killed(void **state)
{
    (void)state;
    int children[4], first = 0, second = 1;
    make_gates();
    int leader = process_start(get_behind_gate, &first, PATIENCE);
    for (int i = 0; i < 4; i++)
        children[i] = process_start(get_behind_gate, &second, PATIENCE);
    serve(1000);
    open_gate(0, 1);
    wait_for_connections(1);
    open_gate(1, 4);
    assert_int_equal(kill(leader, SIGKILL), 0);
    assert_int_equal(process_wait(leader), 1000 + SIGKILL);
    int from_directory = 0;
    for (int i = 0; i < 4; i++)
        from_directory += process_wait(children[i]);
    assert_int_equal(from_directory, 3);
    assert_int_equal(raw_server_connections(server), 2);
}

static int forget_one(void *argument)
{
    (void)argument;
    assay_credential *credential = client();
    if (!gets(credential))
        return 1;
    assay_credential_forget(credential, NULL);
    assay_credential_unref(credential);
    return 0;
}

/* One that this process never had. */
static int forget_unseen(void *argument)
{
    assay_token_request *request = NULL;
    (void)argument;
    assay_credential *credential = client();
    must_ok(assay_token_request_new("read", &request, NULL));
    assay_credential_forget(credential, request);
    assay_token_request_free(request);
    assay_credential_unref(credential);
    return 0;
}

static void what_one_forgets_no_other_is_given(void **state)
{
    (void)state;
    serve(0);
    settle();
    assert_int_equal(process_run(get_alone, NULL, PATIENCE), 0);
    assert_int_equal(process_run(get_alone, NULL, PATIENCE), 1);
    assert_int_equal(process_run(forget_one, NULL, PATIENCE), 0);
    assert_int_equal(raw_server_connections(server), 1);
    assert_int_equal(process_run(get_alone, NULL, PATIENCE), 0);
    assert_int_equal(raw_server_connections(server), 2);
    assert_int_equal(process_run(forget_unseen, NULL, PATIENCE), 0);
    assert_int_equal(process_run(get_alone, NULL, PATIENCE), 0);
    assert_int_equal(raw_server_connections(server), 3);
}

/* A process that forked while it obtained one: its child waits for it as a stranger would. */
static assay_credential *parents;

static void *lead(void *argument)
{
    (void)argument;
    return gets(parents) ? parents : NULL;
}

static int get_by_the_parents(void *argument)
{
    (void)argument;
    bool right = gets(parents);
    int shared = stat_of(parents, ASSAY_CREDENTIAL_STAT_SHARED);
    return right && shared == 1 ? 0 : 1;
}

static void a_fork_in_the_middle(void **state)
{
    (void)state;
    pthread_t thread;
    void *got = NULL;
    serve(500);
    parents = client();
    assert_int_equal(pthread_create(&thread, NULL, lead, NULL), 0);
    wait_for_connections(1);
    settle();
    assert_int_equal(process_run(get_by_the_parents, NULL, PATIENCE), 0);
    assert_int_equal(pthread_join(thread, &got), 0);
    assert_ptr_equal(got, parents);
    assert_int_equal(raw_server_connections(server), 1);
    assay_credential_unref(parents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twenty_cold_processes_ask_once, store_folder_open, end),
        cmocka_unit_test_setup_teardown(another_goes_on_for_one_that_is_killed, store_folder_open, end),
        cmocka_unit_test_setup_teardown(what_one_forgets_no_other_is_given, store_folder_open, end),
        cmocka_unit_test_setup_teardown(a_fork_in_the_middle, store_folder_open, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
