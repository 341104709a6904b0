/* SPDX-License-Identifier: MIT */

/*
 * A configuration document. Nothing of it may crash, and a validator exists only where every issuer has a name and an audience, no unknown
 * member stands anywhere, and the algorithms are known ones.
 */

#include <assay/jws.h>
#include <assay/validator.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_config.c:%d: %s\n", line, condition);
    abort();
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* A text that is not empty, or an array of at least one of them. */
static bool is_texts(const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) > 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (json_string_length(json_array_get(value, i)) == 0)
            return false;
    }
    return json_array_size(value) > 0;
}

static void check_algorithms(const json_t *value)
{
    static const char *const known[] = {"RS256", "RS384", "RS512", "PS256",  "PS384", "PS512",
                                        "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519",
                                        "Ed448", "HS256", "HS384", "HS512",  NULL};
    if (json_is_string(value))
        MUST(is_among(json_string_value(value), known));
    for (size_t i = 0; i < json_array_size(value); i++)
        MUST(is_among(json_string_value(json_array_get(value, i)), known));
}

static const char *const members[] = {"issuer",
                                      "audiences",
                                      "algorithms",
                                      "profile",
                                      "client_id",
                                      "subject",
                                      "leeway",
                                      "max_lifetime",
                                      "required_claims",
                                      "required_values",
                                      "discovery",
                                      "discovery_url",
                                      "jwks_uri",
                                      "jwks_hosts",
                                      "jwks",
                                      "ca_file",
                                      "ca_pem",
                                      "bearer_file",
                                      "required_contains",
                                      "accept_unproven_binding",
                                      "key_retention",
                                      "key_hard_limit",
                                      "allow_loopback_http",
                                      "allow_exchange_audience",
                                      NULL};
static const char *const entra_members[] = {"allow_spn_audience", "allow_audience_slash", "callers",
                                            "require_idtyp",      "ignore_key_issuer",    NULL};
static const char *const work_members[] = {"cloud",          "tenants",          "versions",         "v1_issuer",
                                           "cloud_instance", "application_keys", "ignore_key_cloud", NULL};
static const char *const b2c_members[] = {"policy", NULL};
static const char *const external_id_members[] = {"tenant", "authority", "versions", "application_keys", NULL};

/* The members that a profile of Entra adds, beside those of all three; NULL: another profile. */
static const char *const *members_of_profile(const char *profile)
{
    if (profile == NULL)
        return NULL;
    return strcmp(profile, "entra") == 0               ? work_members
           : strcmp(profile, "entra-b2c") == 0         ? b2c_members
           : strcmp(profile, "entra-external-id") == 0 ? external_id_members
                                                       : NULL;
}

/* Somebody's tokens are trusted, and it was said whose. */
static void check_source(const json_t *issuer, const char *profile, const char *const *more)
{
    static const char *const named[] = {"github", "gitlab", "google", NULL};
    const json_t *url = json_object_get(issuer, "issuer");
    if (more == work_members)
        MUST(json_object_get(issuer, "tenants") != NULL || json_string_length(url) > 36);
    else if (more == b2c_members)
        MUST(json_string_length(url) > 0 && json_string_length(json_object_get(issuer, "policy")) > 0);
    else if (more == external_id_members)
        MUST(url == NULL && json_string_length(json_object_get(issuer, "tenant")) == 36);
    else
        MUST(json_string_length(url) > 0 || (profile != NULL && is_among(profile, named)));
}

static void check_issuer(json_t *issuer)
{
    const char *name;
    json_t *value;
    const char *profile = json_string_value(json_object_get(issuer, "profile"));
    const char *const *more = members_of_profile(profile);
    check_source(issuer, profile, more);
    MUST(is_texts(json_object_get(issuer, "audiences")));
    check_algorithms(json_object_get(issuer, "algorithms"));
    json_object_foreach(issuer, name, value)
    {
        MUST(is_among(name, members) || (more != NULL && (is_among(name, more) || is_among(name, entra_members))));
    }
    const json_t *leeway = json_object_get(issuer, "leeway");
    MUST(leeway == NULL || (json_is_integer(leeway) && json_integer_value(leeway) >= 0));
    MUST(leeway == NULL || json_integer_value(leeway) <= 300);
}

/* The document was taken: did it deserve that? */
static void check_document(const json_t *document, assay_validator *validator)
{
    json_t *issuers = json_object_get(document, "issuers");
    MUST(json_array_size(issuers) > 0);
    for (size_t i = 0; i < json_array_size(issuers); i++) {
        json_t *issuer = json_array_get(issuers, i);
        check_issuer(issuer);
        const json_t *url = json_object_get(issuer, "issuer");
        uint8_t *json = NULL;
        size_t len = 0;
        /* One of Entra goes by the form that its tenants make of it. */
        if (url == NULL || members_of_profile(json_string_value(json_object_get(issuer, "profile"))) == work_members)
            continue;
        MUST(assay_validator_describe(validator, json_string_value(url), &json, &len, NULL) == ASSAY_OK);
        json_t *described = json_loadb((const char *)json, len, JSON_REJECT_DUPLICATES, NULL);
        MUST(json_is_object(described));
        json_decref(described);
        assay_bytes_free(json, len);
    }
}

/* A file that the fuzzer makes up may be a device that never ends; fetched certificates have tests of their own. */
static bool names_a_file(const json_t *document)
{
    const json_t *issuers = json_object_get(document, "issuers");
    for (size_t i = 0; i < json_array_size(issuers); i++)
        if (json_object_get(json_array_get(issuers, i), "ca_file") != NULL)
            return true;
    return json_object_get(json_object_get(document, "runtime"), "ca_file") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size == 0 ? 1 : size);
    MUST(text != NULL);
    memcpy(text, data, size);
    /* A byte order mark before a document is passed over (editors write one). */
    size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *document = json_loadb(text + mark, size - mark, JSON_REJECT_DUPLICATES, NULL);
    if (!names_a_file(document)) {
        assay_validator *validator = (assay_validator *)1;
        assay_error *error = NULL;
        int code = assay_validator_from_json(NULL, text, size, &validator, &error);
        MUST((code == ASSAY_OK) == (validator != NULL) && (code == ASSAY_OK) == (error == NULL));
        if (code == ASSAY_OK) {
            assay_claims *claims = NULL;
            check_document(document, validator);
            MUST(assay_validator_check(validator, "e30.e30.AAAA", 12, NULL, &claims, NULL) != ASSAY_OK);
        } else {
            /* Odd OpenSSL properties leave no algorithm. */
            MUST(assay_code_category(code) == ASSAY_CATEGORY_USAGE || code == ASSAY_E_CRYPTO);
            MUST(assay_error_message(error)[0] != '\0');
        }
        assay_error_free(error);
        assay_validator_unref(validator);
    }
    json_decref(document);
    free(text);
    return 0;
}
