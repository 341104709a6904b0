/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"
#include "token/token.h"

/* Smallest member of a JSON object with its comma: `"":0,`. */
#define SMALLEST_MEMBER 5

static int split(const char *text, size_t len, assay_segments *out, assay_failure *failure)
{
    const char *end = text + len;
    const char *first = memchr(text, '.', len);
    if (first == NULL)
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "it has no dots");
    const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL)
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "it has two segments instead of three");
    const char *third = memchr(second + 1, '.', (size_t)(end - second - 1));
    if (third != NULL) {
        /* Five segments make an encrypted token (RFC 7516, section 7.1); count no further than that takes. */
        const char *fourth = memchr(third + 1, '.', (size_t)(end - third - 1));
        bool five = fourth != NULL && memchr(fourth + 1, '.', (size_t)(end - fourth - 1)) == NULL;
        if (five)
            return assay_fail(failure, ASSAY_E_ENCRYPTED);
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "it has more than three segments");
    }
    out->header = (assay_span){text, (size_t)(first - text)};
    out->payload = (assay_span){first + 1, (size_t)(second - first - 1)};
    out->signature = (assay_span){second + 1, (size_t)(end - second - 1)};
    if (out->header.len == 0)
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "its header is empty");
    return ASSAY_OK;
}

/* Decode one segment to *cursor, terminate it and move on. */
static bool decode(assay_span segment, char **cursor, assay_span *out)
{
    size_t len = 0;
    if (!assay_base64url_decode(segment.ptr, segment.len, (uint8_t *)*cursor, &len))
        return false;
    *out = (assay_span){*cursor, len};
    (*cursor)[len] = '\0';
    *cursor += len + 1;
    return true;
}

static size_t most_members(size_t text_len, size_t limit)
{
    size_t most = text_len / SMALLEST_MEMBER + 1;
    return most < limit ? most : limit;
}

/*
 * One allocation for everything: the claims, the member tables, the three decoded segments, and room for copies. Sizes follow
 * from the segments, each of which is bounded by ASSAY_LIMIT_TOKEN_BYTES.
 */
static assay_claims *allocate(const assay_segments *parts, size_t *header_members, size_t *payload_members,
                              char **bytes)
{
    size_t header_len = ASSAY_BASE64URL_DECODED(parts->header.len) + 1;
    size_t payload_len = ASSAY_BASE64URL_DECODED(parts->payload.len) + 1;
    size_t signature_len = ASSAY_BASE64URL_DECODED(parts->signature.len) + 1;
    *header_members = most_members(header_len, ASSAY_LIMIT_HEADER_MEMBERS);
    *payload_members = most_members(payload_len, ASSAY_LIMIT_JSON_MEMBERS);
    size_t tables = (*header_members + *payload_members) * sizeof(assay_json_member);
    /* Header and payload twice: as decoded, and as room for kid, typ and sub without their escapes; the issuer fits in the payload's copy. */
    size_t text_size = 2 * (header_len + payload_len) + signature_len;
    char *memory = assay_alloc(sizeof(assay_claims) + tables + text_size);
    if (memory == NULL)
        return NULL;
    memset(memory, 0, sizeof(assay_claims));
    assay_claims *token = (assay_claims *)(void *)memory;
    atomic_init(&token->references, 1);
    token->text = memory + sizeof(assay_claims) + tables;
    token->text_size = text_size;
    *bytes = token->text;
    return token;
}

static int scan(assay_span text, assay_json_member *members, size_t capacity, int code, assay_json_object *object,
                assay_failure *failure)
{
    assay_json_status status = assay_json_scan(text.ptr, text.len, members, capacity, object);
    if (status == ASSAY_JSON_OK)
        return ASSAY_OK;
    return assay_fail_note(failure, code, "%s", assay_json_status_text(status));
}

static int fill(assay_claims *token, const assay_segments *parts, size_t header_members, size_t payload_members,
                char *bytes, bool payload_is_json, assay_failure *failure)
{
    assay_json_member *members = (assay_json_member *)(void *)(token + 1);
    assay_span header, payload, signature;
    char *cursor = bytes;
    if (!decode(parts->header, &cursor, &header))
        return assay_fail_note(failure, ASSAY_E_BASE64URL, "the header");
    if (!decode(parts->payload, &cursor, &payload))
        return assay_fail_note(failure, ASSAY_E_BASE64URL, "the payload");
    if (!decode(parts->signature, &cursor, &signature))
        return assay_fail_note(failure, ASSAY_E_BASE64URL, "the signature");
    token->signature = (const uint8_t *)signature.ptr;
    token->signature_len = signature.len;
    token->signing_input = (assay_span){parts->header.ptr, parts->header.len + 1 + parts->payload.len};
    if (header.len > ASSAY_LIMIT_HEADER_BYTES)
        return assay_fail_note(failure, ASSAY_E_HEADER, "it is longer than %d bytes", ASSAY_LIMIT_HEADER_BYTES);

    int code = scan(header, members, header_members, ASSAY_E_HEADER, &token->header, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_header_read(token, cursor, failure);
    if (code != ASSAY_OK)
        return code;
    token->spare = cursor + header.len + 1;
    token->payload = (assay_json_object){.text = payload.ptr, .len = (uint32_t)payload.len};
    if (!payload_is_json)
        return ASSAY_OK;
    if (payload.len == 0)
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "its payload is empty");
    return scan(payload, members + header_members, payload_members, ASSAY_E_PAYLOAD, &token->payload, failure);
}

int assay_compact_split(const char *text, size_t len, assay_segments *parts, assay_failure *failure)
{
    if (len == 0)
        return assay_fail_note(failure, ASSAY_E_TOKEN_SIZE, "it is empty");
    if (len > ASSAY_LIMIT_TOKEN_BYTES)
        return assay_fail_note(failure, ASSAY_E_TOKEN_SIZE, "it has %zu bytes; the limit is %d", len,
                               ASSAY_LIMIT_TOKEN_BYTES);
    if (text[0] == '{')
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "it is in a JSON serialization (RFC 7515, section 7.2)");
    if (len > 7 && assay_span_is_nocase((assay_span){text, 7}, "bearer "))
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "it starts with the word Bearer");
    return split(text, len, parts, failure);
}

int assay_token_open(const char *text, size_t len, bool payload_is_json, assay_claims **token, assay_failure *failure)
{
    *token = NULL;
    assay_segments parts;
    int code = assay_compact_split(text, len, &parts, failure);
    if (code != ASSAY_OK)
        return code;

    size_t header_members, payload_members;
    char *bytes;
    ASSAY_AUTO_TOKEN assay_claims *opened = allocate(&parts, &header_members, &payload_members, &bytes);
    if (opened == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    code = fill(opened, &parts, header_members, payload_members, bytes, payload_is_json, failure);
    if (code != ASSAY_OK)
        return code;
    *token = ASSAY_STEAL(opened);
    return ASSAY_OK;
}

void assay_token_close(assay_claims *token)
{
    if (token == NULL || atomic_fetch_sub_explicit(&token->references, 1, memory_order_acq_rel) != 1)
        return;
    for (assay_decoded_text *text = atomic_load(&token->decoded); text != NULL;) {
        assay_decoded_text *next = text->next;
        assay_release_wiped(text, sizeof *text + text->len);
        text = next;
    }
    char *json = atomic_load(&token->json);
    assay_release_wiped(json, json == NULL ? 0 : strlen(json));
    /* The tables before it are several times as large, and say only where things lay. */
    assay_wipe(token->text, token->text_size);
    assay_release(token);
}
