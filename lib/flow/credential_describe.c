/* SPDX-License-Identifier: MIT */
#include "flow/credential.h"

#include <stdio.h>

/* A credential in JSON, for people and tools: nothing secret, no token, no user. */

static void put_text(assay_buffer *out, const char *name, const char *text)
{
    assay_buffer_format(out, "\"%s\":", name);
    assay_buffer_json_string(out, text, text == NULL ? 0 : strlen(text));
}

/* "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set", a line each. */
static void put_skipped(assay_buffer *out, const char *lines)
{
    assay_buffer_put(out, "\"skipped\":[");
    for (const char *line = lines == NULL ? "" : lines; *line != '\0';) {
        size_t len = strcspn(line, "\n"), name = strcspn(line, ":\n");
        size_t reason = name < len ? name + 1 + strspn(line + name + 1, " ") : len;
        assay_buffer_put(out, line == lines ? "{\"source\":" : ",{\"source\":");
        assay_buffer_json_string(out, line, name);
        assay_buffer_put(out, ",\"reason\":");
        assay_buffer_json_string(out, line + reason, len - reason);
        assay_buffer_put(out, "}");
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    assay_buffer_put(out, "]");
}

static void put_seconds(assay_buffer *out, const char *name, int64_t ms)
{
    assay_buffer_format(out, ",\"%s\":%lld", name, (long long)(ms / 1000));
}

/* By the wall clock, as the server told; null where it did not. */
static void put_expiry(assay_buffer *out, const assay_credential *credential, const assay_access_token *token)
{
    int64_t wall = assay_clock_wall(&credential->runtime->clock);
    if (token->expires_at == 0)
        assay_buffer_put(out, ",\"expires_in_seconds\":null");
    else
        assay_buffer_format(out, ",\"expires_in_seconds\":%lld", (long long)(token->expires_at - wall));
}

/* Those of users are counted and not shown: their tenants could tell who they are. */
static void put_kept(assay_buffer *out, const assay_credential *credential, const assay_kept *kept, bool first)
{
    int64_t now = assay_credential_now(credential);
    const assay_access_token *token = atomic_load(&kept->token);
    assay_buffer_put(out, first ? "{" : ",{");
    put_text(out, "scope", kept->wanted->scope);
    assay_buffer_put(out, ",");
    put_text(out, "tenant", kept->wanted->tenant);
    if (token == NULL) {
        assay_buffer_put(out, ",\"expires_in_seconds\":null,\"refresh_in_seconds\":null");
    } else {
        put_expiry(out, credential, token);
        put_seconds(out, "refresh_in_seconds", token->renew_ms - now);
    }
    assay_buffer_put(out, ",");
    put_text(out, "last_failure", kept->landing_code == ASSAY_OK ? NULL : assay_code_name(kept->landing_code));
    assay_buffer_put(out, "}");
}

static void put_tokens(assay_buffer *out, assay_credential *credential)
{
    bool first = true;
    assay_buffer_put(out, "\"tokens\":[");
    if (atomic_load(&credential->frozen)) {
        assay_credential_lock(credential);
        for (assay_kept *kept = assay_kept_next(&credential->kept, NULL); kept != NULL;
             kept = assay_kept_next(&credential->kept, kept)) {
            if (assay_kept_is_of_user(kept))
                continue;
            put_kept(out, credential, kept, first);
            first = false;
        }
        assay_credential_unlock(credential);
    }
    assay_buffer_put(out, "]");
}

/* Where the newest of the kept tokens came from, such as a chain's member; NULL where none came yet. With the lock. */
static const char *source_of(assay_credential *credential)
{
    const assay_access_token *newest = NULL;
    for (assay_kept *kept = assay_kept_next(&credential->kept, NULL); kept != NULL;
         kept = assay_kept_next(&credential->kept, kept)) {
        const assay_access_token *token = atomic_load(&kept->token);
        if (token != NULL && (newest == NULL || token->obtained_real_ms > newest->obtained_real_ms))
            newest = token;
    }
    return newest == NULL ? NULL : newest->source;
}

static void put_source(assay_buffer *out, assay_credential *credential)
{
    const char *source = NULL;
    if (atomic_load(&credential->frozen)) {
        assay_credential_lock(credential);
        source = source_of(credential); /* static text */
        assay_credential_unlock(credential);
    }
    put_text(out, "source", source);
}

int assay_credential_write_description(assay_credential *credential, char **json, size_t *len, assay_failure *failure)
{
    assay_buffer out = {0};
    const assay_credential_settings *settings = &credential->settings;
    *json = NULL;
    *len = 0;
    assay_buffer_put(&out, "{");
    put_text(&out, "kind", assay_credential_kind_name(settings->kind));
    assay_buffer_put(&out, ",");
    put_source(&out, credential);
    assay_buffer_put(&out, ",");
    put_text(&out, "tenant", settings->tenant);
    assay_buffer_put(&out, ",");
    put_text(&out, "client_id", settings->client_id != NULL ? settings->client_id : settings->identity_value);
    assay_buffer_put(&out, ",");
    put_text(&out, "authority", settings->authority);
    assay_buffer_put(&out, ",");
    put_text(&out, "token_file", settings->token_file);
    assay_buffer_put(&out, ",\"members\":[");
    for (size_t i = 0; i < settings->member_count; i++) {
        assay_buffer_put(&out, i == 0 ? "" : ",");
        const char *name = assay_credential_kind_name(settings->members[i]->kind);
        assay_buffer_json_string(&out, name, strlen(name));
    }
    assay_buffer_put(&out, "],");
    put_skipped(&out, settings->skipped);
    assay_buffer_put(&out, ",");
    put_tokens(&out, credential);
    assay_buffer_put(&out, "}");
    if (out.failed) {
        assay_buffer_clear(&out);
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    *json = out.text;
    *len = out.len;
    return ASSAY_OK;
}
