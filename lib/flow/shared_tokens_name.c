/* SPDX-License-Identifier: MIT */
#include "discovery/record_frame.h"
#include "flow/shared_tokens_private.h"

#include <inttypes.h>

/*
 * All settings that decide whose token it is and what is in it, or might do so: with one too many a token is asked for twice, with one too few it is somebody else's. Paths count as
 * what is in the files, so processes that share a directory have to see the same files by the same paths. Each text has its length before it, so that none can be taken for two.
 */

static void add_number(assay_buffer *text, int64_t number)
{
    assay_buffer_format(text, "%" PRId64 ";", number);
}

/* One that is not set is not the same as an empty one. */
static void add_span(assay_buffer *text, assay_span span)
{
    if (span.ptr == NULL) {
        assay_buffer_put(text, "-;");
        return;
    }
    assay_buffer_format(text, "%zu:", span.len);
    assay_buffer_add(text, span.ptr, span.len);
    assay_buffer_put(text, ";");
}

static void add_text(assay_buffer *text, const char *value)
{
    add_span(text, assay_span_of(value));
}

static void add_list(assay_buffer *text, const assay_text_list *list)
{
    add_number(text, (int64_t)list->count);
    for (size_t i = 0; i < list->count; i++)
        add_span(text, list->items[i]);
}

static bool is_exchange(const assay_credential_settings *settings)
{
    return settings->kind == ASSAY_CREDENTIAL_EXCHANGE || settings->kind == ASSAY_CREDENTIAL_GOOGLE;
}

/*
 * Whether the settings without the secrets say whose token it is. Service Fabric tells its applications apart by the header alone (Microsoft, "Managed identities for Service
 * Fabric"), and where a subject token comes from a function of the host, only that function knows the subject (RFC 8693, section 2.1).
 */
static bool tells_whose(const assay_credential_settings *settings)
{
    if (settings->kind == ASSAY_CREDENTIAL_MANAGED)
        return settings->agent != ASSAY_AGENT_SERVICE_FABRIC;
    if (is_exchange(settings) && settings->inner != NULL)
        return tells_whose(settings->inner);
    if (is_exchange(settings) && settings->assertion != NULL)
        return false;
    bool all = true;
    for (size_t i = 0; i < settings->member_count && all; i++)
        all = tells_whose(settings->members[i]);
    return all;
}

static void add_proof(assay_buffer *text, const assay_credential_settings *settings)
{
    add_text(text, settings->token_file);
    add_text(text, settings->subject_member);
    add_text(text, settings->certificate_path);
    add_text(text, settings->key_path);
    add_number(text, settings->assertion != NULL);
    add_text(text, settings->request_url);
    add_text(text, settings->service_connection);
    add_text(text, settings->inner_scope);
    add_text(text, settings->assertion_audience);
    add_text(text, settings->signing_algorithm);
    add_text(text, settings->signing_key_id);
    add_number(text, settings->client_method);
    add_text(text, settings->actor_token_file);
    add_text(text, settings->actor_token_type);
    add_text(text, settings->subject_token_type);
    add_number(text, settings->proxy.mode);
    add_text(text, settings->proxy.url);
    add_text(text, settings->proxy.tls_name);
}

static void add_identity(assay_buffer *text, const assay_credential_settings *settings)
{
    add_text(text, assay_credential_kind_name(settings->kind)); /* numbers change between versions */
    add_text(text, settings->authority);
    add_text(text, settings->tenant);
    add_text(text, settings->client_id);
    add_number(text, settings->agent);
    add_text(text, settings->agent_url);
    add_text(text, settings->agent_thumbprint);
    add_text(text, settings->arc_folder);
    add_number(text, settings->identity);
    add_text(text, settings->identity_value);
    add_text(text, settings->token_endpoint);
    add_text(text, settings->requested_token_type);
    add_list(text, &settings->audiences);
    add_list(text, &settings->resources);
    add_text(text, settings->impersonation_url);
}

/* How deep is bounded by ASSAY_LIMIT_CREDENTIAL_DEPTH. */
static void add_settings(assay_buffer *text, const assay_credential_settings *settings)
{
    add_identity(text, settings);
    add_proof(text, settings);
    add_number(text, settings->inner != NULL);
    if (settings->inner != NULL)
        add_settings(text, settings->inner);
    add_number(text, (int64_t)settings->member_count);
    for (size_t i = 0; i < settings->member_count; i++)
        add_settings(text, settings->members[i]);
}

static void add_request(assay_buffer *text, const assay_token_request *wanted)
{
    add_text(text, wanted->scope);
    add_text(text, wanted->tenant);
    add_text(text, wanted->claims);
    add_number(text, wanted->continuous);
    add_number(text, wanted->has_user);
    add_span(text, (assay_span){(const char *)wanted->user_digest, sizeof wanted->user_digest});
}

bool assay_shared_name_of(const assay_credential *credential, const assay_token_request *wanted,
                          assay_shared_name *name)
{
    if (!tells_whose(&credential->settings))
        return false;
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer text = {NULL, 0, 0, false};
    assay_buffer_put(&text, "assay token 1;"); /* versions of the library with other records don't meet in one file */
    add_settings(&text, &credential->settings);
    add_request(&text, wanted);
    return !text.failed &&
           assay_record_digest(credential->runtime->crypto, (assay_span){text.text, text.len}, name->text) == ASSAY_OK;
}
