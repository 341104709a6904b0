/* SPDX-License-Identifier: MIT */
#include "support/asker.h"

#include <stdio.h>
#include <stdlib.h>

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "asker: %s\n", what);
    abort();
}

void asker_open(asker *at, asker_engine engine)
{
    memset(at, 0, sizeof *at);
    at->engine = engine;
    if (engine == ASKER_LOOP)
        multi_loop_open(&at->loop);
    else
        must(assay_http_client_new(&at->settings, &at->client) == ASSAY_OK, "client");
}

void asker_close(asker *at)
{
    if (at->engine == ASKER_LOOP)
        multi_loop_close(&at->loop);
    assay_http_client_free(at->client);
    assay_http_settings_clear(&at->settings);
}

int asker_send(asker *at, const assay_http_request *request, int64_t timeout_ms, multi_result *got)
{
    assay_http_transfer *transfer = NULL;
    memset(got, 0, sizeof *got);
    assay_http_response_init(&got->response);
    if (at->engine == ASKER_BLOCKING) {
        got->code = assay_http_client_send(at->client, request, timeout_ms, 1000, &got->response, &got->failure);
        return got->code;
    }
    got->code = assay_http_multi_start(at->loop.multi, &at->settings, request, timeout_ms, 1000, multi_result_done, got,
                                       &transfer, &got->failure);
    must((transfer != NULL) == (got->code == ASSAY_OK), "transfer");
    if (got->code == ASSAY_OK)
        must(multi_loop_until(&at->loop, got, timeout_ms + 5000) && got->calls == 1, "answer");
    return got->code;
}

void asker_ca(assay_http_ca *ca, const char *pem)
{
    memset(ca, 0, sizeof *ca);
    must(assay_http_ca_take(ca, pem, strlen(pem), NULL) == ASSAY_OK, "CA");
}
