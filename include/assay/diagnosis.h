/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DIAGNOSIS_H
#define ASSAY_DIAGNOSIS_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Why a token could not be obtained, as a table: symptom, layer, cause and fix. `docs/guide/doctor.md` has all rows.
 *
 * Threads: static data; any number of threads.
 */

/** Number of the row that explains an error; 0: none does. Numbers are stable. @since 0.1 */
ASSAY_API int assay_error_diagnosis(const assay_error *error);
/** What the server called it, such as "AADSTS700213" or "invalid_client"; "" where no server answered. @since 0.1 */
ASSAY_API const char *assay_error_server_code(const assay_error *error);
/** The server's trace id, for its support; "" where there is none. @since 0.1 */
ASSAY_API const char *assay_error_trace_id(const assay_error *error);
/** The correlation id of the request (`client-request-id`); "" where there is none. @since 0.1 */
ASSAY_API const char *assay_error_correlation_id(const assay_error *error);
/** The claims that the user must satisfy (on-behalf-of), as JSON, to be passed on: assay_error_www_authenticate() has them for the caller. "" where
 *  there are none. @since 0.1 */
ASSAY_API const char *assay_error_claims(const assay_error *error);
/** Seconds by which the server's clock is ahead of this one, where that is more than a minute; else 0. @since 0.1 */
ASSAY_API int64_t assay_error_clock_skew(const assay_error *error);

/** Number of rows. @since 0.1 */
ASSAY_API size_t assay_diagnosis_count(void);
/** Number of the row at a place in the table; 0 past its end. @since 0.1 */
ASSAY_API int assay_diagnosis_number(size_t index);
/** Short stable name of a row, such as "federation-issuer"; "" for no such row, as with all below. Static. @since 0.1 */
ASSAY_API const char *assay_diagnosis_name(int row);
/** The layer that failed: "environment", "token-file", "network", "exchange", "token-proxy", "managed-identity", "ci" or "resource". @since 0.1 */
ASSAY_API const char *assay_diagnosis_layer(int row);
/** What is seen. @since 0.1 */
ASSAY_API const char *assay_diagnosis_symptom(int row);
/** What it comes from. @since 0.1 */
ASSAY_API const char *assay_diagnosis_cause(int row);
/** What to do, with the command where there is one. @since 0.1 */
ASSAY_API const char *assay_diagnosis_fix(int row);

ASSAY_END_DECLS

#endif
