/* SPDX-License-Identifier: MIT */
#include "acquire/token_file.h"

#include "base/base64url.h"
#include "base/limits.h"
#include "json/document.h"

/* A look into a JWT whose signature nobody here can check: for diagnosis, and to see when it ends. Nothing is decided by it that matters to security. */

/* One segment as a JSON object; *document NULL: it is none. ASSAY_OK, ASSAY_E_MEMORY. */
static int read_segment(assay_span segment, assay_json **document)
{
    size_t room = ASSAY_BASE64URL_DECODED(segment.len), len = 0;
    char *text = assay_alloc(room);
    *document = NULL;
    if (text == NULL)
        return ASSAY_E_MEMORY;
    int code = ASSAY_OK;
    if (assay_base64url_decode(segment.ptr, segment.len, (uint8_t *)text, &len))
        code = assay_json_parse(text, len, document, NULL, 0);
    assay_release_wiped(text, room);
    if (code == ASSAY_OK && assay_json_is_object(*document))
        return ASSAY_OK;
    assay_json_free(ASSAY_STEAL(*document));
    return code == ASSAY_E_MEMORY ? code : ASSAY_OK;
}

/* The first two of three segments. */
static bool split(const char *token, size_t len, assay_span *header, assay_span *payload)
{
    const char *end = token + len;
    const char *first = len == 0 ? NULL : memchr(token, '.', len);
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL || second + 1 == end)
        return false;
    *header = (assay_span){token, (size_t)(first - token)};
    *payload = (assay_span){first + 1, (size_t)(second - first - 1)};
    return true;
}

static void show(const assay_json *value, char *out, size_t size)
{
    assay_span text;
    if (assay_json_get_string(value, &text))
        assay_text_escape(text.ptr, text.len, out, size);
}

/* NumericDate may have a fraction (RFC 7519, section 2), which is cut. 0: not told, or no time. */
static int64_t read_time(const assay_json *value)
{
    int64_t seconds = 0;
    bool told = assay_json_get_whole(value, &seconds);
    return told && seconds > 0 && seconds <= ASSAY_LIMIT_LATEST_TIME ? seconds : 0;
}

static const assay_json *audience_at(const assay_json *audience, size_t index)
{
    if (assay_json_is_array(audience))
        return assay_json_array_at(audience, index);
    return index == 0 && assay_json_is_string(audience) ? audience : NULL;
}

void assay_peek_read(const char *token, size_t len, assay_peek *peek)
{
    *peek = (assay_peek){.readable = false};
    assay_span header_text, payload_text;
    if (!split(token, len, &header_text, &payload_text))
        return;
    ASSAY_AUTO_JSON assay_json *header = NULL;
    ASSAY_AUTO_JSON assay_json *payload = NULL;
    if (read_segment(header_text, &header) != ASSAY_OK || read_segment(payload_text, &payload) != ASSAY_OK ||
        header == NULL || payload == NULL)
        return;
    const assay_json *audience = assay_json_get(payload, "aud");
    peek->readable = true;
    show(assay_json_get(header, "alg"), peek->algorithm, sizeof peek->algorithm);
    show(assay_json_get(header, "kid"), peek->key_id, sizeof peek->key_id);
    show(assay_json_get(payload, "iss"), peek->issuer, sizeof peek->issuer);
    show(assay_json_get(payload, "sub"), peek->subject, sizeof peek->subject);
    show(audience_at(audience, 0), peek->audience, sizeof peek->audience);
    while (audience_at(audience, peek->audience_count) != NULL)
        peek->audience_count++;
    assay_span kind;
    peek->of_app = assay_json_get_member_string(payload, "idtyp", &kind) && assay_span_is(kind, "app");
    peek->expiry = read_time(assay_json_get(payload, "exp"));
    peek->issued_at = read_time(assay_json_get(payload, "iat"));
    peek->not_before = read_time(assay_json_get(payload, "nbf"));
}

int assay_peek_find_audience(const char *token, size_t len, const char *audience, bool *found)
{
    assay_span header_text, payload_text, text;
    *found = false;
    if (!split(token, len, &header_text, &payload_text))
        return ASSAY_OK;
    ASSAY_AUTO_JSON assay_json *payload = NULL;
    int code = read_segment(payload_text, &payload);
    const assay_json *audiences = assay_json_get(payload, "aud");
    const assay_json *one;
    for (size_t i = 0; (one = audience_at(audiences, i)) != NULL; i++)
        if (assay_json_get_string(one, &text) && assay_span_is(text, audience))
            *found = true;
    return code;
}

bool assay_peek_has_audience(const char *token, size_t len, const char *audience)
{
    bool found;
    return assay_peek_find_audience(token, len, audience, &found) == ASSAY_OK && found;
}
