/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_PROFILE_ENTRA_H
#define ASSAY_PROFILE_ENTRA_H

/*
 * What Entra ID does differently: clouds, tenants, two versions of one issuer, keys that say for whom they sign (../spec: docs/guide/entra.md
 * has each rule with its source). Pure. Written by one thread, then frozen and read by all.
 *
 * A template is an issuer with "{tenantid}" where the tenant's GUID stands; External ID has it twice.
 */

#include "base/failure.h"
#include "base/guid.h"
#include "keys/jwk.h"
#include "json/scan.h"

#define ASSAY_ENTRA_TENANT "{tenantid}"
/* The tenant of personal accounts (Microsoft, "Access token claims reference"). */
#define ASSAY_ENTRA_CONSUMERS "9188040d-6c67-4c5b-b112-36a304b66dad"
/* Longest issuer that a template makes, terminator included. */
#define ASSAY_ENTRA_ISSUER_BYTES 1024

/* What the names of services end in, which differs from cloud to cloud. */
enum assay_entra_suffix {
    ASSAY_ENTRA_VAULT,
    ASSAY_ENTRA_DATABASE,
    ASSAY_ENTRA_MANAGEMENT,
    ASSAY_ENTRA_GRAPH,
    ASSAY_ENTRA_SUFFIXES
};
/* Longest resource that has a short name, terminator included. */
#define ASSAY_ENTRA_RESOURCE_BYTES 64

typedef struct assay_entra_cloud {
    const char *name;              /* as configured */
    const char *login;             /* host of metadata, keys and v2 issuers */
    const char *alias;             /* another host that its keys may lie on; NULL: none */
    const char *v1;                /* template of v1 issuers */
    const char *instance;          /* `cloud_instance_name` of its keys */
    const char *authorization_uri; /* for claims challenges */
    const char *exchange;          /* `aud` of the tokens that it exchanges */
    const char *suffixes[ASSAY_ENTRA_SUFFIXES];
} assay_entra_cloud;

/* By name, or by a host that serves its metadata; NULL: none of the known ones. */
const assay_entra_cloud *assay_entra_find_cloud(assay_span name);
const assay_entra_cloud *assay_entra_find_cloud_of_host(assay_span host);
/* The resource of a short name such as "keyvault"; @p cloud NULL: the public one's. False: no such name; then it is "". */
bool assay_entra_resource(const assay_entra_cloud *cloud, assay_span name, char text[ASSAY_ENTRA_RESOURCE_BYTES]);
/* The known cloud whose issuer this is, whatever the tenant; NULL: none's. */
const assay_entra_cloud *assay_entra_find_cloud_of_issuer(assay_span issuer);

typedef enum assay_entra_kind { ASSAY_ENTRA_WORK, ASSAY_ENTRA_B2C, ASSAY_ENTRA_EXTERNAL_ID } assay_entra_kind;

/* Somebody on the allow-list. */
typedef struct assay_entra_caller {
    assay_guid tenant, id;
    bool is_client; /* the id is a client id, otherwise an object id */
} assay_entra_caller;

typedef struct assay_entra {
    assay_entra_kind kind;
    const assay_entra_cloud *cloud; /* static; NULL: none of the known ones */
    char *base;                     /* "https://host", where metadata lies */
    char *v2, *v1;                  /* templates; B2C: its exact issuer in v2; v1 NULL: there is none */
    char *instance;                 /* `cloud_instance_name` demanded of keys; NULL: not looked at */
    char *policy;                   /* of B2C */
    char *application;              /* client id whose own signing keys are asked for; NULL: none */
    assay_guid *tenants;
    size_t tenant_count, tenant_room;
    bool any_organization, consumers; /* the latter is on the list of tenants too */
    assay_entra_caller *callers;      /* sorted in a copy */
    size_t caller_count, caller_room;
    int only_version; /* 0: both */
    bool spn_audience, slash_audience;
    bool require_idtyp, ignore_key_issuer, ignore_key_cloud;
} assay_entra;

/* Make the settings. ASSAY_OK, ASSAY_E_CONFIG_ISSUER, ASSAY_E_CONFIG_TENANT, ASSAY_E_MEMORY. @p text: name of a cloud, base URL, or an issuer whose tenant is added; NULL: public. */
int assay_entra_new(const char *text, assay_entra **entra, assay_failure *failure);
int assay_entra_new_b2c(const char *url, const char *policy, assay_entra **entra, assay_failure *failure);
int assay_entra_new_external_id(const char *tenant, const char *authority, assay_entra **entra, assay_failure *failure);
void assay_entra_free(assay_entra *entra);
ASSAY_DEFINE_CLEANUP(assay_entra, assay_entra_free)
/* With the allow-list sorted, and each tenant once. NULL: out of memory. */
assay_entra *assay_entra_copy(const assay_entra *from);

/* @p tenant NULL, or "consumers" for personal accounts. Nothing changes where one fails. */
int assay_entra_add_tenant(assay_entra *entra, const char *tenant, assay_failure *failure);
int assay_entra_allow_any(assay_entra *entra, assay_failure *failure);
int assay_entra_add_caller(assay_entra *entra, const char *tenant, const char *id, bool is_client,
                           assay_failure *failure);
int assay_entra_set_v1(assay_entra *entra, const char *url, assay_failure *failure);
int assay_entra_set_instance(assay_entra *entra, const char *name, assay_failure *failure);
int assay_entra_set_application(assay_entra *entra, const char *client_id, assay_failure *failure);
static inline bool assay_entra_takes_version(const assay_entra *entra, int version)
{
    return entra->only_version == 0 || entra->only_version == version;
}
/* Whether it is complete: somebody is trusted. ASSAY_OK, ASSAY_E_CONFIG_TENANT, ASSAY_E_CONFIG_ISSUER. */
int assay_entra_check(const assay_entra *entra, assay_failure *failure);

/* entra_urls.c: the issuer that its metadata bears (the template where there are several tenants), and where that lies. Owned; NULL: out of memory. */
char *assay_entra_issuer(const assay_entra *entra);
char *assay_entra_metadata_url(const assay_entra *entra);
/* Put a tenant into a template; false: longer than @p size. */
bool assay_entra_fill(const char *template, assay_span tenant, char *text, size_t size);

/* entra_match.c: what of a token shows whose it is. */

/* The GUID of a tenant that is a whole segment of a URL's path, B2C's /tfp/ form too; empty: there is none. */
assay_span assay_entra_find_tenant(assay_span url);
/* Whether this can be an issuer of these settings, tenants not considered. @p tenant: part of @p issuer; empty for B2C without a GUID. */
bool assay_entra_match(const assay_entra *entra, assay_span issuer, assay_span *tenant, int *version);
/*
 * Check what an unverified token says of itself: `nonce` in the header, version, `tid` against the tenant of `iss`, the tenant against those accepted, B2C's policy.
 * ASSAY_OK, ASSAY_E_GRAPH_TOKEN, ASSAY_E_VERSION, ASSAY_E_TENANT_ID, ASSAY_E_TENANT, ASSAY_E_POLICY.
 */
int assay_entra_check_before(const assay_entra *entra, const assay_json_object *header,
                             const assay_json_object *payload, assay_span tenant, int version, assay_failure *failure);
/* Whether B2C's policy is the one of the token. True for other kinds. */
bool assay_entra_has_policy(const assay_entra *entra, const assay_json_object *payload);
/* Whether a key may sign for a tenant. ASSAY_OK, ASSAY_E_KEY_ISSUER, ASSAY_E_KEY_CLOUD. */
int assay_entra_check_key(const assay_entra *entra, const assay_jwk *key, const char *tenant, assay_failure *failure);
/* Whether somebody is on the allow-list. */
bool assay_entra_lists(const assay_entra *entra, assay_span tenant, assay_span id, bool is_client);

#endif
