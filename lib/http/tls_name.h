/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_TLS_NAME_H
#define ASSAY_HTTP_TLS_NAME_H

/* A request whose server is asked for by another name than the one that is connected to; for the engines of this folder only. */

#include "base/list.h"
#include "http/exchange.h"

/*
 * What curl is to be given instead of the URL of the exchange: @p target is that URL with the name in the place of the host, and the exchange gets the line
 * that sends the connection to the URL's host and port, and a Host line as the URL writes it. ASSAY_OK, ASSAY_E_MEMORY,
 * ASSAY_E_ARGUMENT (not the name of a host, or not https).
 */
int assay_http_tls_name_take(assay_http_exchange *exchange, const char *name, assay_buffer *target,
                             assay_failure *failure);

#endif
