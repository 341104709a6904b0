/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ISSUER_H
#define ASSAY_ISSUER_H

#include <assay/error.h>
#include <assay/keyset.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * One trusted issuer, and what is demanded of its tokens.
 *
 * There is no switch that turns the check of signature, issuer, audience or expiry off. A setter that fails leaves
 * the issuer as it was.
 *
 * Threads: one thread. A validator copies what it needs; the issuer may be released or reused afterwards.
 */

/** Trust one issuer.
 *  @param url [in] exactly as in `iss`, byte by byte. Where its metadata is found by discovery it must be an https URL without user, query or
 *  fragment, which is checked when a validator is made; otherwise it may be any text
 *  @param issuer [out] release with assay_issuer_free()
 *  @retval ASSAY_E_CONFIG_ISSUER empty, too long or not UTF-8. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_new(const char *url, assay_issuer **issuer, assay_error **error);
/** Release an issuer; NULL is allowed. @since 0.1 */
ASSAY_API void assay_issuer_free(assay_issuer *issuer);

/** Accept tokens for this audience, compared byte by byte (RFC 7519, section 4.1.3). At least one is needed; a token
 *  may name several, one of ours among them. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_add_audience(assay_issuer *issuer, const char *audience,
                                                         assay_error **error);
/** Allow this algorithm. The first call replaces the default, which is RS256 and ES256. HS256, HS384 and HS512 need keys given by
 *  assay_issuer_set_keys(). @retval ASSAY_E_CONFIG_ALGORITHM unknown, or "none". RFC 8725, section 3.1. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_add_algorithm(assay_issuer *issuer, const char *algorithm,
                                                          assay_error **error);
/** Choose the kind of token:
 *  - "generic" (default): an access token of any OAuth or OIDC issuer; `typ` absent, JWT or at+jwt; a token that is evidently an ID token,
 *    a logout token or a security event is refused. An ID token is known by what only or mostly ID tokens have (`at_hash`, `c_hash`; `nonce`
 *    without a scope; `auth_time`, `amr` or `sid` without scope, client or roles; Keycloak's and Cognito's own marks). **One that has none of
 *    these can't be told from an access token**: what refuses it then is its audience, which is the client's and not that of the service.
 *    Where one audience serves both, use "rfc9068", or assay_issuer_require_claim() with "/scope" (or "/scp");
 *  - "rfc9068": `typ` at+jwt, and iss, exp, aud, sub, client_id, iat, jti present (RFC 9068, sections 2.2 and 4);
 *  - "id-token": an OIDC ID token; iss, sub, aud, exp, iat present, and `azp` of this client where there are several audiences
 *    (OIDC Core, sections 2 and 3.1.3.7). A token that is evidently an access token is refused: with scopes and neither `at_hash` nor `c_hash`;
 *    with a `client_id`, `azpacr` or the like and nothing of a sign-in. Always send a nonce and demand it by assay_request_set_nonce().
 *  - "kubernetes": a service-account token; iss, sub, aud, exp, iat and `kid` present, the claim `kubernetes.io` with the texts `namespace` and
 *    `serviceaccount`/`name`, and a `sub` that is made of them (Kubernetes, "Managing Service Accounts"). AKS issuers end in a slash. See
 *    docs/guide/kubernetes.md;
 *  - "github": the token of a job of GitHub Actions, of any of its issuers; iss, sub, aud, exp, iat present, and the texts `repository`,
 *    `repository_id`, `repository_owner` and `repository_owner_id`; a `sub` with ids in it has these (GitHub, "OpenID Connect reference").
 *    Everybody can have such a token: demand ids, such as "/repository_id", rather than names. See docs/guide/github.md;
 *  - "gitlab": the token of a job of GitLab; iss, sub, aud, exp, iat present, and the texts `namespace_id`, `namespace_path`, `project_id` and
 *    `project_path`. Demand "/project_id" or "/namespace_id". See docs/guide/github.md;
 *  - "google": an ID token of Google, "https://accounts.google.com"; otherwise as "id-token". What spells `iss` without "https://" is another
 *    issuer, whose keys assay_issuer_set_jwks_uri() names. See docs/guide/verify.md;
 *  - "keycloak": an access token of Keycloak; `typ` JWT or at+jwt, and "Bearer" in the payload's `typ`; iss, sub, aud, exp, iat present. It has
 *    an audience once a mapper adds one. See docs/guide/verify.md.
 *  The profiles of Entra come with assay_issuer_entra_new() and its kin.
 *  @retval ASSAY_E_CONFIG_PROFILE unknown. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_profile(assay_issuer *issuer, const char *profile, assay_error **error);
/** The client id that `azp` must name, which is looked at in one case only: with the profiles "id-token" and "google", where the token has several
 *  audiences; then it must be there (OIDC Core, section 3.1.3.7, items 4 and 5). Without this call it must there name one of the audiences
 *  that were added. With one audience, and in access tokens, `azp` is not compared with anything: to demand it, call
 *  assay_issuer_require_text() with "/azp". @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_client_id(assay_issuer *issuer, const char *client_id,
                                                          assay_error **error);
/** Tolerate this much difference between clocks: 60 seconds by default, 0 to 300. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_leeway(assay_issuer *issuer, int64_t seconds, assay_error **error);
/** Refuse tokens that live longer than this from `iat` (or `nbf`) to `exp`; such a token must have one of the two. No cap by
 *  default; 1 second to 10 years. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_max_lifetime(assay_issuer *issuer, int64_t seconds,
                                                             assay_error **error);
/** Demand this `sub`, byte by byte. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_subject(assay_issuer *issuer, const char *subject, assay_error **error);
/** Demand that a value is there and not null. @param pointer [in] JSON Pointer, such as "/jti". @retval ASSAY_E_CONFIG_CLAIM malformed, or too many.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_require_claim(assay_issuer *issuer, const char *pointer,
                                                          assay_error **error);
/** Demand that the value at a JSON Pointer is this text. Called again for the same pointer, any one of its texts. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_require_text(assay_issuer *issuer, const char *pointer, const char *text,
                                                         assay_error **error);
/** Demand that the array of texts at a JSON Pointer contains this text (a single text counts as an array of one). Called again for the
 *  same pointer, all of its texts.
 *
 *  **Not for `scope`**: its value "read write" (RFC 8693, section 4.2) is one text, and texts are compared whole. "/scope" contains "read" is
 *  met by "read" alone and not by "read write"; such a token is refused with ASSAY_E_CLAIM_VALUE. Demands on scopes and roles, answered with
 *  403, are those of permission.h.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_require_contains(assay_issuer *issuer, const char *pointer,
                                                             const char *text, assay_error **error);

/** Accept a token that is bound to a key or certificate (`cnf`, RFC 7800) though nothing proves that the caller has it. **A stolen one is then as
 *  good as its owner's**; by default such a token is refused unless assay_request_set_client_certificate() proves it. A certificate that is given
 *  must fit all the same. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_accept_unproven_binding(assay_issuer *issuer, assay_error **error);
/** Accept tokens whose audience makes them a credential for Entra: any that begins with "api://AzureADTokenExchange", and
 *  "api://AKSIdentityBinding". **Whoever gets such a token can become that workload in Azure.** With the profiles "kubernetes", "github", "gitlab",
 *  "google", "keycloak" and "entra" a token that has such an audience, alone or among others, is therefore refused with ASSAY_E_EXCHANGE_AUDIENCE, and
 *  making a validator of an issuer that was given one with assay_issuer_add_audience() fails with ASSAY_E_CONFIG_AUDIENCE, unless this was called.
 *  The other profiles look for nothing of the kind. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_allow_exchange_audience(assay_issuer *issuer, assay_error **error);

/** Where the keys come from. Without one of the next four calls: OIDC Discovery, `{issuer}/.well-known/openid-configuration`
 *  (OIDC Discovery, section 4). With this one: RFC 8414, section 3.1, the well-known path before the issuer's path.
 *  An issuer has one source of keys: the same call again replaces what it gave, another of the four is refused.
 *  @retval ASSAY_E_CONFIG another source was given before. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_use_oauth_discovery(assay_issuer *issuer, assay_error **error);
/** Fetch the metadata document from this URL; its `issuer` must still be the issuer. @retval ASSAY_E_CONFIG another source was given before.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_discovery_url(assay_issuer *issuer, const char *url,
                                                              assay_error **error);
/** Fetch the key set from this URL, without metadata. Its host must be one of those of assay_issuer_add_jwks_host(), if any, which is
 *  checked when a validator is made. @retval ASSAY_E_CONFIG another source was given before. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_jwks_uri(assay_issuer *issuer, const char *url, assay_error **error);
/** Use these keys and fetch nothing. @retval ASSAY_E_CONFIG_KEYS no usable key.
 *  @retval ASSAY_E_CONFIG another source was given before. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_keys(assay_issuer *issuer, assay_keyset *keyset, assay_error **error);
/** Accept a `jwks_uri` on this host only (repeat for several). Without it any https host is allowed: large issuers serve their keys
 *  from another one. With assay_issuer_set_bearer_file() these hosts get the token too. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_add_jwks_host(assay_issuer *issuer, const char *host, assay_error **error);
/** Allow http:// for 127.0.0.0/8, ::1 and localhost, for development. The connection must really end there. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_allow_loopback_http(assay_issuer *issuer, assay_error **error);
/** Trust exactly the CA certificates in this PEM file for this issuer's metadata and keys, in the place of those of the runtime: for a
 *  private cluster whose API server has a CA of its own. Read now and not again: make a new validator when the CA changes, with
 *  assay_validator_take_over() (keys that came by another CA are not taken over). An https proxy of the runtime must have a certificate of
 *  these CAs too. A host that fetches by itself (op.h) sees to this itself. @retval ASSAY_E_CONFIG_CA unreadable, or no certificate in it.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_ca_file(assay_issuer *issuer, const char *path, assay_error **error);
/** The same from PEM text, which is copied. The last of the two calls counts. @retval ASSAY_E_CONFIG_CA no certificate in it, or a damaged
 *  one. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_ca_pem(assay_issuer *issuer, const char *pem, size_t len,
                                                       assay_error **error);
/**
 * Send `Authorization: Bearer` with the token in this file when this issuer's metadata and keys are fetched: such as
 * /var/run/secrets/kubernetes.io/serviceaccount/token for a cluster that does not serve them to everybody (RFC 6750, section 2.1).
 *
 * The file is read anew for each fetch, so whoever keeps it fresh may replace it at any time; white space at its end is no part of the token.
 * Where it can't be read, is longer than 16384 bytes or holds anything but one token, the fetch fails with ASSAY_E_BEARER_FILE: the old keys
 * stay, and the next fetch comes after the usual pause. It need not be there yet. It should be a local file, since the loop of a driver and
 * the step of an operation read it too. The token is wiped after use, and stands in no error and no log.
 *
 * It is sent over https (or to loopback, with assay_issuer_allow_loopback_http()) to two kinds of server only: the scheme, host and port of
 * the metadata (those of the `jwks_uri` with assay_issuer_set_jwks_uri()), and any port of the hosts of assay_issuer_add_jwks_host(). From a
 * `jwks_uri` of the metadata that lies elsewhere the keys are fetched without it. **API servers often name their own address there**: then
 * add that host, or give the `jwks_uri` yourself.
 *
 * @param path [in] absolute
 * @retval ASSAY_E_CONFIG missing, empty, too long, not UTF-8 or not absolute; whether the file is there is not looked at
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_bearer_file(assay_issuer *issuer, const char *path,
                                                            assay_error **error);
/** Keep a key that the issuer no longer serves usable for this long: 3600 seconds by default, 0 (at once) to 604800, counted from
 *  the first fetch that missed it. It ends then, whether or not a fetch was made. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_key_retention(assay_issuer *issuer, int64_t seconds,
                                                              assay_error **error);
/** Stop trusting keys this long after the last successful fetch: 86400 seconds by default, 300 to 2592000. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_issuer_set_key_hard_limit(assay_issuer *issuer, int64_t seconds,
                                                               assay_error **error);

ASSAY_END_DECLS

#endif
