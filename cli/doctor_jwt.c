/* SPDX-License-Identifier: MIT */
/* assay doctor: what of an unverified JWT may be shown. An allow-list: whatever is not on it may name a person. The library has the same list. */

#include "doctor.h"

#include <string.h>

const char *doctor_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static void keep_text(json_t *out, const json_t *from, const char *name)
{
    const json_t *value = json_object_get(from, name);
    if (json_is_string(value) && json_string_length(value) <= DOCTOR_SHOWN_BYTES &&
        strlen(json_string_value(value)) == json_string_length(value))
        (void)json_object_set(out, name, (json_t *)value);
}

static void keep_time(json_t *out, const json_t *from, const char *name)
{
    const json_t *value = json_object_get(from, name);
    double number = json_number_value(value);
    if (json_is_number(value) && number >= 0 && number <= 253402300799.0)
        (void)json_object_set_new(out, name, json_integer((json_int_t)number));
}

/* The subjects by which clusters, CI systems and SPIFFE name workloads. Others, such as Entra's or a user's, may name a person. */
static bool names_a_workload(const char *subject)
{
    static const char *const prefixes[] = {
        "system:serviceaccount:",
        "repo:",
        "repository_owner_id:",
        "repository_id:",
        "project_path:",
        "organization:",
        "sc://",
        "spiffe://",
    };
    for (size_t i = 0; i < CLI_COUNT_OF(prefixes); i++)
        if (strncmp(subject, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static void keep_audiences(json_t *out, const json_t *payload)
{
    const json_t *audience = json_object_get(payload, "aud");
    json_t *list = json_array();
    if (json_is_string(audience) && json_string_length(audience) <= DOCTOR_SHOWN_BYTES)
        (void)json_array_append(list, (json_t *)audience);
    for (size_t i = 0; i < json_array_size(audience) && i < 10; i++)
        if (json_is_string(json_array_get(audience, i)) &&
            json_string_length(json_array_get(audience, i)) <= DOCTOR_SHOWN_BYTES)
            (void)json_array_append(list, json_array_get(audience, i));
    (void)json_object_set_new(out, "aud", list);
}

static json_t *decode(const char *token, size_t len)
{
    uint8_t *text = NULL;
    size_t text_len = 0;
    if (assay_jws_decode_unverified(token, len, &text, &text_len, NULL) != ASSAY_OK)
        return NULL;
    json_t *document = json_loadb((const char *)text, text_len, 0, NULL);
    assay_bytes_free(text, text_len);
    if (json_is_object(json_object_get(document, "header")) && json_is_object(json_object_get(document, "payload")))
        return document;
    json_decref(document);
    return NULL;
}

json_t *doctor_jwt_federated(const char *token, size_t len)
{
    CLI_CLEANUP(json_decref_p) json_t *document = decode(token, len);
    if (document == NULL)
        return NULL;
    const json_t *header = json_object_get(document, "header");
    const json_t *payload = json_object_get(document, "payload");
    json_t *out = json_object();
    keep_text(out, payload, "iss");
    if (names_a_workload(doctor_text(payload, "sub")))
        keep_text(out, payload, "sub");
    keep_audiences(out, payload);
    keep_time(out, payload, "exp");
    keep_time(out, payload, "iat");
    keep_time(out, payload, "nbf");
    keep_text(out, header, "alg");
    keep_text(out, header, "kid");
    return out;
}

json_t *doctor_jwt_access(const char *token, size_t len)
{
    CLI_CLEANUP(json_decref_p) json_t *document = decode(token, len);
    if (document == NULL)
        return NULL;
    const json_t *payload = json_object_get(document, "payload");
    json_t *out = json_object();
    static const char *const names[] = {"iss", "aud", "tid", "appid", "azp", "ver", "idtyp"};
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++)
        keep_text(out, payload, names[i]);
    keep_time(out, payload, "exp");
    /* With `scp` there is a user, whose object id is nobody's business (Microsoft, "Access token claims reference"). */
    if (json_object_get(payload, "scp") == NULL)
        keep_text(out, payload, "oid");
    /* More groups than fit are left out, and a claim says where to look them up (Microsoft, "Groups overage claim"). */
    const json_t *elsewhere = json_object_get(json_object_get(payload, "_claim_names"), "groups");
    (void)json_object_set_new(out, "groups_overage",
                              json_boolean(elsewhere != NULL || json_is_true(json_object_get(payload, "hasgroups"))));
    (void)json_object_set_new(out, "roles",
                              json_integer((json_int_t)json_array_size(json_object_get(payload, "roles"))));
    return out;
}
