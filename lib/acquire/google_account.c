/* SPDX-License-Identifier: MIT */
#include "acquire/from_environment.h"

#include "base/file.h"
#include "http/url.h"
#include "json/document.h"

/*
 * The file of an external account (Google, AIP-4117): which provider, where the subject token lies, perhaps which service account. Whoever writes this file decides
 * where the token goes and what is read, so only what is needed is taken: a file as the source, never a program or a URL (case 91).
 */

static int refuse(const char *what, assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s", what);
}

/* One that is there and no text is not passed over: without its service account the file would mean another identity. */
static int take(const assay_json *object, const char *name, char **place, assay_failure *failure)
{
    assay_span text;
    const assay_json *value = assay_json_get(object, name);
    if (value == NULL || assay_json_is_null(value))
        return ASSAY_OK;
    if (!assay_json_get_string(value, &text))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s is not a text", name);
    return assay_settings_set_text(place, text.ptr, name, failure);
}

/* {"type":"json","subject_token_field_name":"…"}, or {"type":"text"}, which is the default. */
static int take_format(const assay_json *format, assay_credential_settings *settings, assay_failure *failure)
{
    assay_span type;
    if (format == NULL)
        return ASSAY_OK;
    if (!assay_json_get_member_string(format, "type", &type))
        return refuse("credential_source.format has no type", failure);
    if (assay_span_is(type, "text"))
        return ASSAY_OK;
    if (!assay_span_is(type, "json"))
        return refuse("the type of credential_source.format is neither text nor json", failure);
    int code = take(format, "subject_token_field_name", &settings->subject_member, failure);
    if (code == ASSAY_OK && settings->subject_member == NULL)
        return refuse("credential_source.format has no subject_token_field_name", failure);
    return code;
}

static int take_source(const assay_json *source, assay_credential_settings *settings, assay_failure *failure)
{
    if (!assay_json_is_object(source))
        return refuse("the file has no credential_source", failure);
    if (assay_json_get(source, "executable") != NULL)
        return refuse("credential_source.executable would run a program, which is never done", failure);
    if (assay_json_get(source, "url") != NULL || assay_json_get(source, "environment_id") != NULL ||
        assay_json_get(source, "certificate") != NULL)
        return refuse("credential_source must be a file", failure);
    int code = take(source, "file", &settings->token_file, failure);
    if (code == ASSAY_OK && settings->token_file == NULL)
        return refuse("credential_source has no file", failure);
    return code == ASSAY_OK ? take_format(assay_json_get(source, "format"), settings, failure) : code;
}

static int check_url(const char *url, const char *name, assay_failure *failure)
{
    const char *problem = url == NULL ? NULL : assay_url_check_fetch(url, strlen(url), true);
    if (problem == NULL)
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s: %s", name, problem);
}

static int take_audience(const assay_json *document, assay_credential_settings *settings, assay_failure *failure)
{
    assay_span audience;
    if (!assay_json_get_member_string(document, "audience", &audience) || audience.len == 0)
        return refuse("the file has no audience", failure);
    bool added = assay_text_list_add(&settings->audiences, audience.ptr, audience.len);
    return added ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

static int take_document(const assay_json *document, assay_credential_settings *settings, assay_failure *failure)
{
    assay_span type;
    if (!assay_json_get_member_string(document, "type", &type) || !assay_span_is(type, "external_account"))
        return refuse("the file is not of type external_account; keys of service accounts are not taken", failure);
    int code = take_source(assay_json_get(document, "credential_source"), settings, failure);
    if (code == ASSAY_OK)
        code = take_audience(document, settings, failure);
    if (code == ASSAY_OK)
        code = take(document, "subject_token_type", &settings->subject_token_type, failure);
    if (code == ASSAY_OK)
        code = take(document, "token_url", &settings->token_endpoint, failure);
    if (code == ASSAY_OK)
        code = check_url(settings->token_endpoint, "token_url", failure);
    if (code == ASSAY_OK)
        code = take(document, "service_account_impersonation_url", &settings->impersonation_url, failure);
    return code == ASSAY_OK ? check_url(settings->impersonation_url, "service_account_impersonation_url", failure)
                            : code;
}

static int read_into(const char *path, char *text, assay_credential_settings *settings, assay_failure *failure)
{
    size_t len = 0;
    char problem[120];
    ASSAY_AUTO_JSON assay_json *document = NULL;
    int code = assay_file_read(path, text, ASSAY_LIMIT_TOKEN_FILE_BYTES, &len, ASSAY_E_CONFIG_CREDENTIAL, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_json_parse(text, len, &document, problem, sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    return code == ASSAY_OK ? take_document(document, settings, failure) : refuse(problem, failure);
}

int assay_google_account_read(const char *path, assay_credential_settings *settings, assay_failure *failure)
{
    char *text = assay_alloc(ASSAY_LIMIT_TOKEN_FILE_BYTES);
    if (text == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int code = read_into(path, text, settings, failure);
    assay_release_wiped(text, ASSAY_LIMIT_TOKEN_FILE_BYTES);
    return code;
}
