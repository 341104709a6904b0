/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_MULTI_LOOP_H
#define ASSAY_TESTS_MULTI_LOOP_H

/* An event loop of one multi and its poller, as a driver runs it. Everything ends the test program on failure of its own. */

#include "flow/poller.h"
#include "http/multi.h"

typedef struct multi_loop {
    assay_poller *poller;
    assay_http_multi *multi;
    int64_t longest_us; /* the longest time of one call of the multi so far */
} multi_loop;

/* What became of one transfer. */
typedef struct multi_result {
    int calls; /* of the callback */
    int code;
    assay_http_response response; /* taken over */
    assay_failure failure;
} multi_result;

void multi_loop_open(multi_loop *loop);
void multi_loop_close(multi_loop *loop);
/* One pass: wait so long for the descriptor, then serve all that is ready. */
void multi_loop_turn(multi_loop *loop, int wait_ms);
/* Until @p result has come, @p most_ms at most; false: it has not. */
bool multi_loop_until(multi_loop *loop, const multi_result *result, int64_t most_ms);
/* The callback for a multi_result. */
void multi_result_done(void *user_data, int code, assay_http_response *response, const assay_failure *failure);
void multi_result_clear(multi_result *result);

#endif
