/* SPDX-License-Identifier: MIT */
/* Registered applications: who may ask for a token, and what proves it. */

#include "dev_issuer_tokens.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_APPS 4096

enum member_kind { TEXT, FLAG, TEXTS, CERTIFICATES, FEDERATED, IDENTITY };

static const struct {
    const char *name;
    enum member_kind kind;
} members[] = {
    {"client_id", TEXT},
    {"tenant", TEXT},
    {"secret", TEXTS},
    {"expired_secret", TEXTS},
    {"certificates", CERTIFICATES},
    {"federated", FEDERATED},
    {"public", FLAG},
    {"disabled", FLAG},
    {"managed_identity", IDENTITY},
    {"identity_binding", FLAG},
    {"resources", TEXTS},
    {"claims", IDENTITY},
    {"scopes", TEXTS},
};
static const char *const federated_members[] = {"issuer", "subject", "audience", "ca_file", NULL};
static const char *const identity_members[] = {"principal_id", "resource_id", "system_assigned", NULL};

static int fail(char **text, const char *sentence, const char *name)
{
    *text = cli_format("%s: %s", sentence, name);
    return -1;
}

static bool is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) > 0;
}

/* A text or a list of them; a list afterwards. */
static bool make_list(json_t *app, const char *name, bool texts)
{
    json_t *value = json_object_get(app, name);
    if (!json_is_array(value))
        (void)json_object_set_new(app, name, json_pack("[O]", value));
    value = json_object_get(app, name);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (texts && !is_text(json_array_get(value, i)))
            return false;
    return true;
}

static bool has_only(const json_t *object, const char *const *known)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] == NULL)
            return false;
    }
    return json_is_object(object);
}

/* Entra matches all three; elsewhere a token of any subject may be exchanged. */
static bool federated_is_good(const dev_issuer *issuer, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *subject = json_object_get(item, "subject");
        if (!has_only(item, federated_members) || !is_text(json_object_get(item, "issuer")) ||
            !is_text(json_object_get(item, "audience")) || (subject != NULL && !is_text(subject)) ||
            (subject == NULL && issuer->tenant != NULL) ||
            (json_object_get(item, "ca_file") != NULL && !is_text(json_object_get(item, "ca_file"))))
            return false;
    }
    return true;
}

static bool identity_is_good(const json_t *identity)
{
    const json_t *system = json_object_get(identity, "system_assigned");
    return has_only(identity, identity_members) && is_text(json_object_get(identity, "principal_id")) &&
           (system == NULL || json_is_boolean(system)) &&
           (json_is_true(system) || is_text(json_object_get(identity, "resource_id")));
}

static bool member_is_good(const dev_issuer *issuer, json_t *app, const char *name, enum member_kind kind)
{
    switch (kind) {
    case TEXT:
        return is_text(json_object_get(app, name));
    case FLAG:
        return json_is_boolean(json_object_get(app, name));
    case TEXTS:
        return make_list(app, name, true);
    case CERTIFICATES:
        return make_list(app, name, false) && dev_certificates_are_good(json_object_get(app, name));
    case FEDERATED:
        return make_list(app, name, false) && federated_is_good(issuer, json_object_get(app, name));
    default:
        return strcmp(name, "claims") == 0 ? json_is_object(json_object_get(app, name))
                                           : identity_is_good(json_object_get(app, name));
    }
}

static int check_app(const dev_issuer *issuer, json_t *app, char **text)
{
    if (!json_is_object(app))
        return fail(text, "an application is one JSON object", "no object");
    size_t known = 0;
    for (size_t i = 0; i < CLI_COUNT_OF(members); i++) {
        if (json_object_get(app, members[i].name) == NULL)
            continue;
        known++;
        if (!member_is_good(issuer, app, members[i].name, members[i].kind))
            return fail(text, "this member of an application can't be used", members[i].name);
    }
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(app, name, value)
    {
        size_t i = 0;
        while (i < CLI_COUNT_OF(members) && strcmp(members[i].name, name) != 0)
            i++;
        if (i == CLI_COUNT_OF(members))
            return fail(text, "no such member", name);
    }
    const char *tenant = dev_jwt_text(app, "tenant");
    if (tenant != NULL && issuer->tenant != NULL && !dev_entra_is_guid(tenant))
        return fail(text, "tenant must be a GUID in lower case", tenant);
    return json_object_get(app, "client_id") != NULL ? 0 : fail(text, "an application needs", "client_id");
}

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcasecmp(one, other) == 0;
}

/* Under the lock; takes @p app. */
static bool put_app(dev_issuer *issuer, json_t *app)
{
    for (size_t i = 0; i < json_array_size(issuer->apps); i++) {
        const json_t *known = json_array_get(issuer->apps, i);
        if (same_text(dev_jwt_text(known, "client_id"), dev_jwt_text(app, "client_id")) &&
            same_text(dev_jwt_text(known, "tenant"), dev_jwt_text(app, "tenant")))
            return json_array_set_new(issuer->apps, i, app) == 0;
    }
    if (json_array_size(issuer->apps) >= MAX_APPS) {
        json_decref(app);
        return false;
    }
    return json_array_append_new(issuer->apps, app) == 0;
}

/* All or none of them. */
static int add_apps(dev_issuer *issuer, const json_t *list, char **text)
{
    CLI_CLEANUP(json_decref_p) json_t *checked = json_deep_copy(list);
    for (size_t i = 0; i < json_array_size(checked); i++)
        if (check_app(issuer, json_array_get(checked, i), text) != 0)
            return -1;
    bool added = true;
    (void)pthread_mutex_lock(&issuer->lock);
    for (size_t i = 0; i < json_array_size(checked); i++)
        added = put_app(issuer, json_deep_copy(json_array_get(checked, i))) && added;
    (void)pthread_mutex_unlock(&issuer->lock);
    return added ? 0 : fail(text, "there are too many applications", "4096");
}

int dev_issuer_add_app(dev_issuer *issuer, const char *json, char *message, size_t message_size)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    CLI_CLEANUP(json_decref_p)
    json_t *list = json_is_array(document) ? json_incref(document) : json_pack("[O]", document);
    CLI_AUTO_FREE char *text = NULL;
    int result =
        document == NULL ? fail(&text, "an application is one JSON object", "no JSON") : add_apps(issuer, list, &text);
    if (result != 0)
        (void)snprintf(message, message_size, "%s", text);
    return result;
}

/* Without what proves an application: how many secrets there are, and no certificates' text. */
static json_t *public_app(const json_t *app)
{
    json_t *shown = json_deep_copy(app);
    static const char *const hidden[] = {"secret", "expired_secret", "certificates"};
    for (size_t i = 0; i < CLI_COUNT_OF(hidden); i++) {
        const json_t *list = json_object_get(app, hidden[i]);
        if (list != NULL)
            (void)json_object_set_new(shown, hidden[i], json_integer((json_int_t)json_array_size(list)));
    }
    return shown;
}

char *dev_issuer_apps(dev_issuer *issuer)
{
    CLI_CLEANUP(json_decref_p) json_t *list = json_array();
    (void)pthread_mutex_lock(&issuer->lock);
    for (size_t i = 0; i < json_array_size(issuer->apps); i++)
        (void)json_array_append_new(list, public_app(json_array_get(issuer->apps, i)));
    (void)pthread_mutex_unlock(&issuer->lock);
    return json_dumps(list, JSON_COMPACT);
}

/* One of this very tenant rather than one of any. */
json_t *dev_app_find(dev_issuer *issuer, const char *client_id, const char *tenant)
{
    json_t *found = NULL;
    (void)pthread_mutex_lock(&issuer->lock);
    for (size_t i = 0; i < json_array_size(issuer->apps); i++) {
        json_t *app = json_array_get(issuer->apps, i);
        const char *of = dev_jwt_text(app, "tenant");
        if (!same_text(dev_jwt_text(app, "client_id"), client_id) ||
            (of != NULL && tenant != NULL && strcasecmp(of, tenant) != 0))
            continue;
        if (found == NULL || of != NULL)
            found = app;
    }
    json_t *copy = found == NULL ? NULL : json_deep_copy(found);
    (void)pthread_mutex_unlock(&issuer->lock);
    return copy;
}

json_t *dev_app_identities(dev_issuer *issuer)
{
    json_t *list = json_array();
    (void)pthread_mutex_lock(&issuer->lock);
    for (size_t i = 0; i < json_array_size(issuer->apps); i++)
        if (json_object_get(json_array_get(issuer->apps, i), "managed_identity") != NULL)
            (void)json_array_append_new(list, json_deep_copy(json_array_get(issuer->apps, i)));
    (void)pthread_mutex_unlock(&issuer->lock);
    return list;
}

/* The default one, and those of applications; any while an application is of any. */
bool dev_app_knows_tenant(dev_issuer *issuer, const char *tenant)
{
    bool known = strcasecmp(tenant, issuer->tenant) == 0;
    (void)pthread_mutex_lock(&issuer->lock);
    for (size_t i = 0; i < json_array_size(issuer->apps); i++) {
        const char *of = dev_jwt_text(json_array_get(issuer->apps, i), "tenant");
        known = known || of == NULL || strcasecmp(of, tenant) == 0;
    }
    (void)pthread_mutex_unlock(&issuer->lock);
    return known;
}

bool dev_app_has_secret(const json_t *app, const char *member, const char *secret)
{
    const json_t *list = json_object_get(app, member);
    bool found = false;
    for (size_t i = 0; i < json_array_size(list); i++)
        found = dev_same_secret(json_string_value(json_array_get(list, i)), secret) || found;
    return found;
}

bool dev_app_flag(const json_t *app, const char *member)
{
    return json_is_true(json_object_get(app, member));
}
