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
            token->key = keys[i];
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

/* Copy a text of the payload, if it is one, to the cursor and move that on. */
static const char *copy_member(const assay_claims *token, const char *name, char **cursor)
{
    assay_json_value value;
    if (!assay_token_get(token, name, &value) || value.type != ASSAY_JSON_STRING)
        return NULL;
    char *start = *cursor;
    size_t len = assay_json_string_decode(&value, start);
    start[len] = '\0';
    *cursor = start + len + 1;
    return start;
}

int assay_token_accept(assay_claims *token)
{
    /* Both stood in the payload at least as long as they are here, quotes included: there is room. */
    char *cursor = token->spare;
    token->subject = copy_member(token, "sub", &cursor);
    token->issuer = copy_member(token, "iss", &cursor);
    token->signing_input = (assay_span){NULL, 0};
    token->key = NULL;
    token->entra = NULL; /* the validator may go before the claims */
    return token->issuer == NULL ? ASSAY_E_INTERNAL : ASSAY_OK;
}
