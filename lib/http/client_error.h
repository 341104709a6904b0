/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_CLIENT_ERROR_H
#define ASSAY_HTTP_CLIENT_ERROR_H

/* What libcurl's results mean to us; for the engines of this folder only. */

#include "base/failure.h"
#include "base/memory.h"

#include <curl/curl.h>

/*
 * Our code for a result of curl, with @p failure saying which host, in curl's own words (@p words may be NULL or empty) and, where we know
 * more than the registry, the fix.
 */
int assay_http_client_fail(assay_failure *failure, CURLcode result, assay_span host, const char *words);

#endif
