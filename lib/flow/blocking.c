/* SPDX-License-Identifier: MIT */
#include "flow/flight.h"

#include "http/client.h"

/* The engine for callers who wait: a flight in the caller's own thread, one document after the other. */

static assay_turn carry_out(assay_seat *seat, assay_http_client **client, int *code, assay_failure *failure)
{
    assay_runtime *runtime = seat->keys->keyring->runtime;
    assay_failure why;
    assay_http_response response;
    assay_http_response_init(&response);
    assay_failure_clear(&why);
    int64_t left = seat->errand.until - assay_clock_real_ms();
    int missed = *client != NULL ? ASSAY_OK : assay_http_client_new(&runtime->http, client);
    if (missed != ASSAY_OK) {
        (void)assay_fail(&why, missed);
    } else if (left <= 0) {
        missed = assay_fail_note(&why, ASSAY_E_TIMEOUT, "no time was left to fetch %.160s", seat->errand.url);
    } else {
        assay_runtime_log(runtime, ASSAY_LOG_DEBUG, "fetching %s", seat->errand.url);
        missed = assay_http_client_send(*client, &seat->errand.request, left, assay_clock_wall(&runtime->clock),
                                        &response, &why);
    }
    assay_turn turn = assay_flight_report(seat, &response, missed, &why, code, failure);
    assay_http_response_clear(&response);
    return turn;
}

int assay_flight_join(assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen, int64_t deadline,
                      assay_failure *failure)
{
    ASSAY_CLEANUP(assay_http_client_free_p) assay_http_client *client = NULL;
    assay_seat seat;
    int code;
    assay_seat_init(&seat, keys, reason, seen, deadline, NULL);
    assay_turn turn = assay_flight_board(&seat, &code, failure);
    while (turn != ASSAY_TURN_OVER) {
        if (turn == ASSAY_TURN_LEAD) {
            turn = carry_out(&seat, &client, &code, failure);
        } else {
            assay_flight_wait(&seat);
            turn = assay_flight_board(&seat, &code, failure);
        }
    }
    return code;
}
