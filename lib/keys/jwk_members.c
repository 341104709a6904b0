/* SPDX-License-Identifier: MIT */
#include "keys/jwk_private.h"

#include <stdarg.h>
#include <stdio.h>

/* Operations that one key may name; RFC 7517, section 4.3, knows eight. */
#define KEY_OPERATIONS_MAX 32

int assay_jwk_skip(assay_jwk_why why, const char *format, ...)
{
    if (why.text == NULL || why.size == 0)
        return ASSAY_E_CONFIG_KEYS;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why.text, why.size, format, arguments);
    va_end(arguments);
    return ASSAY_E_CONFIG_KEYS;
}

int assay_jwk_read_text(const assay_json *json, const char *name, assay_span *text, assay_jwk_why why)
{
    *text = (assay_span){NULL, 0};
    const assay_json *member = assay_json_get(json, name);
    if (member != NULL && !assay_json_get_string(member, text))
        return assay_jwk_skip(why, "its member \"%s\" is not a text", name);
    return ASSAY_OK;
}

/* RFC 7517, section 4.3: an array of texts, no value twice. */
static int check_operations(const assay_json *operations, assay_jwk_why why)
{
    if (!assay_json_is_array(operations))
        return assay_jwk_skip(why, "its member \"key_ops\" is not an array");
    size_t count = assay_json_array_len(operations);
    if (count > KEY_OPERATIONS_MAX)
        return assay_jwk_skip(why, "its member \"key_ops\" names more than %d operations", KEY_OPERATIONS_MAX);
    bool verifies = false;
    assay_span seen[KEY_OPERATIONS_MAX];
    for (size_t i = 0; i < count; i++) {
        if (!assay_json_get_string(assay_json_array_at(operations, i), &seen[i]))
            return assay_jwk_skip(why, "its member \"key_ops\" holds something that is not a text");
        for (size_t j = 0; j < i; j++) {
            if (assay_span_equal(seen[i], seen[j]))
                return assay_jwk_skip(why, "its member \"key_ops\" names an operation twice");
        }
        verifies = verifies || assay_span_is(seen[i], "verify");
    }
    return verifies ? ASSAY_OK : assay_jwk_skip(why, "its member \"key_ops\" does not name \"verify\"");
}

int assay_jwk_check_purpose(const assay_json *json, assay_jwk_why why)
{
    assay_span use;
    int code = assay_jwk_read_text(json, "use", &use, why);
    if (code != ASSAY_OK)
        return code;
    if (use.ptr != NULL && !assay_span_is(use, "sig"))
        return assay_jwk_skip(why, "its \"use\" is not \"sig\": it is not for signatures");
    const assay_json *operations = assay_json_get(json, "key_ops");
    return operations == NULL ? ASSAY_OK : check_operations(operations, why);
}

int assay_jwk_check_public(const assay_json *json, assay_jwk_why why)
{
    /* RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2. */
    static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(private_members); i++) {
        if (assay_json_get(json, private_members[i]) != NULL)
            return assay_jwk_skip(why,
                                  "it holds the private member \"%s\": whoever reads the set could sign with it, so "
                                  "publish the public key only",
                                  private_members[i]);
    }
    return ASSAY_OK;
}

int assay_jwk_read_number(const assay_json *json, const char *name, bool leading_zero, assay_jwk_number *number,
                          assay_jwk_why why)
{
    number->bytes = NULL;
    number->len = 0;
    assay_span text;
    int code = assay_jwk_read_text(json, name, &text, why);
    if (code != ASSAY_OK)
        return code;
    if (text.len == 0)
        return assay_jwk_skip(why, "its member \"%s\" is missing or empty", name);
    if (text.len > ASSAY_JWK_NUMBER_CHARS)
        return assay_jwk_skip(why, "its member \"%s\" is longer than the largest key that is accepted", name);
    /* Real providers serve both spellings: RFC 7518 demands the first, Battle.net and older Entra write the second. */
    size_t len = 0;
    if (!assay_base64url_decode(text.ptr, text.len, number->room, &len) &&
        !assay_base64_decode(text.ptr, text.len, number->room, &len))
        return assay_jwk_skip(why, "its member \"%s\" is not base64url", name);
    /* RFC 7518, section 2, forbids the zero octet in a Base64urlUInt; PayPal, Yahoo and Battle.net have one in n. */
    size_t zero = leading_zero && len > 1 && number->room[0] == 0 ? 1 : 0;
    number->bytes = number->room + zero;
    number->len = len - zero;
    if (leading_zero && number->bytes[0] == 0)
        return assay_jwk_skip(why, "its member \"%s\" is zero or has more than one leading zero octet", name);
    return ASSAY_OK;
}
