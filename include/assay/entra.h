/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ENTRA_H
#define ASSAY_ENTRA_H

#include <assay/error.h>
#include <assay/issuer.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Microsoft Entra ID as an issuer: one call says which cloud and which tenants, and the rest follows; `docs/guide/entra.md` has the table of
 * what is checked and where each rule comes from.
 *
 * An issuer made here is of the profile "entra", "entra-b2c" or "entra-external-id"; every other setter of issuer.h works on it as well.
 *
 * Threads: as issuer.h, one thread.
 */

/**
 * Trust tokens of Entra ID, of both versions (1.0 and 2.0), for work and school accounts. Say next which tenants, by assay_issuer_entra_add_tenant()
 * or assay_issuer_entra_allow_any_organization(), and which audience, by assay_issuer_add_audience().
 *
 * One of these issuers has one source of keys, the cloud's v2 endpoint, however many tenants it has.
 *
 * @param cloud  [in]  "public" (NULL is the same; GCC included), "us-government" (GCC High, DoD), "china" (21Vianet), or the base URL of
 *                     another one, such as "https://login.example.com" (in lower case), whose tokens bear `{base}/{tid}/v2.0`
 * @param issuer [out] release with assay_issuer_free()
 * @retval ASSAY_E_CONFIG_ISSUER no such cloud, and no https URL of a host alone. Microsoft, "National clouds". @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_new(const char *cloud, assay_issuer **issuer, assay_error **error);
/**
 * Trust the tokens of one policy of Azure AD B2C. Its user flows and custom policies have keys of their own, so make one issuer for each; they may
 * have the same URL and audience, and a token goes to the one that its `tfp` (or `acr`) names.
 *
 * @param url    [in] as in `iss`, terminating slash included: "https://contoso.b2clogin.com/{tenant GUID}/v2.0/", or the form with /tfp/ where the
 *                    policy is set to it
 * @param policy [in] such as "B2C_1_sign_in"; ASCII letters match in either case
 * @param issuer [out] release with assay_issuer_free(). Keys come from `{url without /v2.0/}/{policy}/v2.0/.well-known/openid-configuration`
 *                    unless assay_issuer_set_discovery_url() names another place
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_new_b2c(const char *url, const char *policy, assay_issuer **issuer,
                                                          assay_error **error);
/**
 * Trust the tokens of an Entra External ID tenant, `https://{tenant}.ciamlogin.com/{tenant}/v2.0`, whatever host people sign in at.
 * @param tenant    [in] GUID, since `iss` has it even where the sign-in host has the tenant's name
 * @param authority [in] base URL that metadata is fetched from, such as "https://contoso.ciamlogin.com" or a custom domain; NULL for
 *                       `https://{tenant}.ciamlogin.com`
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_new_external_id(const char *tenant, const char *authority,
                                                                  assay_issuer **issuer, assay_error **error);

/** Accept this tenant; repeat for several, up to 65536. @param tenant [in] its GUID, in any case; "consumers" for personal Microsoft accounts.
 *  @retval ASSAY_E_CONFIG_TENANT not a GUID, too many, or not an issuer of assay_issuer_entra_new(). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_add_tenant(assay_issuer *issuer, const char *tenant,
                                                             assay_error **error);
/** Accept every work or school tenant; personal accounts only beside it by assay_issuer_entra_add_tenant() with "consumers".
 *  Anybody can make a tenant: look at the tenant of the caller before anything is given out. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_allow_any_organization(assay_issuer *issuer, assay_error **error);
/** Accept one version of tokens only, 1 or 2. Both are accepted by default: an API whose manifest leaves `requestedAccessTokenVersion` empty gets
 *  version 1. @retval ASSAY_E_ARGUMENT another number. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_set_version(assay_issuer *issuer, int version, assay_error **error);
/** Issuer of version 1 tokens of a cloud that is none of the known ones, with the literal "{tenantid}" in it, such as
 *  "https://sts.example.com/{tenantid}/". Without it such a cloud has none. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_set_v1_issuer(assay_issuer *issuer, const char *url,
                                                                assay_error **error);
/** `cloud_instance_name` of that cloud's own keys, such as "login.example.com". Without it a cloud that is none of the known ones is not checked. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_set_cloud_instance(assay_issuer *issuer, const char *name,
                                                                     assay_error **error);
/** Fetch metadata and keys as of this application (`?appid=`), which has a signing key of its own because its claims are mapped. @param client_id
 *  [in] GUID. @retval ASSAY_E_CONFIG_TENANT not a GUID, or an issuer of B2C. Microsoft, "Access tokens", "Validate the signature". @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_set_application_keys(assay_issuer *issuer, const char *client_id,
                                                                       assay_error **error);
/** Accept `spn:{audience}` beside each audience. Version 1 tokens of old clients bear it. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_allow_spn_audience(assay_issuer *issuer, assay_error **error);
/** Accept each audience that is a URI with and without a terminating slash. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_allow_audience_slash(assay_issuer *issuer, assay_error **error);
/**
 * Put a caller on the allow-list: a token of this object (user or service principal) is accepted though it has neither scope nor role, as those of
 * managed identities without roles; assay_claims_require_listed_caller() demands it on top.
 * @param tenant [in] GUID  @param object_id [in] GUID, `oid`. @retval ASSAY_E_CONFIG_TENANT not GUIDs, or more than 65536. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_add_caller(assay_issuer *issuer, const char *tenant,
                                                             const char *object_id, assay_error **error);
/** The same by client id (`appid`, `azp`), for application tokens: a user's token never counts as its client. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_add_client(assay_issuer *issuer, const char *tenant,
                                                             const char *client_id, assay_error **error);
/** Believe that a token is an application's only where `idtyp` says so; the API asks for it as an optional claim. Without this call a token without
 *  `idtyp` counts as one where it has no scope, the client authenticated, and `oid` equals `sub`. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_require_idtyp(assay_issuer *issuer, assay_error **error);
/** Switch off: the key's `issuer` must be the tenant's. **With this off a key of personal accounts verifies the token of any organisation.** @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_ignore_key_issuer(assay_issuer *issuer, assay_error **error);
/** Switch off: the key's `cloud_instance_name` must be the cloud's. The public endpoint serves keys of US Government too. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_entra_ignore_key_cloud(assay_issuer *issuer, assay_error **error);

ASSAY_END_DECLS

#endif
