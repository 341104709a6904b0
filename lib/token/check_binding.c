/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"
#include "token/check.h"

/* A token that is bound to a key or certificate says so in `cnf` (RFC 7800, section 3.1; RFC 8705, section 3.1). */

/*
 * The other registered ways to bind one (RFC 7800, sections 3.2 to 3.5; RFC 9203, section 3.2; RFC 9449, section 6.1). Nothing here can prove
 * them, so one that stands beside a certificate leaves the token unproven. Members that nobody has registered are ignored, as RFC 7800 demands.
 */
static const char *const others[] = {"/cnf/jwk", "/cnf/jwe", "/cnf/kid", "/cnf/jku", "/cnf/osc", "/cnf/jkt"};

static bool has_another(const assay_claims *token)
{
    assay_json_value value;
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++) {
        if (assay_json_point(&token->payload, others[i], strlen(others[i]), &value))
            return true;
    }
    return false;
}

/* The certificate's digest has one spelling only, so texts are compared and none is decoded as base64url. */
static int check_thumbprint(const assay_json_value *thumbprint, const assay_request *request, assay_failure *failure)
{
    enum { LEN = ASSAY_BASE64URL_ENCODED(sizeof request->certificate_sha256) };
    char expected[LEN + 1], found[2 + LEN * 6]; /* quotes, and each character as an escape */
    assay_base64url_encode(request->certificate_sha256, sizeof request->certificate_sha256, expected);
    bool fits = thumbprint->type == ASSAY_JSON_STRING && thumbprint->len <= sizeof found &&
                assay_json_string_decode(thumbprint, found) == LEN && assay_crypto_equal(found, expected, LEN);
    return fits ? ASSAY_OK : assay_fail(failure, ASSAY_E_BINDING);
}

int assay_check_binding(const assay_policy *policy, const assay_claims *token, const assay_request *request,
                        assay_failure *failure)
{
    static const char pointer[] = "/cnf/x5t#S256";
    assay_json_value cnf, thumbprint;
    bool given = request != NULL && request->has_certificate;
    bool demanded = given && !request->allow_unbound;
    if (!assay_token_get(token, "cnf", &cnf))
        return demanded ? assay_fail_note(failure, ASSAY_E_BINDING, "it has no cnf") : ASSAY_OK;
    if (cnf.type != ASSAY_JSON_OBJECT)
        return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "cnf is not an object (RFC 7800, section 3.1)");
    bool by_certificate = assay_json_point(&token->payload, pointer, sizeof pointer - 1, &thumbprint);
    int code = by_certificate && given ? check_thumbprint(&thumbprint, request, failure) : ASSAY_OK;
    if (code != ASSAY_OK)
        return code;
    if (!policy->accept_unproven_binding) {
        if (!by_certificate || has_another(token))
            return assay_fail_note(failure, ASSAY_E_UNPROVEN, "its cnf names something else than a certificate");
        if (!given)
            return assay_fail_note(failure, ASSAY_E_UNPROVEN, "it is bound to a certificate, and none was given");
    }
    /* Only here with a binding that is accepted unproven. */
    if (demanded && !by_certificate)
        return assay_fail_note(failure, ASSAY_E_BINDING, "its cnf has no x5t#S256");
    return ASSAY_OK;
}
