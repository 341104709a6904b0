/* SPDX-License-Identifier: MIT */
#include "unchecked.h"

#include "base/memory.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>

const assay_profile *unchecked_profile(assay_family family)
{
    static const assay_profile rows[] = {
        {.name = "generic", .family = ASSAY_FAMILY_OAUTH},
        {.name = "entra", .family = ASSAY_FAMILY_ENTRA},
        {.name = "entra-b2c", .family = ASSAY_FAMILY_B2C},
        {.name = "kubernetes", .family = ASSAY_FAMILY_KUBERNETES},
        {.name = "github-actions", .family = ASSAY_FAMILY_GITHUB},
        {.name = "gitlab", .family = ASSAY_FAMILY_GITLAB},
        {.name = "google", .family = ASSAY_FAMILY_GOOGLE},
        {.name = "keycloak", .family = ASSAY_FAMILY_KEYCLOAK},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++)
        if (rows[i].family == family)
            return &rows[i];
    fail_msg("no such family");
    return NULL;
}

static void set_entra(assay_claims *claims)
{
    assay_json_value iss;
    bool escaped;
    assert_true(assay_token_get(claims, "iss", &iss));
    assay_span issuer = assay_json_string_raw(&iss, &escaped);
    assay_span tenant = assay_entra_find_tenant(issuer);
    memcpy(claims->tenant, tenant.ptr, tenant.len);
    claims->cloud = assay_entra_find_cloud_of_issuer(issuer);
    bool v1 = claims->cloud != NULL && memcmp(issuer.ptr, claims->cloud->v1, strlen("https://sts.")) == 0;
    claims->version = v1 ? 1 : 2;
}

assay_claims *unchecked_claims(const assay_profile *profile, const char *payload)
{
    assay_claims *claims;
    char *header = mint_base64url("{\"alg\":\"RS256\"}", 15);
    char *body = mint_base64url(payload, strlen(payload));
    char *token = trial_format("%s.%s.AAAA", header, body);
    must_ok(assay_token_open(token, strlen(token), true, &claims, NULL));
    claims->profile = profile;
    if (profile->family == ASSAY_FAMILY_ENTRA || profile->family == ASSAY_FAMILY_B2C)
        set_entra(claims);
    must_ok(assay_token_accept(claims));
    free(token);
    free(body);
    free(header);
    return claims;
}

assay_claims *unchecked_entra(const char *payload)
{
    return unchecked_claims(unchecked_profile(ASSAY_FAMILY_ENTRA), payload);
}

assay_claims *unchecked_other(assay_family family, const char *members)
{
    char *payload = trial_format("{\"iss\":\"https://issuer.example\"%s}", members);
    assay_claims *claims = unchecked_claims(unchecked_profile(family), payload);
    free(payload);
    return claims;
}
