/* SPDX-License-Identifier: MIT */
#include "flow/config.h"

#include "json/document.h"

#include <stdio.h>

/*
 * The document is read by tables: one row a member, with the function that takes its value. What no row names is an error, so that a misspelt
 * requirement is never silently absent.
 */

static int wrong_type(const char *name, const char *wanted, assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "%s must be %s", name, wanted);
}

/* An issuer's members. */

typedef int take_text(assay_issuer *issuer, const char *text, assay_failure *failure);
typedef int take_number(assay_issuer *issuer, int64_t number, assay_failure *failure);

static int take_audience(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_add_audience(&issuer->policy, text, failure);
}

static int take_algorithm(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_add_algorithm(&issuer->policy, text, failure);
}

static int take_profile(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_set_profile(&issuer->policy, text, failure);
}

static int take_client_id(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_set_client_id(&issuer->policy, text, failure);
}

static int take_subject(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_set_subject(&issuer->policy, text, failure);
}

static int take_required_claim(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_require(&issuer->policy, ASSAY_REQUIRE_PRESENT, text, NULL, failure);
}

static int take_discovery(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    if (strcmp(text, "openid") == 0)
        return ASSAY_OK;
    if (strcmp(text, "oauth") != 0)
        return wrong_type("discovery", "\"openid\" or \"oauth\"", failure);
    issuer->mode = ASSAY_SOURCE_OAUTH;
    return ASSAY_OK;
}

static int take_ca_file(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_http_ca_read(&issuer->ca, text, failure);
}

static int take_ca_pem(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_http_ca_take(&issuer->ca, text, strlen(text), failure);
}

static int take_leeway(assay_issuer *issuer, int64_t number, assay_failure *failure)
{
    return assay_policy_set_leeway(&issuer->policy, number, failure);
}

static int take_max_lifetime(assay_issuer *issuer, int64_t number, assay_failure *failure)
{
    return assay_policy_set_max_lifetime(&issuer->policy, number, failure);
}

typedef struct issuer_row {
    const char *name;
    take_text *text;     /* one text */
    bool many;           /* an array of texts as well */
    take_number *number; /* a whole number */
} issuer_row;

static const issuer_row issuer_rows[] = {
    {"audiences", take_audience, true, NULL},
    {"algorithms", take_algorithm, true, NULL},
    {"profile", take_profile, false, NULL},
    {"client_id", take_client_id, false, NULL},
    {"subject", take_subject, false, NULL},
    {"required_claims", take_required_claim, true, NULL},
    {"discovery", take_discovery, false, NULL},
    {"discovery_url", assay_issuer_take_metadata_url, false, NULL},
    {"jwks_uri", assay_issuer_take_jwks_uri, false, NULL},
    {"jwks_hosts", assay_issuer_take_jwks_host, true, NULL},
    {"ca_file", take_ca_file, false, NULL},
    {"ca_pem", take_ca_pem, false, NULL},
    {"bearer_file", assay_issuer_take_bearer_file, false, NULL},
    {"leeway", NULL, false, take_leeway},
    {"max_lifetime", NULL, false, take_max_lifetime},
    {"key_retention", NULL, false, assay_issuer_take_retention},
    {"key_hard_limit", NULL, false, assay_issuer_take_hard_limit},
};

static int take_texts(assay_issuer *issuer, const issuer_row *row, const assay_json *value, assay_failure *failure)
{
    assay_span text;
    if (assay_json_get_string(value, &text))
        return row->text(issuer, text.ptr, failure);
    if (!row->many || !assay_json_is_array(value))
        return wrong_type(row->name, row->many ? "a text or an array of texts" : "a text", failure);
    if (assay_json_array_len(value) == 0)
        return wrong_type(row->name, "an array with at least one text", failure);
    for (size_t i = 0; i < assay_json_array_len(value); i++) {
        if (!assay_json_get_string(assay_json_array_at(value, i), &text))
            return wrong_type(row->name, "an array of texts only", failure);
        int code = row->text(issuer, text.ptr, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

/* {"/pointer": "text"} or {"/pointer": ["one", "of"]}; for "contains" all of the texts. */
static int take_values(assay_issuer *issuer, const char *name, assay_requirement_kind kind, const assay_json *value,
                       assay_failure *failure)
{
    void *iterator = NULL;
    const assay_json *texts;
    const char *pointer;
    if (!assay_json_is_object(value))
        return wrong_type(name, "an object of JSON Pointers and texts", failure);
    while ((pointer = assay_json_object_next(value, &iterator, &texts)) != NULL) {
        assay_span text;
        bool one = assay_json_get_string(texts, &text);
        size_t count = one ? 1 : assay_json_array_len(texts);
        if (!one && (!assay_json_is_array(texts) || count == 0))
            return wrong_type(name, "an object of JSON Pointers and texts", failure);
        for (size_t i = 0; i < count; i++) {
            if (!one && !assay_json_get_string(assay_json_array_at(texts, i), &text))
                return wrong_type(name, "an object of JSON Pointers and texts", failure);
            int code = assay_policy_require(&issuer->policy, kind, pointer, text.ptr, failure);
            if (code != ASSAY_OK)
                return code;
        }
    }
    return ASSAY_OK;
}

/* Keys are verified with by the providers that the runtime asks for, as those of a fetch are. */
static int crypto_of(const assay_runtime *runtime, assay_crypto **crypto)
{
    if (runtime != NULL && runtime->crypto != NULL) {
        *crypto = assay_crypto_ref(runtime->crypto);
        return ASSAY_OK;
    }
    return assay_crypto_new(runtime == NULL ? NULL : runtime->openssl_properties, crypto);
}

/* A JWK set inside the document. Symmetric keys count: the file is the caller's own. */
static int take_jwks(assay_issuer *issuer, const assay_runtime *runtime, const assay_json *value,
                     assay_failure *failure)
{
    char why[200] = "";
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *text = assay_json_is_object(value) ? assay_json_write(value, &len) : NULL;
    if (text == NULL)
        return assay_json_is_object(value) ? assay_fail(failure, ASSAY_E_MEMORY)
                                           : wrong_type("jwks", "a JWK set", failure);
    assay_crypto *crypto = NULL;
    assay_key_set keys;
    assay_key_set_init(&keys);
    int code = crypto_of(runtime, &crypto);
    if (code == ASSAY_OK)
        code = assay_key_set_add_json(&keys, crypto, text, len, true, why, sizeof why);
    if (code == ASSAY_OK)
        code = assay_issuer_take_keys(issuer, &keys, failure);
    else
        code = assay_fail_note(failure, code == ASSAY_E_JWKS ? ASSAY_E_CONFIG_KEYS : code, "%s", why);
    assay_key_set_clear(&keys);
    assay_crypto_unref(crypto);
    assay_wipe(text, len);
    return code;
}

static int take_switch(bool *on, const char *name, const assay_json *value, assay_failure *failure)
{
    return assay_json_get_boolean(value, on) ? ASSAY_OK : wrong_type(name, "true or false", failure);
}

static int take_member(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                       assay_failure *failure)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(issuer_rows); i++) {
        int64_t number;
        if (strcmp(issuer_rows[i].name, name) != 0)
            continue;
        if (issuer_rows[i].text != NULL)
            return take_texts(issuer, &issuer_rows[i], value, failure);
        if (!assay_json_get_integer(value, &number))
            return wrong_type(name, "a whole number", failure);
        return issuer_rows[i].number(issuer, number, failure);
    }
    if (strcmp(name, "required_values") == 0)
        return take_values(issuer, name, ASSAY_REQUIRE_TEXT, value, failure);
    if (strcmp(name, "required_contains") == 0)
        return take_values(issuer, name, ASSAY_REQUIRE_CONTAINS, value, failure);
    if (strcmp(name, "jwks") == 0)
        return take_jwks(issuer, runtime, value, failure);
    if (strcmp(name, "allow_loopback_http") == 0)
        return take_switch(&issuer->allow_loopback_http, name, value, failure);
    if (strcmp(name, "accept_unproven_binding") == 0)
        return take_switch(&issuer->policy.accept_unproven_binding, name, value, failure);
    if (strcmp(name, "allow_exchange_audience") == 0)
        return take_switch(&issuer->policy.allow_exchange_audience, name, value, failure);
    if (strcmp(name, "issuer") == 0)
        return ASSAY_OK; /* read first */
    char shown[100];
    assay_text_escape(name, strlen(name), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "an issuer has no member \"%s\"", shown);
}

/* Only one of the members that say where keys come from. */
static int check_one_source(const assay_json *object, assay_failure *failure)
{
    static const char *const names[] = {"discovery", "discovery_url", "jwks_uri", "jwks"};
    int given = 0;
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        given += assay_json_get(object, names[i]) != NULL;
    if (given > 1)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER,
                               "give one of discovery, discovery_url, jwks_uri and jwks, not several");
    return ASSAY_OK;
}

static int read_issuer(const assay_json *object, const assay_runtime *runtime, assay_issuer **issuer,
                       assay_failure *failure)
{
    assay_span url;
    if (!assay_json_is_object(object) || !assay_json_get_member_string(object, "issuer", &url))
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "each issuer must be an object with a text \"issuer\"");
    int code = check_one_source(object, failure);
    if (code != ASSAY_OK)
        return code;
    ASSAY_CLEANUP(assay_issuer_drop_p) assay_issuer *made = NULL;
    code = assay_issuer_make(url.ptr, &made, failure);
    void *iterator = NULL;
    const assay_json *value;
    const char *name;
    while (code == ASSAY_OK && (name = assay_json_object_next(object, &iterator, &value)) != NULL)
        code = take_member(made, runtime, name, value, failure);
    if (code == ASSAY_OK)
        *issuer = ASSAY_STEAL(made);
    return code;
}

/* The runtime's members. */

static int take_runtime_member(assay_runtime *runtime, const char *name, const assay_json *value,
                               assay_failure *failure)
{
    assay_span text;
    int64_t number;
    bool is_text = assay_json_get_string(value, &text);
    if (strcmp(name, "fetch_timeout_ms") == 0)
        return assay_json_get_integer(value, &number) ? assay_runtime_take_fetch_timeout(runtime, number, failure)
                                                      : wrong_type(name, "a whole number", failure);
    if (strcmp(name, "environment_proxy") == 0)
        return take_switch(&runtime->http.environment_proxy, name, value, failure);
    char **copied = strcmp(name, "no_proxy") == 0             ? &runtime->http.no_proxy
                    : strcmp(name, "openssl_properties") == 0 ? &runtime->openssl_properties
                                                              : NULL;
    bool known = copied != NULL || strcmp(name, "ca_file") == 0 || strcmp(name, "ca_pem") == 0 ||
                 strcmp(name, "proxy") == 0 || strcmp(name, "store_directory") == 0;
    if (known && !is_text)
        return wrong_type(name, "a text", failure);
    if (copied != NULL) {
        *copied = assay_strdup(text.ptr);
        return *copied == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
    }
    if (strcmp(name, "ca_file") == 0)
        return assay_http_ca_read(&runtime->http.ca, text.ptr, failure);
    if (strcmp(name, "ca_pem") == 0)
        return assay_http_ca_take(&runtime->http.ca, text.ptr, text.len, failure);
    if (strcmp(name, "proxy") == 0)
        return assay_runtime_take_proxy(runtime, text.ptr, failure);
    if (strcmp(name, "store_directory") == 0)
        return assay_runtime_take_store_directory(runtime, text.ptr, failure);
    char shown[100];
    assay_text_escape(name, strlen(name), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "runtime has no member \"%s\"", shown);
}

static int read_runtime(const assay_json *object, assay_runtime **runtime, assay_failure *failure)
{
    if (object == NULL)
        return ASSAY_OK;
    if (!assay_json_is_object(object))
        return wrong_type("runtime", "an object", failure);
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
        int code = read_issuer(assay_json_array_at(array, *count), runtime, &(*issuers)[*count], failure);
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
        char shown[100];
        assay_text_escape(name, strlen(name), shown, sizeof shown);
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "the configuration has no member \"%s\"", shown);
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
