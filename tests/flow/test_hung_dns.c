/* SPDX-License-Identifier: MIT */

/*
 * A name server that takes questions and never answers must not outlast a deadline (architecture, section 4). It needs a network of its own,
 * so where the system does not permit that the test is skipped.
 */
#include "base/clock.h"
#include "http/client.h"
#include "support/deaf_dns.h"
#include "support/multi_loop.h"
#include "support/pace.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PASSED = 0, FAILED = 1 };

static const char hung[] = "https://issuer.example/keys";

static int ask_client(int64_t timeout_ms, assay_failure *failure)
{
    ASSAY_CLEANUP(assay_http_client_free_p) assay_http_client *client = NULL;
    assay_http_response response;
    const assay_http_request request = {.url = hung, .body_limit = 1000};
    if (assay_http_client_new(NULL, &client) != ASSAY_OK)
        return ASSAY_E_MEMORY;
    return assay_http_client_send(client, &request, timeout_ms, 0, &response, failure);
}

/* Whether every thread but this one has the host's signals blocked; there must be one. */
static bool resolvers_block_signals(void)
{
    const uint64_t wanted = UINT64_C(1) << (SIGUSR1 - 1) | UINT64_C(1) << (SIGTERM - 1) | UINT64_C(1) << (SIGCHLD - 1);
    DIR *tasks = opendir("/proc/self/task");
    int others = 0, blocking = 0;
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        char path[300], line[256];
        long id = strtol(entry->d_name, NULL, 10);
        if (id == 0 || id == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%ld/status", id);
        FILE *file = fopen(path, "r");
        for (others++; file != NULL && fgets(line, sizeof line, file) != NULL;)
            if (strncmp(line, "SigBlk:", 7) == 0)
                blocking += (strtoull(line + 7, NULL, 16) & wanted) == wanted;
        if (file != NULL)
            fclose(file);
    }
    if (tasks != NULL)
        closedir(tasks);
    return others > 0 && others == blocking;
}

static assay_http_settings shared;

/* @p cancel: in the middle. */
static int ask_multi(int64_t timeout_ms, bool cancel, assay_failure *failure)
{
    multi_loop loop;
    multi_result got = {.calls = 0};
    assay_http_transfer *transfer = NULL;
    const assay_http_request request = {.url = hung, .body_limit = 1000};
    multi_loop_open(&loop);
    int code = assay_http_multi_start(loop.multi, &shared, &request, timeout_ms, 0, multi_result_done, &got, &transfer,
                                      failure);
    (void)multi_loop_until(&loop, &got, cancel ? timeout_ms / 2 : timeout_ms + 10000);
    if (cancel && !resolvers_block_signals())
        code = ASSAY_E_INTERNAL;
    if (cancel)
        assay_http_transfer_cancel(transfer);
    multi_loop_close(&loop);
    *failure = got.failure;
    return code != ASSAY_OK || cancel ? code : got.code;
}

/* The client last: its resolver threads linger, and have the mask of their caller. */
typedef enum way { MULTI, MULTI_CANCELLED, CLIENT } way;

static int ask(way how, int64_t timeout_ms, int64_t *took_ms)
{
    assay_failure failure;
    assay_failure_clear(&failure);
    int64_t start = assay_clock_real_ms();
    int code =
        how == CLIENT ? ask_client(timeout_ms, &failure) : ask_multi(timeout_ms, how == MULTI_CANCELLED, &failure);
    *took_ms = assay_clock_real_ms() - start; /* freed as well: that must not wait for the resolver either */
    printf("way %d, timeout %d ms: code %d after %d ms (%s)\n", how, (int)timeout_ms, code, (int)*took_ms,
           failure.note);
    return code;
}

/* The right code, at the right time: after the deadline, or half of it where it is cancelled. */
static bool keeps_to(way how, int64_t timeout_ms, int64_t slack_ms)
{
    int64_t took = INT64_MAX, due = how == MULTI_CANCELLED ? timeout_ms / 2 : timeout_ms;
    int code = ASSAY_OK;
    for (int i = 0; i < 3 && took > due + slack_ms; i++) /* a busy machine */
        code = ask(how, timeout_ms, &took);
    return code == (how == MULTI_CANCELLED ? ASSAY_OK : ASSAY_E_TIMEOUT) && took >= due - 50 && took <= due + slack_ms;
}

static int child(void)
{
    if (!deaf_dns())
        return DEAF_DNS_NOT_PERMITTED;
    if (assay_http_ca_load(&shared.ca, NULL) != ASSAY_OK) /* takes a while, and is not what is measured */
        return FAILED;
    int result = PASSED;
    for (way how = MULTI; how <= CLIENT; how++)
        for (int64_t timeout = 300; timeout <= 900; timeout += 600)
            if (!keeps_to(how, timeout, pace_is_slowed() ? 2000 : 100))
                result = FAILED;
    assay_http_settings_clear(&shared);
    return result;
}

static void test_hung_dns_does_not_outlast_the_deadline(void **state)
{
    (void)state;
    int status = deaf_dns_run(child);
    if (status == DEAF_DNS_NOT_PERMITTED)
        skip();
    assert_int_equal(status, PASSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hung_dns_does_not_outlast_the_deadline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
