/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_PERMISSION_H
#define ASSAY_PERMISSION_H

#include <assay/caller.h>
#include <assay/claims.h>
#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * What the caller may do: demands on accepted claims, to be made where a route is known. Each answers ASSAY_OK or refuses; nothing is fetched.
 *
 * Refusals are of the category ASSAY_CATEGORY_PERMISSION and answered with 403 and `insufficient_scope`, but for the claims challenge (401).
 * @p error may be NULL everywhere. Texts are compared byte by byte and whole, JSON escapes decoded. A claim of a type that it should not have holds nothing.
 * An error shows what was demanded, and of the token at most the tenant and the client.
 *
 * Threads: any number at once.
 */

/** What may be demanded. @since 0.1 */
enum assay_permission {
    /** a delegated permission: a word of `scp` (Entra) or `scope` (RFC 8693, section 4.2), elsewhere than at Entra also an element of `scp` where
     *  that is an array (Okta). ASSAY_E_SCOPE otherwise */
    ASSAY_PERMISSION_SCOPE = 1,
    /** an application role: in `roles` of a token that is an application's own; a user's role of that name does not count. ASSAY_E_ROLE */
    ASSAY_PERMISSION_APPLICATION_ROLE = 2,
    /** a user's role: in `roles` of a token that a user is in (with a scope). ASSAY_E_ROLE */
    ASSAY_PERMISSION_USER_ROLE = 3,
    /** either of the two; elsewhere than at Entra, where tokens often do not say who calls, anybody's. ASSAY_E_ROLE */
    ASSAY_PERMISSION_ROLE = 4,
    /** membership of a group, by its object id, in `groups`. ASSAY_E_GROUP; ASSAY_E_GROUPS_UNKNOWN where the token had no room for them (overage) */
    ASSAY_PERMISSION_GROUP = 5
};

/** Demand one. @param kind [in] an enum assay_permission. @retval ASSAY_E_ARGUMENT another kind, an empty name, or a scope with a blank
 *  in it. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require(const assay_claims *claims, int kind, const char *name,
                                                    assay_error **error);
/** Demand at least one of several of a kind. @param names [in] @p count of them, at least one. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_any(const assay_claims *claims, int kind, const char *const *names,
                                                        size_t count, assay_error **error);
/** Demand each of several of a kind. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_all(const assay_claims *claims, int kind, const char *const *names,
                                                        size_t count, assay_error **error);
/** Demand that the text, the space-separated text or the array of texts at a JSON Pointer holds this text, such as
 *  "/realm_access/roles" of Keycloak. @retval ASSAY_E_ROLE it does not. @retval ASSAY_E_ARGUMENT no JSON Pointer (RFC 6901), or an empty text.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_at(const assay_claims *claims, const char *pointer,
                                                       const char *text, assay_error **error);

/** Answers of assay_claims_get_membership(). @since 0.1 */
enum assay_membership {
    ASSAY_MEMBERSHIP_UNKNOWN =
        -1, /**< the groups did not fit into the token (more than 200): ask Microsoft Graph, never a URL of the token */
    ASSAY_MEMBERSHIP_NO =
        0, /**< this is not among the groups of the token; it has none at all where the API's groups claim is not switched on */
    ASSAY_MEMBERSHIP_YES = 1 /**< this is among them */
};
/** Whether the caller is in a group; an enum assay_membership. Overage is told by `_claim_names` or `hasgroups`, also where some groups
 *  are listed. Microsoft, "Groups overage claim". @since 0.1 */
ASSAY_API int assay_claims_get_membership(const assay_claims *claims, const char *group);

/** Demand this caller of Entra, by tenant and object id, GUIDs in lower case. @retval ASSAY_E_CALLER another one. @retval ASSAY_E_ARGUMENT no such GUIDs.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_caller(const assay_claims *claims, const char *tenant,
                                                           const char *object_id, assay_error **error);
/** Demand this application of Entra in its own name, by tenant and client id, GUIDs in lower case. @retval ASSAY_E_CALLER another one, or a user.
 *  @retval ASSAY_E_ARGUMENT no such GUIDs. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_client(const assay_claims *claims, const char *tenant,
                                                           const char *client_id, assay_error **error);
/** Demand a caller on the issuer's allow-list: assay_issuer_entra_add_caller(), assay_issuer_entra_add_client(). @retval ASSAY_E_CALLER not on it. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_listed_caller(const assay_claims *claims, assay_error **error);
/** Demand that the caller is no guest of the tenant. Where a user's token does not tell, it is refused as well: the API can ask for `acct` as an
 *  optional claim. Applications are no guests. Entra only, and not B2C: others have no tenants to be a guest of. @retval ASSAY_E_GUEST. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_member(const assay_claims *claims, assay_error **error);
/** Demand that the client authenticated at least so, an enum assay_client_authentication but ASSAY_CLIENT_UNKNOWN, which never suffices. Entra only.
 *  @retval ASSAY_E_CLIENT_AUTHENTICATION. @retval ASSAY_E_ARGUMENT no such way. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_client_authentication(const assay_claims *claims, int least,
                                                                          assay_error **error);
/**
 * Demand an authentication context of Conditional Access in `acrs`, such as "c1". A client that understands challenges (`xms_cc` with cp1) is sent one:
 * assay_error_www_authenticate() then holds it, with `claims` in base64. Microsoft, "Claims challenges, claims requests and client capabilities".
 *
 * @param context           [in] 1 to 64 letters, digits, "-" or "_"
 * @param realm             [in] may be NULL for an empty one; at most 256 bytes of printable ASCII, in which quotes and backslashes are escaped
 * @param authorization_uri [in] an https URL; NULL for that of the token's cloud
 * @retval ASSAY_E_CLAIMS_CHALLENGE answer 401 with that header
 * @retval ASSAY_E_CONTEXT the client would not understand it: answer 403
 * @retval ASSAY_E_ARGUMENT a malformed parameter, or no authorization_uri is known; also where the token has the context
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_require_context(const assay_claims *claims, const char *context,
                                                            const char *realm, const char *authorization_uri,
                                                            assay_error **error);

ASSAY_END_DECLS

#endif
