/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ISSUER_H
#define ASSAY_FLOW_ISSUER_H

/* One issuer as configured: what is demanded of its tokens, and where its keys come from. */

#include "discovery/source.h"
#include "http/settings.h"
#include "keys/key_set.h"
#include "token/policy.h"

#include <assay/issuer.h>

struct assay_issuer {
    assay_policy policy;
    assay_source_mode mode; /* ASSAY_SOURCE_OPENID: nothing else was said */
    char *metadata_url;
    char *jwks_uri;
    assay_text_list jwks_hosts;
    bool allow_loopback_http;
    assay_http_ca ca;   /* its own; without a text: that of the runtime counts */
    char *bearer_file;  /* path; NULL: none */
    int64_t retention;  /* seconds; -1: that of the profile */
    int64_t hard_limit; /* seconds */
    assay_key_set keys; /* given ones */
};

int assay_issuer_make(const char *url, assay_issuer **issuer, assay_failure *failure);
/* One of Entra; @p entra is owned from here on, also where this fails. */
int assay_issuer_make_entra(assay_entra *entra, assay_issuer **issuer, assay_failure *failure);
void assay_issuer_drop(assay_issuer *issuer);
ASSAY_DEFINE_CLEANUP(assay_issuer, assay_issuer_drop)

/* A second, different source of keys is refused with ASSAY_E_CONFIG; the same kind again replaces what was given. */
int assay_issuer_take_oauth_discovery(assay_issuer *issuer, assay_failure *failure);
int assay_issuer_take_metadata_url(assay_issuer *issuer, const char *url, assay_failure *failure);
int assay_issuer_take_jwks_uri(assay_issuer *issuer, const char *url, assay_failure *failure);
int assay_issuer_take_keys(assay_issuer *issuer, const assay_key_set *keys, assay_failure *failure);
int assay_issuer_take_jwks_host(assay_issuer *issuer, const char *host, assay_failure *failure);
/* Only noted: the file is read for each fetch. */
int assay_issuer_take_bearer_file(assay_issuer *issuer, const char *path, assay_failure *failure);
int assay_issuer_take_retention(assay_issuer *issuer, int64_t seconds, assay_failure *failure);
int assay_issuer_take_hard_limit(assay_issuer *issuer, int64_t seconds, assay_failure *failure);

/* Whether everything fits together: audience, URLs, algorithms and keys. */
int assay_issuer_check(const assay_issuer *issuer, assay_failure *failure);

#endif
