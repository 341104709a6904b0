/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_SHARING_H
#define ASSAY_TESTS_SHARING_H

/* Credentials that share tokens in store_directory, as far as that takes: nothing is obtained. Failures of its own end the test. */

#include "flow/shared_tokens.h"

#define SHARING_SCOPE "https://vault.azure.net/.default"
#define SHARING_TOKEN "eyJ0eXAiOiJKV1QifQ.marker-of-the-shared-token.c2lnbmF0dXJl"

typedef struct sharing {
    assay_credential credential;
    assay_token_request wanted;
    int64_t wall, steady; /* its clocks, where they are not the system's */
    int logged;           /* warnings */
    char said[512];       /* the last one */
    int lock;
} sharing;

/* Of a client with a token file; system clocks. */
void sharing_open(sharing *s);
/* The same with clocks of its own. */
void sharing_open_at(sharing *s, int64_t wall, int64_t steady);
void sharing_close(sharing *s); /* gives the lock back too */

/* One that lives so many seconds from now on, by the clocks of the credential; release with assay_access_token_unref(). */
assay_access_token *sharing_token(sharing *s, const char *text, int64_t life);
/* Make one and share it. */
void sharing_put(sharing *s, const char *text, int64_t life);
/* Ask with the lock of `s`; the token is released. */
assay_shared_answer sharing_ask(sharing *s);
/* The answer has to be a token with this text. */
void sharing_has(sharing *s, const char *text);
/* The answer has to be that there is none; the lock is given back. */
void sharing_has_none(sharing *s);

#endif
