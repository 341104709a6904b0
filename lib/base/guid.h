/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_GUID_H
#define ASSAY_BASE_GUID_H

/* GUIDs as Entra writes them: 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4). */

#include "base/text.h"

#define ASSAY_GUID_TEXT 36

typedef struct assay_guid {
    uint8_t bytes[16];
} assay_guid;

/* Read one that is the whole text. @p any_case false: lower case only, as tokens have it, so that equal GUIDs are equal texts. */
bool assay_guid_read(assay_span text, bool any_case, assay_guid *guid);
/* Write it in lower case, terminated. */
void assay_guid_write(const assay_guid *guid, char text[ASSAY_GUID_TEXT + 1]);
static inline bool assay_guid_equal(const assay_guid *a, const assay_guid *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

#endif
