/* SPDX-License-Identifier: MIT */
#include "flow/config.h"

#include "flow/config_issuer.h"

#include <stdio.h>

/*
 * The document is read by tables: one row a member, with the function that takes its value. What no row names is an error, so that a misspelt
 * requirement is never silently absent.
 */

int assay_config_wrong_type(const char *name, const char *wanted, assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "%s must be %s", name, wanted);
}

int assay_config_unknown(const char *where, const char *name, assay_failure *failure)
{
    char shown[100];
    assay_text_escape(name, strlen(name), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "%s has no member \"%s\"", where, shown);
}

static int take_ca_file(assay_runtime *runtime, const char *text, assay_failure *failure)
{
    return assay_http_ca_read(&runtime->http.ca, text, failure);
}

static int take_ca_pem(assay_runtime *runtime, const char *text, assay_failure *failure)
{
    return assay_http_ca_take(&runtime->http.ca, text, strlen(text), failure);
}

static int take_copy(char **owned, const char *text, assay_failure *failure)
{
    *owned = assay_strdup(text);
    return *owned == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
}

static int take_no_proxy(assay_runtime *runtime, const char *text, assay_failure *failure)
{
    return take_copy(&runtime->http.no_proxy, text, failure);
}

static int take_openssl_properties(assay_runtime *runtime, const char *text, assay_failure *failure)
{
    return take_copy(&runtime->openssl_properties, text, failure);
}

static bool *environment_proxy(assay_runtime *runtime)
{
    return &runtime->http.environment_proxy;
}

static const struct {
    const char *name;
    int (*text)(assay_runtime *runtime, const char *text, assay_failure *failure);
    int (*number)(assay_runtime *runtime, int64_t number, assay_failure *failure);
    bool *(*flag)(assay_runtime *runtime);
} runtime_rows[] = {
    {"ca_file", .text = take_ca_file},
    {"ca_pem", .text = take_ca_pem},
    {"proxy", .text = assay_runtime_take_proxy},
    {"no_proxy", .text = take_no_proxy},
    {"environment_proxy", .flag = environment_proxy},
    {"fetch_timeout_ms", .number = assay_runtime_take_fetch_timeout},
    {"token_cache", .number = assay_runtime_take_token_cache},
    {"store_directory", .text = assay_runtime_take_store_directory},
    {"openssl_properties", .text = take_openssl_properties},
};

static int take_runtime_member(assay_runtime *runtime, const char *name, const assay_json *value,
                               assay_failure *failure)
{
    size_t at = 0;
    while (at < ASSAY_COUNT_OF(runtime_rows) && strcmp(runtime_rows[at].name, name) != 0)
        at++;
    if (at == ASSAY_COUNT_OF(runtime_rows))
        return assay_config_unknown("runtime", name, failure);
    assay_span text;
    int64_t number;
    if (runtime_rows[at].text != NULL)
        return assay_json_get_string(value, &text) ? runtime_rows[at].text(runtime, text.ptr, failure)
                                                   : assay_config_wrong_type(name, "a text", failure);
    if (runtime_rows[at].number != NULL)
        return assay_json_get_integer(value, &number) ? runtime_rows[at].number(runtime, number, failure)
                                                      : assay_config_wrong_type(name, "a whole number", failure);
    return assay_json_get_boolean(value, runtime_rows[at].flag(runtime))
               ? ASSAY_OK
               : assay_config_wrong_type(name, "true or false", failure);
}

static int read_runtime(const assay_json *object, assay_runtime **runtime, assay_failure *failure)
{
    if (object == NULL)
        return ASSAY_OK;
    if (!assay_json_is_object(object))
        return assay_config_wrong_type("runtime", "an object", failure);
    if (*runtime != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER,
                               "a runtime was given by the program, so the document must not have one");
    ASSAY_CLEANUP(assay_runtime_drop_p) assay_runtime *made = NULL;
    int code = assay_runtime_make(&made);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    void *iterator = NULL;
    const assay_json *value;
    const char *name;
    while (code == ASSAY_OK && (name = assay_json_object_next(object, &iterator, &value)) != NULL)
        code = take_runtime_member(made, name, value, failure);
    if (code == ASSAY_OK)
        *runtime = ASSAY_STEAL(made);
    return code;
}

/* Say which issuer, since there may be thousands. */
static int name_place(size_t place, int code, assay_failure *failure)
{
    if (failure == NULL)
        return code;
    char note[sizeof failure->note];
    (void)snprintf(note, sizeof note, "issuer %zu%s%.200s", place, failure->note[0] == '\0' ? "" : ": ", failure->note);
    memcpy(failure->note, note, sizeof note);
    return code;
}

static int read_issuers(const assay_json *array, const assay_runtime *runtime, assay_issuer ***issuers, size_t *count,
                        assay_failure *failure)
{
    size_t wanted = assay_json_array_len(array);
    if (!assay_json_is_array(array) || wanted == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "\"issuers\" must be an array with at least one issuer");
    *issuers = assay_zalloc_array(wanted, sizeof **issuers);
    if (*issuers == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (*count = 0; *count < wanted; (*count)++) {
        int code = assay_config_read_issuer(assay_json_array_at(array, *count), runtime, &(*issuers)[*count], failure);
        if (code != ASSAY_OK)
            return name_place(*count + 1, code, failure);
    }
    return ASSAY_OK;
}

static int check_members(const assay_json *document, assay_failure *failure)
{
    void *iterator = NULL;
    const assay_json *value;
    const char *name;
    while ((name = assay_json_object_next(document, &iterator, &value)) != NULL) {
        if (strcmp(name, "issuers") == 0 || strcmp(name, "runtime") == 0)
            continue;
        return assay_config_unknown("the configuration", name, failure);
    }
    return ASSAY_OK;
}

int assay_config_read(assay_runtime *runtime, const char *json, size_t len, assay_validator **validator,
                      assay_failure *failure)
{
    *validator = NULL;
    if (len > ASSAY_LIMIT_CONFIG_BYTES)
        return assay_fail_note(failure, ASSAY_E_CONFIG, "it is longer than %d bytes", ASSAY_LIMIT_CONFIG_BYTES);
    char problem[160] = "";
    ASSAY_AUTO_JSON assay_json *document = NULL;
    int code = assay_json_parse(json, len, &document, problem, sizeof problem);
    if (code != ASSAY_OK)
        return assay_fail_note(failure, code == ASSAY_E_MEMORY ? code : ASSAY_E_CONFIG, "%s", problem);
    if (!assay_json_is_object(document))
        return assay_fail_note(failure, ASSAY_E_CONFIG, "it is not an object");
    code = check_members(document, failure);
    if (code != ASSAY_OK)
        return code;
    assay_runtime *used = runtime;
    code = read_runtime(assay_json_get(document, "runtime"), &used, failure);
    assay_issuer **issuers = NULL;
    size_t count = 0;
    if (code == ASSAY_OK)
        code = read_issuers(assay_json_get(document, "issuers"), used, &issuers, &count, failure);
    if (code == ASSAY_OK)
        code = assay_validator_make(used, issuers, count, validator, failure);
    for (size_t i = 0; issuers != NULL && i < assay_json_array_len(assay_json_get(document, "issuers")); i++)
        assay_issuer_drop(issuers[i]);
    assay_release(issuers);
    if (runtime == NULL)
        assay_runtime_drop(used);
    return code;
}
