/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_POLICY_H
#define ASSAY_TOKEN_POLICY_H

/* What is demanded of the tokens of one issuer. Written by one thread, then frozen and read by all. */

#include "base/failure.h"
#include "base/list.h"
#include "profile/entra.h"
#include "profile/profile.h"
#include "token/algorithm.h"

typedef enum assay_requirement_kind {
    ASSAY_REQUIRE_PRESENT, /* there, and not null */
    ASSAY_REQUIRE_TEXT,    /* one of the texts */
    ASSAY_REQUIRE_CONTAINS /* an array (or a text) that holds all of the texts */
} assay_requirement_kind;

typedef struct assay_requirement {
    assay_requirement_kind kind;
    assay_span pointer; /* owned, terminated */
    assay_text_list texts;
} assay_requirement;

typedef struct assay_policy {
    assay_span issuer; /* owned, terminated */
    const assay_profile *profile;
    assay_text_list audiences;
    assay_algorithm_set algorithms;
    bool algorithms_given;
    int64_t leeway;               /* seconds */
    int64_t max_lifetime;         /* seconds; 0: no cap */
    char *client_id;              /* NULL: the audiences stand for it */
    char *subject;                /* NULL: any */
    bool accept_unproven_binding; /* assay_issuer_accept_unproven_binding() */
    bool allow_exchange_audience; /* assay_issuer_allow_exchange_audience() */
    assay_entra *entra;           /* owned; NULL: not an issuer of Entra */
    assay_requirement *requirements;
    size_t requirement_count;
} assay_policy;

/* Defaults for an issuer. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_policy_init(assay_policy *policy, const char *issuer);
void assay_policy_clear(assay_policy *policy);
/* For a validator: with what follows from the settings of Entra, whose issuer and audiences have other forms too. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_policy_copy(assay_policy *to, const assay_policy *from);
/* Whether no token can be meant for both: no audience is in both, or their versions or B2C's policies are two. */
bool assay_policies_differ(const assay_policy *a, const assay_policy *b);
/* Make it one of Entra's; @p entra is owned from here on. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_policy_take_entra(assay_policy *policy, assay_entra *entra);

/* Each checks its text or number; the policy is as before where one fails. */
int assay_policy_add_audience(assay_policy *policy, const char *audience, assay_failure *failure);
int assay_policy_add_algorithm(assay_policy *policy, const char *name, assay_failure *failure);
int assay_policy_set_profile(assay_policy *policy, const char *name, assay_failure *failure);
int assay_policy_set_leeway(assay_policy *policy, int64_t seconds, assay_failure *failure);
int assay_policy_set_max_lifetime(assay_policy *policy, int64_t seconds, assay_failure *failure);
int assay_policy_set_client_id(assay_policy *policy, const char *client_id, assay_failure *failure);
int assay_policy_set_subject(assay_policy *policy, const char *subject, assay_failure *failure);
/* @p text NULL with ASSAY_REQUIRE_PRESENT. */
int assay_policy_require(assay_policy *policy, assay_requirement_kind kind, const char *pointer, const char *text,
                         assay_failure *failure);

/* A configured text: not empty, at most ASSAY_LIMIT_CONFIGURED_TEXT_BYTES of UTF-8. ASSAY_OK or @p code. */
int assay_policy_check_text(const char *text, int code, const char *what, assay_failure *failure);

#endif
