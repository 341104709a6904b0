/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_ENTRA_TRIAL_H
#define ASSAY_TESTS_ENTRA_TRIAL_H

/* A trial (support/trial.h) whose issuer is one of Entra's, with keys as the v2 endpoint of a cloud serves them. */

#include "support/trial.h"

#define TENANT_A "11111111-aaaa-4aaa-8aaa-111111111111"
#define TENANT_B "22222222-bbbb-4bbb-8bbb-222222222222"
#define TENANT_CONSUMERS "9188040d-6c67-4c5b-b112-36a304b66dad"
#define ENTRA_CLIENT "33333333-cccc-4ccc-8ccc-333333333333" /* of this API */
#define ENTRA_CALLER "44444444-dddd-4ddd-8ddd-444444444444" /* client id of the caller */
#define ENTRA_OID "55555555-eeee-4eee-8eee-555555555555"
#define ENTRA_SUB "pairwise-subject"

#define ENTRA_V2(tenant) "https://login.microsoftonline.com/" tenant "/v2.0"
#define ENTRA_V1(tenant) "https://sts.windows.net/" tenant "/"
#define ENTRA_TIMES "\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700003600"
/* Claims of every token of a version; put the rest behind, each with its comma before. */
#define ENTRA_CLAIMS_V2(tenant, more)                                                                                  \
    "{\"iss\":\"" ENTRA_V2(tenant) "\",\"aud\":\"" ENTRA_CLIENT "\",\"tid\":\"" tenant                                 \
                                   "\",\"ver\":\"2.0\",\"oid\":\"" ENTRA_OID "\"," ENTRA_TIMES more "}"
#define ENTRA_CLAIMS_V1(tenant, more)                                                                                  \
    "{\"iss\":\"" ENTRA_V1(tenant) "\",\"aud\":\"api://" ENTRA_CLIENT "\",\"tid\":\"" tenant                           \
                                   "\",\"ver\":\"1.0\",\"oid\":\"" ENTRA_OID "\"," ENTRA_TIMES more "}"
/* A user's token with a scope; a daemon's with a role and idtyp. */
#define ENTRA_USER_V2 ",\"sub\":\"" ENTRA_SUB "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"0\",\"scp\":\"read\""
#define ENTRA_USER_V1 ",\"sub\":\"" ENTRA_SUB "\",\"appid\":\"" ENTRA_CALLER "\",\"appidacr\":\"0\",\"scp\":\"read\""
#define ENTRA_DAEMON_V2                                                                                                \
    ",\"sub\":\"" ENTRA_OID "\",\"azp\":\"" ENTRA_CALLER                                                               \
    "\",\"azpacr\":\"1\",\"idtyp\":\"app\",\"roles\":[\"Task.Read\"]"

/* A key as JWK with this kid, `issuer` and `cloud_instance_name` (both may be NULL: absent), and no alg; free() it. */
char *entra_jwk(const mint_key *key, const char *kid, const char *issuer, const char *cloud);

/* Start with one tenant of the public cloud, A, and ENTRA_CLIENT as audience; the key has kid "k". */
void entra_trial_open(trial *t);
/* The same with another issuer, made by an assay_issuer_entra_new…(): the trial owns it, and adds the audience. */
void entra_trial_use(trial *t, assay_issuer *issuer);
/* A JWK as an endpoint of Entra serves it; `issuer` and `cloud_instance_name` may be NULL: absent. Released with free(). */
char *entra_jwk(const mint_key *key, const char *kid, const char *issuer, const char *cloud);
/* Forget the keys; then add such a one of the trial's key pair. */
void entra_trial_no_keys(trial *t);
void entra_trial_add_key(trial *t, const char *kid, const char *issuer, const char *cloud);

#endif
