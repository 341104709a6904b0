/* SPDX-License-Identifier: MIT */
#include "flow/errand.h"

#include "flow/bearer_file.h"

void assay_errand_clear(assay_errand *errand)
{
    assay_release(errand->url);
    assay_release(errand->etag);
    if (errand->authorization != NULL)
        assay_release_wiped(errand->authorization, strlen(errand->authorization));
    memset(errand, 0, sizeof *errand);
}

bool assay_errand_copy(assay_errand *errand, const assay_http_request *request)
{
    assay_errand_clear(errand);
    errand->request = *request;
    errand->url = assay_strdup(request->url);
    errand->etag = request->if_none_match == NULL ? NULL : assay_strdup(request->if_none_match);
    errand->request.url = errand->url;
    errand->request.if_none_match = errand->etag;
    return errand->url != NULL && (request->if_none_match == NULL || errand->etag != NULL);
}

int assay_errand_take_token(assay_errand *errand, const char *bearer_file, assay_failure *failure)
{
    int code = assay_bearer_file_read(bearer_file, &errand->authorization, failure);
    errand->request.authorization = errand->authorization;
    return code;
}
