/* SPDX-License-Identifier: MIT */
#include "token/jws.h"

#include "base/base64url.h"
#include "base/list.h"

static int read_algorithms(const char *names, assay_algorithm_set *set, assay_failure *failure)
{
    *set = 0;
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        if (len == 0) {
            names++;
            continue;
        }
        int index = assay_algorithm_find(names, len);
        if (index < 0)
            return assay_fail_found(failure, ASSAY_E_CONFIG_ALGORITHM, "algorithms of RFC 7518 or RFC 8037", names,
                                    len);
        *set |= 1u << index;
        names += len;
    }
    return *set != 0 ? ASSAY_OK : assay_fail_note(failure, ASSAY_E_CONFIG_ALGORITHM, "none was named");
}

/* Keys of the token's kid; without one, all. */
static size_t candidates(const assay_key_set *keys, const assay_claims *token, assay_jwk **found)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const assay_jwk *jwk = keys->keys[i];
        bool same = jwk->kid != NULL && assay_span_equal(token->kid, (assay_span){jwk->kid, jwk->kid_len});
        if (!token->has_kid || same)
            found[count++] = keys->keys[i];
    }
    return count;
}

int assay_jws_check(const assay_key_set *keys, const char *algorithms, const char *text, size_t len, uint8_t **payload,
                    size_t *payload_len, assay_failure *failure)
{
    assay_algorithm_set allowed;
    assay_jwk *found[ASSAY_LIMIT_KEYS];
    ASSAY_AUTO_TOKEN assay_claims *token = NULL;
    int code = read_algorithms(algorithms, &allowed, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_token_open(text, len, false, &token, failure);
    if (code != ASSAY_OK)
        return code;
    const char *name = token->algorithm->name;
    if ((allowed & 1u << token->algorithm_index) == 0)
        return assay_fail_found(failure, ASSAY_E_ALGORITHM, algorithms, name, strlen(name));
    size_t count = candidates(keys, token, found);
    if (count == 0)
        return assay_fail_found(failure, ASSAY_E_KEY_UNKNOWN, NULL, token->kid.ptr, token->kid.len);
    code = assay_token_verify(token, found, count, failure);
    if (code != ASSAY_OK)
        return code;
    *payload = assay_memdup(token->payload.text, token->payload.len);
    if (*payload == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *payload_len = token->payload.len;
    return ASSAY_OK;
}

int assay_jws_check_object(const char *text, size_t len, assay_failure *failure)
{
    if (len > ASSAY_LIMIT_TOKEN_BYTES)
        return assay_fail_note(failure, ASSAY_E_PAYLOAD, "it is longer than %d bytes", ASSAY_LIMIT_TOKEN_BYTES);
    ASSAY_AUTO_RELEASE assay_json_member *members = assay_zalloc_array(ASSAY_LIMIT_JSON_MEMBERS, sizeof *members);
    if (members == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_json_object object;
    assay_json_status status = assay_json_scan(text, len, members, ASSAY_LIMIT_JSON_MEMBERS, &object);
    if (status != ASSAY_JSON_OK)
        return assay_fail_note(failure, ASSAY_E_PAYLOAD, "%s", assay_json_status_text(status));
    return ASSAY_OK;
}

/* One segment as JSON: the object itself where it is one. */
static int put_segment(assay_buffer *out, assay_span segment, int code, assay_failure *failure)
{
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *bytes = assay_alloc(ASSAY_BASE64URL_DECODED(segment.len) + 1);
    if (bytes == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    if (!assay_base64url_decode(segment.ptr, segment.len, (uint8_t *)bytes, &len))
        return assay_fail(failure, ASSAY_E_BASE64URL);
    int checked = assay_jws_check_object(bytes, len, failure);
    if (checked != ASSAY_OK)
        return checked == ASSAY_E_PAYLOAD ? code : checked;
    assay_buffer_add(out, bytes, len);
    return ASSAY_OK;
}

/* Only form and JSON matter here: a token whose algorithm or extension would be refused can still be looked at. */
int assay_jws_decode(const char *text, size_t len, uint8_t **json, size_t *json_len, assay_failure *failure)
{
    assay_segments parts;
    int code = assay_compact_split(text, len, &parts, failure);
    if (code != ASSAY_OK)
        return code;
    if (parts.payload.len == 0)
        return assay_fail_note(failure, ASSAY_E_MALFORMED, "its payload is empty");
    assay_buffer out = {NULL, 0, 0, false};
    assay_buffer_put(&out, "{\"verified\":false,\"header\":");
    code = put_segment(&out, parts.header, ASSAY_E_HEADER, failure);
    assay_buffer_put(&out, ",\"payload\":");
    if (code == ASSAY_OK)
        code = put_segment(&out, parts.payload, ASSAY_E_PAYLOAD, failure);
    assay_buffer_put(&out, "}");
    if (code == ASSAY_OK && out.failed)
        code = assay_fail(failure, ASSAY_E_MEMORY);
    if (code != ASSAY_OK) {
        assay_buffer_clear(&out);
        return code;
    }
    *json = (uint8_t *)out.text;
    *json_len = out.len;
    return ASSAY_OK;
}
