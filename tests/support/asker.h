/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_ASKER_H
#define ASSAY_TESTS_ASKER_H

/* One engine for requests, the blocking one or that for event loops, for tests of what both do. Failures of its own end the test program. */

#include "http/client.h"
#include "support/multi_loop.h"

typedef enum asker_engine { ASKER_BLOCKING, ASKER_LOOP, ASKER_ENGINES } asker_engine;

typedef struct asker {
    asker_engine engine;
    assay_http_settings settings; /* to change before the first request */
    assay_http_client *client;
    multi_loop loop;
} asker;

void asker_open(asker *at, asker_engine engine);
void asker_close(asker *at);
/* Send and wait; the code. Clear @p got with multi_result_clear(). The clock says 1000. */
int asker_send(asker *at, const assay_http_request *request, int64_t timeout_ms, multi_result *got);

/* A CA of its own from PEM; release with assay_http_ca_clear(). */
void asker_ca(assay_http_ca *ca, const char *pem);

#endif
