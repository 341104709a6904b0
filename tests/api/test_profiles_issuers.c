/* SPDX-License-Identifier: MIT */
/* Several issuers in one validator, each with its profile; and what AKS, GitHub, GitLab, Google and a cluster really serve. */
#include "support/canned.h"
#include "support/entra_trial.h"
#include "support/test_data.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define WAIT 20000
#define AKS "https://westeurope.oic.prod-aks.azure.com/" TENANT_A "/" TENANT_B "/"
#define GITHUB "https://token.actions.githubusercontent.com"
#define GOOGLE "https://accounts.google.com"
#define TIMES "\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700003600"
#define GITHUB_CLAIMS                                                                                                  \
    "\"sub\":\"repo:octo-org/octo-repo:pull_request\",\"repository\":\"octo-org/octo-repo\",\"repository_id\":\"74\"," \
    "\"repository_owner\":\"octo-org\",\"repository_owner_id\":\"65\""
#define WORKLOAD_CLAIMS                                                                                                \
    "\"sub\":\"system:serviceaccount:shop:orders\","                                                                   \
    "\"kubernetes.io\":{\"namespace\":\"shop\",\"serviceaccount\":{\"name\":\"orders\",\"uid\":\"u\"}}"

static int64_t at_trial(void *data)
{
    (void)data;
    return TRIAL_NOW;
}

static int64_t at_trial_ms(void *data)
{
    return at_trial(data) * 1000;
}

/* An issuer whose keys are given: one of this algorithm and kid. Algorithms are those of the profile. */
static assay_issuer *make_issuer(const char *url, const char *profile, const char *audience, const mint_key *key)
{
    assay_issuer *issuer = NULL;
    assay_keyset *keys = NULL;
    must_ok(assay_issuer_new(url, &issuer, NULL));
    must_ok(assay_issuer_set_profile(issuer, profile, NULL));
    must_ok(assay_issuer_add_audience(issuer, audience, NULL));
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, mint_key_jwk(key), strlen(mint_key_jwk(key)), NULL));
    must_ok(assay_issuer_set_keys(issuer, keys, NULL));
    assay_keyset_unref(keys);
    return issuer;
}

/* Frees the issuers. */
static assay_validator *make_validator(assay_issuer *one, assay_issuer *other)
{
    assay_issuer *issuers[] = {one, other};
    assay_validator *validator = NULL;
    assay_runtime *runtime = NULL;
    must_ok(assay_runtime_new(&runtime, NULL));
    must_ok(assay_runtime_set_clock(runtime, at_trial, at_trial_ms, NULL, NULL, NULL));
    must_ok(assay_validator_new(runtime, issuers, other == NULL ? 1 : 2, &validator, NULL));
    assay_runtime_unref(runtime);
    assay_issuer_free(one);
    assay_issuer_free(other);
    return validator;
}

/* Frees the token. The issuer of an accepted one is this; NULL: refused with the code. */
static void decide(assay_validator *validator, char *token, int code, const char *issuer)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int got = assay_validator_check(validator, token, strlen(token), NULL, &claims, &error);
    if (got != code)
        fail_msg("%s (%s) instead of %s", assay_code_name(got), assay_error_message(error), assay_code_name(code));
    if (issuer != NULL)
        assert_string_equal(assay_claims_issuer(claims), issuer);
    else
        assert_null(claims);
    assay_error_free(error);
    assay_claims_unref(claims);
    free(token);
}

static void m01_aks_token_of_an_exchange_audience(void **state)
{
    (void)state;
    static const char exchange[] =
        "{\"iss\":\"" AKS "\",\"aud\":[\"api://AzureADTokenExchange\"]," TIMES "," WORKLOAD_CLAIMS "}";
    static const char own[] =
        "{\"iss\":\"" AKS "\",\"aud\":[\"https://orders.example\"]," TIMES "," WORKLOAD_CLAIMS "}";
    static const char *const algorithms[] = {"RS256", "ES256"}; /* clusters have either */
    for (size_t i = 0; i < 2; i++) {
        mint_key *key = mint_key_new(algorithms[i], "k");
        assay_issuer *issuer = make_issuer(AKS, "kubernetes", "https://orders.example", key);
        must_ok(assay_issuer_require_text(issuer, "/kubernetes.io/namespace", "shop", NULL));
        must_ok(assay_issuer_require_text(issuer, "/kubernetes.io/serviceaccount/name", "orders", NULL));
        assay_validator *validator = make_validator(issuer, NULL);
        decide(validator, mint_token(key, own), ASSAY_OK, AKS);
        decide(validator, mint_token(key, exchange), ASSAY_E_EXCHANGE_AUDIENCE, NULL);
        assay_validator_unref(validator);

        issuer = make_issuer(AKS, "kubernetes", "api://AzureADTokenExchange", key);
        must_ok(assay_issuer_allow_exchange_audience(issuer, NULL));
        validator = make_validator(issuer, NULL);
        decide(validator, mint_token(key, exchange), ASSAY_OK, AKS);
        decide(validator, mint_token(key, own), ASSAY_E_AUDIENCE, NULL);
        assay_validator_unref(validator);
        mint_key_free(key);
    }
}

static void m03_github_token_with_a_tenant_is_not_of_entra(void **state)
{
    (void)state;
    static const char tenant[] = ",\"tid\":\"" TENANT_A "\",\"ver\":\"2.0\",\"oid\":\"" ENTRA_OID
                                 "\",\"azp\":\"" ENTRA_CALLER "\",\"scp\":\"read\"";
    trial entra;
    mint_key *github = mint_key_new("RS256", "g");
    entra_trial_open(&entra);
    must_ok(assay_issuer_set_keys(entra.issuer, entra.keys, NULL));
    assay_validator *validator = make_validator(make_issuer(GITHUB, "github", ENTRA_CLIENT, github), entra.issuer);
    entra.issuer = NULL;

    static const char good_entra[] = ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2);
    char *job =
        trial_format("{\"iss\":\"" GITHUB "\",\"aud\":\"" ENTRA_CLIENT "\"," TIMES "," GITHUB_CLAIMS "%s}", tenant);
    char *user =
        trial_format("{\"iss\":\"" GITHUB "\",\"aud\":\"" ENTRA_CLIENT "\"," TIMES ",\"sub\":\"s\"%s}", tenant);
    decide(validator, mint_token(github, job), ASSAY_OK, GITHUB);
    decide(validator, mint_token(entra.key, good_entra), ASSAY_OK, ENTRA_V2(TENANT_A));
    /* What makes a token of Entra makes none of a job, and the key of one signs for the other never. */
    decide(validator, mint_token(github, user), ASSAY_E_CLAIM_MISSING, NULL);
    decide(validator, mint_token(entra.key, job), ASSAY_E_KEY_UNKNOWN, NULL);
    decide(validator, mint_token(github, good_entra), ASSAY_E_KEY_UNKNOWN, NULL);
    decide(validator, mint_sign(github, "RS256", "{\"alg\":\"RS256\",\"kid\":\"" TRIAL_KID "\"}", good_entra),
           ASSAY_E_SIGNATURE, NULL);
    free(job);
    free(user);
    assay_validator_unref(validator);
    mint_key_free(github);
    trial_close(&entra);
}

static void m04_same_kid_in_two_issuers(void **state)
{
    (void)state;
    static const char job[] = "{\"iss\":\"" GITHUB "\",\"aud\":\"deploy\"," TIMES "," GITHUB_CLAIMS "}";
    static const char workload[] = "{\"iss\":\"" AKS "\",\"aud\":\"deploy\"," TIMES "," WORKLOAD_CLAIMS "}";
    mint_key *a = mint_key_new("ES256", "same"), *b = mint_key_new("ES256", "same");
    assay_validator *validator =
        make_validator(make_issuer(GITHUB, "github", "deploy", a), make_issuer(AKS, "kubernetes", "deploy", b));
    decide(validator, mint_token(a, job), ASSAY_OK, GITHUB);
    decide(validator, mint_token(b, workload), ASSAY_OK, AKS);
    decide(validator, mint_token(b, job), ASSAY_E_SIGNATURE, NULL);
    decide(validator, mint_token(a, workload), ASSAY_E_SIGNATURE, NULL);
    assay_validator_unref(validator);
    mint_key_free(a);
    mint_key_free(b);
}

/* Google's other spelling is an issuer of its own, which is no URL, so its keys are named. */
static void m07_google_without_https(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        canned c;
        assay_issuer *without = NULL;
        canned_open(&c);
        assay_issuer_free(c.issuer);
        must_ok(assay_issuer_new(GOOGLE, &c.issuer, NULL));
        must_ok(assay_issuer_set_profile(c.issuer, "google", NULL));
        must_ok(assay_issuer_add_audience(c.issuer, CANNED_AUDIENCE, NULL));
        must_ok(assay_issuer_new("accounts.google.com", &without, NULL));
        must_ok(assay_issuer_set_profile(without, "google", NULL));
        must_ok(assay_issuer_add_audience(without, CANNED_AUDIENCE, NULL));
        must_ok(assay_issuer_set_jwks_uri(without, "https://www.googleapis.com/oauth2/v3/certs", NULL));
        canned_start(&c, both ? without : NULL, NULL);
        static const char *const issuers[] = {GOOGLE, "accounts.google.com"};
        for (int i = 0; i < 2; i++) {
            char *payload =
                trial_format("{\"iss\":\"%s\",\"aud\":\"" CANNED_AUDIENCE "\"," TIMES ",\"sub\":\"104\"}", issuers[i]);
            char *token = mint_token(c.key, payload);
            assay_op *op = canned_validation(&c, token, WAIT);
            if (i == 1 && both) {
                canned_step(op, ASSAY_WANT_FETCH);
                assert_string_equal(assay_op_fetch_url(op), "https://www.googleapis.com/oauth2/v3/certs");
            }
            int code = i == 0 || both ? ASSAY_OK : ASSAY_E_ISSUER;
            assert_int_equal(canned_finish(&c, op), code);
            canned_result(op, code, code == ASSAY_OK);
            assay_op_free(op);
            free(token);
            free(payload);
        }
        assay_issuer_free(without);
        canned_close(&c);
    }
    assay_issuer *wrong = NULL; /* nothing can be discovered below it */
    assay_validator *validator = NULL;
    must_ok(assay_issuer_new("accounts.google.com", &wrong, NULL));
    must_ok(assay_issuer_set_profile(wrong, "google", NULL));
    must_ok(assay_issuer_add_audience(wrong, CANNED_AUDIENCE, NULL));
    must_fail(assay_validator_new(NULL, &wrong, 1, &validator, &error), ASSAY_E_CONFIG_ISSUER);
    assay_issuer_free(wrong);
}

/* One issuer of a profile; its refresh is answered with these documents. */
static int refresh(canned *c, const char *url, const char *profile, const char *metadata, const char *keys,
                   assay_error **error)
{
    canned_open(c);
    assay_issuer_free(c->issuer);
    must_ok(assay_issuer_new(url, &c->issuer, NULL));
    must_ok(assay_issuer_set_profile(c->issuer, profile, NULL));
    must_ok(assay_issuer_add_audience(c->issuer, CANNED_AUDIENCE, NULL));
    canned_start(c, NULL, NULL);
    assay_op *op = canned_refresh(c, url, WAIT);
    const canned_reply replies[] = {{.body = metadata}, {.body = keys}};
    for (size_t i = 0; i < 2 && assay_op_step(op) == ASSAY_WANT_FETCH; i++) {
        if (i == 0) { /* the slash at the end of an issuer is not doubled */
            size_t len = strlen(url) - (url[strlen(url) - 1] == '/');
            assert_memory_equal(assay_op_fetch_url(op), url, len);
            assert_string_equal(assay_op_fetch_url(op) + len, "/.well-known/openid-configuration");
        }
        canned_answer(c, op, &replies[i]);
    }
    canned_step(op, ASSAY_WANT_NOTHING);
    int code = assay_op_result(op, NULL, error);
    assay_op_free(op);
    return code;
}

static void m02_aks_issuer_without_slash(void **state)
{
    (void)state;
    static const char url[] = "https://westeurope.oic.prod-aks.azure.com/" TENANT_A "/" TENANT_B;
    static const char metadata[] = "{\"issuer\":\"" AKS "\",\"jwks_uri\":\"" AKS "openid/v1/jwks\"}";
    canned c;
    assay_error *error = NULL;
    assert_int_equal(refresh(&c, url, "kubernetes", metadata, NULL, &error), ASSAY_E_METADATA_ISSUER);
    assert_non_null(strstr(assay_error_hint(error), "slash"));
    assert_string_equal(assay_error_expected(error), url);
    assert_string_equal(assay_error_found(error), AKS);
    assay_error_free(error);
    canned_close(&c);
}

static void documents_of_real_issuers(void **state)
{
    (void)state;
    static const struct {
        const char *url, *profile, *metadata, *keys;
        uint64_t usable;
    } rows[] = {
        {GITHUB, "github", "metadata/github-actions.openid-configuration.json", "metadata/github-actions.jwks.json", 4},
        {"https://gitlab.com", "gitlab", "metadata/gitlab.openid-configuration.json", "metadata/gitlab.jwks.json", 2},
        {GOOGLE, "google", "metadata/google.openid-configuration.json", "metadata/google.jwks.2024-10-21.json", 2},
        {"https://eastus.oic.prod-aks.azure.com/ffffffff-eeee-dddd-cccc-bbbbbbbbbbb0/"
         "00000000-0000-0000-0000-000000000000/",
         "kubernetes", "metadata/aks-oidc-issuer.docs-sample.openid-configuration.json",
         "metadata/k8s-selfmanaged-azwi.jwks.json", 1},
    };
    if (!test_data_is_there())
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        canned c;
        size_t len;
        char *metadata = test_data_read(rows[i].metadata, &len), *keys = test_data_read(rows[i].keys, &len);
        assert_true(metadata != NULL && keys != NULL);
        assert_int_equal(refresh(&c, rows[i].url, rows[i].profile, metadata, keys, NULL), ASSAY_OK);
        assert_int_equal(canned_stat(&c, ASSAY_STAT_KEYS_SERVED), rows[i].usable);
        assert_int_equal(canned_stat(&c, ASSAY_STAT_KEYS_SKIPPED), 0);
        canned_close(&c);
        free(metadata);
        free(keys);
    }
}

/* The token of a real cluster, with issuer, audience and times of ours. */
static void shape_of_a_real_cluster(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *sample = test_data_json("metadata/k8s-gke-serviceaccount-token.decoded.json");
    json_t *payload = json_object_get(sample, "payload");
    assert_non_null(payload);
    json_object_set_new(payload, "iss", json_string(AKS));
    json_object_set_new(payload, "aud", json_pack("[s]", "deploy"));
    json_object_set_new(payload, "iat", json_integer(TRIAL_NOW));
    json_object_set_new(payload, "nbf", json_integer(TRIAL_NOW));
    json_object_set_new(payload, "exp", json_integer(TRIAL_NOW + 3600));
    mint_key *key = mint_key_new("RS256", "k");
    assay_issuer *issuer = make_issuer(AKS, "kubernetes", "deploy", key);
    must_ok(assay_issuer_require_text(issuer, "/kubernetes.io/pod/name", "jump", NULL));
    assay_validator *validator = make_validator(issuer, NULL);
    char *text = json_dumps(payload, 0);
    decide(validator, mint_sign(key, "RS256", "{\"alg\":\"RS256\",\"kid\":\"k\"}", text), ASSAY_OK, AKS);
    free(text);
    json_decref(sample);
    assay_validator_unref(validator);
    mint_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m01_aks_token_of_an_exchange_audience),
        cmocka_unit_test(m02_aks_issuer_without_slash),
        cmocka_unit_test(m03_github_token_with_a_tenant_is_not_of_entra),
        cmocka_unit_test(m04_same_kid_in_two_issuers),
        cmocka_unit_test(m07_google_without_https),
        cmocka_unit_test(documents_of_real_issuers),
        cmocka_unit_test(shape_of_a_real_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
