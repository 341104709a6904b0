/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"
#include "token/check.h"

#include <inttypes.h>

/* What one call demands: the checks of an OIDC client (OIDC Core, section 3.1.3.7). */

/* The nonce ties the token to a session; compared in constant time, since it is a secret of that session (item 11). */
static int check_nonce(const assay_request *request, const assay_claims *token, assay_failure *failure)
{
    assay_json_value value;
    if (request->nonce == NULL)
        return ASSAY_OK;
    if (!assay_token_get(token, "nonce", &value))
        return assay_fail_note(failure, ASSAY_E_NONCE, "the token has none");
    const assay_decoded_text *nonce = assay_claims_decode(token, &value);
    if (nonce == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    size_t len = strlen(request->nonce);
    if (nonce->len != len || !assay_crypto_equal(nonce->text, request->nonce, len))
        return assay_fail(failure, ASSAY_E_NONCE);
    return ASSAY_OK;
}

/* The hash that belongs to the signature: that of the algorithm, and for EdDSA that of the curve in use. */
static assay_digest hash_of(const assay_claims *token)
{
    return token->scheme == ASSAY_SCHEME_ED448 ? ASSAY_DIGEST_SHAKE256_114 : token->algorithm->hash;
}

/* base64url of the left half of the hash (OIDC Core, sections 3.1.3.6 and 3.3.2.11). */
static int check_half_hash(const assay_crypto *crypto, const assay_claims *token, const char *name, const char *text,
                           size_t len, assay_failure *failure)
{
    assay_json_value value;
    if (text == NULL)
        return ASSAY_OK;
    if (!assay_token_get(token, name, &value))
        return assay_fail_note(failure, ASSAY_E_HASH, "the token has no %s", name);
    uint8_t digest[ASSAY_DIGEST_MAX];
    size_t digest_len = 0;
    int code = assay_crypto_digest(crypto, hash_of(token), text, len, digest, &digest_len);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    char expected[ASSAY_BASE64URL_ENCODED(ASSAY_DIGEST_MAX) + 1];
    assay_base64url_encode(digest, digest_len / 2, expected);
    if (!assay_json_string_equal(&value, expected, strlen(expected)))
        return assay_fail_note(failure, ASSAY_E_HASH, "%s", name);
    return ASSAY_OK;
}

static int check_max_age(const assay_policy *policy, const assay_request *request, const assay_claims *token,
                         int64_t now, assay_failure *failure)
{
    assay_json_value value;
    int64_t auth_time;
    int32_t fraction;
    if (request->max_age < 0)
        return ASSAY_OK;
    if (!assay_token_get(token, "auth_time", &value))
        return assay_fail_note(failure, ASSAY_E_AUTH_TIME, "the token has no auth_time");
    if (!assay_json_time(&value, &auth_time, &fraction))
        return assay_fail_note(failure, ASSAY_E_TIME, "auth_time is not a NumericDate (RFC 7519, section 2)");
    int64_t latest = now + policy->leeway;
    if (auth_time > latest || (auth_time == latest && fraction > 0))
        return assay_fail_note(failure, ASSAY_E_AUTH_TIME, "auth_time lies in the future");
    int64_t age = now - auth_time;
    if (age > request->max_age + policy->leeway)
        return assay_fail_note(failure, ASSAY_E_AUTH_TIME,
                               "it was %" PRId64 " s ago; at most %" PRId64 " s are allowed", age, request->max_age);
    return ASSAY_OK;
}

static int check_acr(const assay_request *request, const assay_claims *token, assay_failure *failure)
{
    assay_json_value value;
    if (request->acrs.count == 0)
        return ASSAY_OK;
    if (!assay_token_get(token, "acr", &value))
        return assay_fail_note(failure, ASSAY_E_ACR, "the token has no acr");
    for (size_t i = 0; i < request->acrs.count; i++) {
        if (assay_json_string_equal(&value, request->acrs.items[i].ptr, request->acrs.items[i].len))
            return ASSAY_OK;
    }
    bool escaped;
    assay_span found = assay_json_string_raw(&value, &escaped);
    return assay_fail_found(failure, ASSAY_E_ACR, request->acrs.items[0].ptr, found.ptr, found.len);
}

int assay_check_request(const assay_policy *policy, const assay_claims *token, const assay_request *request,
                        int64_t now, const assay_crypto *crypto, assay_failure *failure)
{
    if (request == NULL)
        return ASSAY_OK;
    int code = check_nonce(request, token, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_half_hash(crypto, token, "at_hash", request->access_token, request->access_token_len, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_half_hash(crypto, token, "c_hash", request->code, request->code_len, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_max_age(policy, request, token, now, failure);
    if (code != ASSAY_OK)
        return code;
    return check_acr(request, token, failure);
}
