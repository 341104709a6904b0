/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_VALIDATOR_H
#define ASSAY_VALIDATOR_H

#include <assay/claims.h>
#include <assay/error.h>
#include <assay/issuer.h>
#include <assay/jws.h> /* assay_bytes_free */
#include <assay/keyset.h>
#include <assay/request.h>
#include <assay/runtime.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Decide whether a token is acceptable, and say who the caller is.
 *
 * Threads: a validator never changes its configuration; any number of threads may use one at the same time. Only
 * the functions that take a timeout ever wait or touch the network.
 */

/**
 * Make a validator of one or several issuers.
 *
 * @param runtime [in]  may be NULL for a private one with the defaults; frozen by this call
 * @param issuers [in]  @p count issuers, copied; none may be NULL. Where a token could be of several, it goes to the first that
 *                      has its audience (and for Entra takes its version or has its B2C policy), and to one that lists its tenant
 *                      before one that accepts any organisation
 * @param validator [out] release with assay_validator_unref()
 * @retval ASSAY_E_CONFIG_AUDIENCE an issuer without audience
 * @retval ASSAY_E_CONFIG_ISSUER no issuer, or two that would take the same token: of one URL or tenant and with one audience. Clouds of Entra
 *                      that share the issuer of version 1 need other audiences, or one of them version 2 alone
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_new(assay_runtime *runtime, assay_issuer *const *issuers, size_t count,
                                                   assay_validator **validator, assay_error **error);
/** Make a validator from one JSON document; `docs/configuration.md` lists its members. A member that is unknown is an error.
 *  @param runtime [in] may be NULL; the document's own "runtime" member is allowed only then. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_from_json(assay_runtime *runtime, const char *json, size_t len,
                                                         assay_validator **validator, assay_error **error);
/** Take one more reference. Any thread. @since 0.1 */
ASSAY_API assay_validator *assay_validator_ref(assay_validator *validator);
/** Give a reference back; NULL is allowed. Any thread, none of which may still be inside a call with it. @since 0.1 */
ASSAY_API void assay_validator_unref(assay_validator *validator);

/**
 * Decide about a token with the keys at hand. Never waits, never fetches, takes no lock that it would have to wait for.
 *
 * @param token   [in]  bytes of the compact form; no terminator needed; borrowed until the call returns
 * @param len     [in]  number of bytes
 * @param request [in]  may be NULL
 * @param claims  [out] NULL unless ASSAY_OK; release with assay_claims_unref()
 * @param error   [out] may be NULL, which makes a refusal cheaper; release with assay_error_free()
 *
 * @retval ASSAY_OK the token is acceptable. No other value means acceptable.
 * @retval ASSAY_E_KEYS_NEEDED only a fetch could decide: call assay_validator_validate() where waiting is allowed
 * @retval ASSAY_E_KEYS_UNAVAILABLE keys could not be had: answer 503
 * @retval other a code of the category ASSAY_CATEGORY_TOKEN: answer 401
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_check(assay_validator *validator, const char *token, size_t len,
                                                     const assay_request *request, assay_claims **claims,
                                                     assay_error **error);
/**
 * Decide about a token, fetching keys where only that could decide. Where a refresh is merely due, one caller of each
 * issuer makes it, within its own time, and every other goes on with the keys at hand.
 *
 * @param timeout_ms [in] longest wait in milliseconds, 0 to 600000; 0 never waits
 * Otherwise as assay_validator_check(); never ASSAY_E_KEYS_NEEDED unless @p timeout_ms is 0. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_validate(assay_validator *validator, const char *token, size_t len,
                                                        const assay_request *request, int64_t timeout_ms,
                                                        assay_claims **claims, assay_error **error);

/** Fetch the keys of every issuer that has none yet, so that the first token need not wait. All issuers are tried; the first failure is reported.
 *  @param timeout_ms [in] for all of them together. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_warm_up(assay_validator *validator, int64_t timeout_ms,
                                                       assay_error **error);
/** Tell whether every issuer has usable keys, for a readiness probe. Never waits.
 *  @retval ASSAY_E_KEYS_UNAVAILABLE an issuer has none; the error names it. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_ready(assay_validator *validator, assay_error **error);
/** Fetch the keys of one issuer now, or share a fetch that is under way. The old keys stay where it fails.
 *  @param issuer [in] as configured; NULL for each one. @retval ASSAY_E_NOT_CONFIGURED no such issuer. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_refresh(assay_validator *validator, const char *issuer,
                                                       int64_t timeout_ms, assay_error **error);
/**
 * Tell when keys are to be fetched next, for a host that drives its own refreshes (assay_op_new_refresh()): missing ones at once, others
 * when they are due, each within its back-off. Never waits.
 *
 * @param wait_ms [out] milliseconds until then; 0: now; -1: never, since all keys were given
 * @param issuer  [out] may be NULL; the issuer that it is about, borrowed until the validator is released; NULL with -1
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_refresh_due(const assay_validator *validator, int64_t *wait_ms,
                                                           const char **issuer);
/**
 * Start a thread that keeps all keys fresh, so that no call ever pays for a refresh. All signals are blocked in it. It ends with the last
 * reference to the validator. Once started, another start does nothing. A child has no such thread after a fork: start it again there.
 *
 * @retval ASSAY_E_SYSTEM no thread or descriptor could be had
 * @retval ASSAY_E_UNSUPPORTED this system has no epoll
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_start_refresh_thread(assay_validator *validator, assay_error **error);
/** End that thread and wait for it, which takes a moment and no fetch; nothing where there is none. Not from a callback. @since 0.1 */
ASSAY_API void assay_validator_stop_refresh_thread(assay_validator *validator);
/**
 * Take over the keys of an older validator, for a host that reloads its configuration: make the new one, take over, use it for new calls,
 * release the old one. Keys pass, with their schedule, where the issuer, where its keys come from, and the runtime's CA certificates, proxy
 * and clock are alike. What was purged stays purged in any case. The old one goes on as it was. Call it before the new one is used.
 * Revocations (assay_validator_revoke()) are one for both from then on: who is revoked with either, before or after, is refused by both.
 *
 * @param taken [out] may be NULL; number of issuers that have keys by this
 * @retval ASSAY_E_RANGE both together have revoked more callers than one may: these are not one now, but each still has its own
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_take_over(assay_validator *validator, assay_validator *old,
                                                         size_t *taken, assay_error **error);
/** Drop a key of one issuer at once, for an emergency; where one cloud of Entra is configured as several issuers, purge it of each. It does not come back to this validator, whatever the issuer serves: its material is remembered, and
 *  refused under any `kid`.
 *  @param kid [in] NULL for every key that the issuer has now
 *  @retval ASSAY_E_KEY_UNKNOWN no such key now; a named kid is remembered all the same and never accepted. With NULL there was nothing to
 *  drop, and nothing is remembered
 *  @retval ASSAY_E_RANGE dropped now, but too many purged keys to remember: make a new validator
 *  @retval ASSAY_E_STORE dropped now, but the store could not be told, so other processes may go on with the key. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_purge(assay_validator *validator, const char *issuer, const char *kid,
                                                     assay_error **error);
/** Hand over the keys that an issuer now serves, instead of a fetch: for a host that gets them another way. They are merged as fetched ones are.
 *  @retval ASSAY_E_CONFIG_KEYS no usable key; the old ones stay. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_push_keys(assay_validator *validator, const char *issuer,
                                                         const assay_keyset *keyset, assay_error **error);

/**
 * Refuse, from now on, every token of a caller that was issued before a time: somebody left, or a token leaked; Entra's live up to 28 hours.
 * It holds for every later decision, and passes to a validator that takes over from this one. Remembered in this process alone, until the validator
 * ends: tell each process. Claims that a decision gave before stay as they are. Nobody need be known: no token is looked at, and what an issuer is
 * called is compared byte by byte with `iss`.
 *
 * @param authority [in] the tenant's GUID for Entra, in any case; otherwise the issuer. For Entra the issuer with `sub` works as well, but each of a
 *                       tenant's issuers is one of its own
 * @param subject   [in] the object id for Entra, a GUID in any case; otherwise `sub`
 * @param before    [in] seconds since 1970-01-01 UTC; tokens whose `iat` lies before it, or that have none, are refused with ASSAY_E_REVOKED. The
 *                       later of two calls' times counts
 * @retval ASSAY_E_ARGUMENT NULL, empty or longer than 2048 bytes; a time out of range, such as milliseconds; a tenant with what is no object id
 * @retval ASSAY_E_RANGE more than 65536 callers: make a new validator
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_revoke(assay_validator *validator, const char *authority,
                                                      const char *subject, int64_t before, assay_error **error);

/** What is counted for each issuer since the validator was made. @since 0.1 */
enum assay_stat {
    ASSAY_STAT_METADATA_FETCHES = 0,    /**< metadata documents asked for */
    ASSAY_STAT_KEY_FETCHES = 1,         /**< key sets asked for */
    ASSAY_STAT_FETCH_FAILURES = 2,      /**< fetches that failed or whose answer was refused */
    ASSAY_STAT_UNKNOWN_KID_FETCHES = 3, /**< fetches made because of an unknown `kid` */
    ASSAY_STAT_UNKNOWN_KID_REFUSED = 4, /**< tokens of an unknown `kid` answered without a fetch */
    ASSAY_STAT_KEYS_SERVED = 5,         /**< usable keys that the issuer serves now */
    ASSAY_STAT_KEYS_RETAINED = 6,       /**< usable keys that it no longer serves */
    ASSAY_STAT_KEYS_SKIPPED = 7,        /**< keys of the last set that could not be used */
    ASSAY_STAT_NOT_MODIFIED = 8,        /**< answers 304 */
    ASSAY_STAT_CACHE_HITS = 9           /**< tokens answered from the cache (assay_runtime_set_token_cache()) */
};
/** Read a counter. @param issuer [in] as configured; NULL for the sum over all. @retval ASSAY_E_NOT_CONFIGURED no such issuer.
 *  @retval ASSAY_E_ARGUMENT no such counter. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_get_stat(const assay_validator *validator, const char *issuer, int stat,
                                                        uint64_t *value);

/** Describe an issuer's key source as one JSON text:
 *  `{"issuer","metadata_url","jwks_uri","keys":[{"kid","kind","algorithm","thumbprint","served":bool}],"skipped":[reason],"due_in_seconds",
 *  "expires_in_seconds","last_failure":code name or null}`. Never waits; for people and tools, not for decisions.
 *  @param issuer [in] as configured  @param json [out] NULL unless ASSAY_OK; terminated; release with assay_bytes_free()
 *  @retval ASSAY_E_NOT_CONFIGURED no such issuer. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_validator_describe(const assay_validator *validator, const char *issuer,
                                                        uint8_t **json, size_t *json_len, assay_error **error);

ASSAY_END_DECLS

#endif
