/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_LOOKUP_H
#define ASSAY_FLOW_LOOKUP_H

/*
 * Which issuer of a validator a text belongs to, in one step however many there are: an issuer's exact text, or for Entra a form of its issuer with one
 * of its tenants in it. Filled while the validator is made, read-only from then on.
 */

#include "base/text.h"

struct assay_validator;
struct assay_trusted_issuer;

typedef struct assay_place {
    uint32_t issuer; /* index + 1; 0: the place is empty */
    uint32_t tenant; /* index into the tenants of an issuer of Entra; ASSAY_PLACE_EXACT, ASSAY_PLACE_NAME */
} assay_place;

#define ASSAY_PLACE_EXACT UINT32_MAX      /* the issuer's text is what `iss` says, and its name */
#define ASSAY_PLACE_NAME (UINT32_MAX - 1) /* it is only its name, for whoever manages keys; no token bears it */

typedef struct assay_lookup {
    assay_place *table; /* a power of two in size, half empty */
    size_t mask;
    uint32_t *open; /* issuers of Entra that accept any organisation */
    size_t open_count;
    uint32_t *forms; /* a few issuers of Entra of different clouds: to tell a wrong tenant from a wrong issuer */
    size_t form_count;
    size_t longest; /* issuer that a token can have */
} assay_lookup;

/* For the issuers that the validator has. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_lookup_make(struct assay_validator *validator);
void assay_lookup_clear(assay_lookup *lookup);

/* Where a search stands; start with {0}. */
typedef struct assay_search {
    bool begun, over;
    size_t at, open;
} assay_search;

/* The next issuer that may have issued a token with this `iss`, in the order in which they were configured, those of any organisation last; NULL: no more. Tenants of a list are checked. */
struct assay_trusted_issuer *assay_lookup_next(const struct assay_validator *validator, assay_span issuer,
                                               assay_search *search);
/* The next one of this name; NULL: no more. */
struct assay_trusted_issuer *assay_lookup_next_named(const struct assay_validator *validator, assay_span name,
                                                     assay_search *search);
/* Whether another issuer of another name would take some token of this one of Entra, so that only their order would decide. */
bool assay_lookup_has_rival(const struct assay_validator *validator, const struct assay_trusted_issuer *issuer);
/* Why there is none: some issuer of Entra would have it if the tenant were accepted. */
const struct assay_trusted_issuer *assay_lookup_form(const struct assay_validator *validator, assay_span issuer);

#endif
