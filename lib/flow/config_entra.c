/* SPDX-License-Identifier: MIT */
#include "flow/config_issuer.h"

#include <stdio.h>

/* Issuers of Entra in a configuration document, and the members that they alone have. */

enum {
    WORK = 1u << ASSAY_ENTRA_WORK,
    B2C = 1u << ASSAY_ENTRA_B2C,
    EXTERNAL_ID = 1u << ASSAY_ENTRA_EXTERNAL_ID,
};

typedef int make_entra(const assay_json *object, assay_entra **entra, assay_failure *failure);

/* A cloud is a host, an issuer has the version in its path; each stands under its own name. */
static int make_work(const assay_json *object, assay_entra **entra, assay_failure *failure)
{
    const char *cloud, *url;
    int code = assay_config_get_text(object, "cloud", &cloud, failure);
    if (code == ASSAY_OK)
        code = assay_config_get_text(object, "issuer", &url, failure);
    if (code != ASSAY_OK)
        return code;
    if (cloud != NULL && url != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "give one of cloud and issuer, not both");
    if (url != NULL && strstr(url, "/v2.0") == NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER,
                               "an issuer of Entra is https://HOST/{tenantid}/v2.0, or with a tenant's GUID; tokens of "
                               "version 1 are accepted beside it");
    if (cloud != NULL && strstr(cloud, "/v2.0") != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "a cloud is a name or https://HOST; give it as issuer");
    return assay_entra_new(url != NULL ? url : cloud, entra, failure);
}

static int make_b2c(const assay_json *object, assay_entra **entra, assay_failure *failure)
{
    const char *url, *policy;
    int code = assay_config_get_text(object, "issuer", &url, failure);
    if (code == ASSAY_OK)
        code = assay_config_get_text(object, "policy", &policy, failure);
    if (code != ASSAY_OK)
        return code;
    if (url == NULL || policy == NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER,
                               "an issuer of the profile entra-b2c must have the texts issuer and policy");
    return assay_entra_new_b2c(url, policy, entra, failure);
}

static int make_external_id(const assay_json *object, assay_entra **entra, assay_failure *failure)
{
    const char *tenant, *authority;
    int code = assay_config_get_text(object, "tenant", &tenant, failure);
    if (code == ASSAY_OK)
        code = assay_config_get_text(object, "authority", &authority, failure);
    if (code != ASSAY_OK)
        return code;
    if (tenant == NULL || assay_json_get(object, "issuer") != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER,
                               "an issuer of the profile entra-external-id must have the text tenant, and no issuer: "
                               "that follows from it");
    return assay_entra_new_external_id(tenant, authority, entra, failure);
}

static const struct {
    const char *name;
    make_entra *make;
} profiles[] = {
    [ASSAY_ENTRA_WORK] = {"entra", make_work},
    [ASSAY_ENTRA_B2C] = {"entra-b2c", make_b2c},
    [ASSAY_ENTRA_EXTERNAL_ID] = {"entra-external-id", make_external_id},
};

static size_t find_profile(const char *name)
{
    size_t at = 0;
    while (at < ASSAY_COUNT_OF(profiles) && strcmp(profiles[at].name, name) != 0)
        at++;
    return at;
}

bool assay_config_is_entra(const char *profile)
{
    return find_profile(profile) < ASSAY_COUNT_OF(profiles);
}

int assay_config_make_entra(const assay_json *object, const char *profile, assay_issuer **issuer,
                            assay_failure *failure)
{
    assay_entra *entra;
    int code = profiles[find_profile(profile)].make(object, &entra, failure);
    return code != ASSAY_OK ? code : assay_issuer_make_entra(entra, issuer, failure);
}

int assay_config_wrong_profile(const assay_config_row *row, assay_failure *failure)
{
    char names[80] = "";
    size_t len = 0;
    for (size_t i = 0; i < ASSAY_COUNT_OF(profiles); i++)
        if ((row->kinds & 1u << i) != 0)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len == 0 ? "" : " or ", profiles[i].name);
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "%s needs the profile %s", row->name, names);
}

static int take_each_tenant(assay_entra *entra, const assay_json *array, assay_failure *failure)
{
    assay_span text;
    for (size_t i = 0; i < assay_json_array_len(array); i++) {
        if (!assay_json_get_string(assay_json_array_at(array, i), &text))
            return assay_config_wrong_type("tenants", "an array of texts only", failure);
        int code = assay_entra_add_tenant(entra, text.ptr, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

/* A list, or one word for all of a kind: those that the endpoints of Entra have. */
static int take_tenants(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                        assay_failure *failure)
{
    assay_entra *entra = issuer->policy.entra;
    assay_span text;
    (void)runtime;
    if (assay_json_array_len(value) > 0)
        return take_each_tenant(entra, value, failure);
    if (!assay_json_get_string(value, &text))
        return assay_config_wrong_type(name, "an array of GUIDs, or \"organizations\", \"common\" or \"consumers\"",
                                       failure);
    bool common = assay_span_is(text, "common");
    if (!common && !assay_span_is(text, "organizations"))
        return assay_entra_add_tenant(entra, text.ptr, failure);
    int code = common ? assay_entra_add_tenant(entra, "consumers", failure) : ASSAY_OK;
    return code != ASSAY_OK ? code : assay_entra_allow_any(entra, failure);
}

/* [1], [2], or both in either order. */
static int take_versions(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                         assay_failure *failure)
{
    size_t count = assay_json_array_len(value);
    int64_t version[2] = {0, 0};
    bool good = count == 1 || count == 2;
    (void)runtime;
    for (size_t i = 0; i < count && good; i++)
        good =
            assay_json_get_integer(assay_json_array_at(value, i), &version[i]) && (version[i] == 1 || version[i] == 2);
    if (!good || version[0] == version[1])
        return assay_config_wrong_type(name, "[1], [2] or [1, 2]", failure);
    issuer->policy.entra->only_version = count == 2 ? 0 : (int)version[0];
    return ASSAY_OK;
}

static int take_caller(assay_entra *entra, const assay_json *object, assay_failure *failure)
{
    static const char wanted[] = "an array of objects with tenant and either object_id or client_id";
    const char *tenant, *object_id, *client_id;
    void *iterator = NULL;
    const assay_json *value;
    const char *name;
    if (!assay_json_is_object(object))
        return assay_config_wrong_type("callers", wanted, failure);
    while ((name = assay_json_object_next(object, &iterator, &value)) != NULL)
        if (strcmp(name, "tenant") != 0 && strcmp(name, "object_id") != 0 && strcmp(name, "client_id") != 0)
            return assay_config_unknown("a caller", name, failure);
    int code = assay_config_get_text(object, "tenant", &tenant, failure);
    if (code == ASSAY_OK)
        code = assay_config_get_text(object, "object_id", &object_id, failure);
    if (code == ASSAY_OK)
        code = assay_config_get_text(object, "client_id", &client_id, failure);
    if (code != ASSAY_OK)
        return code;
    if (tenant == NULL || (object_id == NULL) == (client_id == NULL))
        return assay_config_wrong_type("callers", wanted, failure);
    return assay_entra_add_caller(entra, tenant, client_id != NULL ? client_id : object_id, client_id != NULL, failure);
}

static int take_callers(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                        assay_failure *failure)
{
    int code = ASSAY_OK;
    (void)runtime;
    if (assay_json_array_len(value) == 0)
        return assay_config_wrong_type(name, "an array with at least one caller", failure);
    for (size_t i = 0; i < assay_json_array_len(value) && code == ASSAY_OK; i++)
        code = take_caller(issuer->policy.entra, assay_json_array_at(value, i), failure);
    return code;
}

static int take_v1_issuer(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_entra_set_v1(issuer->policy.entra, text, failure);
}

static int take_cloud_instance(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_entra_set_instance(issuer->policy.entra, text, failure);
}

static int take_application_keys(assay_issuer *issuer, const char *text, assay_failure *failure)
{
    return assay_entra_set_application(issuer->policy.entra, text, failure);
}

#define FLAG(name)                                                                                                     \
    static bool *name(assay_issuer *issuer)                                                                            \
    {                                                                                                                  \
        return &issuer->policy.entra->name;                                                                            \
    }
FLAG(spn_audience)
FLAG(slash_audience)
FLAG(require_idtyp)
FLAG(ignore_key_issuer)
FLAG(ignore_key_cloud)

static const assay_config_row rows[] = {
    {"cloud", .kinds = WORK},
    {"tenants", .value = take_tenants, .kinds = WORK},
    {"versions", .value = take_versions, .kinds = WORK | EXTERNAL_ID},
    {"v1_issuer", .text = take_v1_issuer, .kinds = WORK},
    {"cloud_instance", .text = take_cloud_instance, .kinds = WORK},
    {"application_keys", .text = take_application_keys, .kinds = WORK | EXTERNAL_ID},
    {"policy", .kinds = B2C},
    {"tenant", .kinds = EXTERNAL_ID},
    {"authority", .kinds = EXTERNAL_ID},
    {"allow_spn_audience", .flag = spn_audience, .kinds = WORK | B2C | EXTERNAL_ID},
    {"allow_audience_slash", .flag = slash_audience, .kinds = WORK | B2C | EXTERNAL_ID},
    {"callers", .value = take_callers, .kinds = WORK | B2C | EXTERNAL_ID},
    {"require_idtyp", .flag = require_idtyp, .kinds = WORK | B2C | EXTERNAL_ID},
    {"ignore_key_issuer", .flag = ignore_key_issuer, .kinds = WORK | B2C | EXTERNAL_ID},
    {"ignore_key_cloud", .flag = ignore_key_cloud, .kinds = WORK},
};

const assay_config_row *assay_config_find_entra(const char *name)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
