/* SPDX-License-Identifier: MIT */
/* Tokens that must be refused: each entry spoils one thing and leaves the rest as good as it was. */

#include "dev_issuer_internal.h"

#include <string.h>

static void set_claim(dev_token *token, const char *name, json_t *value)
{
    (void)json_object_set_new(token->claims, name, value);
}

static void set_header(dev_token *token, const char *name, json_t *value)
{
    (void)json_object_set_new(token->header, name, value);
}

static void set_times(dev_token *token, int64_t issued, int64_t expires)
{
    set_claim(token, "iat", json_integer(token->now + issued));
    set_claim(token, "nbf", json_integer(token->now + issued));
    set_claim(token, "exp", json_integer(token->now + expires));
}

static void edit_none(dev_token *token)
{
    set_header(token, "alg", json_string("none"));
}

static void edit_none_case(dev_token *token)
{
    set_header(token, "alg", json_string("nOnE"));
}

static void edit_expired(dev_token *token)
{
    set_times(token, -7200, -3600);
}

static void edit_not_yet_valid(dev_token *token)
{
    set_times(token, 3600, 7200);
    set_claim(token, "iat", json_integer(token->now));
}

static void edit_issued_in_future(dev_token *token)
{
    set_claim(token, "iat", json_integer(token->now + 3600));
    set_claim(token, "exp", json_integer(token->now + 7200));
}

static void edit_no_expiry(dev_token *token)
{
    (void)json_object_del(token->claims, "exp");
}

static void edit_audience(dev_token *token)
{
    set_claim(token, "aud", json_string("somebody-else"));
}

static void edit_no_audience(dev_token *token)
{
    (void)json_object_del(token->claims, "aud");
}

static void edit_issuer(dev_token *token)
{
    set_claim(token, "iss", json_string("https://other.example"));
}

static void edit_no_issuer(dev_token *token)
{
    (void)json_object_del(token->claims, "iss");
}

static void edit_unknown_kid(dev_token *token)
{
    set_header(token, "kid", json_string("unknown-key"));
}

static void edit_no_kid(dev_token *token)
{
    (void)json_object_del(token->header, "kid");
}

static void edit_hs256(dev_token *token)
{
    set_header(token, "alg", json_string("HS256"));
    token->hmac_signature = true;
}

static void edit_embedded_jwk(dev_token *token)
{
    set_header(token, "jwk", json_deep_copy(token->jwk_of_fresh));
}

static void edit_jku(dev_token *token)
{
    set_header(token, "jku", json_string("https://attacker.example/jwks"));
}

static void edit_crit(dev_token *token)
{
    set_header(token, "crit", json_pack("[s]", "https://extension.example"));
    set_header(token, "https://extension.example", json_true());
}

static void edit_b64(dev_token *token)
{
    set_header(token, "b64", json_false());
    set_header(token, "crit", json_pack("[s]", "b64"));
}

static void edit_der(dev_token *token)
{
    token->der_signature = true;
}

static void edit_duplicate(dev_token *token)
{
    CLI_AUTO_FREE char *text = json_dumps(token->claims, JSON_COMPACT);
    if (text != NULL)
        token->payload_raw = cli_format("{\"iss\":\"https://other.example\",%s", text + 1);
}

static void edit_tenant(dev_token *token)
{
    const char *tenant = json_string_value(json_object_get(token->claims, "tid"));
    bool is_other = tenant != NULL && strcmp(tenant, DEV_ENTRA_OTHER_TENANT) == 0;
    set_claim(token, "tid", json_string(is_other ? DEV_ENTRA_TENANT : DEV_ENTRA_OTHER_TENANT));
}

static void flip_bit(uint8_t *signature, size_t *len)
{
    if (*len > 0)
        signature[*len / 2] ^= 1;
}

static void drop_signature(uint8_t *signature, size_t *len)
{
    (void)signature;
    *len = 0;
}

static void zero_signature(uint8_t *signature, size_t *len)
{
    memset(signature, 0, *len);
}

static char *cut(const char *token)
{
    size_t len = strlen(token);
    return cli_copy(token, len > 10 ? len - 10 : 0);
}

static char *pad(const char *token)
{
    return cli_format("%s=", token);
}

static char *append_segment(const char *token)
{
    return cli_format("%s.e30", token);
}

/* The five segments of a JWE (RFC 7516, section 7.1): {"alg":"dir","enc":"A256GCM"}. */
static char *encrypted(const char *token)
{
    (void)token;
    return cli_strdup(
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..MTIzNDU2Nzg5MDEy.Y2lwaGVydGV4dA.MTIzNDU2Nzg5MDEyMzQ1Ng");
}

static const dev_forge forges[] = {
    {"signature", DEV_ROLE_OWN, NULL, flip_bit, NULL, "one bit of the signature is wrong"},
    {"wrong-key", DEV_ROLE_STRANGER, NULL, NULL, NULL, "signed with another key under a known kid"},
    {"unknown-kid", DEV_ROLE_STRANGER, edit_unknown_kid, NULL, NULL,
     "signed with a key that the issuer does not serve"},
    {"no-kid", DEV_ROLE_OWN, edit_no_kid, NULL, NULL, "genuine, without kid"},
    {"none", DEV_ROLE_OWN, edit_none, drop_signature, NULL, "alg none, no signature"},
    {"none-case", DEV_ROLE_OWN, edit_none_case, drop_signature, NULL, "alg nOnE, no signature"},
    {"hs256-public-key", DEV_ROLE_OWN, edit_hs256, NULL, NULL,
     "HS256 with the PEM text of the public key as its secret"},
    {"embedded-jwk", DEV_ROLE_STRANGER, edit_embedded_jwk, NULL, NULL,
     "signed with a key that the header itself carries"},
    {"jku", DEV_ROLE_STRANGER, edit_jku, NULL, NULL, "signed with a key that the header's jku points to"},
    {"empty-signature", DEV_ROLE_OWN, NULL, drop_signature, NULL, "the signature is empty"},
    {"zero-signature", DEV_ROLE_OWN, NULL, zero_signature, NULL, "the signature is all zero (CVE-2022-21449)"},
    {"der-signature", DEV_ROLE_OWN, edit_der, NULL, NULL, "an ECDSA signature in DER"},
    {"expired", DEV_ROLE_OWN, edit_expired, NULL, NULL, "expired an hour ago"},
    {"not-yet-valid", DEV_ROLE_OWN, edit_not_yet_valid, NULL, NULL, "valid in an hour"},
    {"issued-in-future", DEV_ROLE_OWN, edit_issued_in_future, NULL, NULL, "iat in an hour"},
    {"no-expiry", DEV_ROLE_OWN, edit_no_expiry, NULL, NULL, "no exp"},
    {"audience", DEV_ROLE_OWN, edit_audience, NULL, NULL, "another audience"},
    {"no-audience", DEV_ROLE_OWN, edit_no_audience, NULL, NULL, "no aud"},
    {"issuer", DEV_ROLE_OWN, edit_issuer, NULL, NULL, "another issuer"},
    {"no-issuer", DEV_ROLE_OWN, edit_no_issuer, NULL, NULL, "no iss"},
    {"crit", DEV_ROLE_OWN, edit_crit, NULL, NULL, "crit names an unknown extension"},
    {"b64", DEV_ROLE_OWN, edit_b64, NULL, NULL, "b64 false (RFC 7797)"},
    {"duplicate-claim", DEV_ROLE_OWN, edit_duplicate, NULL, NULL, "iss twice in the payload"},
    {"truncated", DEV_ROLE_OWN, NULL, NULL, cut, "the last ten characters are missing"},
    {"padding", DEV_ROLE_OWN, NULL, NULL, pad, "a padding character behind the signature"},
    {"four-segments", DEV_ROLE_OWN, NULL, NULL, append_segment, "one segment too many"},
    {"encrypted", DEV_ROLE_OWN, NULL, NULL, encrypted, "a JWE"},
    /* From here on Entra's. */
    {"consumer-key", DEV_ROLE_CONSUMER, NULL, NULL, NULL, "signed with the key of consumer accounts"},
    {"gov-key", DEV_ROLE_OTHER_CLOUD, NULL, NULL, NULL, "signed with the key of another cloud"},
    {"custom-key", DEV_ROLE_CUSTOM, NULL, NULL, NULL, "signed with an application's own key"},
    {"wrong-tenant", DEV_ROLE_OWN, edit_tenant, NULL, NULL, "tid is not the tenant of iss"},
};

#define FORGES_OF_ENTRA 4

const dev_forge *dev_forge_at(const dev_issuer *issuer, size_t index)
{
    size_t count = CLI_COUNT_OF(forges) - (issuer->tenant == NULL ? FORGES_OF_ENTRA : 0);
    return index < count ? &forges[index] : NULL;
}

const dev_forge *dev_forge_find(const dev_issuer *issuer, const char *name)
{
    const dev_forge *forge = NULL;
    for (size_t i = 0; (forge = dev_forge_at(issuer, i)) != NULL; i++)
        if (strcmp(forge->name, name) == 0)
            return forge;
    return NULL;
}
