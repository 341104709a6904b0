/* SPDX-License-Identifier: MIT */
#include "cloud.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cloud_open(cloud *at)
{
    assay_issuer *issuer;
    memset(at, 0, sizeof *at);
    canned_open(&at->canned);
    at->metadata = CLOUD_METADATA;
    must_ok(assay_issuer_entra_new(NULL, &issuer, NULL));
    must_ok(assay_issuer_entra_allow_any_organization(issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, ENTRA_CLIENT, NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "ES256", NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "RS256", NULL));
    cloud_use(at, issuer);
    cloud_serve(at, cloud_set(cloud_jwk(at, "k", ENTRA_V2("{tenantid}"), CLOUD_INSTANCE), NULL));
}

void cloud_use(cloud *at, assay_issuer *issuer)
{
    assay_issuer_free(at->canned.issuer);
    at->canned.issuer = issuer;
}

void cloud_start(cloud *at)
{
    canned_start(&at->canned, NULL, NULL);
}

void cloud_close(cloud *at)
{
    canned_close(&at->canned);
    free(at->keys);
    memset(at, 0, sizeof *at);
}

void cloud_serve(cloud *at, char *keys)
{
    free(at->keys);
    at->keys = keys;
    at->tag++;
}

char *cloud_set(char *first, char *second)
{
    char *set = trial_format("{\"keys\":[%s%s%s]}", first, second == NULL ? "" : ",", second == NULL ? "" : second);
    free(first);
    free(second);
    return set;
}

char *cloud_jwk(cloud *at, const char *kid, const char *issuer, const char *instance)
{
    return entra_jwk(at->canned.key, kid, issuer, instance);
}

char *cloud_payload(cloud *at, const char *tenant, int version)
{
    int64_t now = at->canned.now_ms / 1000;
    char *issuer = version == 1 ? trial_format("https://sts.windows.net/%s/", tenant)
                                : trial_format("https://login.microsoftonline.com/%s/v2.0", tenant);
    char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"%s" ENTRA_CLIENT
                                 "\",\"tid\":\"%s\",\"ver\":\"%d.0\",\"oid\":\"" ENTRA_OID "\",\"iat\":%" PRId64
                                 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 "%s}",
                                 issuer, version == 1 ? "api://" : "", tenant, version, now, now, now + 3600,
                                 version == 1 ? ENTRA_USER_V1 : ENTRA_USER_V2);
    free(issuer);
    return payload;
}

char *cloud_token(cloud *at, const char *tenant, int version, const char *kid)
{
    char *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);
    char *payload = cloud_payload(at, tenant, version);
    char *token = mint_sign(at->canned.key, "ES256", header, payload);
    free(header);
    free(payload);
    return token;
}

char *cloud_forge(const char *algorithm, const char *kid, const char *payload)
{
    char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", algorithm, kid);
    char *left = mint_base64url(header, strlen(header)), *right = mint_base64url(payload, strlen(payload));
    char *token = trial_format("%s.%s.AA", left, right);
    free(header);
    free(left);
    free(right);
    return token;
}

/* The tag that the operation says it has, or "". */
static const char *tag_of(const assay_op *op)
{
    for (size_t i = 0; i < assay_op_fetch_header_count(op); i++)
        if (strcasecmp(assay_op_fetch_header_name(op, i), "if-none-match") == 0)
            return assay_op_fetch_header_value(op, i);
    return "";
}

static void answer(cloud *at, assay_op *op)
{
    char tag[24];
    canned_reply reply = {.status = at->status};
    (void)snprintf(tag, sizeof tag, "\"%d\"", at->tag);
    if (strstr(assay_op_fetch_url(op), "/.well-known/") != NULL) {
        at->metadata_fetches++;
        reply.body = at->metadata;
    } else {
        at->key_fetches++;
        reply.body = at->keys;
        if (at->status == 0) {
            reply.headers[0] = "Cache-Control";
            reply.headers[1] = "max-age=86400, private";
            reply.headers[2] = "ETag";
            reply.headers[3] = tag;
        }
        if (at->status == 0 && strcmp(tag_of(op), tag) == 0) {
            reply.status = 304;
            reply.empty = true;
        }
    }
    canned_answer(&at->canned, op, &reply);
}

/* Frees it. Nobody else fetches, so it never waits. */
static int finish(cloud *at, assay_op *op)
{
    int want;
    assay_claims *claims = NULL;
    while ((want = assay_op_step(op)) == ASSAY_WANT_FETCH)
        answer(at, op);
    assert_int_equal(want, ASSAY_WANT_NOTHING);
    int code = assay_op_result(op, &claims, NULL);
    assay_claims_unref(claims);
    assay_op_free(op);
    return code;
}

int cloud_validate(cloud *at, const char *token)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(at->canned.validator, token, strlen(token), NULL, &claims, NULL);
    assay_claims_unref(claims);
    return code == ASSAY_E_KEYS_NEEDED ? finish(at, canned_validation(&at->canned, token, 5000)) : code;
}

int cloud_try(cloud *at, char *token)
{
    int code = cloud_validate(at, token);
    free(token);
    return code;
}

void cloud_keep_fresh(cloud *at)
{
    int64_t wait;
    const char *issuer;
    must_ok(assay_validator_refresh_due(at->canned.validator, &wait, &issuer));
    if (wait == 0)
        (void)finish(at, canned_refresh(&at->canned, issuer, 5000));
}

int cloud_refresh(cloud *at)
{
    int64_t wait;
    const char *issuer;
    must_ok(assay_validator_refresh_due(at->canned.validator, &wait, &issuer));
    return finish(at, canned_refresh(&at->canned, issuer, 5000));
}
