/* SPDX-License-Identifier: MIT */
#include "api/api.h"

/* The getters of assay_error stand with its definition in base/failure.c. */

int assay_api_end(int code, const assay_failure *failure, assay_error **error)
{
    if (code != ASSAY_OK && error != NULL)
        *error = assay_error_make(code, failure);
    return code;
}
