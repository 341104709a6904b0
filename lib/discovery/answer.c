/* SPDX-License-Identifier: MIT */
#include "discovery/answer.h"

#include "http/url.h"

static const char withheld_hint[] =
    "the bearer file's token is not sent to that server; if it is meant to have the token, "
    "name its host as one of the jwks hosts";

/* The same place, however a host's HTTP library spells it: "https://a" and "https://A:443/" are one. */
static bool is_same_place(const char *asked, const char *answered)
{
    assay_url a, b;
    if (strcmp(asked, answered) == 0)
        return true;
    if (assay_url_parse(asked, strlen(asked), &a) != NULL || assay_url_parse(answered, strlen(answered), &b) != NULL)
        return false;
    const assay_span root = assay_span_of("/");
    assay_span a_path = a.path.len == 0 ? root : a.path;
    assay_span b_path = b.path.len == 0 ? root : b.path;
    return assay_url_same_origin(&a, &b) && assay_span_equal(a_path, b_path) && assay_span_equal(a.query, b.query);
}

/* A login page or a captive portal, answered with 200. Other wrong types are told by their content. */
static bool is_html(const char *content_type)
{
    assay_span type = {content_type, strcspn(content_type, "; \t,")};
    return assay_span_is_nocase(type, "text/html") || assay_span_is_nocase(type, "application/xhtml+xml");
}

/* A server that asks for a token which is not for it: whether that should change is for the operator to say. */
static int refuse_status(const assay_http_request *request, int status, assay_failure *failure)
{
    int code = assay_fail_note(failure, ASSAY_E_HTTP_STATUS, "status %d from %.160s", status, request->url);
    bool denied = status == 401 || status == 403;
    if (failure != NULL && denied && request->bearer == ASSAY_HTTP_BEARER_WITHHOLD)
        failure->hint = withheld_hint;
    return code;
}

bool assay_answer_is_from(const assay_http_request *request, const assay_http_response *response)
{
    return response->effective_url == NULL || is_same_place(request->url, response->effective_url);
}

int assay_answer_check(const assay_http_request *request, const assay_http_response *response, bool *not_modified,
                       assay_failure *failure)
{
    *not_modified = false;
    if (!assay_answer_is_from(request, response))
        return assay_fail_note(failure, ASSAY_E_REDIRECT, "the answer to %.160s came from another URL", request->url);
    if (response->status == 304) {
        *not_modified = request->if_none_match != NULL;
        return *not_modified
                   ? assay_fail(failure, ASSAY_OK)
                   : assay_fail_note(failure, ASSAY_E_RESPONSE,
                                     "status 304 to a request that was not conditional: %.160s", request->url);
    }
    if (response->status >= 300 && response->status < 400)
        return assay_fail_note(failure, ASSAY_E_REDIRECT, "status %d from %.160s", response->status, request->url);
    if (response->status != 200)
        return refuse_status(request, response->status, failure);
    if (response->encoded)
        return assay_fail_note(failure, ASSAY_E_RESPONSE, "Content-Encoding, which was not asked for, from %.160s",
                               request->url);
    if (response->body_len > request->body_limit)
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "more than %zu bytes from %.160s", request->body_limit,
                               request->url);
    if (is_html(response->content_type))
        return assay_fail_note(failure, ASSAY_E_RESPONSE, "an HTML page from %.160s", request->url);
    if (response->body == NULL || response->body_len == 0)
        return assay_fail_note(failure, ASSAY_E_RESPONSE, "an empty answer from %.160s", request->url);
    return assay_fail(failure, ASSAY_OK);
}
