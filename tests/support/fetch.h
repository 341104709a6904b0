/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_FETCH_H
#define ASSAY_TESTS_FETCH_H

/* A host's own HTTP for operations that no driver has: libcurl, blocking, in the caller's thread. */

#include <assay/op.h>

/* Fetch what the operation wants and answer it. @p ca_pem: the certificate authority to trust. */
void fetch_for(assay_op *op, const char *ca_pem);
/* Fetch it and answer nothing: as whoever got hold of the request would send it. The HTTP status. */
long fetch_beside(assay_op *op, const char *ca_pem);
/* Step and fetch until it is done; bounded. */
void fetch_until_done(assay_op *op, const char *ca_pem);

#endif
