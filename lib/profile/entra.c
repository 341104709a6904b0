/* SPDX-License-Identifier: MIT */
#include "profile/entra.h"

#include "base/memory.h"

#include <stdlib.h>

/* The settings of an issuer of Entra: making, changing, copying. */

void assay_entra_free(assay_entra *entra)
{
    if (entra == NULL)
        return;
    assay_release(entra->base);
    assay_release(entra->v2);
    assay_release(entra->v1);
    assay_release(entra->instance);
    assay_release(entra->policy);
    assay_release(entra->application);
    assay_release(entra->tenants);
    assay_release(entra->callers);
    assay_release(entra);
}

static bool copy_text(char **to, const char *from)
{
    *to = from == NULL ? NULL : assay_strdup(from);
    return from == NULL || *to != NULL;
}

static int compare_callers(const void *a, const void *b)
{
    const assay_entra_caller *left = a, *right = b;
    int order = memcmp(&left->tenant, &right->tenant, sizeof left->tenant);
    if (order == 0)
        order = memcmp(&left->id, &right->id, sizeof left->id);
    return order != 0 ? order : (int)left->is_client - (int)right->is_client;
}

static int compare_guids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(assay_guid));
}

/* Each once: with one tenant the issuer is called otherwise, and its keys lie elsewhere, than with two. */
static size_t copy_tenants(assay_guid *to, const assay_guid *from, size_t count)
{
    size_t kept = 1;
    memcpy(to, from, count * sizeof *to);
    qsort(to, count, sizeof *to, compare_guids);
    for (size_t i = 1; i < count; i++)
        if (!assay_guid_equal(&to[i], &to[kept - 1]))
            to[kept++] = to[i];
    return kept;
}

assay_entra *assay_entra_copy(const assay_entra *from)
{
    ASSAY_CLEANUP(assay_entra_free_p) assay_entra *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return NULL;
    *made = *from;
    made->base = made->v2 = made->v1 = made->instance = made->policy = made->application = NULL;
    made->tenants = NULL;
    made->callers = NULL;
    made->tenant_room = from->tenant_count;
    made->caller_room = from->caller_count;
    bool done = copy_text(&made->base, from->base) && copy_text(&made->v2, from->v2) &&
                copy_text(&made->v1, from->v1) && copy_text(&made->instance, from->instance) &&
                copy_text(&made->policy, from->policy) && copy_text(&made->application, from->application);
    if (done && from->tenant_count > 0) {
        made->tenants = assay_zalloc_array(from->tenant_count, sizeof *made->tenants);
        done = made->tenants != NULL;
        if (done)
            made->tenant_count = copy_tenants(made->tenants, from->tenants, from->tenant_count);
    }
    if (done && from->caller_count > 0) {
        made->callers = assay_zalloc_array(from->caller_count, sizeof *made->callers);
        done = made->callers != NULL;
        if (done) {
            memcpy(made->callers, from->callers, from->caller_count * sizeof *made->callers);
            qsort(made->callers, made->caller_count, sizeof *made->callers, compare_callers);
        }
    }
    return done ? ASSAY_STEAL(made) : NULL;
}

bool assay_entra_lists(const assay_entra *entra, assay_span tenant, assay_span id, bool is_client)
{
    assay_entra_caller wanted = {.is_client = is_client};
    return entra->caller_count > 0 && assay_guid_read(tenant, false, &wanted.tenant) &&
           assay_guid_read(id, false, &wanted.id) &&
           bsearch(&wanted, entra->callers, entra->caller_count, sizeof wanted, compare_callers) != NULL;
}

/* Room for one more element; false: out of memory. */
static bool make_room(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 4 : *room * 2;
    void *grown = assay_realloc(*items, wanted * size);
    if (grown == NULL)
        return false;
    *items = grown;
    *room = wanted;
    return true;
}

static int read_guid(const char *text, const char *what, assay_guid *guid, assay_failure *failure)
{
    if (assay_guid_read(assay_span_of(text), true, guid))
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "%s is not a GUID", what);
}

int assay_entra_add_tenant(assay_entra *entra, const char *tenant, assay_failure *failure)
{
    assay_guid guid, personal;
    if (entra->kind != ASSAY_ENTRA_WORK)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "this issuer has its tenant already");
    bool consumers = tenant != NULL && strcmp(tenant, "consumers") == 0;
    int code = read_guid(consumers ? ASSAY_ENTRA_CONSUMERS : tenant, "the tenant", &guid, failure);
    if (code != ASSAY_OK)
        return code;
    /* The issuer's own may be named once more: it is still one tenant, whose own metadata is fetched. */
    if (entra->tenant_count == 1 && assay_guid_equal(&entra->tenants[0], &guid))
        return ASSAY_OK;
    if (entra->tenant_count == ASSAY_LIMIT_TENANTS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "there are more than %d tenants", ASSAY_LIMIT_TENANTS);
    void *items = entra->tenants;
    bool room = make_room(&items, entra->tenant_count, &entra->tenant_room, sizeof *entra->tenants);
    entra->tenants = items;
    if (!room)
        return assay_fail(failure, ASSAY_E_MEMORY);
    entra->tenants[entra->tenant_count++] = guid;
    bool known = assay_guid_read(assay_span_of(ASSAY_ENTRA_CONSUMERS), false, &personal);
    entra->consumers = entra->consumers || (known && assay_guid_equal(&guid, &personal));
    return ASSAY_OK;
}

int assay_entra_allow_any(assay_entra *entra, assay_failure *failure)
{
    if (entra->kind != ASSAY_ENTRA_WORK)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "this issuer has its tenant already");
    entra->any_organization = true;
    return ASSAY_OK;
}

int assay_entra_add_caller(assay_entra *entra, const char *tenant, const char *id, bool is_client,
                           assay_failure *failure)
{
    assay_entra_caller caller = {.is_client = is_client};
    int code = read_guid(tenant, "the tenant of a caller", &caller.tenant, failure);
    if (code == ASSAY_OK)
        code =
            read_guid(id, is_client ? "the client id of a caller" : "the object id of a caller", &caller.id, failure);
    if (code != ASSAY_OK)
        return code;
    if (entra->caller_count == ASSAY_LIMIT_CALLERS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "there are more than %d callers", ASSAY_LIMIT_CALLERS);
    void *items = entra->callers;
    bool room = make_room(&items, entra->caller_count, &entra->caller_room, sizeof *entra->callers);
    entra->callers = items;
    if (!room)
        return assay_fail(failure, ASSAY_E_MEMORY);
    entra->callers[entra->caller_count++] = caller;
    return ASSAY_OK;
}

int assay_entra_set_application(assay_entra *entra, const char *client_id, assay_failure *failure)
{
    assay_guid guid;
    char text[ASSAY_GUID_TEXT + 1];
    if (entra->kind == ASSAY_ENTRA_B2C)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT,
                               "keys of B2C are those of a policy, not of an application");
    int code = read_guid(client_id, "the client id", &guid, failure);
    if (code != ASSAY_OK)
        return code;
    assay_guid_write(&guid, text);
    char *copy = assay_strdup(text);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(entra->application);
    entra->application = copy;
    return ASSAY_OK;
}

int assay_entra_set_instance(assay_entra *entra, const char *name, assay_failure *failure)
{
    if (entra->cloud != NULL || entra->kind != ASSAY_ENTRA_WORK)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "the name of a known cloud is not to be set");
    if (name == NULL || name[0] == '\0' || strlen(name) > ASSAY_LIMIT_CONFIGURED_TEXT_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the cloud_instance_name is empty or too long");
    char *copy = assay_strdup(name);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(entra->instance);
    entra->instance = copy;
    return ASSAY_OK;
}

int assay_entra_check(const assay_entra *entra, assay_failure *failure)
{
    if (entra->tenant_count == 0 && !entra->any_organization && entra->kind != ASSAY_ENTRA_B2C)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "no tenant is accepted");
    if (entra->only_version == 1 && entra->v1 == NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER,
                               "only version 1 is accepted, and no issuer of it is known");
    return ASSAY_OK;
}
