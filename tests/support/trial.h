/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_TRIAL_H
#define ASSAY_TESTS_TRIAL_H

/*
 * One issuer with one key and a clock of its own, for tests that hand tokens to a validator. Nothing here touches the network: the keys are
 * given, or pushed to an issuer that can't be reached. Failures of its own end the test program.
 */

#include "support/mint.h"

#include <assay/assay.h>

#define TRIAL_ISSUER "https://127.0.0.1:1/issuer"
#define TRIAL_AUDIENCE "api://trial"
#define TRIAL_NOW 1700000000
#define TRIAL_KID "k"

/* Payload and header of a good token; @p more, such as ",\"nonce\":\"n\"" or "", is put last. */
#define TRIAL_BARE "\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600"
#define TRIAL_CLAIMS(more) "{" TRIAL_BARE ",\"sub\":\"subject-of-trial\",\"iat\":1700000000" more "}"
#define TRIAL_HEADER(algorithm, more) "{\"alg\":\"" algorithm "\",\"kid\":\"" TRIAL_KID "\",\"typ\":\"JWT\"" more "}"

typedef struct trial {
    mint_key *key;
    assay_runtime *runtime;
    assay_issuer *issuer; /* to change before the first token */
    assay_keyset *keys;   /* as well */
    assay_request *request;
    assay_validator *validator;
    int64_t now;
    int pushed;         /* keys are pushed to an issuer that would have to be fetched from */
    int64_t timeout_ms; /* 0: assay_validator_check() */
} trial;

/* A key for the algorithm, which alone is allowed, kid "k". */
void trial_open(trial *t, const char *algorithm);
void trial_close(trial *t);
/* Another key for the set. */
void trial_add_jwk(trial *t, const char *jwk);
/* Build the validator now; otherwise the first token does. */
void trial_start(trial *t);
/* Drop the validator, so that a changed configuration counts. */
void trial_restart(trial *t);

/* Sign header and payload with the key of the trial. */
char *trial_token(trial *t, const char *header, const char *payload);
/* A good token with more claims. */
char *trial_sign(trial *t, const char *payload);

/*
 * Both free the token. A refusal must have exactly this code; give no claims; say the same without an error; and no text of the error may
 * hold a segment of the token. No fetch may have been made.
 */
void trial_refuse_at(trial *t, char *token, int code, const char *file, int line);
void trial_refuse_bytes_at(trial *t, const char *token, size_t len, int code, const char *file, int line);
#define trial_refuse(t, token, code) trial_refuse_at(t, token, code, __FILE__, __LINE__)
#define trial_refuse_bytes(t, token, len, code) trial_refuse_bytes_at(t, token, len, code, __FILE__, __LINE__)
/* Release with assay_claims_unref(). */
assay_claims *trial_claims_at(trial *t, char *token, const char *file, int line);
#define trial_claims(t, token) trial_claims_at(t, token, __FILE__, __LINE__)
#define trial_accept(t, token) assay_claims_unref(trial_claims(t, token))
/* The same for a payload signed with the key of the trial. */
#define trial_accept_payload(t, payload) trial_accept(t, trial_sign(t, payload))
#define trial_refuse_payload(t, payload, code) trial_refuse(t, trial_sign(t, payload), code)
/* The error of a refusal, to look at; release with assay_error_free(). */
assay_error *trial_error(trial *t, char *token);

/* No segment of a token of eight characters or more stands in a text of the error. */
void trial_error_is_clean(const assay_error *error, const char *token, size_t len, const char *file, int line);
/* Whether a text stands in a text of the error. */
int trial_error_holds(const assay_error *error, const char *text);

/* A token's parts changed: all give new text; release with free(). */
char *trial_with_signature(const char *token, const uint8_t *signature, size_t len);
uint8_t *trial_signature(const char *token, size_t *len);
char *trial_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* @p count times a character or text. */
char *trial_repeat(const char *text, size_t count);

/* A call that must succeed. */
#define must_ok(call) trial_must((call), #call, __FILE__, __LINE__)
void trial_must(int code, const char *what, const char *file, int line);
/* A call that must fail with a code and give an error that says so. `error` is declared by the macro. */
#define must_fail(call, wanted)                                                                                        \
    do {                                                                                                               \
        assay_error *error = NULL;                                                                                     \
        int code_ = (call);                                                                                            \
        trial_must_fail(code_, error, wanted, #call, __FILE__, __LINE__);                                              \
    } while (0)
void trial_must_fail(int code, assay_error *error, int wanted, const char *what, const char *file, int line);

#endif
