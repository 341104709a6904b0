/* SPDX-License-Identifier: MIT */

/*
 * The whole decision, with static keys and a fixed clock. The first byte says how the rest is meant:
 *   '0'  a token as it is. None may be accepted but the known good ones: the fuzzer has no private key.
 *   '2'  header JSON up to the first line feed, then payload JSON, signed with a secret that this target has, to reach the checks behind
 *        the signature. What is accepted is checked once more, in another way, with jansson.
 *   '3'  the same with a request that demands nonce, acr and max_age.
 */

#include "fuzz/token_keys.h"
#include "fuzz/token_recheck.h"

#include "base/base64url.h"

#include <assay/validator.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) recheck_must((condition), #condition, __FILE__, __LINE__)

static const uint8_t secret[32] = "a secret of thirty-two bytes, ok";
static assay_validator *validator;
static assay_request *strict_request;

static int64_t fixed_wall(void *user_data)
{
    (void)user_data;
    return RECHECK_NOW;
}

static int64_t fixed_steady(void *user_data)
{
    (void)user_data;
    return 0;
}

static assay_issuer *make_issuer(const char *url, const char *profile, assay_keyset *keys)
{
    static const char *const algorithms[] = {"RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed448", "HS256"};
    assay_issuer *issuer = NULL;
    MUST(assay_issuer_new(url, &issuer, NULL) == ASSAY_OK);
    MUST(assay_issuer_add_audience(issuer, "api", NULL) == ASSAY_OK);
    MUST(assay_issuer_set_profile(issuer, profile, NULL) == ASSAY_OK);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        MUST(assay_issuer_add_algorithm(issuer, algorithms[i], NULL) == ASSAY_OK);
    MUST(assay_issuer_set_keys(issuer, keys, NULL) == ASSAY_OK);
    return issuer;
}

/* Five issuers, each of another profile; token_recheck.c knows what they demand. */
static void make_validator(void)
{
    assay_runtime *runtime = NULL;
    assay_keyset *keys = NULL;
    assay_issuer *issuers[5];
    MUST(assay_runtime_new(&runtime, NULL) == ASSAY_OK);
    MUST(assay_runtime_set_clock(runtime, fixed_wall, fixed_steady, NULL, NULL, NULL) == ASSAY_OK);
    MUST(assay_keyset_new(runtime, &keys, NULL) == ASSAY_OK);
    MUST(assay_keyset_add_json(keys, fuzz_token_keys, strlen(fuzz_token_keys), NULL) == ASSAY_OK);
    MUST(assay_keyset_add_symmetric(keys, "mac", "HS256", secret, sizeof secret, NULL) == ASSAY_OK);
    issuers[0] = make_issuer(RECHECK_GENERIC, "generic", keys);
    issuers[1] = make_issuer(RECHECK_RFC9068, "rfc9068", keys);
    issuers[2] = make_issuer(RECHECK_ID_TOKEN, "id-token", keys);
    issuers[3] = make_issuer(RECHECK_KUBERNETES, "kubernetes", keys);
    issuers[4] = make_issuer(RECHECK_GITHUB, "github", keys);
    MUST(assay_issuer_set_max_lifetime(issuers[1], 3600, NULL) == ASSAY_OK);
    MUST(assay_issuer_require_contains(issuers[1], "/roles", "admin", NULL) == ASSAY_OK);
    MUST(assay_issuer_set_client_id(issuers[2], "client", NULL) == ASSAY_OK);
    MUST(assay_validator_new(runtime, issuers, 5, &validator, NULL) == ASSAY_OK);
    for (size_t i = 0; i < 5; i++)
        assay_issuer_free(issuers[i]);
    assay_keyset_unref(keys);
    assay_runtime_unref(runtime);
    MUST(assay_request_new(&strict_request, NULL) == ASSAY_OK);
    MUST(assay_request_set_nonce(strict_request, "n-1", NULL) == ASSAY_OK);
    MUST(assay_request_set_max_age(strict_request, 600, NULL) == ASSAY_OK);
    MUST(assay_request_add_acr(strict_request, "1", NULL) == ASSAY_OK);
}

/* Check twice, with and without an explanation: the verdict must be the same. The claims are those of the second. */
static int check(const char *token, size_t len, const assay_request *request, assay_claims **claims)
{
    assay_error *error = NULL;
    int explained = assay_validator_check(validator, token, len, request, claims, &error);
    MUST((explained == ASSAY_OK) == (*claims != NULL) && (explained == ASSAY_OK) == (error == NULL));
    if (error != NULL) {
        MUST(assay_error_code(error) == explained);
        MUST(assay_code_category(explained) == ASSAY_CATEGORY_TOKEN);
        MUST(assay_error_message(error)[0] != '\0' && assay_error_http_status(error) == 401);
        /* What may come from a token is printable. */
        for (const char *at = assay_error_found(error); *at != '\0'; at++)
            MUST(*at >= ' ' && *at <= '~');
        for (const char *at = assay_error_www_authenticate(error); *at != '\0'; at++)
            MUST(*at >= ' ' && *at <= '~');
    }
    assay_error_free(error);
    assay_claims_unref(*claims);
    int plain = assay_validator_check(validator, token, len, request, claims, NULL);
    MUST(plain == explained);
    return plain;
}

static void run_raw(const char *token, size_t len)
{
    assay_claims *claims = NULL;
    int code = check(token, len, NULL, &claims);
    bool known = false;
    for (size_t i = 0; i < sizeof fuzz_token_good / sizeof fuzz_token_good[0]; i++)
        known = known || (strlen(fuzz_token_good[i]) == len && memcmp(fuzz_token_good[i], token, len) == 0);
    MUST((code == ASSAY_OK) == known);
    assay_claims_unref(claims);
}

static void run_signed(const char *header, size_t header_len, const char *payload, size_t payload_len,
                       const assay_request *request)
{
    size_t header_chars = ASSAY_BASE64URL_ENCODED(header_len), payload_chars = ASSAY_BASE64URL_ENCODED(payload_len);
    char *token = malloc(header_chars + payload_chars + 64);
    MUST(token != NULL);
    assay_base64url_encode((const uint8_t *)header, header_len, token);
    token[header_chars] = '.';
    assay_base64url_encode((const uint8_t *)payload, payload_len, token + header_chars + 1);
    size_t input_len = header_chars + 1 + payload_chars, mac_len = 0;
    uint8_t mac[32];
    MUST(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, sizeof secret, (const unsigned char *)token, input_len,
                   mac, sizeof mac, &mac_len) != NULL);
    token[input_len] = '.';
    assay_base64url_encode(mac, mac_len, token + input_len + 1);
    assay_claims *claims = NULL;
    if (check(token, input_len + 1 + ASSAY_BASE64URL_ENCODED(mac_len), request, &claims) == ASSAY_OK)
        recheck(header, header_len, payload, payload_len, request != NULL, claims);
    assay_claims_unref(claims);
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (validator == NULL)
        make_validator();
    if (size == 0)
        return 0;
    /* A copy without a terminator behind it, so that reading on is seen. */
    size_t len = size - 1;
    char *text = malloc(len == 0 ? 1 : len);
    MUST(text != NULL);
    memcpy(text, data + 1, len);
    const char *line = memchr(text, '\n', len);
    if (data[0] % 4 < 2 || line == NULL)
        run_raw(text, len);
    else
        run_signed(text, (size_t)(line - text), line + 1, (size_t)(text + len - line - 1),
                   data[0] % 4 == 3 ? strict_request : NULL);
    free(text);
    return 0;
}
