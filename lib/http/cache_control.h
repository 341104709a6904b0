/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_CACHE_CONTROL_H
#define ASSAY_HTTP_CACHE_CONTROL_H

/* The header fields that speak of time: how long an answer holds, when to ask again. Hostile input: never fails, only ignores. */

#include "base/text.h"

/* max-age of a Cache-Control value (RFC 9111, section 5.2.2), 0 with no-cache or no-store; -1 where it says nothing usable. Quoted
 * numbers are read too; the smallest of several counts; numbers beyond 2^31 become 2^31 (RFC 9111, section 1.2.2). */
int64_t assay_cache_control_max_age(const char *value, size_t len);
/* Whole seconds of an Age value; -1 for anything else. */
int64_t assay_http_age(const char *value, size_t len);
/* Whole milliseconds of a value of retry-after-ms; -1 for anything else. At most 2^31. */
int64_t assay_http_milliseconds(const char *value, size_t len);
/* Seconds since 1970 of an IMF-fixdate (RFC 9110, section 5.6.7); -1 for anything else. */
int64_t assay_http_date(const char *value, size_t len);
/* Seconds to wait by a Retry-After value (RFC 9110, section 10.2.3): seconds, or an IMF-fixdate less @p now_wall (at least 0). -1: unusable. At most 2^31. */
int64_t assay_http_retry_after(const char *value, size_t len, int64_t now_wall);

#endif
