/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_PROFILE_PROFILE_H
#define ASSAY_PROFILE_PROFILE_H

/* What kinds of token there are and what tells them apart (RFC 8725, section 3.12). Pure. */

#include "base/failure.h"
#include "json/scan.h"

typedef enum assay_token_kind { ASSAY_KIND_ACCESS, ASSAY_KIND_ID } assay_token_kind;

/* Whose rules hold beyond those of all JWTs. */
typedef enum assay_family {
    ASSAY_FAMILY_OAUTH, /* none */
    ASSAY_FAMILY_ENTRA, /* External ID too */
    ASSAY_FAMILY_B2C,
    ASSAY_FAMILY_KUBERNETES,
    ASSAY_FAMILY_GITHUB,
    ASSAY_FAMILY_GITLAB,
    ASSAY_FAMILY_GOOGLE,
    ASSAY_FAMILY_KEYCLOAK
} assay_family;

typedef struct assay_profile {
    const char *name;
    assay_family family;
    assay_token_kind kind;
    const char *const *types; /* accepted `typ`, lower case, without "application/"; NULL at the end */
    bool type_optional;       /* `typ` may be absent */
    const char *expected_type;
    const char *const *required; /* claims that must be there, as texts or numbers of their kind; NULL at the end */
    bool kid_required;
    int64_t retention; /* seconds that a key which is no longer served stays usable, by default */
} assay_profile;

/* NULL: there is none of this name. */
const assay_profile *assay_profile_find(const char *name);
/* Whether it comes with settings of its own, and so can't be chosen by name alone. */
bool assay_profile_is_entra(const assay_profile *profile);
/* The names of the others, "generic, … or keycloak". */
void assay_profile_list(char *text, size_t size);

/*
 * Check the header's `typ`. @p typ NULL: absent. Compared without regard to case, "application/" left out where it stands (RFC 7515, section 4.1.9).
 * ASSAY_OK; ASSAY_E_TYP; ASSAY_E_ACCESS_TOKEN where an ID token is demanded and the type says access token.
 */
int assay_profile_check_typ(const assay_profile *profile, const assay_span *typ, assay_failure *failure);

/*
 * Check by its claims, as two tables of members weigh them, that a token is of the profile's kind, and not an ID token, access token, logout
 * token, security event or refresh token instead.
 * ASSAY_OK, ASSAY_E_ID_TOKEN, ASSAY_E_ACCESS_TOKEN, ASSAY_E_TYP.
 */
int assay_profile_check_kind(const assay_profile *profile, const assay_span *typ, const assay_json_object *payload,
                             assay_failure *failure);

#endif
