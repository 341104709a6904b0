/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_ANSWER_H
#define ASSAY_DISCOVERY_ANSWER_H

/* Whether an HTTP answer may be read as a document at all. Pure. */

#include "http/message.h"

/*
 * @p request: what was asked. ASSAY_OK: status 200 with a body to read, or, with *not_modified, 304 to a conditional request.
 * ASSAY_E_REDIRECT: 3xx, or an answer from another URL; ASSAY_E_HTTP_STATUS; ASSAY_E_RESPONSE: encoded, HTML, empty, 304 that nobody asked for;
 * ASSAY_E_RESPONSE_SIZE.
 */
int assay_answer_check(const assay_http_request *request, const assay_http_response *response, bool *not_modified,
                       assay_failure *failure);

/* Whether an answer came from the URL that was asked, however its host spells it: whoever answered for the host may have followed a redirect. */
bool assay_answer_is_from(const assay_http_request *request, const assay_http_response *response);

#endif
