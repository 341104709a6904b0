/* SPDX-License-Identifier: MIT */
#include "flow/validator.h"

enum { FORMS = 8 }; /* refusals may look at so many; there are three clouds, and a few of one's own */

static size_t slot_of(const assay_lookup *lookup, assay_span text)
{
    return assay_text_hash(text.ptr, text.len, 0) & lookup->mask;
}

/* Configuration fills the table, so nobody can crowd it. Equal texts follow each other in the order of configuration. */
static void put(assay_lookup *lookup, assay_span text, uint32_t issuer, uint32_t tenant)
{
    size_t at = slot_of(lookup, text);
    while (lookup->table[at].issuer != 0)
        at = (at + 1) & lookup->mask;
    lookup->table[at] = (assay_place){issuer + 1, tenant};
    if (tenant != ASSAY_PLACE_NAME && text.len > lookup->longest)
        lookup->longest = text.len;
}

static bool has_tenants(const assay_policy *policy)
{
    return policy->entra != NULL && policy->entra->kind != ASSAY_ENTRA_B2C;
}

/* What `iss` of one of the tenants is in a version; false: there is none. */
static bool write_issuer(const assay_entra *entra, size_t tenant, int version, char text[ASSAY_ENTRA_ISSUER_BYTES])
{
    char guid[ASSAY_GUID_TEXT + 1];
    const char *template = version == 1 ? entra->v1 : entra->v2;
    assay_guid_write(&entra->tenants[tenant], guid);
    return template != NULL && assay_entra_fill(template, assay_span_of(guid), text, ASSAY_ENTRA_ISSUER_BYTES);
}

static void put_tenant(assay_lookup *lookup, const assay_entra *entra, uint32_t issuer, size_t tenant)
{
    char text[ASSAY_ENTRA_ISSUER_BYTES];
    for (int version = 1; version <= 2; version++)
        if (write_issuer(entra, tenant, version, text))
            put(lookup, assay_span_of(text), issuer, (uint32_t)tenant);
}

/* One issuer of each form, so that a refusal can tell a wrong tenant. */
static void put_form(assay_validator *validator, uint32_t index)
{
    assay_lookup *lookup = &validator->lookup;
    const assay_entra *entra = validator->issuers[index].policy.entra;
    for (size_t i = 0; i < lookup->form_count; i++)
        if (strcmp(validator->issuers[lookup->forms[i]].policy.entra->v2, entra->v2) == 0)
            return;
    if (lookup->form_count < FORMS)
        lookup->forms[lookup->form_count++] = index;
}

int assay_lookup_make(assay_validator *validator)
{
    assay_lookup *lookup = &validator->lookup;
    size_t texts = 0, size = 4;
    for (size_t i = 0; i < validator->count; i++)
        texts +=
            1 + (has_tenants(&validator->issuers[i].policy) ? validator->issuers[i].policy.entra->tenant_count * 2 : 0);
    while (size < texts * 2)
        size *= 2;
    lookup->table = assay_zalloc_array(size, sizeof *lookup->table);
    lookup->open = assay_zalloc_array(validator->count, sizeof *lookup->open);
    lookup->forms = assay_zalloc_array(FORMS, sizeof *lookup->forms);
    lookup->mask = size - 1;
    if (lookup->table == NULL || lookup->open == NULL || lookup->forms == NULL)
        return ASSAY_E_MEMORY;
    for (uint32_t i = 0; i < validator->count; i++) {
        const assay_policy *policy = &validator->issuers[i].policy;
        put(lookup, policy->issuer, i, has_tenants(policy) ? ASSAY_PLACE_NAME : ASSAY_PLACE_EXACT);
        if (!has_tenants(policy))
            continue;
        put_form(validator, i);
        if (policy->entra->any_organization) {
            lookup->open[lookup->open_count++] = i;
            lookup->longest = ASSAY_ENTRA_ISSUER_BYTES;
            continue;
        }
        for (size_t tenant = 0; tenant < policy->entra->tenant_count; tenant++)
            put_tenant(lookup, policy->entra, i, tenant);
    }
    return ASSAY_OK;
}

void assay_lookup_clear(assay_lookup *lookup)
{
    assay_release(lookup->table);
    assay_release(lookup->open);
    assay_release(lookup->forms);
    *lookup = (assay_lookup){0};
}

static bool is_here(const assay_validator *validator, const assay_place *place, assay_span issuer)
{
    const assay_policy *policy = &validator->issuers[place->issuer - 1].policy;
    assay_span tenant;
    assay_guid guid;
    int version;
    if (place->tenant == ASSAY_PLACE_NAME)
        return false;
    if (place->tenant == ASSAY_PLACE_EXACT)
        return assay_span_equal(policy->issuer, issuer);
    return assay_entra_match(policy->entra, issuer, &tenant, &version) && assay_guid_read(tenant, false, &guid) &&
           assay_guid_equal(&guid, &policy->entra->tenants[place->tenant]);
}

/* The next place of a chain, which ends at an empty one; NULL: it has ended. */
static const assay_place *next_place(const assay_lookup *lookup, assay_span text, assay_search *search)
{
    if (search->over)
        return NULL;
    search->at = search->begun ? (search->at + 1) & lookup->mask : slot_of(lookup, text);
    search->begun = true;
    search->over = lookup->table[search->at].issuer == 0;
    return search->over ? NULL : &lookup->table[search->at];
}

assay_trusted_issuer *assay_lookup_next(const assay_validator *validator, assay_span issuer, assay_search *search)
{
    const assay_lookup *lookup = &validator->lookup;
    const assay_place *place;
    while ((place = next_place(lookup, issuer, search)) != NULL)
        if (is_here(validator, place, issuer))
            return &validator->issuers[place->issuer - 1];
    while (search->open < lookup->open_count) {
        assay_trusted_issuer *open = &validator->issuers[lookup->open[search->open++]];
        assay_span tenant;
        int version;
        if (assay_entra_match(open->policy.entra, issuer, &tenant, &version))
            return open;
    }
    return NULL;
}

assay_trusted_issuer *assay_lookup_next_named(const assay_validator *validator, assay_span name, assay_search *search)
{
    const assay_place *place;
    while ((place = next_place(&validator->lookup, name, search)) != NULL) {
        assay_trusted_issuer *issuer = &validator->issuers[place->issuer - 1];
        if (place->tenant >= ASSAY_PLACE_NAME && assay_span_equal(issuer->policy.issuer, name))
            return issuer;
    }
    return NULL;
}

/* Of those that list their tenants: whoever lists one goes before whoever accepts any. */
static bool has_listed_rival(const assay_validator *validator, const assay_trusted_issuer *issuer, size_t tenant,
                             int version)
{
    char text[ASSAY_ENTRA_ISSUER_BYTES];
    assay_search search = {0};
    const assay_place *place;
    if (!assay_entra_takes_version(issuer->policy.entra, version) ||
        !write_issuer(issuer->policy.entra, tenant, version, text))
        return false;
    while ((place = next_place(&validator->lookup, assay_span_of(text), &search)) != NULL) {
        const assay_trusted_issuer *other = &validator->issuers[place->issuer - 1];
        if (other != issuer && is_here(validator, place, assay_span_of(text)) &&
            (other->policy.entra == NULL || assay_entra_takes_version(other->policy.entra, version)) &&
            !assay_policies_differ(&issuer->policy, &other->policy))
            return true;
    }
    return false;
}

/* Of those that accept any organisation: clouds may share the issuer of version 1. */
static bool has_open_rival(const assay_validator *validator, const assay_trusted_issuer *issuer)
{
    const assay_entra *entra = issuer->policy.entra;
    for (size_t i = 0; entra->v1 != NULL && assay_entra_takes_version(entra, 1) && i < validator->lookup.open_count;
         i++) {
        const assay_trusted_issuer *other = &validator->issuers[validator->lookup.open[i]];
        const assay_entra *open = other->policy.entra;
        if (other != issuer && open->v1 != NULL && assay_entra_takes_version(open, 1) &&
            strcmp(open->v1, entra->v1) == 0 && !assay_policies_differ(&issuer->policy, &other->policy))
            return true;
    }
    return false;
}

bool assay_lookup_has_rival(const assay_validator *validator, const assay_trusted_issuer *issuer)
{
    const assay_entra *entra = issuer->policy.entra;
    if (!has_tenants(&issuer->policy))
        return false;
    if (entra->any_organization)
        return has_open_rival(validator, issuer);
    for (size_t i = 0; i < entra->tenant_count; i++)
        if (has_listed_rival(validator, issuer, i, 1) || has_listed_rival(validator, issuer, i, 2))
            return true;
    return false;
}

const assay_trusted_issuer *assay_lookup_form(const assay_validator *validator, assay_span issuer)
{
    for (size_t i = 0; i < validator->lookup.form_count; i++) {
        const assay_trusted_issuer *form = &validator->issuers[validator->lookup.forms[i]];
        assay_span tenant;
        int version;
        if (assay_entra_match(form->policy.entra, issuer, &tenant, &version))
            return form;
    }
    return NULL;
}
