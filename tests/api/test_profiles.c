/* SPDX-License-Identifier: MIT */
/* The three profiles and what a request demands of an ID token (RFC 9068; OIDC Core, section 3.1.3.7). */
#include "support/trial.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void open_profile(trial *t, const char *algorithm, const char *profile)
{
    trial_open(t, algorithm);
    must_ok(assay_issuer_set_profile(t->issuer, profile, NULL));
    must_ok(assay_request_new(&t->request, NULL));
}

/* All members but one. */
static char *without(const char *const *members, size_t count, size_t left_out, const char *instead)
{
    char *text = trial_format("{\"z\":0");
    for (size_t i = 0; i < count; i++) {
        const char *member = i == left_out ? instead : members[i];
        if (member == NULL)
            continue;
        char *longer = trial_format("%s,%s", text, member);
        free(text);
        text = longer;
    }
    char *whole = trial_format("%s}", text);
    free(text);
    return whole;
}

static const char *const members[] = {"\"iss\":\"" TRIAL_ISSUER "\"",
                                      "\"exp\":1700003600",
                                      "\"aud\":\"" TRIAL_AUDIENCE "\"",
                                      "\"sub\":\"s\"",
                                      "\"client_id\":\"c\"",
                                      "\"iat\":1700000000",
                                      "\"jti\":\"j\""};
static const char at_header[] = "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}";

static void rfc9068_required_claims(void **state)
{
    (void)state;
    static const struct {
        int missing;
        const char *empty;
        int code;
    } rows[] = {
        {ASSAY_E_ISSUER_MISSING, "\"iss\":\"\"", ASSAY_E_ISSUER},
        {ASSAY_E_EXPIRY_MISSING, "\"exp\":null", ASSAY_E_TIME},
        {ASSAY_E_AUDIENCE_MISSING, "\"aud\":[]", ASSAY_E_AUDIENCE},
        {ASSAY_E_CLAIM_MISSING, "\"sub\":\"\"", ASSAY_E_CLAIM_MISSING},
        {ASSAY_E_CLAIM_MISSING, "\"client_id\":\"\"", ASSAY_E_CLAIM_MISSING},
        {ASSAY_E_CLAIM_MISSING, "\"iat\":\"1\"", ASSAY_E_TIME},
        {ASSAY_E_CLAIM_MISSING, "\"jti\":null", ASSAY_E_CLAIM_TYPE},
    };
    trial t;
    open_profile(&t, "ES256", "rfc9068");
    char *payload = without(members, COUNT_OF(members), SIZE_MAX, NULL);
    trial_accept(&t, trial_token(&t, at_header, payload));
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"ES256\",\"kid\":\"k\"}", payload), ASSAY_E_TYP);
    trial_refuse_payload(&t, payload, ASSAY_E_TYP); /* typ JWT */
    free(payload);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        payload = without(members, COUNT_OF(members), i, NULL);
        trial_refuse(&t, trial_token(&t, at_header, payload), rows[i].missing);
        free(payload);
        payload = without(members, COUNT_OF(members), i, rows[i].empty);
        trial_refuse(&t, trial_token(&t, at_header, payload), rows[i].code);
        free(payload);
    }
    trial_close(&t);
}

static void id_token_required_claims(void **state)
{
    (void)state;
    static const int missing[] = {ASSAY_E_ISSUER_MISSING,
                                  ASSAY_E_EXPIRY_MISSING,
                                  ASSAY_E_AUDIENCE_MISSING,
                                  ASSAY_E_CLAIM_MISSING,
                                  ASSAY_OK,
                                  ASSAY_E_CLAIM_MISSING,
                                  ASSAY_OK};
    /* The same, with what tells of a sign-in instead of a client_id. */
    const char *id_members[COUNT_OF(members)];
    memcpy(id_members, members, sizeof members);
    id_members[4] = "\"auth_time\":1700000000";
    trial t;
    open_profile(&t, "ES256", "id-token");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        char *payload = without(id_members, COUNT_OF(members), i, NULL);
        if (missing[i] == ASSAY_OK)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, missing[i]);
        free(payload);
    }
    trial_close(&t);
}

static void authorized_party(void **state)
{
    (void)state;
    static const struct {
        const char *aud, *azp;
        int without_client, with_client;
    } rows[] = {
        {"\"api://trial\"", "", ASSAY_OK, ASSAY_OK},
        {"[\"api://trial\"]", ",\"azp\":\"other\"", ASSAY_OK, ASSAY_OK},
        {"[\"api://trial\",\"x\"]", "", ASSAY_E_AUTHORIZED_PARTY, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"x\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"api://trial\"", ASSAY_OK, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"client\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_OK},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"clien\\u0074\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_OK},
        {"[\"api://trial\",\"x\"]", ",\"azp\":\"Client\"", ASSAY_E_AUTHORIZED_PARTY, ASSAY_E_AUTHORIZED_PARTY},
        {"[\"api://trial\",\"x\"]", ",\"azp\":null", ASSAY_E_CLAIM_TYPE, ASSAY_E_CLAIM_TYPE},
    };
    for (int client = 0; client < 2; client++) {
        trial t;
        open_profile(&t, "ES256", "id-token");
        if (client)
            must_ok(assay_issuer_set_client_id(t.issuer, "client", NULL));
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            char *payload = trial_format("{\"iss\":\"%s\",\"sub\":\"s\",\"iat\":1,\"exp\":1700003600,\"aud\":%s%s}",
                                         TRIAL_ISSUER, rows[i].aud, rows[i].azp);
            int code = client ? rows[i].with_client : rows[i].without_client;
            if (code == ASSAY_OK)
                trial_accept_payload(&t, payload);
            else
                trial_refuse_payload(&t, payload, code);
            free(payload);
        }
        trial_close(&t);
    }
}

/* Left half of the hash that goes with the algorithm. */
static char *half_hash(const char *hash, const char *text)
{
    uint8_t digest[128];
    size_t len = sizeof digest;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
    assert_true(EVP_DigestInit_ex(context, md, NULL) == 1 && EVP_DigestUpdate(context, text, strlen(text)) == 1);
    if (strcmp(hash, "SHAKE256") == 0) {
        len = 114;
        assert_int_equal(EVP_DigestFinalXOF(context, digest, len), 1);
    } else {
        unsigned made = 0;
        assert_int_equal(EVP_DigestFinal_ex(context, digest, &made), 1);
        len = made;
    }
    EVP_MD_free(md);
    EVP_MD_CTX_free(context);
    return mint_base64url(digest, len / 2);
}

static void hashes_of_each_algorithm(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *hash;
    } rows[] = {{"RS256", "SHA256"},   {"RS384", "SHA384"},  {"RS512", "SHA512"}, {"PS256", "SHA256"},
                {"PS384", "SHA384"},   {"PS512", "SHA512"},  {"ES256", "SHA256"}, {"ES384", "SHA384"},
                {"ES512", "SHA512"},   {"ES256K", "SHA256"}, {"EdDSA", "SHA512"}, {"Ed25519", "SHA512"},
                {"Ed448", "SHAKE256"}, {"HS256", "SHA256"},  {"HS384", "SHA384"}, {"HS512", "SHA512"}};
    static const char *const names[] = {"at_hash", "c_hash"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int which = 0; which < 2; which++) {
            trial t;
            open_profile(&t, rows[i].algorithm, "id-token");
            const char *text = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
            if (which == 0)
                must_ok(assay_request_set_access_token(t.request, text, strlen(text), NULL));
            else
                must_ok(assay_request_set_code(t.request, text, strlen(text), NULL));
            char *right = half_hash(rows[i].hash, text), *wrong = half_hash(rows[i].hash, "another");
            char *payload = trial_format(TRIAL_CLAIMS(",\"%s\":\"%s\""), names[which], right);
            trial_accept_payload(&t, payload);
            free(payload);
            char *variants[] = {trial_format("\"%s\":\"%s\"", names[which], wrong),
                                trial_format("\"%s\":\"%.*s\"", names[which], (int)strlen(right) - 1, right),
                                trial_format("\"%s\":\"%s=\"", names[which], right),
                                trial_format("\"%s\":\"\"", names[which]),
                                trial_format("\"%s\":\"%s\"", names[1 - which], right)};
            for (size_t v = 0; v < COUNT_OF(variants); v++) {
                payload = trial_format(TRIAL_CLAIMS(",%s"), variants[v]);
                trial_refuse_payload(&t, payload, ASSAY_E_HASH);
                free(payload);
                free(variants[v]);
            }
            trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_HASH);
            free(right);
            free(wrong);
            trial_close(&t);
        }
    }
}

static void max_age_edges(void **state)
{
    (void)state;
    static const struct {
        int64_t auth_time;
        int code;
    } rows[] = {{TRIAL_NOW - 159, ASSAY_OK},      {TRIAL_NOW - 160, ASSAY_OK}, {TRIAL_NOW - 161, ASSAY_E_AUTH_TIME},
                {0, ASSAY_E_AUTH_TIME},           {TRIAL_NOW + 60, ASSAY_OK},  {TRIAL_NOW + 61, ASSAY_E_AUTH_TIME},
                {253402300799, ASSAY_E_AUTH_TIME}};
    trial t;
    open_profile(&t, "ES256", "id-token");
    must_ok(assay_request_set_max_age(t.request, 100, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *payload = trial_format(TRIAL_CLAIMS(",\"auth_time\":%" PRId64), rows[i].auth_time);
        if (rows[i].code == ASSAY_OK)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, rows[i].code);
        free(payload);
    }
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_AUTH_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":null"), ASSAY_E_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":\"1700000000\""), ASSAY_E_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":-1"), ASSAY_E_TIME);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1700000060.5"), ASSAY_E_AUTH_TIME);
    must_ok(assay_request_set_max_age(t.request, 0, NULL));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1699999940"));
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1699999939"), ASSAY_E_AUTH_TIME);
    trial_close(&t);
}

static void acr_values(void **state)
{
    (void)state;
    trial t;
    open_profile(&t, "ES256", "id-token");
    must_ok(assay_request_add_acr(t.request, "urn:two", NULL));
    must_ok(assay_request_add_acr(t.request, "urn:three", NULL));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:two\""));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:three\""));
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":\"\""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:Two\""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":\"urn:two urn:three\""), ASSAY_E_ACR);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"acr\":[\"urn:two\"]"), ASSAY_E_CLAIM_TYPE);
    trial_close(&t);
}

enum { SKIPPED = 1 }; /* no code of ours */

static void kinds_of_token(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int generic, id_token, rfc9068;
    } rows[] = {
        {"", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"nonce\":\"n\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"at_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"typ\":\"ID\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"scope\":\"a\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"scp\":\"a\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"scope\":\"a\",\"nonce\":\"n\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"scope\":\"a\",\"at_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"scope\":\"a\",\"auth_time\":1", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"c_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"auth_time\":1", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"amr\":[\"pwd\"]", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"sid\":\"s\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"client_id\":\"c\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, SKIPPED},
        {",\"roles\":[\"r\"]", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"cid\":\"c\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"appid\":\"c\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"gty\":\"password\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"roles\":[\"r\"],\"client_id\":\"c\",\"jti\":\"j\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, SKIPPED},
        {",\"client_id\":\"c\",\"nonce\":\"n\"", ASSAY_E_ID_TOKEN, ASSAY_OK, SKIPPED},
        {",\"roles\":[\"r\"],\"nonce\":\"n\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"client_id\":\"c\",\"auth_time\":1", ASSAY_OK, ASSAY_OK, SKIPPED},
        {",\"roles\":[\"r\"],\"sid\":\"s\"", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"groups\":[\"g\"]", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"groups\":[\"g\"],\"auth_time\":1", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"groups\":[\"g\"],\"nonce\":\"n\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"token_use\":\"id\",\"scope\":\"a\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"token_use\":\"access\",\"nonce\":\"n\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"token_use\":\"other\"", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        {",\"token_use\":7", ASSAY_OK, ASSAY_OK, ASSAY_OK},
        /* Both outright: neither believes it. */
        {",\"typ\":\"Bearer\",\"at_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"\\u0061t_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_OK, ASSAY_OK},
        {",\"typ\":\"Bearer\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN, ASSAY_OK},
        {",\"events\":{}", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {",\"typ\":\"Refresh\"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {",\"typ\":\"Offline\"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
        {",\"typ\":\"Logout\"", ASSAY_E_TYP, ASSAY_E_TYP, ASSAY_E_TYP},
    };
    static const char *const profiles[] = {"generic", "id-token", "rfc9068"};
    for (size_t p = 0; p < 3; p++) {
        trial t;
        open_profile(&t, "ES256", profiles[p]);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            int code = p == 0 ? rows[i].generic : p == 1 ? rows[i].id_token : rows[i].rfc9068;
            if (code == SKIPPED)
                continue;
            char *payload = p == 2 ? trial_format(TRIAL_CLAIMS(",\"client_id\":\"c\",\"jti\":\"j\"%s"), rows[i].more)
                                   : trial_format(TRIAL_CLAIMS("%s"), rows[i].more);
            char *token = p == 2 ? trial_token(&t, at_header, payload) : trial_sign(&t, payload);
            if (code == ASSAY_OK)
                trial_accept(&t, token);
            else
                trial_refuse(&t, token, code);
            free(payload);
        }
        trial_close(&t);
    }
}

/*
 * What real issuers put into their tokens beside iss, sub, aud, exp and iat: members as their documentation lists them, values of ours. An access token
 * of any of them must pass as one, and no ID token may, where it can be told; nor the other way round.
 */
static void kinds_of_providers(void **state)
{
    (void)state;
    static const struct {
        const char *who, *more;
        int generic, id_token;
    } rows[] = {
        {"Keycloak access",
         ",\"typ\":\"Bearer\",\"azp\":\"web\",\"sid\":\"s\",\"auth_time\":1700000000,\"acr\":\"1\",\"jti\":\"j\","
         "\"scope\":\"openid email\",\"realm_access\":{\"roles\":[\"user\"]}",
         ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"Keycloak access, lightweight", ",\"typ\":\"Bearer\",\"azp\":\"web\",\"sid\":\"s\",\"jti\":\"j\"", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Keycloak access, older, with the nonce",
         ",\"typ\":\"Bearer\",\"azp\":\"web\",\"nonce\":\"n\",\"session_state\":\"s\",\"scope\":\"openid\"", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Keycloak ID", ",\"typ\":\"ID\",\"azp\":\"web\",\"sid\":\"s\",\"auth_time\":1700000000,\"acr\":\"1\"",
         ASSAY_E_ID_TOKEN, ASSAY_OK},
        {"Auth0 access", ",\"azp\":\"web\",\"scope\":\"openid read:x\"", ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"Auth0 access, without scopes", ",\"azp\":\"web\",\"permissions\":[]", ASSAY_OK, ASSAY_OK},
        {"Auth0 access of a machine", ",\"azp\":\"web\",\"gty\":\"client-credentials\"", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Auth0 ID", ",\"sid\":\"s\",\"nickname\":\"n\",\"email_verified\":true", ASSAY_E_ID_TOKEN, ASSAY_OK},
        {"Okta access",
         ",\"ver\":1,\"jti\":\"j\",\"cid\":\"c\",\"uid\":\"u\",\"auth_time\":1700000000,\"scp\":[\"openid\"]", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Okta ID",
         ",\"ver\":1,\"jti\":\"j\",\"amr\":[\"pwd\"],\"idp\":\"i\",\"auth_time\":1700000000,\"groups\":[\"g\"],"
         "\"at_hash\":\"h\"",
         ASSAY_E_ID_TOKEN, ASSAY_OK},
        {"Cognito access",
         ",\"token_use\":\"access\",\"client_id\":\"c\",\"auth_time\":1700000000,\"scope\":\"x\",\"username\":\"u\","
         "\"jti\":\"j\",\"cognito:groups\":[\"g\"]",
         ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"Cognito ID", ",\"token_use\":\"id\",\"auth_time\":1700000000,\"cognito:username\":\"u\",\"roles\":[\"r\"]",
         ASSAY_E_ID_TOKEN, ASSAY_OK},
        {"Entra access, delegated, 2.0",
         ",\"azp\":\"c\",\"azpacr\":\"1\",\"oid\":\"o\",\"scp\":\"read\",\"sid\":\"s\",\"tid\":\"t\",\"ver\":\"2.0\"",
         ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"Entra access, application, 2.0",
         ",\"azp\":\"c\",\"azpacr\":\"1\",\"oid\":\"o\",\"roles\":[\"r\"],\"tid\":\"t\",\"ver\":\"2.0\"", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Entra access, delegated, 1.0",
         ",\"amr\":[\"pwd\"],\"appid\":\"c\",\"appidacr\":\"0\",\"scp\":\"read\",\"ver\":\"1.0\"", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Entra access, application, 1.0", ",\"appid\":\"c\",\"appidacr\":\"1\",\"idtyp\":\"app\",\"ver\":\"1.0\"",
         ASSAY_OK, ASSAY_E_ACCESS_TOKEN},
        {"Entra B2C access", ",\"nonce\":\"n\",\"scp\":\"read\",\"azp\":\"c\",\"auth_time\":1700000000", ASSAY_OK,
         ASSAY_E_ACCESS_TOKEN},
        {"Entra ID",
         ",\"nonce\":\"n\",\"oid\":\"o\",\"roles\":[\"r\"],\"groups\":[\"g\"],\"tid\":\"t\",\"ver\":\"2.0\"",
         ASSAY_E_ID_TOKEN, ASSAY_OK},
        {"Entra ID, without nonce: can't be told", ",\"oid\":\"o\",\"tid\":\"t\",\"ver\":\"2.0\"", ASSAY_OK, ASSAY_OK},
        {"Google ID of a service account: can't be told", ",\"azp\":\"a\",\"email\":\"e\",\"email_verified\":true",
         ASSAY_OK, ASSAY_OK},
        {"Google ID of a user", ",\"azp\":\"a\",\"email\":\"e\",\"at_hash\":\"h\"", ASSAY_E_ID_TOKEN, ASSAY_OK},
        {"GitHub Actions",
         ",\"jti\":\"j\",\"ref\":\"refs/heads/main\",\"repository\":\"o/r\",\"actor\":\"a\",\"workflow\":\"w\","
         "\"job_workflow_ref\":\"o/r/w\",\"runner_environment\":\"github-hosted\"",
         ASSAY_OK, ASSAY_OK},
        {"GitLab job",
         ",\"jti\":\"j\",\"namespace_id\":\"1\",\"project_path\":\"g/p\",\"user_login\":\"u\",\"pipeline_id\":\"1\","
         "\"job_id\":\"2\",\"groups_direct\":[\"g\"],\"ref_protected\":\"true\"",
         ASSAY_OK, ASSAY_OK},
        {"GitLab ID", ",\"auth_time\":1700000000,\"sub_legacy\":\"l\",\"groups_direct\":[\"g\"]", ASSAY_E_ID_TOKEN,
         ASSAY_OK},
        {"Kubernetes service account",
         ",\"jti\":\"j\",\"nbf\":1700000000,\"kubernetes.io\":{\"namespace\":\"n\",\"serviceaccount\":{\"name\":\"s\"}"
         "}",
         ASSAY_OK, ASSAY_OK},
        {"AD FS access",
         ",\"apptype\":\"Public\",\"appid\":\"c\",\"auth_time\":\"2023-11-14T22:13:20.000Z\",\"ver\":\"1.0\"", ASSAY_OK,
         ASSAY_OK},
        {"Supabase access",
         ",\"role\":\"authenticated\",\"aal\":\"aal1\",\"amr\":[{\"method\":\"otp\"}],\"session_id\":\"s\"", ASSAY_OK,
         ASSAY_OK},
        {"WorkOS access", ",\"sid\":\"s\",\"jti\":\"j\",\"role\":\"member\",\"permissions\":[]", ASSAY_OK, ASSAY_OK},
        {"Dex ID, without at_hash", ",\"email\":\"e\",\"groups\":[\"g\"]", ASSAY_OK, ASSAY_OK},
        {"Zitadel ID", ",\"amr\":[\"pwd\"],\"at_hash\":\"h\",\"azp\":\"c\",\"client_id\":\"c\",\"sid\":\"s\"",
         ASSAY_E_ID_TOKEN, ASSAY_OK},
    };
    for (int id = 0; id < 2; id++) {
        trial t;
        open_profile(&t, "ES256", id ? "id-token" : "generic");
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            char *payload = trial_format(TRIAL_CLAIMS("%s"), rows[i].more);
            char *token = trial_sign(&t, payload);
            assay_claims *claims = NULL;
            trial_start(&t);
            int code = assay_validator_check(t.validator, token, strlen(token), NULL, &claims, NULL);
            int wanted = id ? rows[i].id_token : rows[i].generic;
            if (code != wanted)
                print_error("%s as %s: %s\n", rows[i].who, id ? "ID token" : "access token", assay_code_name(code));
            assert_int_equal(code, wanted);
            assay_claims_unref(claims);
            free(token);
            free(payload);
        }
        trial_close(&t);
    }
}

static void kid_missing(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    trial_accept(&t, trial_token(&t, "{\"alg\":\"ES256\"}", TRIAL_CLAIMS("")));
    mint_key *other = mint_key_new("ES256", "other");
    trial_add_jwk(&t, mint_key_jwk(other));
    trial_restart(&t);
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"ES256\"}", TRIAL_CLAIMS("")), ASSAY_E_KID_MISSING);
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
    mint_key_free(other);
    trial_close(&t);
}

static void request_arguments(void **state)
{
    (void)state;
    assay_request *request = NULL;
    must_fail(assay_request_new(NULL, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_new(&request, NULL));
    char *longest = trial_repeat("n", 2048), *longer = trial_repeat("n", 2049), *token = trial_repeat("t", 65537);
    must_fail(assay_request_set_nonce(NULL, "n", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, "", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, "\xff", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_nonce(request, longer, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_set_nonce(request, longest, NULL));
    must_fail(assay_request_set_access_token(NULL, "t", 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_access_token(request, NULL, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_access_token(request, token, 0, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_access_token(request, token, 65537, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_set_access_token(request, token, 65536, NULL));
    must_ok(assay_request_set_access_token(request, token, 1, NULL));
    must_fail(assay_request_set_code(NULL, "t", 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_code(request, NULL, 0, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_request_set_code(request, token, 65536, NULL));
    must_fail(assay_request_set_max_age(NULL, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_max_age(request, -1, &error), ASSAY_E_CONFIG_TIME);
    must_fail(assay_request_set_max_age(request, 315360001, &error), ASSAY_E_CONFIG_TIME);
    must_ok(assay_request_set_max_age(request, 315360000, NULL));
    must_fail(assay_request_add_acr(NULL, "a", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_add_acr(request, "", &error), ASSAY_E_ARGUMENT);
    for (int i = 0; i < 32; i++)
        must_ok(assay_request_add_acr(request, "a", NULL));
    must_fail(assay_request_add_acr(request, "a", &error), ASSAY_E_ARGUMENT);
    assay_request_free(request);
    assay_request_free(NULL);
    free(longest);
    free(longer);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc9068_required_claims),
        cmocka_unit_test(id_token_required_claims),
        cmocka_unit_test(authorized_party),
        cmocka_unit_test(hashes_of_each_algorithm),
        cmocka_unit_test(max_age_edges),
        cmocka_unit_test(acr_values),
        cmocka_unit_test(kinds_of_token),
        cmocka_unit_test(kinds_of_providers),
        cmocka_unit_test(kid_missing),
        cmocka_unit_test(request_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
