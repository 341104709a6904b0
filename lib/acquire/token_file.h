/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_TOKEN_FILE_H
#define ASSAY_ACQUIRE_TOKEN_FILE_H

/* The federated token file: read whole at each exchange, checked before anything is sent (exchange.md 2.2 and Settled 4). */

#include "base/failure.h"
#include "crypto/secret.h"

/*
 * Read one JWT. Links are followed (the kubelet swaps `..data`), and what was opened is checked: a regular file of at most ASSAY_LIMIT_TOKEN_FILE_BYTES; the mode never refuses.
 * ASCII white space around it goes. ASSAY_OK; ASSAY_E_TOKEN_FILE_MISSING, _ACCESS, _TYPE, _EMPTY, _SIZE, _CONTENT (a NUL byte, not three segments that aren't empty); ASSAY_E_MEMORY; rows 51 to 53 and 12 in
 * *detail. Nothing of the content is ever quoted. @p member not NULL: the file is a JSON object and the token that member's text.
 */
int assay_token_file_read(const char *path, const char *member, assay_secret *token, assay_failure *failure,
                          assay_failure_detail *detail);
/*
 * The same for a token of @p type (RFC 8693, section 3). NULL, `jwt` and `id_token` are JWTs; others may have any form in visible ASCII, and
 * _CONTENT is a byte outside that, without a row.
 */
int assay_token_file_read_typed(const char *path, const char *member, const char *type, assay_secret *token,
                                assay_failure *failure, assay_failure_detail *detail);

/* What an unverified JWT says of itself, for diagnosis alone; texts cut and escaped, "" where there is none. */
typedef struct assay_peek {
    char issuer[256], subject[256], audience[256]; /* the first audience */
    char algorithm[16], key_id[128];
    size_t audience_count;
    int64_t expiry, issued_at, not_before; /* 0: not told */
    bool of_app;                           /* `idtyp` is "app": Entra's token of an application */
    bool readable;                         /* three segments, header and payload JSON objects */
} assay_peek;

void assay_peek_read(const char *token, size_t len, assay_peek *peek);
/* Whether the audiences have this one, byte by byte. ASSAY_OK, ASSAY_E_MEMORY: for who sends the token to one place or another by that. */
int assay_peek_find_audience(const char *token, size_t len, const char *audience, bool *found);
/* The same for words. */
bool assay_peek_has_audience(const char *token, size_t len, const char *audience);

#endif
