/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_SOURCE_WORLD_H
#define ASSAY_TESTS_SOURCE_WORLD_H

/* A key source with a clock that stands still until the test moves it, and an issuer that answers what the test says. */

#include "discovery/source.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* What the issuer answers. Zero means: 200, with the body, no max-age, no tag. */
typedef struct canned_answer {
    const char *body; /* NULL: none */
    int status;
    int64_t max_age; /* seconds; 0: none; -1: said to be 0 */
    const char *etag, *content_type, *effective_url;
    bool encoded;
    int64_t retry_after; /* 0: none */
    int failed;          /* not 0: no answer, but this code */
} canned_answer;

typedef struct world {
    assay_source *source;
    assay_crypto *crypto;
    int64_t now;
    canned_answer metadata, keys;
    /* Of the last flight */
    int fetches;
    char last_url[256], metadata_tag[64], keys_tag[64]; /* If-None-Match, "" for none */
    assay_failure failure;
} world;

#define WORLD_ISSUER "https://issuer.example"
#define WORLD_JWKS_URI "https://issuer.example/keys"
#define WORLD_METADATA "{\"issuer\":\"" WORLD_ISSUER "\",\"jwks_uri\":\"" WORLD_JWKS_URI "\"}"

/* A source with these settings; ends the test where it can't be had. Zero retention and hard limit stand for 1 h and 24 h. */
void world_init(world *world, const assay_source_config *config);
void world_clear(world *world);
/* What is around each test, for cmocka_unit_test_prestate_setup_teardown() with the world: keys found by the metadata, of which "a" of the_sets is served. */
int world_setup(void **state);
int world_teardown(void **state);
/* Read an answer to what the source asks for now, and take it in. */
int world_answer(world *world, const assay_http_response *response, assay_failure *failure);
/* One flight with the canned answers; returns its code. Frees what was retired. */
int world_fly(world *world, assay_source_reason reason);
/* A flight where it is allowed now; false: it is not. */
bool world_try(world *world, assay_source_reason reason);
/* Begin with these keys, fetched just now. */
void world_warm(world *world, const char *set);
/* Whether a flight for this reason is allowed now, and how long it is until then. */
bool world_allowed(const world *world, assay_source_reason reason);
int64_t world_until(const world *world, assay_source_reason reason);
bool world_has(const world *world, const char *kid);
size_t world_count(const world *world);

/* JWK sets of EC keys "a", "b" and "c", the same material in each; one without keys, one without usable ones. */
typedef struct world_sets {
    char *a, *b, *c, *ab, *empty, *unusable;
} world_sets;

void world_sets_make(world_sets *sets);
void world_sets_free(world_sets *sets);
/* Those of a program's tests, and the fixtures that make and free them. */
extern world_sets the_sets;
int world_sets_setup(void **state);
int world_sets_teardown(void **state);
/* A JWK of new material; free() it. */
char *world_jwk(const char *kid);
/* A set of one or two of them; free() it. */
char *world_set(const char *first, const char *second);
/* A fetch, because the host wants it, that brings a set. */
void world_serve(world *world, const char *set);
/* The record of the source at a time of the wall clock; assay_release() it. */
char *world_record(world *from, int64_t wall);
/* Take a record in at a time of the wall clock; returns what reading or adopting says. Releases the text. @p buried may be NULL. */
int world_take(world *into, char *record, int64_t wall, size_t *buried);
/* Push a set into the source; frees what was retired. */
int world_push(world *world, const char *set);
void world_free_retired(world *world);

#endif
