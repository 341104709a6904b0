/* SPDX-License-Identifier: MIT */

/*
 * Tokens of Entra behind a good signature: header JSON up to the first line feed, then payload JSON, signed with a secret that every key of this
 * target has. What is accepted is checked once more with jansson, by rules that are written here a second time. Then who calls and what they may do is asked:
 * the answers must not contradict the token.
 */

#include "base/base64url.h"

#include <assay/assay.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000
#define TENANT "11111111-aaaa-4aaa-8aaa-111111111111"
#define CONSUMERS "9188040d-6c67-4c5b-b112-36a304b66dad"
#define LISTED_OID "55555555-eeee-4eee-8eee-555555555555"
#define LISTED_CLIENT "44444444-dddd-4ddd-8ddd-444444444444"
#define CLIENT "33333333-cccc-4ccc-8ccc-333333333333"
#define B2C_ISSUER "https://contoso.b2clogin.com/" TENANT "/v2.0/"
#define SECRET_JWK "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s\","
#define WORK_KEY                                                                                                       \
    SECRET_JWK "\"kid\":\"work\",\"issuer\":\"https://login.microsoftonline.com/{tenantid}/"                           \
               "v2.0\",\"cloud_instance_name\":\"microsoftonline.com\"}"
#define PERSONAL_KEY SECRET_JWK "\"kid\":\"msa\",\"issuer\":\"https://login.microsoftonline.com/" CONSUMERS "/v2.0\"}"
#define GOVERNMENT_KEY                                                                                                 \
    SECRET_JWK "\"kid\":\"gov\",\"issuer\":\"https://login.microsoftonline.com/{tenantid}/"                            \
               "v2.0\",\"cloud_instance_name\":\"microsoftonline.us\"}"
#define PLAIN_KEY SECRET_JWK "\"kid\":\"plain\"}"

static const uint8_t secret[32] = "a secret of thirty-two bytes, ok";
static assay_validator *validator;

static void must(bool condition, const char *text, int line)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_entra.c:%d: %s\n", line, text);
    abort();
}
#define MUST(condition) must((condition), #condition, __LINE__)

static int64_t fixed_wall(void *user_data)
{
    (void)user_data;
    return NOW;
}

static int64_t fixed_steady(void *user_data)
{
    (void)user_data;
    return 0;
}

static void finish_issuer(assay_issuer *issuer, const char *audience, assay_keyset *keys)
{
    MUST(assay_issuer_add_audience(issuer, audience, NULL) == ASSAY_OK);
    MUST(assay_issuer_add_algorithm(issuer, "HS256", NULL) == ASSAY_OK);
    MUST(assay_issuer_set_keys(issuer, keys, NULL) == ASSAY_OK);
}

/* One tenant with a list of callers; any organisation, for another audience; a policy of B2C. */
static void make_validator(void)
{
    static const char set[] = "{\"keys\":[" WORK_KEY "," PERSONAL_KEY "," GOVERNMENT_KEY "," PLAIN_KEY "]}";
    assay_runtime *runtime = NULL;
    assay_keyset *keys = NULL;
    assay_issuer *issuers[3];
    MUST(assay_runtime_new(&runtime, NULL) == ASSAY_OK);
    MUST(assay_runtime_set_clock(runtime, fixed_wall, fixed_steady, NULL, NULL, NULL) == ASSAY_OK);
    MUST(assay_keyset_new(runtime, &keys, NULL) == ASSAY_OK);
    MUST(assay_keyset_add_json_with_symmetric(keys, set, sizeof set - 1, NULL) == ASSAY_OK);
    MUST(assay_issuer_entra_new(NULL, &issuers[0], NULL) == ASSAY_OK);
    MUST(assay_issuer_entra_add_tenant(issuers[0], TENANT, NULL) == ASSAY_OK);
    MUST(assay_issuer_entra_add_caller(issuers[0], TENANT, LISTED_OID, NULL) == ASSAY_OK);
    MUST(assay_issuer_entra_add_client(issuers[0], TENANT, LISTED_CLIENT, NULL) == ASSAY_OK);
    finish_issuer(issuers[0], CLIENT, keys);
    MUST(assay_issuer_entra_new(NULL, &issuers[1], NULL) == ASSAY_OK);
    MUST(assay_issuer_entra_allow_any_organization(issuers[1], NULL) == ASSAY_OK);
    finish_issuer(issuers[1], "api://many", keys);
    MUST(assay_issuer_entra_new_b2c(B2C_ISSUER, "B2C_1_in", &issuers[2], NULL) == ASSAY_OK);
    finish_issuer(issuers[2], CLIENT, keys);
    MUST(assay_validator_new(runtime, issuers, 3, &validator, NULL) == ASSAY_OK);
    for (size_t i = 0; i < 3; i++)
        assay_issuer_free(issuers[i]);
    assay_keyset_unref(keys);
    assay_runtime_unref(runtime);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static bool is_guid(const char *text, size_t len)
{
    if (len != 36)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL || text[i] == '\0')
            return false;
    }
    return true;
}

static bool has_audience(const json_t *payload, const char *audience)
{
    const json_t *aud = json_object_get(payload, "aud");
    bool found = json_is_string(aud) && strcmp(json_string_value(aud), audience) == 0;
    for (size_t i = 0; i < json_array_size(aud); i++) {
        MUST(json_is_string(json_array_get(aud, i)));
        found = found || strcmp(json_string_value(json_array_get(aud, i)), audience) == 0;
    }
    return found;
}

/* An array of texts with at least one. */
static bool has_roles(const json_t *payload)
{
    const json_t *roles = json_object_get(payload, "roles");
    MUST(roles == NULL || json_is_array(roles));
    for (size_t i = 0; i < json_array_size(roles); i++)
        MUST(json_is_string(json_array_get(roles, i)));
    return json_array_size(roles) > 0;
}

static void recheck_b2c(const json_t *header, const json_t *payload)
{
    const char *policy = json_object_get(payload, "tfp") != NULL ? text_of(payload, "tfp") : text_of(payload, "acr");
    MUST(strcasecmp(policy, "B2C_1_in") == 0 && has_audience(payload, CLIENT));
    MUST(json_object_get(payload, "tid") == NULL || strcmp(text_of(payload, "tid"), TENANT) == 0);
    MUST(text_of(payload, "scp")[0] != '\0' || (has_roles(payload) && json_object_get(payload, "azp") != NULL));
    MUST(strcmp(text_of(header, "kid"), "plain") == 0); /* the issuers of the others are not this one's */
}

static void recheck_work(const json_t *header, const json_t *payload, const char *iss)
{
    static const char v1[] = "https://sts.windows.net/", v2[] = "https://login.microsoftonline.com/";
    bool is_v1 = strncmp(iss, v1, sizeof v1 - 1) == 0;
    MUST(is_v1 || strncmp(iss, v2, sizeof v2 - 1) == 0);
    const char *tenant = iss + (is_v1 ? sizeof v1 : sizeof v2) - 1, *tid = text_of(payload, "tid");
    MUST(strlen(tenant) > 36 && is_guid(tenant, 36) && strcmp(tenant + 36, is_v1 ? "/" : "/v2.0") == 0);
    MUST(strlen(tid) == 36 && strncmp(tid, tenant, 36) == 0 && strcmp(tid, CONSUMERS) != 0);
    MUST(strcmp(text_of(payload, "ver"), is_v1 ? "1.0" : "2.0") == 0);
    bool ours = strcmp(tid, TENANT) == 0 && (has_audience(payload, CLIENT) || has_audience(payload, "api://" CLIENT));
    MUST(ours || has_audience(payload, "api://many"));
    MUST(json_object_get(payload, is_v1 ? "appid" : "azp") != NULL);
    MUST(strcmp(text_of(header, "kid"), "work") == 0);
    bool listed = strcmp(text_of(payload, "oid"), LISTED_OID) == 0 ||
                  strcmp(text_of(payload, is_v1 ? "appid" : "azp"), LISTED_CLIENT) == 0;
    MUST(text_of(payload, "scp")[0] != '\0' || has_roles(payload) || (ours && listed));
}

/* What is answered about the caller holds together. */
static void ask(const assay_claims *claims, const json_t *payload)
{
    int kind = assay_claims_caller_kind(claims);
    const char *identity = NULL;
    bool app = kind == ASSAY_CALLER_APPLICATION || kind == ASSAY_CALLER_MANAGED_IDENTITY;
    int as_app = assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "R", NULL);
    int as_user = assay_claims_require(claims, ASSAY_PERMISSION_USER_ROLE, "R", NULL);
    int either = assay_claims_require(claims, ASSAY_PERMISSION_ROLE, "R", NULL);
    bool has = false;
    const json_t *roles = json_object_get(payload, "roles");
    for (size_t i = 0; i < json_array_size(roles); i++)
        has = has || strcmp(json_string_value(json_array_get(roles, i)), "R") == 0;
    MUST((as_app == ASSAY_OK) <= (has && app) && (as_user == ASSAY_OK) <= (has && kind == ASSAY_CALLER_USER));
    MUST((either == ASSAY_OK) == (as_app == ASSAY_OK || as_user == ASSAY_OK));
    MUST(!app || strcmp(text_of(payload, "idtyp"), "app") == 0 || json_object_get(payload, "idtyp") == NULL);
    MUST(!app || json_object_get(payload, "idtyp") != NULL || text_of(payload, "scp")[0] == '\0');
    if (assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, "s", NULL) == ASSAY_OK)
        MUST(strchr(text_of(payload, "scp"), 's') != NULL && !app);
    if (assay_claims_require(claims, ASSAY_PERMISSION_GROUP, "g", NULL) == ASSAY_OK)
        MUST(json_object_get(json_object_get(payload, "_claim_names"), "groups") == NULL);
    if (assay_claims_get_identity(claims, &identity) == ASSAY_OK)
        MUST(strncmp(identity, "entra|", 6) == 0 && strlen(identity) == 6 + 36 + 1 + 36);
    assay_error *error = NULL;
    int context = assay_claims_require_context(claims, "c1", "r\"\\", NULL, &error);
    MUST((context == ASSAY_OK) == (error == NULL));
    assay_error_free(error);
    if (assay_claims_require_member(claims, NULL) == ASSAY_OK)
        MUST(assay_claims_is_guest(claims) != 1);
    (void)assay_claims_client_authentication(claims);
    if (assay_claims_require_listed_caller(claims, NULL) == ASSAY_OK)
        MUST(strcmp(text_of(payload, "tid"), TENANT) == 0);
}

static void recheck(const char *header_text, size_t header_len, const char *text, size_t len,
                    const assay_claims *claims)
{
    json_t *header = json_loadb(header_text, header_len, JSON_REJECT_DUPLICATES, NULL);
    json_t *payload = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    MUST(json_is_object(header) && json_is_object(payload));
    MUST(json_object_get(header, "nonce") == NULL && json_object_get(header, "crit") == NULL);
    MUST(json_number_value(json_object_get(payload, "exp")) >= NOW - 60);
    MUST(json_number_value(json_object_get(payload, "nbf")) <= NOW + 60);
    MUST(json_object_get(payload, "sub") != NULL && json_object_get(payload, "cnf") == NULL);
    const char *iss = text_of(payload, "iss");
    MUST(strcmp(iss, assay_claims_issuer(claims)) == 0);
    if (strcmp(iss, B2C_ISSUER) == 0)
        recheck_b2c(header, payload);
    else
        recheck_work(header, payload, iss);
    ask(claims, payload);
    json_decref(header);
    json_decref(payload);
}

static void run(const char *header, size_t header_len, const char *payload, size_t payload_len)
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
    size_t len = input_len + 1 + ASSAY_BASE64URL_ENCODED(mac_len);
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int explained = assay_validator_check(validator, token, len, NULL, &claims, &error);
    MUST((explained == ASSAY_OK) == (error == NULL) && (explained == ASSAY_OK) == (claims != NULL));
    for (const char *at = assay_error_found(error); *at != '\0'; at++)
        MUST(*at >= ' ' && *at <= '~');
    assay_error_free(error);
    assay_claims_unref(claims);
    MUST(assay_validator_check(validator, token, len, NULL, &claims, NULL) == explained);
    if (explained == ASSAY_OK)
        recheck(header, header_len, payload, payload_len, claims);
    assay_claims_unref(claims);
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (validator == NULL)
        make_validator();
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    if (line == NULL)
        return 0;
    size_t header_len = (size_t)(line - data), payload_len = size - header_len - 1;
    char *text = malloc(size);
    MUST(text != NULL);
    memcpy(text, data, size);
    run(text, header_len, text + header_len + 1, payload_len);
    free(text);
    return 0;
}
