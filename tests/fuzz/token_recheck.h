/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_TOKEN_RECHECK_H
#define TESTS_FUZZ_TOKEN_RECHECK_H

/* The rules for an accepted token, written a second time: with jansson, from the RFCs, sharing nothing with the library. Static, for fuzz_token.c only. */

#include <assay/claims.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECHECK_NOW 1700000000
#define RECHECK_LEEWAY 60
#define RECHECK_GENERIC "https://a.example"
#define RECHECK_RFC9068 "https://b.example"
#define RECHECK_ID_TOKEN "https://c.example"
#define RECHECK_KUBERNETES "https://d.example"
#define RECHECK_GITHUB "https://e.example"

static inline void recheck_must(bool condition, const char *text, const char *file, int line)
{
    if (!condition) {
        fprintf(stderr, "%s:%d: %s\n", file, line, text);
        abort();
    }
}
#define RECHECK(condition) recheck_must((condition), #condition, __FILE__, __LINE__)

static inline bool recheck_is(const json_t *object, const char *name, const char *text)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) && json_string_length(value) == strlen(text) &&
           memcmp(json_string_value(value), text, strlen(text)) == 0;
}

/* One text, or an array of texts (RFC 7519, section 4.1.3), that holds @p text. */
static inline bool recheck_holds(const json_t *value, const char *text, bool only_texts)
{
    bool found = json_is_string(value) && strcmp(json_string_value(value), text) == 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *element = json_array_get(value, i);
        RECHECK(!only_texts || json_is_string(element));
        found = found || (json_is_string(element) && strcmp(json_string_value(element), text) == 0);
    }
    return found;
}

static inline bool recheck_typ_is(const json_t *header, const char *type)
{
    const char *typ = json_string_value(json_object_get(header, "typ"));
    if (typ != NULL && strncasecmp(typ, "application/", 12) == 0)
        typ += 12;
    return typ != NULL && strcasecmp(typ, type) == 0;
}

static inline void recheck_header(const json_t *header, const char *issuer)
{
    RECHECK(recheck_is(header, "alg", "HS256"));
    /* No extension is understood (RFC 7515, section 4.1.11; RFC 7797, section 7). */
    RECHECK(json_object_get(header, "crit") == NULL && json_object_get(header, "b64") == NULL);
    RECHECK(json_object_get(header, "kid") == NULL || recheck_is(header, "kid", "mac"));
    RECHECK(strcmp(issuer, RECHECK_KUBERNETES) != 0 || json_object_get(header, "kid") != NULL);
    bool absent = json_object_get(header, "typ") == NULL;
    bool jwt = recheck_typ_is(header, "JWT"), at_jwt = recheck_typ_is(header, "at+jwt");
    if (strcmp(issuer, RECHECK_GENERIC) == 0)
        RECHECK(absent || jwt || at_jwt);
    else if (strcmp(issuer, RECHECK_RFC9068) == 0)
        RECHECK(at_jwt);
    else
        RECHECK(absent || jwt);
}

/* Doubles are rounded, so a real that lies on a bound is given the benefit of the doubt; whole numbers are exact. */
static inline bool recheck_later(const json_t *time, json_int_t bound)
{
    return json_is_integer(time) ? json_integer_value(time) > bound : json_real_value(time) >= (double)bound;
}

static inline bool recheck_not_later(const json_t *time, json_int_t bound)
{
    return json_is_integer(time) ? json_integer_value(time) <= bound : json_real_value(time) <= (double)bound;
}

static inline void recheck_times(const json_t *payload, const char *issuer)
{
    const json_t *exp = json_object_get(payload, "exp"), *nbf = json_object_get(payload, "nbf");
    const json_t *iat = json_object_get(payload, "iat");
    RECHECK(json_is_number(exp) && recheck_later(exp, RECHECK_NOW - RECHECK_LEEWAY));
    RECHECK(json_number_value(exp) < 253402300800.0);
    RECHECK(nbf == NULL || (json_is_number(nbf) && recheck_not_later(nbf, RECHECK_NOW + RECHECK_LEEWAY)));
    RECHECK(nbf == NULL || json_number_value(nbf) >= 0);
    RECHECK(iat == NULL || (json_is_number(iat) && recheck_not_later(iat, RECHECK_NOW + RECHECK_LEEWAY)));
    RECHECK(iat == NULL || json_number_value(iat) >= 0);
    if (strcmp(issuer, RECHECK_RFC9068) == 0) /* fractions may make up a second */
        RECHECK(json_number_value(exp) - json_number_value(iat) <= 3601);
}

static inline void recheck_texts(const json_t *payload, const char *const *names)
{
    for (; *names != NULL; names++)
        RECHECK(json_string_length(json_object_get(payload, *names)) > 0);
}

/* Who accepts such a token holds a credential for Entra. */
static inline void recheck_no_exchange(const json_t *payload)
{
    const json_t *aud = json_object_get(payload, "aud");
    for (size_t i = 0; i < json_array_size(aud); i++) {
        const char *text = json_string_value(json_array_get(aud, i));
        RECHECK(strncmp(text, "api://AzureADTokenExchange", 26) != 0 && strcmp(text, "api://AKSIdentityBinding") != 0);
    }
}

static inline void recheck_kubernetes(const json_t *payload)
{
    const json_t *own = json_object_get(payload, "kubernetes.io");
    const char *namespace = json_string_value(json_object_get(own, "namespace"));
    const char *name = json_string_value(json_object_get(json_object_get(own, "serviceaccount"), "name"));
    const char *sub = json_string_value(json_object_get(payload, "sub"));
    RECHECK(namespace != NULL && namespace[0] != '\0' && name != NULL && name[0] != '\0' && sub != NULL);
    RECHECK(strlen(sub) == 22 + strlen(namespace) + 1 + strlen(name) &&
            strncmp(sub, "system:serviceaccount:", 22) == 0 && strncmp(sub + 22, namespace, strlen(namespace)) == 0 &&
            sub[22 + strlen(namespace)] == ':' && strcmp(sub + 23 + strlen(namespace), name) == 0);
}

/* "NAME@ID" from @p at to @p end. */
static inline bool recheck_has_id(const char *at, const char *end, const char *id)
{
    const char *sign = memchr(at, '@', (size_t)(end - at));
    return sign != NULL && sign > at && (size_t)(end - sign - 1) == strlen(id) &&
           strncmp(sign + 1, id, strlen(id)) == 0;
}

static inline void recheck_github(const json_t *payload)
{
    static const char *const texts[] = {"repository", "repository_id", "repository_owner", "repository_owner_id", NULL};
    const char *sub = json_string_value(json_object_get(payload, "sub"));
    recheck_texts(payload, texts);
    if (strncmp(sub, "repo:", 5) != 0)
        return;
    const char *at = sub + 5, *end = at + strcspn(at, ":"), *slash = at + strcspn(at, ":/");
    if (memchr(at, '@', (size_t)(end - at)) == NULL)
        return;
    RECHECK(slash < end);
    RECHECK(recheck_has_id(at, slash, json_string_value(json_object_get(payload, "repository_owner_id"))));
    RECHECK(recheck_has_id(slash + 1, end, json_string_value(json_object_get(payload, "repository_id"))));
}

static inline void recheck_profile(const json_t *header, const json_t *payload, const char *issuer)
{
    static const char *const rfc9068[] = {"iss", "sub", "client_id", "jti", NULL};
    static const char *const id_token[] = {"iss", "sub", NULL};
    static const char *const optional_texts[] = {"sub", "jti", "client_id", "azp", "nonce", "acr", NULL};
    RECHECK(json_object_get(payload, "events") == NULL); /* a logout token or security event */
    for (const char *const *name = optional_texts; *name != NULL; name++)
        RECHECK(json_object_get(payload, *name) == NULL || json_is_string(json_object_get(payload, *name)));
    if (strcmp(issuer, RECHECK_GENERIC) == 0) {
        RECHECK(recheck_typ_is(header, "at+jwt") || json_object_get(payload, "at_hash") == NULL);
        RECHECK(recheck_typ_is(header, "at+jwt") || json_object_get(payload, "c_hash") == NULL);
    } else if (strcmp(issuer, RECHECK_RFC9068) == 0) {
        recheck_texts(payload, rfc9068);
        RECHECK(json_is_number(json_object_get(payload, "iat")));
        RECHECK(recheck_holds(json_object_get(payload, "roles"), "admin", false));
    } else {
        recheck_texts(payload, id_token);
        RECHECK(json_is_number(json_object_get(payload, "iat")));
        if (strcmp(issuer, RECHECK_ID_TOKEN) != 0)
            recheck_no_exchange(payload);
        if (strcmp(issuer, RECHECK_KUBERNETES) == 0)
            recheck_kubernetes(payload);
        else if (strcmp(issuer, RECHECK_GITHUB) == 0)
            recheck_github(payload);
        else if (json_array_size(json_object_get(payload, "aud")) > 1)
            RECHECK(recheck_is(payload, "azp", "client"));
    }
}

static inline void recheck_request(const json_t *payload)
{
    const json_t *auth_time = json_object_get(payload, "auth_time");
    RECHECK(recheck_is(payload, "nonce", "n-1"));
    RECHECK(recheck_is(payload, "acr", "1"));
    /* OIDC Core, section 2: what lies further back than max_age and the leeway is too old. */
    RECHECK(json_is_number(auth_time));
    RECHECK(json_number_value(auth_time) > RECHECK_NOW - 600 - RECHECK_LEEWAY - 1);
}

/* Every getter against what jansson reads. */
static inline void recheck_member(const assay_claims *claims, const char *name, const json_t *value)
{
    const char *text = NULL, *raw = NULL;
    size_t len = 0, raw_len = 0, count = 0;
    int64_t number = 0, seconds = 0;
    int32_t nanoseconds = 0;
    int boolean = 0;
    int code = assay_claims_get_text(claims, name, &text, &len);
    RECHECK((code == ASSAY_OK) == json_is_string(value));
    RECHECK(code != ASSAY_OK || (len == json_string_length(value) && memcmp(text, json_string_value(value), len) == 0));
    code = assay_claims_get_int64(claims, name, &number);
    RECHECK((code == ASSAY_OK) == json_is_integer(value));
    RECHECK(code != ASSAY_OK || number == json_integer_value(value));
    code = assay_claims_get_time(claims, name, &seconds, &nanoseconds);
    RECHECK(code != ASSAY_OK || (json_is_number(value) && nanoseconds >= 0 && nanoseconds < 1000000000));
    RECHECK(code != ASSAY_OK || !json_is_integer(value) || seconds == json_integer_value(value));
    code = assay_claims_get_boolean(claims, name, &boolean);
    RECHECK((code == ASSAY_OK) == json_is_boolean(value));
    RECHECK(code != ASSAY_OK || boolean == json_is_true(value));
    code = assay_claims_get_text_count(claims, name, &count);
    RECHECK(code != ASSAY_OK || count == (json_is_string(value) ? 1 : json_array_size(value)));
    for (size_t i = 0; code == ASSAY_OK && i <= count; i++)
        RECHECK((assay_claims_get_text_at(claims, name, i, &text, &len) == ASSAY_OK) == (i < count));
    RECHECK(assay_claims_get_raw(claims, name, &raw, &raw_len) == ASSAY_OK && raw_len > 0);
    json_t *again = json_loadb(raw, raw_len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    RECHECK(again != NULL && json_equal(again, value));
    json_decref(again);
}

static inline void recheck_getters(const assay_claims *claims, json_t *payload)
{
    const char *name, *json = NULL, *text = NULL;
    size_t len = 0;
    json_t *value;
    json_object_foreach(payload, name, value)
    {
        recheck_member(claims, name, value);
    }
    RECHECK(assay_claims_get_text(claims, "no such member", &text, &len) == ASSAY_E_ABSENT && text == NULL);
    RECHECK(assay_claims_get_json(claims, &json, &len) == ASSAY_OK && json[len] == '\0');
    json_t *again = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    RECHECK(again != NULL && json_equal(again, payload));
    json_decref(again);
    RECHECK(assay_claims_get_raw_by_pointer(claims, "", &json, &len) == ASSAY_OK);
    (void)!assay_claims_get_raw_by_pointer(claims, "/roles/0", &json, &len);
    (void)!assay_claims_get_text_by_pointer(claims, "/aud/1", &text, &len);
    const json_t *sub = json_object_get(payload, "sub");
    RECHECK((sub == NULL) == (assay_claims_subject(claims) == NULL));
    RECHECK(sub == NULL || strcmp(assay_claims_subject(claims), json_string_value(sub)) == 0);
    RECHECK(assay_claims_expiry(claims) == (int64_t)json_number_value(json_object_get(payload, "exp")));
}

/* A token was accepted: was that right, and do the claims say what was signed? */
static inline void recheck(const char *header_text, size_t header_len, const char *payload_text, size_t payload_len,
                           bool requested, const assay_claims *claims)
{
    json_t *header = json_loadb(header_text, header_len, JSON_REJECT_DUPLICATES, NULL);
    json_t *payload = json_loadb(payload_text, payload_len, JSON_REJECT_DUPLICATES, NULL);
    RECHECK(json_is_object(header) && json_is_object(payload));
    const char *issuer = json_string_value(json_object_get(payload, "iss"));
    RECHECK(issuer != NULL && strcmp(issuer, assay_claims_issuer(claims)) == 0);
    RECHECK(strcmp(issuer, RECHECK_GENERIC) == 0 || strcmp(issuer, RECHECK_RFC9068) == 0 ||
            strcmp(issuer, RECHECK_ID_TOKEN) == 0 || strcmp(issuer, RECHECK_KUBERNETES) == 0 ||
            strcmp(issuer, RECHECK_GITHUB) == 0);
    RECHECK(strcmp(assay_claims_algorithm(claims), "HS256") == 0);
    RECHECK((assay_claims_kid(claims) != NULL) == (json_object_get(header, "kid") != NULL));
    RECHECK(recheck_holds(json_object_get(payload, "aud"), "api", true));
    recheck_header(header, issuer);
    recheck_times(payload, issuer);
    recheck_profile(header, payload, issuer);
    if (requested)
        recheck_request(payload);
    recheck_getters(claims, payload);
    json_decref(header);
    json_decref(payload);
}

#endif
