/* SPDX-License-Identifier: MIT */
/*
 * A master that makes everything once, and workers that it forks, which accept on one socket.
 *
 *   prefork_server ISSUER AUDIENCE [--ca-file FILE] [--allow-loopback-http] [--store DIRECTORY] [--port N] [--workers N]
 *
 * The validator is made, and its keys are fetched, before the first fork: workers begin warm, also one that takes the place of another.
 * No thread survives a fork, so each worker starts the refresh thread for itself.
 */
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { WARM_UP_MS = 5000, RESTART_MS = 100 };

static int work(assay_validator *validator, int listener, int stop, pid_t master)
{
    assay_error *error = NULL;
    int client;
    /* Whatever becomes of the master, no worker stays behind. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != master)
        return 1;
    if (assay_validator_start_refresh_thread(validator, &error) != ASSAY_OK)
        (void)service_explain(error); /* then requests pay for refreshes */
    while ((client = http_accept(listener, stop)) >= 0)
        http_serve(client, stop, service_authenticate, validator);
    return 0;
}

/* The master is one thread, and inside no call of the library: that is all that a fork asks for. @return true in the worker. */
static bool start_worker(pid_t *worker)
{
    pid_t made = fork();
    if (made > 0) {
        printf("worker %d\n", (int)made);
        (void)fflush(stdout);
    } else if (made < 0) {
        perror("fork");
    }
    *worker = made > 0 ? made : 0;
    return made == 0;
}

/* Wait for what is next; false: it is time to stop. */
static bool rest(int stop, int children, int timeout_ms)
{
    struct pollfd ready[2] = {{.fd = stop, .events = POLLIN}, {.fd = children, .events = POLLIN}};
    while (poll(ready, 2, timeout_ms) < 0 && errno == EINTR)
        continue;
    return ready[0].revents == 0;
}

/* Keep so many workers until it is time to stop. @return 1 in a worker. */
static int supervise(service_children *workers, int count, int stop)
{
    bool goes_on = true;
    while (goes_on) {
        bool complete = true;
        for (int i = 0; i < count; i++) {
            if (workers->ids[i] == 0 && start_worker(&workers->ids[i]))
                return 1;
            complete = complete && workers->ids[i] != 0;
        }
        goes_on = rest(stop, workers->signals, complete ? -1 : RESTART_MS);
        service_bury(workers);
        if (goes_on) /* where workers die at once, at least not in a frenzy */
            goes_on = rest(stop, -1, RESTART_MS);
    }
    service_end(workers);
    return 0;
}

int main(int argc, char **argv)
{
    service_options options;
    assay_validator *validator = NULL;
    assay_error *error = NULL;
    service_children workers = {.signals = -1};
    pid_t master = getpid();

    if (!service_read_options(argc, argv, false, &options))
        return 2;
    int stop = service_signals(SIGTERM, SIGINT);
    workers.signals = service_signals(SIGCHLD, SIGCHLD);
    if (service_make_validator(&options, &validator, &error) != ASSAY_OK)
        return service_explain(error);
    service_warm_up(validator, WARM_UP_MS);
    int listener = http_listen(options.port), status = 1;
    if (stop < 0 || workers.signals < 0 || listener < 0)
        perror("start");
    else if (supervise(&workers, options.workers, stop) == 1)
        status = work(validator, listener, stop, master);
    else
        status = 0;
    assay_validator_unref(validator); /* in a worker too: this ends its refresh thread */
    (void)close(listener);
    (void)close(workers.signals);
    (void)close(stop);
    return status;
}
