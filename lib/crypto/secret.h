/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_SECRET_H
#define ASSAY_CRYPTO_SECRET_H

/*
 * The one type for secrets: passwords, assertions, acquired tokens, request bodies that hold one. Its memory is pages of its own, which no core dump
 * holds where the system can leave them out, and which are wiped before they are given back. A child process has them too: it may use the tokens.
 */

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

/* Empty when zeroed. */
typedef struct assay_secret {
    char *text;  /* NULL while empty; terminated */
    size_t len;  /* without the terminator */
    size_t room; /* bytes of the pages at text */
    bool failed; /* out of memory at some point: empty, and not to be used, until it is set or cleared */
} assay_secret;

/* Append; out of memory empties it and leaves `failed`, so that one look after the last piece suffices. @p bytes are not of this secret. */
void assay_secret_add(assay_secret *secret, const char *bytes, size_t len);
void assay_secret_put(assay_secret *secret, const char *text);
/* Append as application/x-www-form-urlencoded, every byte but the unreserved ones of RFC 3986, section 2.3, as %XX. A blank is %20, which every
 * reader of forms takes too. */
void assay_secret_form(assay_secret *secret, const char *bytes, size_t len);
/* Append one parameter of a form or query, "name=value", with an "&" before it where something stands there; the name is sent as it is. */
void assay_secret_parameter(assay_secret *form, const char *name, const char *value, size_t len);
/* Replace what is there, of which @p bytes may be a part. False: out of memory; then it is empty and `failed`. */
bool assay_secret_set(assay_secret *secret, const char *bytes, size_t len);
/* Hand on; @p from is empty then. What @p to held is wiped. */
void assay_secret_move(assay_secret *to, assay_secret *from);
/* False: out of memory, or @p from failed; then @p to is empty and `failed`. */
bool assay_secret_copy(assay_secret *to, const assay_secret *from);
/* Wipe and release; ASSAY_CLEANUP() takes it as it is. */
void assay_secret_clear(assay_secret *secret);
/* In time that depends on @p len only; whether the lengths are equal is no secret. */
bool assay_secret_equal(const assay_secret *secret, const char *bytes, size_t len);

#endif
