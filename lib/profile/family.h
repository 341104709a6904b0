/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_PROFILE_FAMILY_H
#define ASSAY_PROFILE_FAMILY_H

/* What the tokens of Kubernetes, GitHub, GitLab and Keycloak say beyond the claims of all JWTs, and which audiences make a token a credential. Pure. */

#include "profile/profile.h"

/*
 * Check the claims of a family's own, as their issuer's documentation has them. @p spare: room as long as the payload.
 * No value goes into a failure from here. ASSAY_OK, ASSAY_E_CLAIM_MISSING, ASSAY_E_CLAIM_TYPE, ASSAY_E_CLAIM_VALUE, ASSAY_E_TYP, ASSAY_E_ID_TOKEN.
 */
int assay_family_check(assay_family family, const assay_json_object *payload, char *spare, assay_failure *failure);

/* Whether Entra takes tokens of this audience for a credential, if their issuer is that of a federated identity. */
bool assay_family_audience_is_exchange(assay_family family, assay_span audience);
/* Refuse a token that has such an audience, alone or among others. @p spare as above. ASSAY_OK, ASSAY_E_EXCHANGE_AUDIENCE. */
int assay_family_check_audience(assay_family family, const assay_json_object *payload, char *spare,
                                assay_failure *failure);

#endif
