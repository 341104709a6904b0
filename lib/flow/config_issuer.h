/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_CONFIG_ISSUER_H
#define ASSAY_FLOW_CONFIG_ISSUER_H

/* The issuers of a configuration document, by tables of members. For config*.c alone. */

#include "flow/issuer.h"
#include "flow/runtime.h"
#include "json/document.h"

/* A member: its name, and the function behind it; none where the issuer is made from it. */
typedef struct assay_config_row {
    const char *name;
    int (*text)(assay_issuer *issuer, const char *text, assay_failure *failure);
    bool many; /* an array of texts as well */
    int (*number)(assay_issuer *issuer, int64_t number, assay_failure *failure);
    bool *(*flag)(assay_issuer *issuer);
    int (*value)(assay_issuer *issuer, const assay_runtime *runtime, const char *name, const assay_json *value,
                 assay_failure *failure); /* whatever else */
    unsigned kinds;                       /* bits 1 << assay_entra_kind that alone may have it; 0: every issuer */
} assay_config_row;

/* config.c: the two ways to be no member. */
int assay_config_wrong_type(const char *name, const char *wanted, assay_failure *failure);
int assay_config_unknown(const char *where, const char *name, assay_failure *failure);

/* config_issuer.c: one issuer, complete and checked. */
int assay_config_read_issuer(const assay_json *object, const assay_runtime *runtime, assay_issuer **issuer,
                             assay_failure *failure);
/* A member that must be a text where it is there; NULL: it is not there. */
int assay_config_get_text(const assay_json *object, const char *name, const char **text, assay_failure *failure);

/* config_entra.c: the members of Entra; NULL: none of this name. */
const assay_config_row *assay_config_find_entra(const char *name);
/* Whether a profile is one of Entra's. */
bool assay_config_is_entra(const char *profile);
int assay_config_make_entra(const assay_json *object, const char *profile, assay_issuer **issuer,
                            assay_failure *failure);
/* A member of Entra in an issuer of another profile: say which ones have it. */
int assay_config_wrong_profile(const assay_config_row *row, assay_failure *failure);

#endif
