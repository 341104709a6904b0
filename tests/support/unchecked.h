/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_UNCHECKED_H
#define ASSAY_TESTS_UNCHECKED_H

/*
 * Claims as a validator would give them out, of a payload that nobody signed or checked: for rules of a family that has no profile yet, or of shapes that
 * no validator lets through. Failures of its own end the test program.
 */

#include "token/token.h"

/* The rules of a family, for access tokens. Static. */
const assay_profile *unchecked_profile(assay_family family);
/* @p payload needs `iss`; tenant, version and cloud are read from it for the families of Entra. Release with assay_claims_unref(). */
assay_claims *unchecked_claims(const assay_profile *profile, const char *payload);
/* The same for an issuer of Entra. */
assay_claims *unchecked_entra(const char *payload);
/* The same for a generic issuer, its `iss` put before the @p members. */
assay_claims *unchecked_other(assay_family family, const char *members);

#endif
