/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_BENCH_BENCH_H
#define ASSAY_TESTS_BENCH_BENCH_H

/* What the candidates share: the token, and how each is set up. */

#include "rounds.h"
#include "support/mint.h"

#include <assay/entra.h>
#include <assay/validator.h>
#include <stdbool.h>

#define BENCH_KID "nOo3ZDrODXEK1jKWhXslHR_KXEg"
#define BENCH_TENANT "72f988bf-86f1-41af-91ab-2d7cd011db47"
#define BENCH_ISSUER "https://login.microsoftonline.com/" BENCH_TENANT "/v2.0"
#define BENCH_AUDIENCE "6e74172b-be56-4843-9ff4-e66a39bb12e3"

/* bench_token.c: an access token like Entra's, of about 25 claims. */
char *bench_payload(const char *issuer, const char *audience, long long expires_in);
char *bench_token(const mint_key *key, const char *issuer, const char *audience, long long expires_in);
/* What is signed, and the signature, decoded; released with free(). */
uint8_t *bench_signature(const char *token, size_t *input_len, size_t *signature_len);

/*
 * One file each. They fill in a case that verifies the token, and abort should it ever be refused. Peers answer false where they can't: they are
 * not installed, or do not know the algorithm. What they allocate here stays until the end.
 */
void bench_openssl(const mint_key *key, const char *token, bench_case *made);
void bench_assay(const mint_key *key, const char *token, bench_case *made);
/* The same token again and again, with a token cache. */
void bench_cached(const mint_key *key, const char *token, bench_case *made);
bool bench_cjose(const mint_key *key, const char *token, bench_case *made);
bool bench_liboauth2(const mint_key *key, const char *token, bench_case *made);
bool bench_rhonabwy(const mint_key *key, const char *token, bench_case *made);

/* bench_assay.c: a validator of @p count issuers with one and the same key, that keeps so many tokens; the name of the i-th. */
assay_validator *bench_validator(const mint_key *key, size_t count, size_t kept);
void bench_issuer_name(size_t index, size_t count, char *name, size_t size);
/* A case that offers tokens in turn and expects one answer to all. */
void bench_check(assay_validator *validator, char *const *tokens, size_t count, int expected, bench_case *made);
void bench_scan(const char *payload, bench_case *made);
void bench_base64url(const char *token, bench_case *made);

/* bench_entra.c: prints the figures entra.*. */
void bench_entra(void);
/* bench_threads.c: prints the figures threads2.*. bench_two_threads() gives how much two threads with a case each do, beside one with the first. */
void bench_threads(const mint_key *key, const char *token);
double bench_two_threads(bench_case *first, bench_case *second);
/* bench_latency.c: prints the figures latency.*. Both start an issuer, and want one thread when they are called. */
void bench_latency(void);
/* bench_tokens.c: prints the figures tokens.*; it starts a server, and wants one thread when it is called. A case that gets a kept token. */
void bench_tokens(void);
void bench_kept(bench_case *made);
/* bench_starts.c: prints the figures start.*. */
void bench_starts(void);

#endif
