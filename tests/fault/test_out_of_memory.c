/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of a configuration, a validation, a reload and a refresh fails in turn, once and for good: those of this library and those of OpenSSL, curl and
 * jansson made in the calling thread. Nothing may crash, leak, be half-made, or say yes to a forgery; and afterwards all is as before.
 */
#include "fault/failing_memory.h"
#include "flow/fork.h"
#include "flow/revocations.h"
#include "support/mint.h"
#include "support/scene.h"
#include "support/source_world.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/assay-store-XXXXXX";

#define PAYLOAD                                                                                                        \
    "{\"iss\":\"https://issuer.test\",\"aud\":[\"api\",\"other\"],\"sub\":\"m\\u00fcller\",\"exp\":4000000000,"        \
    "\"nonce\":\"n\",\"scope\":\"read\",\"groups\":[\"a\",\"b\"],\"xms_cc\":[\"cp1\"]}"

static mint_key *key;
static assay_validator *validator;
static assay_request *request;
static char *token, *forged, *jwks, *config;
static scene at;
static char *minted;

/* A demand refuses for its own reason, with or without an error that says so; a challenge that can't be written is none. */
static void demand(const assay_claims *claims)
{
    const char *identity;
    assay_error *error = NULL;
    int got = assay_claims_get_identity(claims, &identity);
    if ((got != ASSAY_OK && got != ASSAY_E_MEMORY) || (got == ASSAY_OK) != (identity != NULL))
        abort();
    if (assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, "read", NULL) != ASSAY_OK ||
        assay_claims_require(claims, ASSAY_PERMISSION_ROLE, "r", &error) != ASSAY_E_ROLE || error == NULL)
        abort();
    assay_error_free(error);
    got = assay_claims_require_context(claims, "c1", NULL, "https://login.test/", &error);
    if ((got != ASSAY_E_CLAIMS_CHALLENGE && got != ASSAY_E_MEMORY) || error == NULL ||
        (assay_error_code(error) == ASSAY_E_CLAIMS_CHALLENGE) !=
            (strstr(assay_error_www_authenticate(error), "insufficient_claims\", claims=\"ey") != NULL))
        abort();
    assay_error_free(error);
}

static int validate(void)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_check(validator, token, strlen(token), request, &claims, &error);
    if ((code == ASSAY_OK) != (claims != NULL) || (code == ASSAY_OK) != (error == NULL))
        abort();
    if (claims != NULL) {
        const char *text;
        size_t len;
        int got = assay_claims_get_text(claims, "sub", &text, &len);
        if (got == ASSAY_OK)
            got = assay_claims_get_text_at(claims, "groups", 1, &text, &len);
        if (got == ASSAY_OK)
            got = assay_claims_get_json(claims, &text, &len);
        if (got != ASSAY_OK && (got != ASSAY_E_MEMORY || text != NULL || len != 0))
            abort();
        demand(claims);
    }
    assay_claims_unref(claims);
    assay_error_free(error);
    return code;
}

static int validate_forged(void)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(validator, forged, strlen(forged), request, &claims, NULL);
    if (code == ASSAY_OK || claims != NULL)
        abort(); /* never, whatever fails */
    return code == ASSAY_E_SIGNATURE ? ASSAY_OK : code;
}

/* Two tokens in a cache with room for one: each is put in, and the second time found where memory sufficed for that. */
static assay_validator *keeping;
static char *tokens[2];

static int validate_kept(void)
{
    for (int i = 0; i < 4; i++) {
        assay_claims *claims = NULL;
        const char *now = tokens[i / 2];
        int code = assay_validator_check(keeping, now, strlen(now), NULL, &claims, NULL);
        if ((code == ASSAY_OK) != (claims != NULL) ||
            (claims != NULL && strcmp(assay_claims_subject(claims), i < 2 ? "m\xc3\xbcller" : "second") != 0))
            abort();
        assay_claims_unref(claims);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

static int configure(void)
{
    assay_validator *made_validator = NULL;
    assay_error *error = NULL;
    int code = assay_validator_from_json(NULL, config, strlen(config), &made_validator, &error);
    if ((code == ASSAY_OK) != (made_validator != NULL))
        abort();
    assay_validator_unref(made_validator);
    assay_error_free(error);
    return code;
}

/* What may pass for a certificate until it is used. */
#define FORMAL_PEM "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"

static int configure_by_calls(void)
{
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    assay_keyset *keyset = NULL;
    assay_validator *made_validator = NULL;
    int code = assay_runtime_new(&runtime, NULL);
    if (code == ASSAY_OK)
        code = assay_runtime_set_no_proxy(runtime, "localhost", NULL);
    if (code == ASSAY_OK)
        code = assay_keyset_new(runtime, &keyset, NULL);
    if (code == ASSAY_OK)
        code = assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_new("https://issuer.test", &issuer, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, "api", NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_require_text(issuer, "/scope", "read", NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_set_ca_pem(issuer, FORMAL_PEM, sizeof FORMAL_PEM - 1, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_set_bearer_file(issuer, "/dev/null", NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_set_keys(issuer, keyset, NULL);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, &made_validator, NULL);
    if ((code == ASSAY_OK) != (made_validator != NULL))
        abort();
    assay_validator_unref(made_validator);
    assay_issuer_free(issuer);
    assay_keyset_unref(keyset);
    assay_runtime_unref(runtime);
    return code;
}

/* Three issuers of Entra, each of a kind. What was set before memory went out stays, so whoever goes on has a complete policy or none. */
static int configure_entra(void)
{
    static const char tenant[] = "11111111-aaaa-4aaa-8aaa-111111111111",
                      other[] = "22222222-bbbb-4bbb-8bbb-222222222222";
    assay_issuer *issuers[3] = {NULL, NULL, NULL};
    assay_validator *made_validator = NULL;
    int code = assay_issuer_entra_new("https://login.example.com", &issuers[0], NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_set_v1_issuer(issuers[0], "https://sts.example.com/{tenantid}/", NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_set_cloud_instance(issuers[0], "example.com", NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_set_application_keys(issuers[0], tenant, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_add_tenant(issuers[0], tenant, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_add_tenant(issuers[0], other, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_add_caller(issuers[0], tenant, other, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_allow_spn_audience(issuers[0], NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_allow_audience_slash(issuers[0], NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_new_b2c("https://contoso.b2clogin.com/x/v2.0/", "policy", &issuers[1], NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_new_external_id(tenant, "https://contoso.ciamlogin.com", &issuers[2], NULL);
    for (size_t i = 0; i < 3 && code == ASSAY_OK; i++)
        code = assay_issuer_add_audience(issuers[i], other, NULL);
    if (code == ASSAY_OK)
        code = assay_validator_new(NULL, issuers, 3, &made_validator, NULL);
    if ((code == ASSAY_OK) != (made_validator != NULL))
        abort();
    assay_validator_unref(made_validator);
    for (size_t i = 0; i < 3; i++)
        assay_issuer_free(issuers[i]);
    return code;
}

/* A validator with a store, which takes in what is there, and a purge, which reads and writes it. */
static int use_store(void)
{
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    assay_validator *made_validator = NULL;
    int code = assay_runtime_new(&runtime, NULL);
    if (code == ASSAY_OK)
        code = assay_runtime_set_store_directory(runtime, directory, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_new("https://issuer.test", &issuer, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, "api", NULL);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, &made_validator, NULL);
    if (code == ASSAY_OK)
        code = assay_validator_purge(made_validator, "https://issuer.test", "gone", NULL);
    assay_validator_unref(made_validator);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    return code == ASSAY_E_KEY_UNKNOWN ? ASSAY_OK : code; /* no such key was there, and it is buried */
}

static int refresh(void)
{
    assay_error *error = NULL;
    int code = assay_validator_refresh(at.validator, NULL, 5000, &error);
    assay_error_free(error);
    /* Whatever happened, the keys that were there serve on. */
    bool was_armed = armed;
    armed = false;
    if (scene_validate(&at, minted, 0) != ASSAY_OK)
        abort();
    armed = was_armed;
    return code;
}

/* No pause after a failure lasts. */
static int64_t late(void *user_data)
{
    (void)user_data;
    return 1700000000;
}

static int64_t later_and_later(void *user_data)
{
    static int64_t now;
    (void)user_data;
    return now += 3600 * 1000;
}

static char bearer[] = "/tmp/assay-bearer-XXXXXX";
static assay_validator *with_bearer;

/* A step that reads the token, and lends it or fails. */
static int lend_token(void)
{
    assay_op *op = NULL;
    int code = assay_op_new_refresh(with_bearer, "https://issuer.test", 5000, &op, NULL);
    if (code != ASSAY_OK)
        return code;
    bool lent = assay_op_step(op) == ASSAY_WANT_FETCH;
    const char *value = assay_op_fetch_header_value(op, 1);
    if (lent != (value != NULL && strcmp(value, "Bearer token") == 0))
        abort(); /* a request without its token is never given out */
    code = lent ? ASSAY_OK : assay_op_result(op, NULL, NULL);
    if (!lent && code == ASSAY_OK)
        abort();
    assay_op_free(op);
    return code;
}

static world_sets sets;
static world old;

/* What an older source knows passes wholly or not at all. */
static int take_over(void)
{
    bool was_armed = armed;
    armed = false;
    world fresh;
    world_init(&fresh, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    assert_int_equal(assay_source_purge(fresh.source, "b", fresh.now), ASSAY_E_KEY_UNKNOWN);
    armed = was_armed;
    int code = assay_source_take_over(fresh.source, old.source, true, fresh.now);
    armed = false;
    if (code == ASSAY_OK) {
        assert_true(world_has(&fresh, "a") && !world_has(&fresh, "b"));
    } else {
        assert_int_equal(code, ASSAY_E_MEMORY);
        assert_null(assay_source_snapshot(fresh.source));
        assert_null(assay_source_jwks_uri(fresh.source));
        assert_true(assay_source_due_at(fresh.source) == INT64_MIN);
    }
    world_clear(&fresh);
    return code;
}

/* Revocations that grow, and two of them that become one: what failed can be had later. */
static int revoke_callers(void)
{
    assay_revocations *both[] = {assay_revocations_new(), assay_revocations_new()};
    int code = both[0] == NULL || both[1] == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
    for (int again = 0; again < 2 && both[0] != NULL && both[1] != NULL; again++) {
        for (int i = 0; i < 100; i++) {
            char subject[16];
            (void)snprintf(subject, sizeof subject, "s%d", i);
            int added = assay_revocations_add(both[i % 2], "https://issuer.test", subject, i, NULL);
            code = added == ASSAY_OK ? code : added;
        }
        assay_fork_hold();
        int shared = assay_revocations_share(both[0], both[1]);
        assay_fork_release();
        code = shared == ASSAY_OK ? code : shared;
        armed = false;
        if (again > 0)
            assert_int_equal(shared, ASSAY_OK);
    }
    armed = false;
    assay_revocations_unref(both[0]);
    assay_revocations_unref(both[1]);
    return code;
}

#define GUID "11111111-aaaa-4aaa-8aaa-111111111111"
#define ENTRA_ISSUERS                                                                                                  \
    "{\"profile\":\"entra\",\"cloud\":\"https://a.test\",\"v1_issuer\":\"https://b.test/{tenantid}/"                   \
    "\",\"cloud_instance\":\"a\","                                                                                     \
    "\"tenants\":[\"" GUID "\",\"consumers\"],\"audiences\":\"a\",\"application_keys\":\"" GUID "\","                  \
    "\"allow_spn_audience\":true,\"callers\":[{\"tenant\":\"" GUID "\",\"client_id\":\"" GUID "\"}]},"                 \
    "{\"profile\":\"entra-b2c\",\"issuer\":\"https://c.test/" GUID "/v2.0/\",\"policy\":\"p\",\"audiences\":\"a\"},"   \
    "{\"profile\":\"entra-external-id\",\"tenant\":\"" GUID "\",\"audiences\":\"a\"}"

static int open_offline(void **state)
{
    (void)state;
    assay_keyset *keyset = NULL;
    assay_issuer *issuer = NULL;
    key = mint_key_new("RS256", "k1");
    jwks = mint_jwks(&key, 1);
    token = mint_token(key, PAYLOAD);
    forged = strdup(token);
    char *at_signature = strrchr(forged, '.') + 10;
    *at_signature = *at_signature == 'A' ? 'B' : 'A';
    if (asprintf(&config,
                 "{\"issuers\":[{\"issuer\":\"https://issuer.test\",\"audiences\":[\"api\",\"b\"],\"jwks\":%s,"
                 "\"required_values\":{\"/scope\":[\"read\",\"write\"]}}," ENTRA_ISSUERS
                 "],\"runtime\":{\"proxy\":\"http://proxy:3128\",\"token_cache\":8}}",
                 jwks) < 0)
        return -1;
    assert_int_equal(assay_keyset_new(NULL, &keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_new("https://issuer.test", &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "api", NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_keys(issuer, keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(NULL, &issuer, 1, &validator, NULL), ASSAY_OK);
    assert_int_equal(assay_request_new(&request, NULL), ASSAY_OK);
    assert_int_equal(assay_request_set_nonce(request, "n", NULL), ASSAY_OK);
    assay_issuer_free(issuer);
    assay_keyset_unref(keyset);
    return 0;
}

static int close_offline(void **state)
{
    (void)state;
    assay_validator_unref(validator);
    assay_request_free(request);
    mint_key_free(key);
    free(jwks);
    free(token);
    free(forged);
    free(config);
    return 0;
}

static void every_allocation_of_a_validation(void **state)
{
    (void)state;
    sweep("validation", validate, 1);
    sweep("validation of a forgery", validate_forged, 1);
}

static void every_allocation_of_keeping_a_token(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    assay_keyset *keyset = NULL;
    uint64_t hits = 0;
    tokens[0] = token;
    tokens[1] =
        mint_token(key, "{\"iss\":\"https://issuer.test\",\"aud\":\"api\",\"sub\":\"second\",\"exp\":4000000000}");
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_token_cache(runtime, 1, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_new(runtime, &keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_new("https://issuer.test", &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "api", NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_keys(issuer, keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &keeping, NULL), ASSAY_OK);
    sweep("validation with a token cache", validate_kept, 1);
    assert_int_equal(assay_validator_get_stat(keeping, NULL, ASSAY_STAT_CACHE_HITS, &hits), ASSAY_OK);
    assert_true(hits > 0);
    /* Not one of ours for a hit. */
    uint64_t before = assay_allocation_count();
    assay_claims *claims = NULL;
    assert_int_equal(assay_validator_check(keeping, tokens[1], strlen(tokens[1]), NULL, &claims, NULL), ASSAY_OK);
    assert_int_equal(assay_allocation_count(), before);
    assay_claims_unref(claims);
    assay_validator_unref(keeping);
    assay_issuer_free(issuer);
    assay_keyset_unref(keyset);
    assay_runtime_unref(runtime);
    free(tokens[1]);
}

static void every_allocation_of_a_configuration(void **state)
{
    (void)state;
    sweep("configuration by JSON", configure, 1);
    sweep("configuration by calls", configure_by_calls, 1);
    sweep("configuration of Entra", configure_entra, 1);
}

static void every_allocation_of_a_store(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    assay_keyset *keyset = NULL;
    assay_validator *pusher = NULL, *reader = NULL;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_store_directory(runtime, directory, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_new(runtime, &keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_new("https://issuer.test", &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "api", NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &pusher, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_push_keys(pusher, "https://issuer.test", keyset, NULL), ASSAY_OK);
    sweep("store", use_store, 1);
    /* Whatever failed, there is a whole record. Its keys are gone where OpenSSL took a want of memory for keys that are no good. */
    assert_int_equal(assay_validator_push_keys(pusher, "https://issuer.test", keyset, NULL), ASSAY_OK);
    assert_int_equal(use_store(), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &reader, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_ready(reader, NULL), ASSAY_OK);
    assay_validator_unref(reader);
    assay_validator_unref(pusher);
    assay_issuer_free(issuer);
    assay_keyset_unref(keyset);
    assay_runtime_unref(runtime);
    DIR *listing = opendir(directory);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        assert_null(strstr(entry->d_name, ".tmp"));
        (void)unlinkat(dirfd(listing), entry->d_name, 0);
    }
    (void)closedir(listing);
    assert_int_equal(rmdir(directory), 0);
}

static void every_allocation_of_a_refresh(void **state)
{
    (void)state;
    scene_open(&at, NULL);
    scene_validator(&at);
    minted = scene_mint(&at, "{}");
    assert_int_equal(scene_validate(&at, minted, 5000), ASSAY_OK);
    sweep("refresh over TLS", refresh, 1);
    free(minted);
    scene_close(&at);
}

static void every_allocation_of_lending_a_token(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    int fd = mkstemp(bearer);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "token\n", 6), 6);
    assert_int_equal(close(fd), 0);
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(runtime, late, later_and_later, NULL, NULL, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_new("https://issuer.test", &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "api", NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_bearer_file(issuer, bearer, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &with_bearer, NULL), ASSAY_OK);
    sweep("lending a token", lend_token, 1);
    assay_validator_unref(with_bearer);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    assert_int_equal(unlink(bearer), 0);
}

static void every_allocation_of_taking_over(void **state)
{
    (void)state;
    world_sets_make(&sets);
    world_init(&old, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    old.metadata.etag = "\"m\"";
    old.keys = (canned_answer){.body = sets.ab, .etag = "\"k\""};
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_COLD), ASSAY_OK);
    old.keys = (canned_answer){.status = 500};
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_E_HTTP_STATUS);
    assert_int_equal(assay_source_purge(old.source, "y", old.now), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(assay_source_purge(old.source, "z", old.now), ASSAY_E_KEY_UNKNOWN);
    sweep("taking over", take_over, 1);
    world_clear(&old);
    world_sets_free(&sets);
}

static void every_allocation_of_revoking(void **state)
{
    (void)state;
    sweep("revoking", revoke_callers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_allocation_of_a_validation, open_offline, close_offline),
        cmocka_unit_test_setup_teardown(every_allocation_of_keeping_a_token, open_offline, close_offline),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_configuration, open_offline, close_offline),
        cmocka_unit_test(every_allocation_of_lending_a_token),
        cmocka_unit_test(every_allocation_of_taking_over),
        cmocka_unit_test(every_allocation_of_revoking),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_store, open_offline, close_offline),
        cmocka_unit_test(every_allocation_of_a_refresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
