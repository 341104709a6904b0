/* SPDX-License-Identifier: MIT */
#include "acquire/token_request.h"

#include "acquire/claims_challenge.h"
#include "acquire/token_file.h"
#include "base/list.h"
#include "crypto/crypto.h"
#include "json/document.h"

/* What is there for the kinds to check is checked by them; here, that it can stand in a form and in a log (RFC 6749, section 3.3). */
static int check_scope(const char *scope, assay_failure *failure)
{
    size_t len = strlen(scope);
    if (len > ASSAY_LIMIT_SCOPE_BYTES)
        return assay_fail_note(failure, ASSAY_E_CONFIG_SCOPE, "it is longer than %d bytes", ASSAY_LIMIT_SCOPE_BYTES);
    for (size_t i = 0; i < len; i++)
        if (scope[i] < 0x20 || scope[i] > 0x7e)
            return assay_fail_note(failure, ASSAY_E_CONFIG_SCOPE, "byte %zu is not printable ASCII", i + 1);
    return ASSAY_OK;
}

int assay_token_request_make(const char *scope, assay_token_request **request, assay_failure *failure)
{
    *request = NULL;
    const char *given = scope != NULL ? scope : "";
    int code = check_scope(given, failure);
    if (code != ASSAY_OK)
        return code;
    ASSAY_CLEANUP(assay_token_request_drop_p) assay_token_request *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->scope = assay_strdup(given);
    if (made->scope == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *request = ASSAY_STEAL(made);
    return ASSAY_OK;
}

void assay_token_request_drop(assay_token_request *request)
{
    if (request == NULL)
        return;
    assay_secret_clear(&request->user_assertion);
    assay_release(request->scope);
    assay_release(request->tenant);
    assay_release_wiped(request->claims, request->claims == NULL ? 0 : strlen(request->claims));
    assay_release_wiped(request, sizeof *request);
}

/* Text that may be NULL. */
static bool copy_text(char **to, const char *from)
{
    *to = from == NULL ? NULL : assay_strdup(from);
    return from == NULL || *to != NULL;
}

int assay_token_request_copy(const assay_token_request *from, assay_token_request **to)
{
    *to = NULL;
    ASSAY_CLEANUP(assay_token_request_drop_p) assay_token_request *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->continuous = from->continuous;
    made->made_ms = from->made_ms;
    made->has_user = from->has_user;
    memcpy(made->user_digest, from->user_digest, sizeof made->user_digest);
    made->user_expiry = from->user_expiry;
    made->user_is_app = from->user_is_app;
    bool copied = copy_text(&made->scope, from->scope) && copy_text(&made->tenant, from->tenant) &&
                  copy_text(&made->claims, from->claims);
    if (!copied || !assay_secret_copy(&made->user_assertion, &from->user_assertion))
        return ASSAY_E_MEMORY;
    *to = ASSAY_STEAL(made);
    return ASSAY_OK;
}

int assay_token_request_take_user(assay_token_request *request, const char *token, size_t len, assay_failure *failure)
{
    assay_peek peek;
    uint8_t digest[sizeof request->user_digest];
    ASSAY_CLEANUP(assay_secret_clear) assay_secret copy = {NULL, 0, 0, false};
    if (len > ASSAY_LIMIT_SECRET_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the user's token is longer than %d bytes",
                               ASSAY_LIMIT_SECRET_BYTES);
    int code = assay_crypto_sha256(token, len, digest);
    if (code == ASSAY_OK && !assay_secret_set(&copy, token, len))
        code = ASSAY_E_MEMORY;
    if (code != ASSAY_OK)
        return assay_fail(failure, code); /* the user of before, if any, stays */
    assay_secret_move(&request->user_assertion, &copy);
    assay_peek_read(token, len, &peek);
    memcpy(request->user_digest, digest, sizeof digest);
    request->user_expiry = peek.readable ? peek.expiry : 0;
    request->user_is_app = peek.readable && peek.of_app;
    request->has_user = true;
    return ASSAY_OK;
}

int assay_token_request_take_claims(assay_token_request *request, const char *json, assay_failure *failure)
{
    char problem[128];
    ASSAY_AUTO_JSON assay_json *document = NULL;
    size_t len = strlen(json);
    if (len > ASSAY_LIMIT_CLAIMS_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the claims are longer than %d bytes",
                               ASSAY_LIMIT_CLAIMS_BYTES);
    int code = assay_json_parse(json, len, &document, problem, sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    if (code != ASSAY_OK)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the claims are not JSON: %s", problem);
    if (!assay_json_is_object(document))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the claims are not a JSON object");
    /* In one spelling, since they tell the tokens of a cache apart. */
    char *claims = assay_json_write(document, &len);
    if (claims == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release_wiped(request->claims, request->claims == NULL ? 0 : strlen(request->claims));
    request->claims = claims;
    return ASSAY_OK;
}

int assay_token_request_take_challenge(assay_token_request *request, const char *www_authenticate,
                                       assay_failure *failure)
{
    char *claims = NULL;
    size_t len = 0;
    int code = assay_claims_challenge_read(www_authenticate, &claims, &len, failure);
    if (code != ASSAY_OK)
        return code;
    code = strlen(claims) == len ? assay_token_request_take_claims(request, claims, failure)
                                 : assay_fail_note(failure, ASSAY_E_ARGUMENT, "the claims hold a NUL byte");
    assay_release_wiped(claims, len);
    return code;
}

/* Where `cp1` stands: {"access_token":{"xms_cc":{"values":["cp1"]}}} (Microsoft, "Client capabilities"). */
static const char *const way[] = {"access_token", "xms_cc", "values"};

static void put_way(assay_buffer *out, size_t step)
{
    for (size_t i = step; i < ASSAY_COUNT_OF(way); i++)
        assay_buffer_format(out, "{\"%s\":", way[i]);
    assay_buffer_put(out, "[\"cp1\"]");
    for (size_t i = step; i < ASSAY_COUNT_OF(way); i++)
        assay_buffer_put(out, "}");
}

static void put_value(assay_buffer *out, const assay_json *value)
{
    size_t len = 0;
    char *text = assay_json_write(value, &len);
    if (text == NULL)
        out->failed = true;
    else
        assay_buffer_add(out, text, len);
    assay_release_wiped(text, len);
}

/* The values that are asked for, and cp1. */
static void merge_values(assay_buffer *out, const assay_json *values)
{
    bool has = false;
    assay_buffer_put(out, "[");
    for (size_t i = 0; i < assay_json_array_len(values); i++) {
        assay_span text;
        const assay_json *value = assay_json_array_at(values, i);
        has = has || (assay_json_get_string(value, &text) && assay_span_is(text, "cp1"));
        assay_buffer_put(out, i > 0 ? "," : "");
        put_value(out, value);
    }
    if (!has)
        assay_buffer_put(out, assay_json_array_len(values) > 0 ? ",\"cp1\"" : "\"cp1\"");
    assay_buffer_put(out, "]");
}

/* An object as it is, but for the member on the way to cp1, which is merged too. What is no object or array there gives way: a null is usual. */
static void merge_object(assay_buffer *out, const assay_json *object, size_t step)
{
    if (step == ASSAY_COUNT_OF(way) && assay_json_is_array(object)) {
        merge_values(out, object);
        return;
    }
    if (step == ASSAY_COUNT_OF(way) || !assay_json_is_object(object)) {
        put_way(out, step);
        return;
    }
    void *iterator = NULL;
    const assay_json *value = NULL;
    const char *separator = "{";
    bool merged = false;
    for (const char *name = assay_json_object_next(object, &iterator, &value); name != NULL;
         name = assay_json_object_next(object, &iterator, &value)) {
        bool here = strcmp(name, way[step]) == 0;
        merged = merged || here;
        assay_buffer_put(out, separator);
        separator = ",";
        assay_buffer_json_string(out, name, strlen(name));
        assay_buffer_put(out, ":");
        if (here)
            merge_object(out, value, step + 1);
        else
            put_value(out, value);
    }
    if (!merged) {
        assay_buffer_format(out, "%s\"%s\":", separator, way[step]);
        put_way(out, step + 1);
    }
    assay_buffer_put(out, "}");
}

bool assay_token_request_claims(const assay_token_request *request, assay_secret *out)
{
    assay_secret_clear(out);
    if (!request->continuous)
        return request->claims == NULL || assay_secret_set(out, request->claims, strlen(request->claims));
    ASSAY_AUTO_JSON assay_json *document = NULL;
    if (request->claims != NULL &&
        assay_json_parse(request->claims, strlen(request->claims), &document, NULL, 0) != ASSAY_OK)
        return false;
    assay_buffer merged = {NULL, 0, 0, false};
    merge_object(&merged, document, 0);
    bool good = !merged.failed && assay_secret_set(out, merged.text, merged.len);
    if (merged.text != NULL)
        assay_wipe(merged.text, merged.len);
    assay_buffer_clear(&merged);
    return good;
}
