/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_OP_H
#define ASSAY_OP_H

#include <assay/claims.h>
#include <assay/credential.h>
#include <assay/error.h>
#include <assay/request.h>
#include <assay/types.h>
#include <assay/validator.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * A validation, a refresh or an acquisition as a step machine without sockets, for hosts with an HTTP client or an event loop of their own.
 *
 * Step an operation until it wants nothing more, doing what it wants in between: fetch one document, or wait a while.
 * Then ask for its result. Where many operations of one issuer are under way, in any number of threads, one of them asks
 * for the fetch and the others wait for it and share how it ends. The one that fetches holds a lease: where its host
 * frees it, or does not answer in the time that it was given, another one takes over.
 *
 * assay_driver (driver.h) does all of this on one file descriptor.
 *
 * Threads: one thread at a time for each operation; different operations of one validator in any threads. After a fork
 * the child gets ASSAY_E_FORKED as the result of an operation that it inherited, and may only free it.
 */

/** What an operation wants next. @since 0.1 */
enum assay_want {
    ASSAY_WANT_NOTHING = 0, /**< it is done: assay_op_result() */
    ASSAY_WANT_FETCH = 1,   /**< fetch the document of assay_op_fetch_url(), answer, and step again */
    ASSAY_WANT_WAIT = 2     /**< step again after assay_op_wait_ms() */
};

/**
 * Begin to decide about a token, as assay_validator_validate() does. Nothing happens before the first step.
 * A refresh that is merely due is not made: see assay_validator_refresh_due() and assay_driver_keep_fresh().
 *
 * @param token      [in]  bytes of the compact form, copied
 * @param request    [in]  may be NULL; copied
 * @param timeout_ms [in]  milliseconds from now to the result, 1 to 600000
 * @param op         [out] release with assay_op_free(); holds a reference to @p validator
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_new_validate(assay_validator *validator, const char *token, size_t len,
                                                     const assay_request *request, int64_t timeout_ms, assay_op **op,
                                                     assay_error **error);
/**
 * Begin to fetch the keys of one issuer. Where they are missing or due this is the scheduled fetch, with its back-off
 * when it fails; otherwise it is made because the host wants it.
 *
 * @param issuer [in] as configured; NULL for the one that is due first, and nothing at all where none is due now
 * @retval ASSAY_E_NOT_CONFIGURED no such issuer
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_new_refresh(assay_validator *validator, const char *issuer, int64_t timeout_ms,
                                                    assay_op **op, assay_error **error);
/**
 * Begin to get a token, as assay_credential_get_token_for() does. A kept one that is due for renewal is given at once; where a driver has the
 * operation it renews it behind that.
 *
 * @param request    [in] copied
 * @param timeout_ms [in] milliseconds from now to the result, 1 to 600000; what is told where they end is the same, too
 * @param op         [out] release with assay_op_free(); holds a reference to @p credential
 * @retval ASSAY_E_CONFIG_CREDENTIAL, ASSAY_E_CONFIG_SCOPE, ASSAY_E_CONFIG_TENANT, ASSAY_E_CONFIG_URL, ASSAY_E_CONFIG_ALGORITHM nothing would be sent
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_new_acquire(assay_credential *credential, const assay_token_request *request,
                                                    int64_t timeout_ms, assay_op **op, assay_error **error);
/** Begin to renew the kept token that is due first (assay_credential_refresh_due()); nothing at all where none is due now. assay_op_result() tells what
 *  came of it, and the token is kept. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_new_renew(assay_credential *credential, int64_t timeout_ms, assay_op **op,
                                                  assay_error **error);
/** Release in any state; NULL is allowed. A lease passes on to a waiting operation or thread. Not while a driver has it:
 *  cancel it there. @since 0.1 */
ASSAY_API void assay_op_free(assay_op *op);

/** Go on as far as possible without the host. Never waits. @return an enum assay_want; ASSAY_WANT_NOTHING for NULL. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_step(assay_op *op);
/** End it now, in any state: its result is ASSAY_E_CANCELLED unless it has one already. A driver gives it back with the
 *  next assay_driver_process(). @since 0.1 */
ASSAY_API void assay_op_cancel(assay_op *op);
/**
 * What came of it: as assay_validator_validate(), assay_validator_refresh() or assay_credential_get_token_for().
 * @param claims [out] may be NULL; NULL unless claims were validated; each call gives a reference of its own
 * @retval ASSAY_E_STATE it still wants something
 * @retval ASSAY_E_CANCELLED, ASSAY_E_FORKED
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_result(const assay_op *op, assay_claims **claims, assay_error **error);

/**
 * What came of an acquisition: as assay_credential_get_token_for().
 * @param token [out] NULL unless ASSAY_OK; each call gives a reference of its own
 * @retval ASSAY_E_STATE it still wants something, or does not get a token
 * @retval ASSAY_E_CANCELLED, ASSAY_E_FORKED
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_token(const assay_op *op, assay_access_token **token, assay_error **error);

/** Milliseconds until the next step, at least 1, where it wants to wait; 0 otherwise. Stepping earlier does no harm. @since 0.1 */
ASSAY_API int64_t assay_op_wait_ms(const assay_op *op);

/** The request, where it wants a fetch: the method, "GET" or "POST". Borrowed until the next call with this operation that is not
 *  one of these getters, as are all texts here; NULL where it wants none. @since 0.1 */
ASSAY_API const char *assay_op_fetch_method(const assay_op *op);
/** Absolute URL. Follow no redirect; verify the server's certificate and name; http is asked of loopback and
 *  of link-local addresses (169.254.0.0/16) only. Where the issuer was given CA
 *  certificates of its own (assay_issuer_set_ca_file(), assay_issuer_set_ca_pem()) the host's client must check against exactly those: the
 *  library hands them over by assay_op_fetch_ca_pem(). @since 0.1 */
ASSAY_API const char *assay_op_fetch_url(const assay_op *op);
/** Number of header fields to send. With assay_issuer_set_bearer_file() one of them may be Authorization, and an acquisition may have that or one that a
 *  platform's agent wants (`X-IDENTITY-HEADER`, `secret`). Such values are secrets: for this very URL, wiped when the fetch is answered or the operation
 *  ends (an agent's with its credential), and no matter for a log. @since 0.1 */
ASSAY_API size_t assay_op_fetch_header_count(const assay_op *op);
/** Name of a header field; NULL beyond the last. @since 0.1 */
ASSAY_API const char *assay_op_fetch_header_name(const assay_op *op, size_t index);
/** Value of a header field; NULL beyond the last. @since 0.1 */
ASSAY_API const char *assay_op_fetch_header_value(const assay_op *op, size_t index);
/** The body to send with a POST, which holds a secret; NULL for none. @param len [out] may be NULL. @since 0.1 */
ASSAY_API const uint8_t *assay_op_fetch_body(const assay_op *op, size_t *len);
/** The name to ask for by TLS (SNI) and to find in the server's certificate, instead of the URL's host, which is connected to all the same; NULL:
 *  the URL's host (the token proxy of AKS identity bindings). @since 0.1 */
ASSAY_API const char *assay_op_fetch_tls_name(const assay_op *op);
/** CA certificates in PEM that the server is to be checked against, and no others; NULL: those that the host's client trusts anyway.
 *  @param len [out] may be NULL. @since 0.1 */
ASSAY_API const char *assay_op_fetch_ca_pem(const assay_op *op, size_t *len);
/** 1 where no proxy may stand in between, whatever is configured: loopback and the platform's agents are reached directly. @since 0.1 */
ASSAY_API int assay_op_fetch_is_direct(const assay_op *op);
/** Longest body, in bytes, that will be accepted: stop reading there. @since 0.1 */
ASSAY_API size_t assay_op_fetch_body_limit(const assay_op *op);
/** Milliseconds left for the answer; after them the lease may pass to another operation, and a late answer may not count. 0: none
 *  are left, or no fetch is wanted. @since 0.1 */
ASSAY_API int64_t assay_op_fetch_timeout_ms(const assay_op *op);

/** Hand over one header field of the answer as received, before assay_op_fetched(). Unknown ones are ignored, so all may be given.
 *  @retval ASSAY_E_STATE no fetch is wanted. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_fetched_header(assay_op *op, const char *name, size_t name_len,
                                                       const char *value, size_t value_len);
/**
 * Hand over the answer; then step. Whatever is wrong with it becomes the result, not an error of this call.
 *
 * @param status        [in] HTTP status
 * @param effective_url [in] where the answer came from after all, as the HTTP client tells it; the one asked, unless something redirected
 * @param body          [in] at most the body limit of bytes are kept; may be NULL where @p body_len is 0. Decoded as the client does it:
 *                           no Content-Encoding is asked for
 * @retval ASSAY_E_STATE no fetch is wanted
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_fetched(assay_op *op, int status, const char *effective_url,
                                                const uint8_t *body, size_t body_len);
/**
 * There is no answer; then step.
 * @param code   [in] what went wrong: ASSAY_E_RESOLVE, ASSAY_E_CONNECT, ASSAY_E_TLS, ASSAY_E_TIMEOUT, ASSAY_E_NETWORK,
 *                    ASSAY_E_RESPONSE_SIZE or ASSAY_E_RESPONSE
 * @param reason [in] a few words for the operator, escaped and cut; may be NULL
 * @retval ASSAY_E_STATE no fetch is wanted
 * @retval ASSAY_E_ARGUMENT another code
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_op_fetch_failed(assay_op *op, int code, const char *reason);

/** Keep a pointer of the host's with the operation; the library does not touch it. @since 0.1 */
ASSAY_API void assay_op_set_user_data(assay_op *op, void *user_data);
/** That pointer; NULL before it was set. @since 0.1 */
ASSAY_API void *assay_op_user_data(const assay_op *op);

ASSAY_END_DECLS

#endif
