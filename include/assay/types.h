/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TYPES_H
#define ASSAY_TYPES_H

#include <stddef.h>
#include <stdint.h>

/**
 * @file
 * The opaque types of the library and the marks on its functions.
 *
 * Every type is opaque: a caller holds pointers only. Every function that can fail returns
 * ASSAY_OK (0) or one of the negative codes of error.h, and writes NULL or 0 to its outputs first.
 */

#if defined(__GNUC__) || defined(__clang__)
#define ASSAY_API __attribute__((visibility("default")))
#define ASSAY_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ASSAY_API
#define ASSAY_MUST_CHECK
#endif

#ifdef __cplusplus
#define ASSAY_BEGIN_DECLS extern "C" {
#define ASSAY_END_DECLS }
#else
#define ASSAY_BEGIN_DECLS
#define ASSAY_END_DECLS
#endif

/** Settings that several validators share: HTTP, clock, log, OpenSSL properties. */
typedef struct assay_runtime assay_runtime;
/** One trusted issuer and what is demanded of its tokens, while it is being configured. */
typedef struct assay_issuer assay_issuer;
/** Keys read from bytes. */
typedef struct assay_keyset assay_keyset;
/** A frozen set of issuers with their keys: decides whether a token is acceptable. */
typedef struct assay_validator assay_validator;
/** What one call demands beyond the configuration: nonce, maximum age and the like. */
typedef struct assay_request assay_request;
/** The claims of a token that passed every check. */
typedef struct assay_claims assay_claims;
/** A validation, a refresh or an acquisition as a step machine without sockets. */
typedef struct assay_op assay_op;
/** The engine that carries out many operations on one file descriptor. */
typedef struct assay_driver assay_driver;
/** How this process obtains tokens for itself. */
typedef struct assay_credential assay_credential;
/** What token is wanted, where the scope alone does not say it. */
typedef struct assay_token_request assay_token_request;
/** A token that this process obtained. */
typedef struct assay_access_token assay_access_token;
/** Why a call failed. */
typedef struct assay_error assay_error;

#endif
