/* SPDX-License-Identifier: MIT */
#include "flow/acquisition.h"
#include "http/client.h"

/* The engine for callers who wait: an acquisition in the caller's own thread, one request after the other. */

static assay_turn carry_out(assay_acquisition *acquisition, assay_http_client **client, int *code,
                            assay_failure *failure, assay_failure_detail *detail)
{
    assay_runtime *runtime = acquisition->credential->runtime;
    assay_failure why;
    assay_http_response response;
    assay_http_response_init(&response);
    assay_failure_clear(&why);
    const assay_http_request *request = assay_acquisition_request(acquisition);
    int missed = *client != NULL ? ASSAY_OK : assay_http_client_new(&runtime->http, client);
    if (missed != ASSAY_OK) {
        (void)assay_fail(&why, missed);
    } else {
        assay_runtime_log(runtime, ASSAY_LOG_DEBUG, "asking %s", request->url);
        missed = assay_http_client_send(*client, request, acquisition->until - assay_clock_real_ms(),
                                        assay_clock_wall(&runtime->clock), &response, &why);
    }
    assay_turn turn = assay_acquisition_report(acquisition, &response, missed, &why, code, failure, detail);
    assay_http_response_clear(&response);
    return turn;
}

int assay_acquisition_join(assay_acquisition *acquisition, assay_failure *failure, assay_failure_detail *detail)
{
    ASSAY_CLEANUP(assay_http_client_free_p) assay_http_client *client = NULL;
    int code;
    acquisition->blocks = true;
    assay_turn turn = assay_acquisition_board(acquisition, &code, failure, detail);
    while (turn != ASSAY_TURN_OVER) {
        if (turn == ASSAY_TURN_LEAD) {
            turn = carry_out(acquisition, &client, &code, failure, detail);
        } else {
            assay_acquisition_wait(acquisition);
            turn = assay_acquisition_board(acquisition, &code, failure, detail);
        }
    }
    return code;
}
