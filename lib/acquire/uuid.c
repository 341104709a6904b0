/* SPDX-License-Identifier: MIT */
#include "acquire/uuid.h"

#include "crypto/crypto.h"

bool assay_uuid_random(char text[ASSAY_GUID_TEXT + 1])
{
    assay_guid guid;
    text[0] = '\0';
    if (!assay_crypto_random(guid.bytes, sizeof guid.bytes))
        return false;
    guid.bytes[6] = (uint8_t)((guid.bytes[6] & 0x0fu) | 0x40u); /* version 4 */
    guid.bytes[8] = (uint8_t)((guid.bytes[8] & 0x3fu) | 0x80u); /* variant of RFC 9562, section 4.1 */
    assay_guid_write(&guid, text);
    return true;
}
