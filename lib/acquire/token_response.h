/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_TOKEN_RESPONSE_H
#define ASSAY_ACQUIRE_TOKEN_RESPONSE_H

/* What a token endpoint or an agent answered (RFC 6749, sections 5.1 and 5.2; RFC 8693, section 2.2; exchange.md 2.1, 2.7). Pure. */

#include "base/failure.h"
#include "crypto/secret.h"
#include "http/message.h"

typedef struct assay_token_answer {
    assay_secret token;
    char token_type[32];           /* as sent */
    char issued_token_type[128];   /* RFC 8693; "" none */
    char *scope;                   /* as granted, owned; NULL: not told */
    int64_t expires_at;            /* seconds since 1970; 0: not told */
    int64_t lifetime;              /* seconds from the answer on; 0: not told */
    int64_t refresh_in;            /* seconds; 0: not told */
    char *client_id, *resource_id; /* echoed by an agent, owned; NULL: not told */
} assay_token_answer;

void assay_token_answer_clear(assay_token_answer *answer);

typedef enum assay_answer_form {
    ASSAY_ANSWER_ENDPOINT, /* RFC 6749 */
    ASSAY_ANSWER_EXCHANGE, /* RFC 8693: issued_token_type is demanded, token_type N_A allowed */
    ASSAY_ANSWER_AGENT, /* managed identity: values may be texts, expires_on in five forms; no expiry at all is an error */
    ASSAY_ANSWER_GOOGLE /* generateAccessToken: accessToken, expireTime */
} assay_answer_form;

/*
 * Read any answer. ASSAY_OK: a token. Otherwise *failure and *detail say why, with a row of diagnosis.h where one fits:
 * ASSAY_E_GRANT (4xx with or without an OAuth error, 200 with `error`), ASSAY_E_INTERACTION_REQUIRED (detail->claims), ASSAY_E_THROTTLED (429; failure->retry_after), ASSAY_E_GRANT_UNAVAILABLE (5xx, 408,
 * transient AADSTS codes), ASSAY_E_REDIRECT (3xx), ASSAY_E_TOKEN_RESPONSE (not what the form demands), ASSAY_E_RESPONSE (encoded), ASSAY_E_MEMORY.
 * Texts of the server are escaped and cut; whatever else is quoted of the answer never includes a token. Date beyond 60 s of @p now sets detail->clock_skew.
 */
int assay_token_response_read(assay_answer_form form, const assay_http_response *response, int64_t now,
                              assay_token_answer *answer, assay_failure *failure, assay_failure_detail *detail);

/* Seconds since 1970 of an agent's expires_on: a number, a numeric text, "MM/dd/yyyy HH:mm:ss +00:00", "M/d/yyyy h:mm:ss tt +00:00", ISO 8601; 0: none of these. */
int64_t assay_token_response_expires_on(const char *text, size_t len);

#endif
