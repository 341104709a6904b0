/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_DAY_SERVER_H
#define ASSAY_TESTS_DAY_SERVER_H

/*
 * A token endpoint that lives in the time of the test: it takes seconds of the test's clock to answer, and is down for minutes of it. One request at a time,
 * in a thread of its own. Failures of its own end the test program.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct day_server {
    /* To set before the start. */
    atomic_llong *clock_ms; /* the test's */
    int64_t lifetime;       /* seconds, of its tokens */
    int64_t delay_ms;       /* that an answer takes */
    int64_t outage_ms;      /* for so long it is down, */
    int every;              /* from the first request of each renewal of so many on */

    atomic_llong held_until; /* it has a request, and waits until the clock says so; 0: it does not wait */
    atomic_int requests, given, refused, outages;

    int listener, port, stop[2];
    int64_t down_until;
    pthread_t thread;
} day_server;

void day_server_start(day_server *server);
void day_server_stop(day_server *server);

#endif
