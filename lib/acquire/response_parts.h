/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_RESPONSE_PARTS_H
#define ASSAY_ACQUIRE_RESPONSE_PARTS_H

/* What the files that read answers share: token_response.c, token_error.c, expires.c, server_text.c. Nobody else includes this. */

#include "acquire/token_response.h"
#include "json/document.h"

/* expires.c. Whole seconds of a decimal text, a fraction cut, ASSAY_LIMIT_LATEST_TIME at most; -1: no such text. */
int64_t assay_response_number(const char *text, size_t len);

/*
 * server_text.c. Words of a server made fit to show: escaped and cut to @p size, and without whatever could be a token or secret that it
 * echoes: a word that has 16 characters of base64url in a row is shown as [...], unless it is a GUID or a well-known name. So is a mail address.
 */
void assay_server_text(assay_span text, char *out, size_t size);
/* The same for the name of an error; "" where it is no name. */
void assay_server_name(assay_span name, char *out, size_t size);
/* What is left of a page without its markup, in the same way. */
void assay_server_page(assay_span page, char *out, size_t size);
/* Whether JSON that is passed on as it is could hold a token. */
bool assay_server_text_holds_token(const char *text, size_t len);

/* token_error.c. Anything but a token; @p document NULL: the body is not JSON. Fills *failure and *detail, and returns the code. */
int assay_response_refusal(assay_answer_form form, const assay_http_response *response, const assay_json *document,
                           assay_failure *failure, assay_failure_detail *detail);

#endif
