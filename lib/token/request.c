/* SPDX-License-Identifier: MIT */
#include "token/request.h"

#include "base/memory.h"

#include <assay/error.h>
#include <string.h>

static bool copy_bytes(char **to, const char *from, size_t len)
{
    *to = from == NULL ? NULL : assay_memdup(from, len);
    return from == NULL || *to != NULL;
}

int assay_request_copy(const assay_request *from, assay_request **to)
{
    *to = NULL;
    if (from == NULL)
        return ASSAY_OK;
    assay_request *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->max_age = from->max_age;
    made->access_token_len = from->access_token_len;
    made->code_len = from->code_len;
    if (copy_bytes(&made->nonce, from->nonce, from->nonce == NULL ? 0 : strlen(from->nonce)) &&
        copy_bytes(&made->access_token, from->access_token, from->access_token_len) &&
        copy_bytes(&made->code, from->code, from->code_len) && assay_text_list_copy(&made->acrs, &from->acrs)) {
        *to = made;
        return ASSAY_OK;
    }
    assay_request_drop(made);
    return ASSAY_E_MEMORY;
}

void assay_request_drop(assay_request *request)
{
    if (request == NULL)
        return;
    assay_release_wiped(request->nonce, request->nonce == NULL ? 0 : strlen(request->nonce));
    assay_release_wiped(request->access_token, request->access_token_len);
    assay_release_wiped(request->code, request->code_len);
    assay_text_list_clear(&request->acrs);
    assay_release(request);
}
