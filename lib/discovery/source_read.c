/* SPDX-License-Identifier: MIT */
#include "discovery/answer.h"
#include "discovery/metadata.h"
#include "discovery/source_state.h"

/* Reading an answer, without the lock: of the source only what never changes is looked at. */

static int read_metadata(const assay_source *source, const assay_http_response *response, assay_source_reading *reading)
{
    const assay_metadata_rules rules = {.issuer = source->issuer,
                                        .allow_loopback_http = source->allow_loopback_http,
                                        .jwks_hosts = (const char *const *)source->jwks_hosts,
                                        .jwks_host_count = source->jwks_host_count};
    return assay_metadata_read(&rules, response->body, response->body_len, &reading->jwks_uri, &reading->failure);
}

/* Why a set that could be read gives no key. */
static int explain_no_key(const assay_key_set *keys, assay_failure *failure)
{
    char first[160];
    if (keys->skipped_count == 0)
        return assay_fail_note(failure, ASSAY_E_JWKS, "the set holds no key");
    assay_text_escape(keys->skipped[0], strlen(keys->skipped[0]), first, sizeof first);
    return assay_fail_note(failure, ASSAY_E_JWKS, "none of %zu keys can be used; %s", keys->skipped_count, first);
}

static int read_keys(const assay_source *source, const assay_http_response *response, assay_source_reading *reading)
{
    char why[160] = "";
    int code = assay_key_set_add_json(&reading->keys, source->crypto, response->body, response->body_len, false, why,
                                      sizeof why);
    if (code == ASSAY_E_JWKS)
        return assay_fail_note(&reading->failure, code, "%s", why);
    if (code != ASSAY_OK)
        return assay_fail(&reading->failure, code);
    return reading->keys.count > 0 ? ASSAY_OK : explain_no_key(&reading->keys, &reading->failure);
}

void assay_source_read(const assay_source *source, bool metadata, const assay_http_request *request,
                       const assay_http_response *response, assay_source_reading *reading)
{
    bool asked_to_wait = response->status == 429 || response->status == 503; /* RFC 6585, section 4 */
    memset(reading, 0, sizeof *reading);
    reading->metadata = metadata;
    reading->max_age = response->max_age;
    reading->retry_after = asked_to_wait ? response->retry_after : -1;
    reading->code = assay_answer_check(request, response, &reading->not_modified, &reading->failure);
    if (reading->code != ASSAY_OK || reading->not_modified)
        return;
    reading->code = metadata ? read_metadata(source, response, reading) : read_keys(source, response, reading);
    if (reading->code == ASSAY_OK && response->etag[0] != '\0')
        reading->etag = assay_strdup(response->etag);
}

void assay_source_reading_clear(assay_source_reading *reading)
{
    assay_release(reading->jwks_uri);
    assay_release(reading->etag);
    assay_key_set_clear(&reading->keys);
    memset(reading, 0, sizeof *reading);
}
