/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_CLOUD_H
#define ASSAY_TESTS_CLOUD_H

/*
 * Entra as the test answers for it (support/canned.h): its metadata, and a set of keys with a tag and a max-age of a day, as the real one. A token is
 * decided as a host with warm keys does it: check, and an operation only where a fetch could decide. Failures of its own end the test program.
 */

#include "support/canned.h"
#include "support/entra_trial.h"

#define CLOUD_METADATA                                                                                                 \
    "{\"issuer\":\"" ENTRA_V2("{tenantid}") "\",\"jwks_uri\":\"https://login.microsoftonline.com/common/discovery/"    \
                                            "v2.0/keys\"}"
#define CLOUD_INSTANCE "microsoftonline.com"

typedef struct cloud {
    canned canned;        /* key "k" signs */
    const char *metadata; /* to change */
    char *keys;           /* the set that is served */
    int tag;              /* of the set */
    int status;           /* of every answer; 0: 200, or 304 */
    int metadata_fetches, key_fetches;
} cloud;

/* Any organisation, ES256 and RS256; the set has key "k", for any tenant. cloud_start() makes the validator. */
void cloud_open(cloud *at);
/* Another issuer in its place, which is complete and taken over. */
void cloud_use(cloud *at, assay_issuer *issuer);
void cloud_start(cloud *at);
void cloud_close(cloud *at);
/* Serve another set, which is taken over; of cloud_set() or any text. */
void cloud_serve(cloud *at, char *keys);
/* A set of keys of entra_jwk(), which are released; @p second may be NULL. */
char *cloud_set(char *first, char *second);
/* A key that Entra's own would look like, of the pair of key "k". */
char *cloud_jwk(cloud *at, const char *kid, const char *issuer, const char *instance);

/* A user's token of a tenant at this moment, signed by key "k" under a kid; @p version 1 or 2. Released with free(). */
char *cloud_token(cloud *at, const char *tenant, int version, const char *kid);
/* Any payload with a signature of one octet, which no key ever takes: so its refusal is for its signature only where the key is there. */
char *cloud_forge(const char *algorithm, const char *kid, const char *payload);
/* Payload of cloud_token(). */
char *cloud_payload(cloud *at, const char *tenant, int version);

/* The code for a token. */
int cloud_validate(cloud *at, const char *token);
/* The same for one of cloud_token() or cloud_forge(), which is freed. */
int cloud_try(cloud *at, char *token);
/* Refresh what is due, as a host does in between. */
void cloud_keep_fresh(cloud *at);
/* Refresh now; the code. */
int cloud_refresh(cloud *at);

#endif
