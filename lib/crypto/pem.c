/* SPDX-License-Identifier: MIT */
#include "crypto/pem.h"

#include "base/base64url.h"

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

#define LEN(text) (sizeof(text) - 1)

/* What follows the first @p mark that begins a line; false: there is none. */
static bool skip_past(assay_span *rest, const char *mark, size_t mark_len, const char **at)
{
    const char *start = rest->ptr;
    while (rest->len >= mark_len) {
        const char *found = memmem(rest->ptr, rest->len, mark, mark_len);
        if (found == NULL)
            return false;
        rest->len -= (size_t)(found + mark_len - rest->ptr);
        rest->ptr = found + mark_len;
        *at = found;
        if (found == start || found[-1] == '\n')
            return true;
    }
    return false;
}

/* The label and the dashes after it. */
static bool take_label(assay_span *rest, assay_span *label)
{
    const char *found = memmem(rest->ptr, rest->len, dashes, LEN(dashes));
    if (found == NULL)
        return false;
    *label = (assay_span){rest->ptr, (size_t)(found - rest->ptr)};
    rest->ptr += label->len + LEN(dashes);
    rest->len -= label->len + LEN(dashes);
    return memchr(label->ptr, '\n', label->len) == NULL;
}

assay_pem_found assay_pem_next(assay_span *rest, assay_pem_block *block)
{
    const char *at = NULL;
    assay_span end_label;
    if (rest->len == 0 || !skip_past(rest, begin_mark, LEN(begin_mark), &at))
        return ASSAY_PEM_END;
    if (!take_label(rest, &block->label))
        return ASSAY_PEM_BROKEN;
    const char *body = rest->ptr;
    if (rest->len == 0 || !skip_past(rest, end_mark, LEN(end_mark), &at) || !take_label(rest, &end_label) ||
        !assay_span_equal(block->label, end_label))
        return ASSAY_PEM_BROKEN;
    block->body = (assay_span){body, (size_t)(at - body)};
    return ASSAY_PEM_BLOCK;
}

bool assay_pem_has_headers(const assay_pem_block *block)
{
    return memchr(block->body.ptr, ':', block->body.len) != NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Groups of four characters that fill a buffer; only the last may be padded. */
#define CHUNK 64

static bool add_chunk(assay_secret *der, const char *chunk, size_t len)
{
    uint8_t bytes[ASSAY_BASE64URL_DECODED(CHUNK)];
    size_t got = 0;
    bool good = assay_base64_decode(chunk, len, bytes, &got);
    if (good)
        assay_secret_add(der, (const char *)bytes, got);
    assay_wipe(bytes, sizeof bytes);
    return good && !der->failed;
}

bool assay_pem_decode(const assay_pem_block *block, assay_secret *der)
{
    char chunk[CHUNK];
    size_t used = 0;
    bool good = true;
    for (size_t i = 0; i < block->body.len && good; i++) {
        if (is_blank(block->body.ptr[i]))
            continue;
        if (used == CHUNK) {
            good = chunk[CHUNK - 1] != '=' && add_chunk(der, chunk, used);
            used = 0;
        }
        chunk[used++] = block->body.ptr[i];
    }
    good = good && add_chunk(der, chunk, used);
    assay_wipe(chunk, sizeof chunk);
    if (good && der->len > 0)
        return true;
    if (!der->failed)
        assay_secret_clear(der);
    return false;
}
