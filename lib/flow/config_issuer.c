/* SPDX-License-Identifier: MIT */
#include "flow/config_issuer.h"

/* One issuer of a configuration document. */

int assay_config_get_text(const assay_json *object, const char *name, const char **text, assay_failure *failure)
{
    assay_span span = {NULL, 0};
    const assay_json *value = assay_json_get(object, name);
    if (value != NULL && !assay_json_get_string(value, &span))
        return assay_config_wrong_type(name, "a text", failure);
    *text = span.ptr;
    return ASSAY_OK;
}

static int take_audience(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_add_audience(&issuer->policy, text, failure);
}

static int take_algorithm(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_policy_add_algorithm(&issuer->policy, text, failure);
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
        return assay_config_wrong_type("discovery", "\"openid\" or \"oauth\"", failure);
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

static bool *loopback_http(assay_issuer *issuer)
{
    return &issuer->allow_loopback_http;
}

static bool *unproven_binding(assay_issuer *issuer)
{
    return &issuer->policy.accept_unproven_binding;
}

static bool *exchange_audience(assay_issuer *issuer)
{
    return &issuer->policy.allow_exchange_audience;
}

/* {"/pointer": "text"} or {"/pointer": ["one", "of"]}; for "contains" all of the texts. */
static int take_texts_by_pointer(assay_issuer *issuer, const char *name, assay_requirement_kind kind,
                                 const assay_json *value, assay_failure *failure)
{
    static const char wanted[] = "an object of JSON Pointers and texts";
    void *iterator = NULL;
    const assay_json *texts;
    const char *pointer;
    if (!assay_json_is_object(value))
        return assay_config_wrong_type(name, wanted, failure);
    while ((pointer = assay_json_object_next(value, &iterator, &texts)) != NULL) {
        assay_span text;
        bool one = assay_json_get_string(texts, &text);
        size_t count = one ? 1 : assay_json_array_len(texts);
        if (!one && (!assay_json_is_array(texts) || count == 0))
            return assay_config_wrong_type(name, wanted, failure);
        for (size_t i = 0; i < count; i++) {
            if (!one && !assay_json_get_string(assay_json_array_at(texts, i), &text))
                return assay_config_wrong_type(name, wanted, failure);
            int code = assay_policy_require(&issuer->policy, kind, pointer, text.ptr, failure);
            if (code != ASSAY_OK)
                return code;
        }
    }
    return ASSAY_OK;
}

static int take_values(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                       assay_failure *failure)
{
    (void)runtime;
    return take_texts_by_pointer(issuer, name, ASSAY_REQUIRE_TEXT, value, failure);
}

static int take_contains(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                         assay_failure *failure)
{
    (void)runtime;
    return take_texts_by_pointer(issuer, name, ASSAY_REQUIRE_CONTAINS, value, failure);
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
static int take_jwks(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                     assay_failure *failure)
{
    char why[200] = "";
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *text = assay_json_is_object(value) ? assay_json_write(value, &len) : NULL;
    if (text == NULL)
        return assay_json_is_object(value) ? assay_fail(failure, ASSAY_E_MEMORY)
                                           : assay_config_wrong_type(name, "a JWK set", failure);
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

static const assay_config_row rows[] = {
    {"issuer", .kinds = 0},
    {"profile", .kinds = 0},
    {"audiences", .text = take_audience, .many = true},
    {"algorithms", .text = take_algorithm, .many = true},
    {"client_id", .text = take_client_id},
    {"subject", .text = take_subject},
    {"required_claims", .text = take_required_claim, .many = true},
    {"required_values", .value = take_values},
    {"required_contains", .value = take_contains},
    {"leeway", .number = take_leeway},
    {"max_lifetime", .number = take_max_lifetime},
    {"accept_unproven_binding", .flag = unproven_binding},
    {"allow_exchange_audience", .flag = exchange_audience},
    {"discovery", .text = take_discovery},
    {"discovery_url", .text = assay_issuer_take_metadata_url},
    {"jwks_uri", .text = assay_issuer_take_jwks_uri},
    {"jwks", .value = take_jwks},
    {"jwks_hosts", .text = assay_issuer_take_jwks_host, .many = true},
    {"ca_file", .text = take_ca_file},
    {"ca_pem", .text = take_ca_pem},
    {"bearer_file", .text = assay_issuer_take_bearer_file},
    {"allow_loopback_http", .flag = loopback_http},
    {"key_retention", .number = assay_issuer_take_retention},
    {"key_hard_limit", .number = assay_issuer_take_hard_limit},
};

static int take_texts(assay_issuer *issuer, const assay_config_row *row, const assay_json *value,
                      assay_failure *failure)
{
    assay_span text;
    if (assay_json_get_string(value, &text))
        return row->text(issuer, text.ptr, failure);
    if (!row->many || !assay_json_is_array(value))
        return assay_config_wrong_type(row->name, row->many ? "a text or an array of texts" : "a text", failure);
    if (assay_json_array_len(value) == 0)
        return assay_config_wrong_type(row->name, "an array with at least one text", failure);
    for (size_t i = 0; i < assay_json_array_len(value); i++) {
        if (!assay_json_get_string(assay_json_array_at(value, i), &text))
            return assay_config_wrong_type(row->name, "an array of texts only", failure);
        int code = row->text(issuer, text.ptr, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

static const assay_config_row *find_row(const char *name)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return assay_config_find_entra(name);
}

static int take_member(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                       assay_failure *failure)
{
    const assay_config_row *row = find_row(name);
    const assay_entra *entra = issuer->policy.entra;
    int64_t number;
    if (row == NULL)
        return assay_config_unknown("an issuer", name, failure);
    if (row->kinds != 0 && (entra == NULL || (row->kinds & 1u << entra->kind) == 0))
        return assay_config_wrong_profile(row, failure);
    if (row->value != NULL)
        return row->value(issuer, runtime, name, value, failure);
    if (row->text != NULL)
        return take_texts(issuer, row, value, failure);
    if (row->flag != NULL)
        return assay_json_get_boolean(value, row->flag(issuer))
                   ? ASSAY_OK
                   : assay_config_wrong_type(name, "true or false", failure);
    if (row->number != NULL)
        return assay_json_get_integer(value, &number) ? row->number(issuer, number, failure)
                                                      : assay_config_wrong_type(name, "a whole number", failure);
    return ASSAY_OK; /* the issuer was made from it */
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

/* The issuer of a profile that has one for everybody; NULL: it must be named. */
static const char *issuer_of_profile(const char *profile)
{
    static const char *const known[][2] = {
        {"github", "https://token.actions.githubusercontent.com"}, /* GitHub, "OpenID Connect reference" */
        {"gitlab", "https://gitlab.com"},                          /* GitLab, "OpenID Connect (OIDC) Authentication" */
        {"google", "https://accounts.google.com"},                 /* Google Identity, "OpenID Connect" */
    };
    for (size_t i = 0; profile != NULL && i < ASSAY_COUNT_OF(known); i++)
        if (strcmp(profile, known[i][0]) == 0)
            return known[i][1];
    return NULL;
}

static int make_other(const char *url, const char *profile, assay_issuer **issuer, assay_failure *failure)
{
    if (url == NULL)
        url = issuer_of_profile(profile);
    if (url == NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "each issuer must be an object with a text \"issuer\"");
    int code = assay_issuer_make(url, issuer, failure);
    if (code == ASSAY_OK && profile != NULL)
        code = assay_policy_set_profile(&(*issuer)->policy, profile, failure);
    return code;
}

/* What the other members mean depends on the profile, wherever it stands among them. */
static int make_issuer(const assay_json *object, assay_issuer **issuer, assay_failure *failure)
{
    const char *profile = NULL, *url = NULL;
    int code = assay_config_get_text(object, "profile", &profile, failure);
    if (code == ASSAY_OK)
        code = assay_config_get_text(object, "issuer", &url, failure);
    if (code != ASSAY_OK)
        return code;
    return profile != NULL && assay_config_is_entra(profile) ? assay_config_make_entra(object, profile, issuer, failure)
                                                             : make_other(url, profile, issuer, failure);
}

int assay_config_read_issuer(const assay_json *object, const assay_runtime *runtime, assay_issuer **issuer,
                             assay_failure *failure)
{
    if (!assay_json_is_object(object))
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "each issuer must be an object");
    int code = check_one_source(object, failure);
    if (code != ASSAY_OK)
        return code;
    ASSAY_CLEANUP(assay_issuer_drop_p) assay_issuer *made = NULL;
    code = make_issuer(object, &made, failure);
    void *iterator = NULL;
    const assay_json *value;
    const char *name;
    while (code == ASSAY_OK && (name = assay_json_object_next(object, &iterator, &value)) != NULL)
        code = take_member(made, runtime, name, value, failure);
    if (code == ASSAY_OK) /* here, where the failure is told with the issuer's place */
        code = assay_issuer_check(made, failure);
    if (code == ASSAY_OK)
        *issuer = ASSAY_STEAL(made);
    return code;
}
