/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ERRAND_H
#define ASSAY_FLOW_ERRAND_H

/* One document to fetch, as whoever leads a flight carries it about: with texts of its own, since the lock is not held meanwhile.
 * Such a request is a GET without a body or fields of its own. */

#include "http/message.h"

typedef struct assay_errand {
    assay_http_request request;
    char *url;
    char *etag;
    char *authorization; /* a secret; NULL: none, or not read yet */
    bool metadata;
    int64_t until; /* real milliseconds: an answer after this one is too late */
    bool own_time; /* that is the leader's own deadline, not the time for one document */
} assay_errand;

/* The token is wiped. */
void assay_errand_clear(assay_errand *errand);
/* In the place of what was there. False: out of memory. */
bool assay_errand_copy(assay_errand *errand, const assay_http_request *request);

/* It goes with a token that has not been read yet. */
static inline bool assay_errand_lacks_token(const assay_errand *errand)
{
    return errand->request.bearer == ASSAY_HTTP_BEARER_SEND && errand->authorization == NULL;
}
/* Read it, which is work of the disk. ASSAY_OK, ASSAY_E_BEARER_FILE, ASSAY_E_MEMORY. */
int assay_errand_take_token(assay_errand *errand, const char *bearer_file, assay_failure *failure);

#endif
