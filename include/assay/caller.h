/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CALLER_H
#define ASSAY_CALLER_H

#include <assay/claims.h>
#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Who is calling, told from accepted claims by the rules of their issuer's profile.
 *
 * Every text is borrowed from the claims, as those of claims.h are; it is NULL out of memory too. Threads: any number at once.
 */

/** What kind of caller it is. @since 0.1 */
enum assay_caller_kind {
    ASSAY_CALLER_UNKNOWN = 0, /**< the token does not say */
    ASSAY_CALLER_USER = 1,    /**< a person, through an application */
    ASSAY_CALLER_APPLICATION =
        2, /**< a program in its own name; a managed identity that its token does not tell apart is one too */
    ASSAY_CALLER_MANAGED_IDENTITY = 3,    /**< an Azure managed identity (`xms_mirid`) */
    ASSAY_CALLER_KUBERNETES_WORKLOAD = 4, /**< a Kubernetes service account */
    ASSAY_CALLER_CI_JOB = 5               /**< a job of GitHub Actions or GitLab */
};

/** How the client proved itself to the issuer. @since 0.1 */
enum assay_client_authentication {
    ASSAY_CLIENT_UNKNOWN = 0,    /**< the token does not say */
    ASSAY_CLIENT_PUBLIC = 1,     /**< not at all: a public client (`azpacr`, `appidacr` 0) */
    ASSAY_CLIENT_SECRET = 2,     /**< with a secret (1) */
    ASSAY_CLIENT_CERTIFICATE = 3 /**< with a certificate or a federated credential (2) */
};

/**
 * Kind of caller, an enum assay_caller_kind.
 *
 * Entra: `idtyp` decides where it is ("app", "user"; any other is unknown). Without it `scp` makes a user; an application has none, authenticated with more than its
 * name, and has `oid` equal to `sub`; assay_issuer_entra_require_idtyp() leaves that rule out. Keycloak: a user where there is a session (`sid`), an
 * application where there is `client_id` or `clientId` instead. Google: an application whose `azp` is its `sub`. Other issuers: a user where `auth_time`,
 * `amr` or `sid` tells of a sign-in, or in an ID token; an application where `client_id` or `cid` equals `sub` (RFC 9068, section 2.2). Contradictions are
 * unknown. @since 0.1
 */
ASSAY_API int assay_claims_caller_kind(const assay_claims *claims);
/** Tenant: `tid` of Entra (the tenant of `iss` for B2C); NULL elsewhere. @since 0.1 */
ASSAY_API const char *assay_claims_tenant(const assay_claims *claims);
/** Object id in that tenant, `oid`; NULL elsewhere. @since 0.1 */
ASSAY_API const char *assay_claims_object_id(const assay_claims *claims);
/** The client: `appid` (version 1) or `azp` of Entra; elsewhere `client_id`, `azp` or `cid`; NULL where none is named. @since 0.1 */
ASSAY_API const char *assay_claims_client_id(const assay_claims *claims);
/** How that client authenticated, an enum assay_client_authentication. @since 0.1 */
ASSAY_API int assay_claims_client_authentication(const assay_claims *claims);
/** 1 for a guest of the tenant, 0 for a member, -1 where the token does not tell. `acct` decides where present, otherwise whether `idp` names another
 *  tenant, or a provider that is none; for External ID, whose own users come from such, that does not tell. Entra only, and not B2C. @since 0.1 */
ASSAY_API int assay_claims_is_guest(const assay_claims *claims);
/**
 * The key to store for this caller: the same for the same caller in every token and version, and for no other.
 * `entra|{tenant}|{object id}` for Entra; `oidc|{issuer}|{sub}` elsewhere, where "%" and "|" of the issuer are written %25 and %7C.
 *
 * Never use e-mail, `upn`, `preferred_username` or `unique_name` instead: people choose and change them, and another tenant's administrator can give
 * one to anybody (the "nOAuth" attacks). `sub` alone won't do either: for Entra it differs from application to application.
 *
 * @retval ASSAY_E_ABSENT the token names nobody: no `oid` that is a GUID, no tenant, or no `sub`. @retval ASSAY_E_MEMORY. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_identity(const assay_claims *claims, const char **identity);

ASSAY_END_DECLS

#endif
