/* SPDX-License-Identifier: MIT */
#include "token/token.h"

/*
 * What the JOSE header says about itself (RFC 7515, section 4.1). `jku`, `jwk`, `x5u`, `x5c` and `zip` are not looked at: a key comes from the
 * issuer's own set only (RFC 8725, section 3.10), and nothing is inflated.
 */

static bool find(const assay_claims *token, const char *name, assay_json_value *value)
{
    const assay_json_member *member = assay_json_find(&token->header, name, strlen(name));
    if (member == NULL)
        return false;
    *value = assay_json_value_of(&token->header, member);
    return true;
}

/* Decode a text member to *room and move on. Absent is fine. */
static int read_text(const assay_claims *token, const char *name, char **room, bool *present, assay_span *text,
                     assay_failure *failure)
{
    assay_json_value value;
    *present = find(token, name, &value);
    if (!*present)
        return ASSAY_OK;
    if (value.type != ASSAY_JSON_STRING)
        return assay_fail_note(failure, ASSAY_E_HEADER, "%s is not a text", name);
    size_t len = assay_json_string_decode(&value, *room);
    (*room)[len] = '\0';
    *text = (assay_span){*room, len};
    *room += len + 1;
    return ASSAY_OK;
}

/* "none" in any spelling, blanks around it included: named, since people meet it. */
static bool is_none(assay_span name)
{
    while (name.len > 0 && (uint8_t)name.ptr[0] <= ' ')
        name = (assay_span){name.ptr + 1, name.len - 1};
    while (name.len > 0 && (uint8_t)name.ptr[name.len - 1] <= ' ')
        name.len--;
    return assay_span_is_nocase(name, "none");
}

static int read_algorithm(assay_claims *token, char *room, assay_failure *failure)
{
    assay_json_value value;
    if (!find(token, "alg", &value))
        return assay_fail_note(failure, ASSAY_E_HEADER, "it has no alg");
    if (value.type != ASSAY_JSON_STRING)
        return assay_fail_note(failure, ASSAY_E_HEADER, "alg is not a text");
    assay_span name = {room, assay_json_string_decode(&value, room)};
    if (is_none(name))
        return assay_fail_found(failure, ASSAY_E_ALGORITHM_NONE, NULL, name.ptr, name.len);
    int index = assay_algorithm_find(name.ptr, name.len);
    if (index < 0)
        return assay_fail_found(failure, ASSAY_E_ALGORITHM, "an algorithm of RFC 7518 or RFC 8037", name.ptr, name.len);
    token->algorithm_index = (size_t)index;
    token->algorithm = assay_algorithm_at((size_t)index);
    return ASSAY_OK;
}

int assay_header_read(assay_claims *token, char *room, assay_failure *failure)
{
    assay_json_value ignored;
    int code = read_algorithm(token, room, failure);
    if (code != ASSAY_OK)
        return code;
    /* No extension is understood, so any list refuses the token, an empty one too (RFC 7515, section 4.1.11). */
    if (find(token, "crit", &ignored))
        return assay_fail(failure, ASSAY_E_CRIT);
    /* Without crit a b64 would be read by some and ignored by others (RFC 7797, sections 6 and 7). */
    if (find(token, "b64", &ignored))
        return assay_fail(failure, ASSAY_E_UNENCODED);
    code = read_text(token, "typ", &room, &token->has_typ, &token->typ, failure);
    if (code != ASSAY_OK)
        return code;
    code = read_text(token, "kid", &room, &token->has_kid, &token->kid, failure);
    if (code != ASSAY_OK)
        return code;
    if (token->has_kid && token->kid.len > ASSAY_LIMIT_KID_BYTES)
        return assay_fail_note(failure, ASSAY_E_HEADER, "kid is longer than %d bytes", ASSAY_LIMIT_KID_BYTES);
    return ASSAY_OK;
}
