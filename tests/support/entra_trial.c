/* SPDX-License-Identifier: MIT */
#include "entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

void entra_trial_no_keys(trial *t)
{
    assay_keyset_unref(t->keys);
    t->keys = NULL;
    must_ok(assay_keyset_new(NULL, &t->keys, NULL));
}

char *entra_jwk(const mint_key *key, const char *kid, const char *issuer, const char *cloud)
{
    const char *bare = mint_key_bare_jwk(key);
    char *issuer_member = issuer == NULL ? trial_format("%s", "") : trial_format(",\"issuer\":\"%s\"", issuer);
    char *cloud_member =
        cloud == NULL ? trial_format("%s", "") : trial_format(",\"cloud_instance_name\":\"%s\"", cloud);
    char *jwk = trial_format("%.*s,\"use\":\"sig\",\"kid\":\"%s\"%s%s}", (int)strlen(bare) - 1, bare, kid,
                             issuer_member, cloud_member);
    free(issuer_member);
    free(cloud_member);
    return jwk;
}

void entra_trial_add_key(trial *t, const char *kid, const char *issuer, const char *cloud)
{
    char *jwk = entra_jwk(t->key, kid, issuer, cloud);
    trial_add_jwk(t, jwk);
    free(jwk);
}

void entra_trial_use(trial *t, assay_issuer *issuer)
{
    trial_restart(t);
    assay_issuer_free(t->issuer);
    t->issuer = issuer;
    must_ok(assay_issuer_add_audience(issuer, ENTRA_CLIENT, NULL));
}

void entra_trial_open(trial *t)
{
    assay_issuer *issuer;
    trial_open(t, "RS256");
    must_ok(assay_issuer_entra_new(NULL, &issuer, NULL));
    must_ok(assay_issuer_entra_add_tenant(issuer, TENANT_A, NULL));
    entra_trial_use(t, issuer);
    entra_trial_no_keys(t);
    entra_trial_add_key(t, TRIAL_KID, ENTRA_V2("{tenantid}"), "microsoftonline.com");
}
