/* SPDX-License-Identifier: MIT */
/* K28 and K29: where the documents of Entra are asked for, and that the real ones load, each by the issuer that it belongs to. */
#include "keys/key_set.h"
#include "profile/entra.h"
#include "support/canned.h"
#include "support/entra_trial.h"
#include "support/test_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOGIN "https://login.microsoftonline.com/"
#define WELL_KNOWN "/v2.0/.well-known/openid-configuration"
#define ZERO "00000000-0000-0000-0000-000000000000"
#define LAB "10c419d4-4a50-45b2-aa4e-919fb84df24f"
#define OLD "6babcaad-604b-40ac-a9d7-9fd97c0b779f"

static canned c;

static void use(assay_issuer *issuer)
{
    assay_validator_unref(c.validator);
    c.validator = NULL;
    must_ok(assay_issuer_add_audience(issuer, ENTRA_CLIENT, NULL));
    must_ok(assay_validator_new(c.runtime, &issuer, 1, &c.validator, NULL));
    assay_issuer_free(issuer);
}

/* Of the public cloud: one tenant, or NULL for any organisation. */
static assay_issuer *public_issuer(const char *tenant, const char *more)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new(NULL, &issuer, NULL));
    if (tenant == NULL)
        must_ok(assay_issuer_entra_allow_any_organization(issuer, NULL));
    else
        must_ok(assay_issuer_entra_add_tenant(issuer, tenant, NULL));
    if (more != NULL)
        must_ok(assay_issuer_entra_add_tenant(issuer, more, NULL));
    return issuer;
}

static assay_issuer *b2c_issuer(const char *url, const char *policy)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new_b2c(url, policy, &issuer, NULL));
    return issuer;
}

/* The next request must be for this URL. */
static void answer(assay_op *op, const char *url, const char *body)
{
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), url);
    canned_answer(&c, op, &(canned_reply){.body = body});
}

/* Answer metadata, then keys where it is good: the code, and how many keys came. */
static int load(const char *name, const char *metadata_url, const char *metadata, const char *jwks, uint64_t *keys)
{
    assay_op *op = canned_refresh(&c, name, 5000);
    answer(op, metadata_url, metadata);
    int want = assay_op_step(op);
    if (want == ASSAY_WANT_FETCH) {
        json_t *document = json_loads(metadata, 0, NULL);
        const char *jwks_uri = test_text(document, "jwks_uri");
        assert_string_equal(assay_op_fetch_url(op), jwks_uri);
        canned_answer(&c, op, &(canned_reply){.body = jwks});
        json_decref(document);
        canned_step(op, ASSAY_WANT_NOTHING);
    }
    int code = assay_op_result(op, NULL, NULL);
    assay_op_free(op);
    *keys = canned_stat(&c, ASSAY_STAT_KEYS_SERVED);
    return code;
}

static char *data(const char *name)
{
    size_t len;
    char *path = trial_format("metadata/%s", name), *text = test_data_read(path, &len);
    if (text == NULL)
        fail_msg("%s is not there", path);
    free(path);
    return text;
}

static void load_row(assay_issuer *issuer, const char *name, const char *metadata_url, const char *metadata_file,
                     const char *jwks_file, int code, size_t count)
{
    char *metadata = data(metadata_file), *jwks = data(jwks_file);
    uint64_t keys;
    use(issuer);
    int got = load(name, metadata_url, metadata, jwks, &keys);
    if (got != code || keys != count)
        fail_msg("%s: %s, %d keys", metadata_file, assay_code_name(got), (int)keys);
    free(metadata);
    free(jwks);
}

static void k29_documents_of_several_tenants(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    static const char name[] = ENTRA_V2("{tenantid}");
    load_row(public_issuer(NULL, NULL), name, LOGIN "organizations" WELL_KNOWN,
             "entra-organizations-v2.openid-configuration.2024-10-19.json",
             "entra-organizations-v2.jwks.2024-10-19.with-cloud-instance.json", ASSAY_OK, 6);
    load_row(public_issuer(TENANT_A, TENANT_B), name, LOGIN "organizations" WELL_KNOWN,
             "entra-organizations-v2.openid-configuration.2024-10-19.json",
             "entra-organizations-v2.jwks.2024-10-19.with-cloud-instance.json", ASSAY_OK, 6);
    load_row(public_issuer(NULL, "consumers"), name, LOGIN "common" WELL_KNOWN,
             "entra-common-v2.openid-configuration.2024-10-20.json",
             "entra-common-v2.jwks.2024-10-20.with-cloud-instance.json", ASSAY_OK, 9);
    load_row(public_issuer(TENANT_A, "consumers"), name, LOGIN "common" WELL_KNOWN,
             "entra-common-v2.openid-configuration.json", "entra-common-v2.jwks.2024-07-22.json", ASSAY_OK, 10);
    load_row(public_issuer(NULL, "consumers"), name, LOGIN "common" WELL_KNOWN,
             "entra-common-v2.openid-configuration.json", "entra-common-v2.jwks-history.json", ASSAY_OK, 42);
    /* That of version 1 bears another issuer, and its keys say nothing of theirs: it is not what was asked for. */
    load_row(public_issuer(NULL, "consumers"), name, LOGIN "common" WELL_KNOWN,
             "entra-common-v1.openid-configuration.json", "entra-common-v1.jwks.2024-07-22.json",
             ASSAY_E_METADATA_ISSUER, 0);
}

static void k29_documents_of_one_tenant(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    static const char jwks[] = "entra-organizations-v2.jwks.2024-10-19.with-cloud-instance.json";
    load_row(public_issuer(ZERO, NULL), ENTRA_V2(ZERO), LOGIN ZERO WELL_KNOWN,
             "entra-tenant-v2.kubelogin-recorded.openid-configuration.json", jwks, ASSAY_OK, 6);
    load_row(public_issuer(ZERO, ZERO), ENTRA_V2(ZERO), LOGIN ZERO WELL_KNOWN,
             "entra-tenant-v2.kubelogin-recorded.openid-configuration.json", jwks, ASSAY_OK, 6);
    load_row(public_issuer(OLD, NULL), ENTRA_V2(OLD), LOGIN OLD WELL_KNOWN,
             "entra-tenant-v1.msal-test.openid-configuration.json", jwks, ASSAY_E_METADATA_ISSUER, 0);
    /* Its keys were moved to another host by those who published it. */
    load_row(public_issuer(LAB, NULL), ENTRA_V2(LAB), LOGIN LAB WELL_KNOWN, "entra-tenant-v2.openid-configuration.json",
             jwks, ASSAY_E_JWKS_URI, 0);
    assay_issuer *issuer = public_issuer(LAB, NULL);
    must_ok(assay_issuer_add_jwks_host(issuer, "localhost", NULL));
    load_row(issuer, ENTRA_V2(LAB), LOGIN LAB WELL_KNOWN, "entra-tenant-v2.openid-configuration.json", jwks, ASSAY_OK,
             6);
    load_row(public_issuer(TENANT_A, NULL), ENTRA_V2(TENANT_A), LOGIN TENANT_A WELL_KNOWN,
             "entra-tenant-v2.kubelogin-recorded.openid-configuration.json", jwks, ASSAY_E_METADATA_ISSUER, 0);
}

static void k29_documents_of_b2c(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    static const char jwks[] = "b2c-userflow.jwks.json";
    static const char url[] = "https://sometenantid.b2clogin.com/" OLD "/v2.0/";
    load_row(b2c_issuer(url, "policy"), url, "https://sometenantid.b2clogin.com/" OLD "/policy" WELL_KNOWN,
             "b2c-policy-b2clogin.msal-test.openid-configuration.json", jwks, ASSAY_OK, 1);
    static const char lab[] = "https://msidlabb2c.b2clogin.com/c8f83f7c-a28f-4e0d-a956-6e0d2df3826b/";
    load_row(b2c_issuer(lab, "b2c_1_sisopolicy"), lab,
             "https://msidlabb2c.b2clogin.com/c8f83f7c-a28f-4e0d-a956-6e0d2df3826b/b2c_1_sisopolicy" WELL_KNOWN,
             "b2c-msidlab-v1.openid-configuration.json", jwks, ASSAY_OK, 1);
    static const char legacy[] = "https://sts.windows.net/" OLD "/";
    load_row(b2c_issuer(legacy, "p"), legacy, "https://sts.windows.net/" OLD "/p" WELL_KNOWN,
             "b2c-policy-legacy.msal-test.openid-configuration.json", jwks, ASSAY_OK, 1);
}

static char *replaced(const char *text, const char *part, const char *by)
{
    const char *at = strstr(text, part);
    assert_non_null(at);
    return trial_format("%.*s%s%s", (int)(at - text), text, by, at + strlen(part));
}

/* Microsoft publishes no whole documents of the other clouds, but the templates of their issuers and keys. */
static void k29_clouds(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *all = test_data_json("metadata/entra-clouds.endpoint-metadata.json"), *one;
    char *jwks = data("entra-organizations-v2.jwks.2024-10-19.with-cloud-instance.json");
    const char *host;
    size_t clouds = 0;
    json_object_foreach(json_object_get(all, "endpointMetadata"), host, one)
    {
        assay_issuer *issuer;
        uint64_t keys;
        const char *name = test_text(one, "issuer");
        char *base = trial_format("https://%s", host),
             *jwks_uri = replaced(test_text(one, "jwks_uri"), "{tenantid}", "organizations"),
             *url = replaced(name, "{tenantid}/v2.0", "organizations" WELL_KNOWN),
             *metadata = trial_format("{\"issuer\":\"%s\",\"jwks_uri\":\"%s\"}", name, jwks_uri);
        must_ok(assay_issuer_entra_new(base, &issuer, NULL));
        must_ok(assay_issuer_entra_allow_any_organization(issuer, NULL));
        use(issuer);
        must_ok(load(name, url, metadata, jwks, &keys));
        assert_int_equal(keys, 6);
        clouds++;
        free(base);
        free(jwks_uri);
        free(url);
        free(metadata);
    }
    assert_int_equal(clouds, 3);
    free(jwks);
    json_decref(all);
}

/* Of the keys that the public endpoint serves, which may sign for an organisation, and which for a personal account. */
static void k29_what_the_keys_may_sign(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    static const struct {
        const char *file;
        size_t work, personal, other_cloud;
    } rows[] = {{"entra-common-v2.jwks.2024-10-20.with-cloud-instance.json", 4, 7, 2},
                {"entra-organizations-v2.jwks.2024-10-19.with-cloud-instance.json", 4, 4, 2},
                {"entra-common-v2.jwks.2024-07-22.json", 7, 10, 0},
                {"entra-common-v1.jwks.2024-07-22.json", 0, 0, 0},
                {"entra-common-v2.jwks-history.json", 28, 40, 2}};
    assay_crypto *crypto = NULL;
    assay_entra *entra = NULL;
    assert_int_equal(assay_crypto_new(NULL, &crypto), ASSAY_OK);
    assert_int_equal(assay_entra_new(NULL, &entra, NULL), ASSAY_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[200], *text = data(rows[i].file);
        size_t work = 0, personal = 0, other_cloud = 0;
        assay_key_set set;
        assay_key_set_init(&set);
        assert_int_equal(assay_key_set_add_json(&set, crypto, text, strlen(text), false, why, sizeof why), ASSAY_OK);
        for (size_t k = 0; k < set.count; k++) {
            int code = assay_entra_check_key(entra, set.keys[k], TENANT_A, NULL);
            work += code == ASSAY_OK;
            other_cloud += code == ASSAY_E_KEY_CLOUD;
            personal += assay_entra_check_key(entra, set.keys[k], TENANT_CONSUMERS, NULL) == ASSAY_OK;
        }
        if (work != rows[i].work || personal != rows[i].personal || other_cloud != rows[i].other_cloud)
            fail_msg("%s: %zu, %zu, %zu", rows[i].file, work, personal, other_cloud);
        assay_key_set_clear(&set);
        free(text);
    }
    assay_entra_free(entra);
    assay_crypto_unref(crypto);
}

/* An application whose claims are mapped has keys of its own, which only the URLs with its id serve. */
static void k28_keys_of_an_application(void **state)
{
    (void)state;
    mint_key *key = mint_key_new("RS256", "custom");
    char *jwk = entra_jwk(key, "custom", ENTRA_V2("{tenantid}"), "microsoftonline.com");
    char *own = trial_format("{\"keys\":[%s]}", jwk);
    mint_key *usual = mint_key_new("RS256", "usual");
    char *usual_jwk = entra_jwk(usual, "usual", ENTRA_V2("{tenantid}"), "microsoftonline.com");
    char *common = trial_format("{\"keys\":[%s]}", usual_jwk);
    char *token = mint_token(key, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    static const char keys_uri[] = LOGIN TENANT_A "/discovery/v2.0/keys";
    static const char plain[] =
        "{\"issuer\":\"" ENTRA_V2(TENANT_A) "\",\"jwks_uri\":\"" LOGIN TENANT_A "/discovery/v2.0/keys\"}";
    static const char with_id[] = "{\"issuer\":\"" ENTRA_V2(TENANT_A) "\",\"jwks_uri\":\"" LOGIN TENANT_A
                                                                      "/discovery/v2.0/keys?appid=" ENTRA_CLIENT "\"}";

    use(public_issuer(TENANT_A, NULL));
    assay_op *op = canned_validation(&c, token, 5000);
    answer(op, LOGIN TENANT_A WELL_KNOWN, plain);
    answer(op, keys_uri, common);
    canned_step(op, ASSAY_WANT_NOTHING);
    assay_error *why = NULL;
    assert_int_equal(assay_op_result(op, NULL, &why), ASSAY_E_KEY_UNKNOWN);
    assert_non_null(strstr(assay_error_hint(why), "assay_issuer_entra_set_application_keys"));
    assay_error_free(why);
    assay_op_free(op);

    assay_issuer *issuer = public_issuer(TENANT_A, NULL);
    must_ok(assay_issuer_entra_set_application_keys(issuer, "33333333-CCCC-4ccc-8ccc-333333333333", NULL));
    must_fail(assay_issuer_entra_set_application_keys(issuer, "not a GUID", &error), ASSAY_E_CONFIG_TENANT);
    use(issuer);
    op = canned_validation(&c, token, 5000);
    answer(op, LOGIN TENANT_A WELL_KNOWN "?appid=" ENTRA_CLIENT, with_id);
    char *keys_of_application = trial_format("%s?appid=" ENTRA_CLIENT, keys_uri);
    answer(op, keys_of_application, own);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, true);
    assay_op_free(op);

    /* With several tenants too. */
    issuer = public_issuer(NULL, "consumers");
    must_ok(assay_issuer_entra_set_application_keys(issuer, ENTRA_CLIENT, NULL));
    use(issuer);
    op = canned_validation(&c, token, 5000);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), LOGIN "common" WELL_KNOWN "?appid=" ENTRA_CLIENT);
    assay_op_free(op);

    free(keys_of_application);
    free(token);
    free(common);
    free(usual_jwk);
    free(own);
    free(jwk);
    mint_key_free(usual);
    mint_key_free(key);
}

static int open_canned(void **state)
{
    (void)state;
    canned_open(&c);
    return 0;
}

static int close_canned(void **state)
{
    (void)state;
    canned_close(&c);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_canned, close_canned)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(k29_documents_of_several_tenants),
        TEST(k29_documents_of_one_tenant),
        TEST(k29_documents_of_b2c),
        TEST(k29_clouds),
        TEST(k29_what_the_keys_may_sign),
        TEST(k28_keys_of_an_application),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
