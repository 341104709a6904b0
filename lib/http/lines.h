/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_LINES_H
#define ASSAY_HTTP_LINES_H

/* The header lines of a request, as curl takes them; for the engines of this folder only. */

#include "base/failure.h"
#include "http/message.h"

#include <curl/curl.h>

/*
 * Append a field; NULL for a value: none, and nothing is done. ASSAY_OK, ASSAY_E_MEMORY; ASSAY_E_ARGUMENT for a name that is not a token, a value with a control
 * byte (CR and LF would begin another line: CWE-93) and a name that is there already. @p failure names the field if it can be named, never its value.
 */
int assay_http_lines_add(struct curl_slist **lines, const char *name, const char *value, assay_failure *failure);
/* All lines of a request but Host, with what keeps curl from adding fields of its own. */
int assay_http_lines_of(struct curl_slist **lines, const assay_http_request *request, assay_failure *failure);
/* Wipe and release. */
void assay_http_lines_clear(struct curl_slist **lines);

#endif
