/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_ARRIVALS_H
#define TESTS_SUPPORT_ARRIVALS_H

/* What arrived at the token endpoints of a development issuer (dev_issuer_requests()), and that it was right. Everything ends the test on failure. */

#include "dev_issuer.h"

#include <jansson.h>
#include <stddef.h>

typedef struct arrivals {
    json_t *all;
    const json_t *last; /* borrowed */
    size_t count;
} arrivals;

/* Take what arrived since the last reset; release with arrivals_drop(). At least one did. */
void arrivals_take(dev_issuer *issuer, arrivals *taken);
void arrivals_drop(arrivals *taken);

/* The last one has this parameter once, with this value; of secret ones the digest is compared. */
void arrivals_has(const arrivals *taken, const char *name, const char *value);
void arrivals_lacks(const arrivals *taken, const char *name);
/* How often a parameter stands in the last one. */
size_t arrivals_times(const arrivals *taken, const char *name);
/* Of the last one: "method", "path", "accept", "client_request_id", "sni" and their like; "" where there is none. */
const char *arrivals_text(const arrivals *taken, const char *member);
/* Member of the assertion's claims or header (@p part "assertion_claims", "assertion_header") of the last one; NULL: none. */
const json_t *arrivals_assertion(const arrivals *taken, const char *part, const char *member);
/* That member is this text. */
void arrivals_asserts(const arrivals *taken, const char *part, const char *member, const char *value);
/* No Content-Type but one, no parameter twice, and a form that can be read (case 11). */
void arrivals_is_clean(const arrivals *taken);
/* Whether the names of its header fields have this one, in any case. */
bool arrivals_has_field(const arrivals *taken, const char *name);

#endif
