/* SPDX-License-Identifier: MIT */
#include "base/guid.h"

static int digit(char c, bool any_case)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return any_case && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

bool assay_guid_read(assay_span text, bool any_case, assay_guid *guid)
{
    if (text.len != ASSAY_GUID_TEXT)
        return false;
    size_t nibbles = 0;
    memset(guid, 0, sizeof *guid);
    for (size_t i = 0; i < text.len; i++) {
        int value = is_dash(i) ? -1 : digit(text.ptr[i], any_case);
        if (is_dash(i) ? text.ptr[i] != '-' : value < 0)
            return false;
        if (value < 0)
            continue;
        unsigned shift = nibbles % 2 == 0 ? 4 : 0;
        guid->bytes[nibbles / 2] = (uint8_t)(guid->bytes[nibbles / 2] | (unsigned)value << shift);
        nibbles++;
    }
    return true;
}

void assay_guid_write(const assay_guid *guid, char text[ASSAY_GUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t nibbles = 0;
    for (size_t i = 0; i < ASSAY_GUID_TEXT; i++) {
        if (is_dash(i)) {
            text[i] = '-';
            continue;
        }
        unsigned byte = guid->bytes[nibbles / 2];
        text[i] = digits[nibbles % 2 == 0 ? byte >> 4 : byte & 15u];
        nibbles++;
    }
    text[ASSAY_GUID_TEXT] = '\0';
}
