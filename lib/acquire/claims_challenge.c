/* SPDX-License-Identifier: MIT */
#include "acquire/claims_challenge.h"

#include "base/base64url.h"
#include "base/memory.h"

/* RFC 9110, sections 5.6.2, 5.6.4, 11.2 and 11.6.1. */

typedef struct reader {
    const char *at, *end;
} reader;

/* What was found in one challenge. Values point into the text; those in quotes still have their backslashes. */
typedef struct challenge {
    assay_span scheme, error, claims;
    bool claims_quoted;
    bool ambiguous; /* two members of one name */
} challenge;

static bool is_token_char(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_blanks(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
        r->at++;
}

static void skip_separators(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == ','))
        r->at++;
}

static assay_span read_token(reader *r)
{
    assay_span token = {r->at, 0};
    while (r->at < r->end && is_token_char(*r->at))
        r->at++;
    token.len = (size_t)(r->at - token.ptr);
    return token;
}

/* What stands between quotes; false: the closing one is missing, and the reader stays where it is. */
static bool read_quoted(reader *r, assay_span *value)
{
    const char *at = r->at + 1;
    value->ptr = at;
    while (at < r->end && *at != '"')
        at += *at == '\\' && at + 1 < r->end ? 2 : 1;
    if (at >= r->end)
        return false;
    value->len = (size_t)(at - value->ptr);
    r->at = at + 1;
    return true;
}

/* Without quotes it should be a token, but base64 has characters that no token has. */
static assay_span read_bare(reader *r)
{
    assay_span value = {r->at, 0};
    while (r->at < r->end && *r->at != ',' && *r->at != ' ' && *r->at != '\t')
        r->at++;
    value.len = (size_t)(r->at - value.ptr);
    return value;
}

/* Whether "name = value" is next; if not (a scheme, or the token68 of one), the reader stays where it is. */
static bool read_parameter_name(reader *r, assay_span *name)
{
    reader ahead = *r;
    *name = read_token(&ahead);
    skip_blanks(&ahead);
    if (name->len == 0 || ahead.at == ahead.end || *ahead.at != '=')
        return false;
    ahead.at++;
    skip_blanks(&ahead);
    if (ahead.at == ahead.end || *ahead.at == ',' || *ahead.at == '=')
        return false;
    *r = ahead;
    return true;
}

static void keep(challenge *found, assay_span *place, assay_span value)
{
    if (place->ptr != NULL)
        found->ambiguous = true;
    *place = value;
}

static bool read_parameter(reader *r, assay_span name, challenge *found)
{
    bool quoted = *r->at == '"';
    assay_span value = {NULL, 0};
    if (quoted && !read_quoted(r, &value))
        return false;
    if (!quoted)
        value = read_bare(r);
    if (assay_span_is_nocase(name, "error"))
        keep(found, &found->error, value);
    if (assay_span_is_nocase(name, "claims")) {
        keep(found, &found->claims, value);
        found->claims_quoted = quoted;
    }
    return true;
}

/* One challenge with all its parameters; false: no more, or what is left can't be read. */
static bool read_challenge(reader *r, challenge *found)
{
    *found = (challenge){.scheme = {NULL, 0}};
    skip_separators(r);
    found->scheme = read_token(r);
    if (found->scheme.len == 0)
        return false;
    assay_span name;
    skip_blanks(r);
    if (r->at < r->end && *r->at != ',' && !read_parameter_name(&(reader){r->at, r->end}, &name))
        (void)read_bare(r); /* token68 */
    for (;;) {
        skip_separators(r);
        if (!read_parameter_name(r, &name))
            return true;
        if (!read_parameter(r, name, found))
            return false;
    }
}

/* Take quoted-pairs apart, into @p out of value.len + 1 bytes. */
static size_t unquote(assay_span value, bool quoted, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (quoted && value.ptr[i] == '\\' && i + 1 < value.len)
            i++;
        out[len++] = value.ptr[i];
    }
    out[len] = '\0';
    return len;
}

/* Both alphabets (RFC 4648, sections 4 and 5), since servers use either; @p text becomes base64url. */
static bool decode(char *text, size_t len, char *out, size_t *out_len)
{
    for (size_t pads = 0; pads < 2 && len > 0 && text[len - 1] == '='; pads++)
        len--;
    for (size_t i = 0; i < len; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    return assay_base64url_decode(text, len, (uint8_t *)out, out_len);
}

static int take(const challenge *found, char **claims, size_t *len, assay_failure *failure)
{
    if (found->ambiguous)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the challenge has two values for one parameter");
    if (found->claims.len == 0)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "there is no Bearer challenge with claims in it");
    size_t room = found->claims.len + 4;
    ASSAY_AUTO_RELEASE char *text = assay_alloc(room);
    ASSAY_AUTO_RELEASE char *out = assay_alloc(room);
    if (text == NULL || out == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    size_t text_len = unquote(found->claims, found->claims_quoted, text);
    bool plain = text[0] == '{';
    if (!plain && !decode(text, text_len, out, len))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the challenge's claims are neither base64 nor JSON");
    if (plain) {
        memcpy(out, text, text_len);
        *len = text_len;
    }
    if (*len > ASSAY_LIMIT_CLAIMS_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the challenge's claims are longer than %d bytes",
                               ASSAY_LIMIT_CLAIMS_BYTES);
    out[*len] = '\0';
    *claims = ASSAY_STEAL(out);
    return ASSAY_OK;
}

int assay_claims_challenge_read(const char *text, char **claims, size_t *len, assay_failure *failure)
{
    *claims = NULL;
    *len = 0;
    size_t text_len = strlen(text);
    if (text_len > ASSAY_LIMIT_CHALLENGE_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the challenge is longer than %d bytes",
                               ASSAY_LIMIT_CHALLENGE_BYTES);
    reader r = {text, text + text_len};
    challenge best = {.scheme = {NULL, 0}}, found;
    while (read_challenge(&r, &found)) {
        if (!assay_span_is_nocase(found.scheme, "Bearer") || found.claims.len == 0)
            continue;
        bool wanted = assay_span_is(found.error, "insufficient_claims");
        if (best.claims.len == 0 || (wanted && !assay_span_is(best.error, "insufficient_claims")))
            best = found;
    }
    if (r.at < r.end)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the challenge can't be read from byte %zu on",
                               (size_t)(r.at - text) + 1);
    int code = take(&best, claims, len, failure);
    if (code != ASSAY_OK)
        *len = 0;
    return code;
}
