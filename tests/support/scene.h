/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_SCENE_H
#define ASSAY_TESTS_SCENE_H

/*
 * A development issuer with TLS, and a validator that trusts it, on a clock that the test moves. Everything ends the test
 * program on failure of its own.
 */

#include <assay/assay.h>
#include <dev_issuer.h>
#include <stdatomic.h>

typedef struct scene {
    dev_issuer *issuer;
    assay_runtime *runtime;
    assay_issuer *configuration; /* to change before scene_validator() */
    assay_validator *validator;
    atomic_int_fast64_t ahead_ms;    /* how far the clocks are ahead of the real ones */
    atomic_int_fast64_t wall_offset; /* seconds that the wall clock alone is off */
} scene;

/* @p path of the issuer's URL, NULL for none; algorithms RS256 and ES256, ES256 allowed too. */
void scene_open(scene *scene, const char *path);
/* Make the validator from the configuration; scene_open() did not. */
void scene_validator(scene *scene);
void scene_close(scene *scene);
/*
 * What is around each test, for cmocka_unit_test_prestate_setup_teardown() with the scene: it is opened without a path, for some with the validator too. At
 * the end nothing is slow there any more.
 */
int scene_setup(void **state);
int scene_setup_validator(void **state);
int scene_teardown(void **state);
void scene_advance(scene *scene, int64_t seconds);

/* A token by a request as POST /mint takes it; "{}" is a good one. Released with free(). The clock of the scene counts. */
char *scene_mint(scene *scene, const char *request);
/* Validate with so many milliseconds; 0 is assay_validator_check(). Asserts that claims are there exactly where the code is ASSAY_OK. */
int scene_validate(scene *scene, const char *token, int64_t timeout_ms);
/* Mint by a request and validate. */
int scene_try(scene *scene, const char *request, int64_t timeout_ms);
int64_t scene_requests(scene *scene, const char *name);
uint64_t scene_stat(scene *scene, int stat);
int64_t scene_real_ms(void);

#endif
