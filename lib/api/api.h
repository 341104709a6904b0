/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_API_API_H
#define ASSAY_API_API_H

/*
 * What every exported function does first and last. ASSAY_BEGIN(error) clears the caller's error and gives `failure`, which is NULL
 * where nobody wants an explanation; ASSAY_END(code) turns it into the caller's error.
 */

#include "base/failure.h"

#define ASSAY_BEGIN(error)                                                                                             \
    assay_failure failure_;                                                                                            \
    assay_failure *failure = (error) == NULL ? NULL : &failure_;                                                       \
    assay_error **error_out_ = (error);                                                                                \
    assay_failure_clear(failure);                                                                                      \
    if (error_out_ != NULL)                                                                                            \
    *error_out_ = NULL

#define ASSAY_END(code) assay_api_end((code), failure, error_out_)
/* A NULL or empty argument; @p what names it. */
#define ASSAY_BAD(what) ASSAY_END(assay_fail_note(failure, ASSAY_E_ARGUMENT, "%s", (what)))

int assay_api_end(int code, const assay_failure *failure, assay_error **error);

#endif
