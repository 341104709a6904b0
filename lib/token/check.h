/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_CHECK_H
#define ASSAY_TOKEN_CHECK_H

/*
 * The checks in their order (architecture, section 4). assay_check_before() is what an unverified token must pass before anything is spent on it;
 * then comes the signature; assay_check_after() is all the rest.
 */

#include "token/policy.h"
#include "token/request.h"
#include "token/token.h"

/* `iss` as decoded text; @p room holds @p size bytes. ASSAY_OK; ASSAY_E_ISSUER_MISSING; ASSAY_E_CLAIM_TYPE; ASSAY_E_ISSUER: longer than any that is configured. */
int assay_check_read_issuer(const assay_claims *token, char *room, size_t size, assay_span *issuer,
                            assay_failure *failure);

/* `aud`, decoded; borrowed from the token, and good until they are read again. */
typedef struct assay_audiences {
    assay_span items[ASSAY_LIMIT_AUDIENCES];
    size_t count;
} assay_audiences;

/* ASSAY_OK, ASSAY_E_AUDIENCE_MISSING, ASSAY_E_CLAIM_TYPE. */
int assay_check_read_audiences(const assay_claims *token, assay_audiences *audiences, assay_failure *failure);
bool assay_check_has_audience(const assay_policy *policy, const assay_audiences *audiences);

/* check_entra.c: note whose the token is, and check what it says of that, unverified. @p issuer: as read above, and found to be this policy's. */
int assay_check_issuer(const assay_policy *policy, assay_claims *token, assay_span issuer, assay_failure *failure);
/* Whether, of several policies with one issuer and audience, this is the one that the token is meant for: for Entra by its version and its policy of B2C. */
bool assay_check_is_meant_for(const assay_policy *policy, const assay_claims *token, assay_span issuer);
/* Leave of the keys those that may sign for this token's tenant. ASSAY_E_KEY_ISSUER, ASSAY_E_KEY_CLOUD: none. */
int assay_check_keys(const assay_policy *policy, const assay_claims *token, assay_jwk **keys, size_t *count,
                     assay_failure *failure);
/* Say more about an issuer or audience that was refused, where it is a known one. */
int assay_check_explain_issuer(assay_span issuer, bool has_entra, int code, assay_failure *failure);
void assay_check_explain_audience(const assay_policy *policy, assay_span audience, assay_failure *failure);

/* Algorithm on the allow-list, `typ`, `kid` where the profile needs it, audience, expiry, not-before. @p now: seconds. Sets token->expiry. */
int assay_check_before(const assay_policy *policy, assay_claims *token, int64_t now, assay_failure *failure);

/* Issued-at, lifetime, kind of token, required claims and values, subject, authorized party, claims of the profile's family, binding, and what @p request (may be NULL) demands. */
int assay_check_after(const assay_policy *policy, assay_claims *token, const assay_request *request, int64_t now,
                      const assay_crypto *crypto, assay_failure *failure);

/* For which seconds of the wall clock the checks of times answer as they did, of a token that passed them all: from the first, until before the second. A new check that asks for the time belongs in there too. */
void assay_check_window(const assay_policy *policy, const assay_claims *token, int64_t *from, int64_t *until);

/* Parts of assay_check_after(): check_entra.c, check_required.c, check_binding.c and check_request.c. */
int assay_check_access(const assay_policy *policy, assay_claims *token, assay_failure *failure);
int assay_check_required(const assay_policy *policy, const assay_claims *token, assay_failure *failure);
int assay_check_binding(const assay_policy *policy, const assay_claims *token, const assay_request *request,
                        assay_failure *failure);
int assay_check_request(const assay_policy *policy, const assay_claims *token, const assay_request *request,
                        int64_t now, const assay_crypto *crypto, assay_failure *failure);

#endif
