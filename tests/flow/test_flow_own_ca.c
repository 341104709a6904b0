/* SPDX-License-Identifier: MIT */
/* Issuers with CA certificates of their own, over TLS: two development issuers, each with an authority of its own, that no runtime knows. */
#include "support/loop.h"
#include "support/scene.h"
#include "support/store_folder.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 10000

static scene a, b;
static char *token_a, *token_b;
static assay_runtime *runtime; /* trusts the CAs of the system, none of which signed anything here */
static assay_validator *made;

static const char *pem_of(const scene *of)
{
    return dev_issuer_ca_pem(of->issuer);
}

static void give_ca(const scene *to, const scene *of)
{
    must_ok(assay_issuer_set_ca_pem(to->configuration, pem_of(of), strlen(pem_of(of)), NULL));
}

static int open_two(void **state)
{
    (void)store_folder_open(state);
    scene_open(&a, NULL);
    scene_open(&b, NULL);
    token_a = scene_mint(&a, "{}");
    token_b = scene_mint(&b, "{}");
    must_ok(assay_runtime_new(&runtime, NULL));
    return 0;
}

static int close_two(void **state)
{
    assay_validator_unref(made);
    made = NULL;
    assay_runtime_unref(runtime);
    free(token_a);
    free(token_b);
    scene_close(&b);
    scene_close(&a);
    return store_folder_remove(state);
}

static assay_validator *build(assay_runtime *with)
{
    assay_issuer *both[] = {a.configuration, b.configuration};
    assay_validator *validator = NULL;
    must_ok(assay_validator_new(with, both, 2, &validator, NULL));
    return validator;
}

static int validate(assay_validator *validator, const char *token, int64_t timeout_ms)
{
    assay_claims *claims = NULL;
    int code = timeout_ms == 0
                   ? assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL)
                   : assay_validator_validate(validator, token, strlen(token), NULL, timeout_ms, &claims, NULL);
    assert_int_equal(claims != NULL, code == ASSAY_OK);
    assay_claims_unref(claims);
    return code;
}

static void each_issuer_by_its_own(void **state)
{
    (void)state;
    give_ca(&a, &a);
    give_ca(&b, &b);
    made = build(runtime);
    assert_int_equal(validate(made, token_a, WAIT), ASSAY_OK);
    assert_int_equal(validate(made, token_b, WAIT), ASSAY_OK);
}

static void the_wrong_one_is_refused(void **state)
{
    (void)state;
    give_ca(&a, &b);
    give_ca(&b, &b);
    made = build(runtime);
    assert_int_equal(assay_validator_refresh(made, dev_issuer_url(a.issuer), WAIT, NULL), ASSAY_E_TLS);
    assert_int_equal(validate(made, token_a, WAIT), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&a, "metadata"), 0);
    assert_int_equal(validate(made, token_b, WAIT), ASSAY_OK);
}

/* In the place of the runtime's, and not beside them. */
static void the_runtime_s_do_not_count_then(void **state)
{
    (void)state;
    give_ca(&a, &b);
    made = build(a.runtime);
    assert_int_equal(assay_validator_refresh(made, dev_issuer_url(a.issuer), WAIT, NULL), ASSAY_E_TLS);
    /* The other has none of its own, so those of the runtime count, and its neighbour's do not. */
    assert_int_equal(assay_validator_refresh(made, dev_issuer_url(b.issuer), WAIT, NULL), ASSAY_E_TLS);
}

static int refresh_in(loop *in, assay_validator *validator)
{
    assay_op *op = NULL;
    must_ok(assay_op_new_refresh(validator, dev_issuer_url(a.issuer), WAIT, &op, NULL));
    loop_add(in, op);
    op = loop_next(in, WAIT);
    assert_non_null(op);
    return loop_result(op);
}

/* Connections of one driver are kept. One that was checked against one CA is not used for an issuer with another. */
static void a_driver_keeps_them_apart(void **state)
{
    (void)state;
    loop turning;
    loop_open(&turning, LOOP_EDGE);
    give_ca(&a, &a);
    give_ca(&b, &b);
    assay_validator *right = build(runtime);
    give_ca(&a, &b);
    assay_validator *wrong = build(runtime);
    const struct step {
        assay_validator *validator;
        int code;
    } steps[] = {{right, ASSAY_OK}, {wrong, ASSAY_E_TLS}, {right, ASSAY_OK}, {right, ASSAY_OK}, {wrong, ASSAY_E_TLS}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        assert_int_equal(refresh_in(&turning, steps[i].validator), steps[i].code);
    assert_int_equal(validate(right, token_a, 0), ASSAY_OK);
    const char *const tokens[] = {token_a, token_b};
    for (size_t i = 0; i < 2; i++) {
        assay_op *op = NULL;
        must_ok(assay_op_new_validate(right, tokens[i], strlen(tokens[i]), NULL, WAIT, &op, NULL));
        loop_add(&turning, op);
        op = loop_next(&turning, WAIT);
        assert_non_null(op);
        assert_int_equal(loop_result(op), ASSAY_OK);
    }
    assert_int_equal(scene_requests(&b, "jwks"), 1);
    loop_close(&turning);
    assay_validator_unref(right);
    assay_validator_unref(wrong);
}

static size_t take_over_from(assay_validator *old, assay_runtime *with)
{
    size_t taken = 99;
    assay_validator_unref(made);
    made = build(with);
    must_ok(assay_validator_take_over(made, old, &taken, NULL));
    return taken;
}

static void keys_pass_where_it_is_alike(void **state)
{
    (void)state;
    give_ca(&a, &a);
    assay_validator *old = build(runtime);
    assert_int_equal(validate(old, token_a, WAIT), ASSAY_OK);
    assert_int_equal(take_over_from(old, runtime), 1);
    assert_int_equal(validate(made, token_a, 0), ASSAY_OK);
    give_ca(&a, &b); /* who reloads in order to distrust a CA must not go on with the keys that came by it */
    assert_int_equal(take_over_from(old, runtime), 0);
    assert_int_equal(validate(made, token_a, 0), ASSAY_E_KEYS_NEEDED);
    assay_validator_unref(old);
}

static void a_store_tells_them_apart(void **state)
{
    (void)state;
    must_ok(assay_runtime_set_store_directory(runtime, store_directory, NULL));
    give_ca(&a, &a);
    made = build(runtime);
    assert_int_equal(validate(made, token_a, WAIT), ASSAY_OK);
    assay_validator *second = build(runtime);
    assert_int_equal(validate(second, token_a, 0), ASSAY_OK);
    assay_validator_unref(second);
    give_ca(&a, &b);
    second = build(runtime);
    assert_int_equal(validate(second, token_a, 0), ASSAY_E_KEYS_NEEDED);
    assay_validator_unref(second);
}

static void a_file_is_read_at_once(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/ca.pem", store_folder);
    store_write_path(path, pem_of(&a), strlen(pem_of(&a)));
    must_ok(assay_issuer_set_ca_file(a.configuration, path, NULL));
    /* What fails changes nothing, and what becomes of the file does not either. */
    store_write_path(path, "no certificate", 14);
    must_fail(assay_issuer_set_ca_file(a.configuration, path, &error), ASSAY_E_CONFIG_CA);
    must_fail(assay_issuer_set_ca_file(a.configuration, "/nowhere/at/all", &error), ASSAY_E_CONFIG_CA);
    must_fail(assay_issuer_set_ca_pem(a.configuration, "", 0, &error), ASSAY_E_CONFIG_CA);
    must_fail(assay_issuer_set_ca_file(a.configuration, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_set_ca_pem(a.configuration, NULL, 0, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_set_ca_file(NULL, path, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_set_ca_pem(NULL, "", 0, &error), ASSAY_E_ARGUMENT);
    made = build(runtime);
    assert_int_equal(validate(made, token_a, WAIT), ASSAY_OK);
}

/* The same by a document. */
static void a_document_says_it(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/ca.pem", store_folder);
    store_write_path(path, pem_of(&a), strlen(pem_of(&a)));
    char *json = trial_format("{\"issuers\":[{\"issuer\":\"%s\",\"audiences\":\"%s\",\"ca_file\":\"%s\"}]}",
                              dev_issuer_url(a.issuer), dev_issuer_audience(a.issuer), path);
    must_ok(assay_validator_from_json(NULL, json, strlen(json), &made, NULL));
    assert_int_equal(validate(made, token_a, WAIT), ASSAY_OK);
    free(json);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_two, close_two)
    const struct CMUnitTest tests[] = {
        CASE(each_issuer_by_its_own),    CASE(the_wrong_one_is_refused),    CASE(the_runtime_s_do_not_count_then),
        CASE(a_driver_keeps_them_apart), CASE(keys_pass_where_it_is_alike), CASE(a_store_tells_them_apart),
        CASE(a_file_is_read_at_once),    CASE(a_document_says_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
