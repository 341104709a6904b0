/* SPDX-License-Identifier: MIT */
/*
 * A process for each connection, which starts cold: it executes this very program anew, and inherits nothing but the socket.
 *
 *   connection_server ISSUER AUDIENCE --store DIRECTORY [--ca-file FILE] [--allow-loopback-http] [--port N] [--workers N]
 *
 * The store makes it warm: keys that any process of this user has fetched, each of them begins with. At most so many connections as
 * workers are served at a time.
 */
#include "service.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32 };

/* The whole life of a child. */
static int serve(const service_options *options, int client, int stop)
{
    assay_validator *validator = NULL;
    assay_error *error = NULL;
    if (service_make_validator(options, &validator, &error) != ASSAY_OK)
        return service_explain(error);
    http_serve(client, stop, service_authenticate, validator);
    assay_validator_unref(validator);
    return 0;
}

/* @p argv once more, with the socket. Only in a child, between fork and exec. */
static void become(char **argv, int client, pid_t parent)
{
    char number[32], option[] = "--connection", *arguments[ARGUMENTS_MAX + 3];
    int count = 0;
    for (; argv[count] != NULL && count < ARGUMENTS_MAX; count++)
        arguments[count] = argv[count];
    (void)snprintf(number, sizeof number, "%d", client);
    arguments[count++] = option;
    arguments[count++] = number;
    arguments[count] = NULL;
    /* It outlives an exec: no child stays behind. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent && fcntl(client, F_SETFD, 0) == 0)
        (void)execv("/proc/self/exe", arguments);
    _exit(127);
}

static int free_place(const service_children *children, int count)
{
    int place = 0;
    while (place < count && children->ids[place] != 0)
        place++;
    return place;
}

static void run(char **argv, const service_options *options, int listener, int stop, service_children *children)
{
    pid_t parent = getpid();
    struct pollfd ready[3] = {{.fd = stop, .events = POLLIN}, {.fd = children->signals, .events = POLLIN}};
    while (ready[0].revents == 0) {
        int place = free_place(children, options->workers);
        ready[2] = (struct pollfd){.fd = place < options->workers ? listener : -1, .events = POLLIN};
        if (poll(ready, 3, -1) < 0)
            continue; /* EINTR */
        service_bury(children);
        int client = ready[2].revents != 0 ? accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
        if (client < 0)
            continue;
        pid_t child = fork();
        if (child == 0)
            become(argv, client, parent);
        if (child > 0)
            children->ids[place] = child;
        (void)close(client);
    }
    service_end(children);
}

int main(int argc, char **argv)
{
    service_options options;
    service_children children = {.signals = -1};
    if (!service_read_options(argc, argv, false, &options))
        return 2;
    int stop = service_signals(SIGTERM, SIGINT);
    if (options.connection >= 0)
        return serve(&options, options.connection, stop);
    if (options.store == NULL || argc > ARGUMENTS_MAX) {
        fprintf(stderr, "without --store DIRECTORY each connection would cost a fetch\n");
        return 2;
    }
    children.signals = service_signals(SIGCHLD, SIGCHLD);
    int listener = http_listen(options.port);
    if (stop < 0 || children.signals < 0 || listener < 0) {
        perror("start");
        return 1;
    }
    run(argv, &options, listener, stop, &children);
    (void)close(listener);
    (void)close(children.signals);
    (void)close(stop);
    return 0;
}
