/* SPDX-License-Identifier: MIT */
#include "flow/validator.h"

#include <inttypes.h>

/* One issuer's key source as JSON text, for people: `assay discover` prints it. */

static void put_member(assay_buffer *out, const char *name, const char *text)
{
    assay_buffer_format(out, ",\"%s\":", name);
    assay_buffer_json_string(out, text, text == NULL ? 0 : strlen(text));
}

static void put_seconds(assay_buffer *out, const char *name, int64_t at_ms, int64_t now_ms)
{
    if (at_ms == INT64_MAX || at_ms == INT64_MIN)
        assay_buffer_format(out, ",\"%s\":null", name);
    else
        assay_buffer_format(out, ",\"%s\":%" PRId64, name, (at_ms - now_ms) / 1000);
}

static void put_keys(assay_buffer *out, const assay_snapshot *snapshot)
{
    assay_buffer_put(out, ",\"keys\":[");
    for (size_t i = 0; snapshot != NULL && i < snapshot->count; i++) {
        const assay_jwk *jwk = snapshot->keys[i].jwk;
        assay_buffer_put(out, i == 0 ? "{\"kid\":" : ",{\"kid\":");
        assay_buffer_json_string(out, jwk->kid, jwk->kid_len);
        put_member(out, "kind", jwk->kind_text);
        put_member(out, "algorithm", jwk->algorithm);
        /* From the thumbprint of a weak secret the secret could be guessed (RFC 7638, section 7). */
        bool secret = assay_verify_key_kind(jwk->key) == ASSAY_KEY_SYMMETRIC;
        put_member(out, "thumbprint", secret ? NULL : jwk->thumbprint_text);
        assay_buffer_format(out, ",\"served\":%s}",
                            snapshot->keys[i].missing_since_ms == ASSAY_SERVED_NOW ? "true" : "false");
    }
    assay_buffer_put(out, "]");
}

static void put_skipped(assay_buffer *out, const assay_key_set *served)
{
    assay_buffer_put(out, ",\"skipped\":[");
    for (size_t i = 0; i < served->skipped_count; i++) {
        assay_buffer_put(out, i == 0 ? "" : ",");
        assay_buffer_json_string(out, served->skipped[i], strlen(served->skipped[i]));
    }
    assay_buffer_put(out, "]");
}

int assay_describe(const assay_validator *validator, const char *issuer, char **json, size_t *len,
                   assay_failure *failure)
{
    *json = NULL;
    *len = 0;
    assay_trusted_issuer *found = issuer == NULL ? NULL : assay_validator_named(validator, issuer);
    if (found == NULL)
        return assay_fail_found(failure, ASSAY_E_NOT_CONFIGURED, NULL, issuer, issuer == NULL ? 0 : strlen(issuer));
    int64_t now = assay_clock_steady(&validator->keyring->runtime->clock);
    assay_buffer out = {NULL, 0, 0, false};

    assay_issuer_keys_lock(&found->keys);
    const assay_source *source = found->keys.source;
    int last = assay_source_last_failure(source, NULL);
    assay_buffer_put(&out, "{\"issuer\":");
    assay_buffer_json_string(&out, found->policy.issuer.ptr, found->policy.issuer.len);
    put_member(&out, "metadata_url", assay_source_metadata_url(source));
    put_member(&out, "jwks_uri", assay_source_jwks_uri(source));
    put_keys(&out, assay_source_snapshot(source));
    put_skipped(&out, assay_source_served(source));
    put_seconds(&out, "due_in_seconds", assay_source_due_at(source), now);
    put_seconds(&out, "expires_in_seconds", assay_source_expires_at(source), now);
    put_member(&out, "last_failure", last == ASSAY_OK ? NULL : assay_code_name(last));
    assay_buffer_put(&out, "}");
    assay_issuer_keys_unlock(&found->keys);

    if (out.failed) {
        assay_buffer_clear(&out);
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    *json = out.text;
    *len = out.len;
    return ASSAY_OK;
}
