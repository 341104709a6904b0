/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_UUID_H
#define ASSAY_ACQUIRE_UUID_H

/* Names that nobody else gives: for client-request-id and jti. */

#include "base/guid.h"

/* A random UUID (RFC 9562, section 5.4) as text, terminated. False: no random bytes to be had; @p text is empty then. */
bool assay_uuid_random(char text[ASSAY_GUID_TEXT + 1]);

#endif
