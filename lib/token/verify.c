/* SPDX-License-Identifier: MIT */
#include "token/token.h"

/* The signature is wrong; name the case that people meet most. */
static int bad_signature(const assay_claims *token, assay_failure *failure)
{
    /* Microsoft Graph hashes the nonce of the header before it signs, so nobody else can verify its tokens. */
    if (assay_json_find(&token->header, "nonce", 5) != NULL)
        return assay_fail_note(
            failure, ASSAY_E_SIGNATURE,
            "the header has a nonce, as tokens for Microsoft Graph have; only Graph can verify those");
    return assay_fail(failure, ASSAY_E_SIGNATURE);
}

int assay_token_verify(assay_claims *token, assay_jwk *const *keys, size_t count, assay_failure *failure)
{
    size_t tried = 0;
    for (size_t i = 0; i < count && tried < ASSAY_LIMIT_JWS_CANDIDATES; i++) {
        assay_scheme scheme;
        if (!assay_algorithm_fits(token->algorithm, keys[i], &scheme))
            continue;
        tried++;
        int code = assay_verify_key_verify(keys[i]->key, scheme, token->signing_input.ptr, token->signing_input.len,
                                           token->signature, token->signature_len);
        if (code == ASSAY_OK) {
            token->scheme = scheme;
            return ASSAY_OK;
        }
        if (code != ASSAY_E_SIGNATURE)
            return assay_fail(failure, code);
    }
    if (tried > 0)
        return bad_signature(token, failure);
    const char *name = token->algorithm->name;
    return assay_fail_found(failure, ASSAY_E_ALGORITHM_KEY, count > 0 ? keys[0]->kind_text : NULL, name, strlen(name));
}

int assay_token_accept(assay_claims *token, const char *issuer, size_t issuer_len)
{
    assay_json_value value;
    char *cursor = token->spare;
    if (assay_token_get(token, "sub", &value) && value.type == ASSAY_JSON_STRING) {
        size_t len = assay_json_string_decode(&value, cursor);
        cursor[len] = '\0';
        token->subject = cursor;
        cursor += len + 1;
    }
    /* The token's iss stood in the payload at least as long as it is here, quotes included, and sub beside it: there is room. */
    memcpy(cursor, issuer, issuer_len);
    cursor[issuer_len] = '\0';
    token->issuer = cursor;
    token->signing_input = (assay_span){NULL, 0};
    return ASSAY_OK;
}
