/* SPDX-License-Identifier: MIT */
/* The profiles of Kubernetes, GitHub, GitLab, Google and Keycloak: tokens as their documentation shows them, with invented values, and every refusal. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define USUAL                                                                                                          \
    "\"iss\":\"" TRIAL_ISSUER "\"", "\"aud\":\"" TRIAL_AUDIENCE "\"", "\"exp\":1700003600", "\"iat\":1700000000"

static const char *const kubernetes[] = {
    USUAL,
    "\"nbf\":1700000000",
    "\"jti\":\"0b1f6c1e-6a43-4c1f-8d5e-7a0d5a3c9e11\"",
    "\"sub\":\"system:serviceaccount:shop:orders\"",
    "\"kubernetes.io\":{\"namespace\":\"shop\",\"node\":{\"name\":\"node-1\",\"uid\":\"u1\"},\"pod\":{\"name\":"
    "\"orders-7d\","
    "\"uid\":\"u2\"},\"serviceaccount\":{\"name\":\"orders\",\"uid\":\"u3\"},\"warnafter\":1700003000}",
    NULL};

/* GitHub backdates nbf by ten minutes. */
static const char *const github[] = {
    USUAL,
    "\"nbf\":1699999400",
    "\"jti\":\"j\"",
    "\"sub\":\"repo:octo-org/octo-repo:environment:prod\"",
    "\"environment\":\"prod\"",
    "\"ref\":\"refs/heads/main\"",
    "\"repository\":\"octo-org/octo-repo\"",
    "\"repository_owner\":\"octo-org\"",
    "\"repository_id\":\"74\"",
    "\"repository_owner_id\":\"65\"",
    "\"actor\":\"octocat\"",
    "\"actor_id\":\"12\"",
    "\"event_name\":\"push\"",
    "\"job_workflow_ref\":\"octo-org/octo-repo/.github/workflows/a.yml@refs/heads/main\"",
    NULL};

static const char *const gitlab[] = {USUAL,
                                     "\"nbf\":1699999995",
                                     "\"sub\":\"project_path:shop/orders:ref_type:branch:ref:main\"",
                                     "\"namespace_id\":\"72\"",
                                     "\"namespace_path\":\"shop\"",
                                     "\"project_id\":\"20\"",
                                     "\"project_path\":\"shop/orders\"",
                                     "\"user_login\":\"sample\"",
                                     "\"pipeline_id\":\"574\"",
                                     "\"job_id\":\"302\"",
                                     "\"ref\":\"main\"",
                                     "\"ref_type\":\"branch\"",
                                     "\"ref_protected\":\"true\"",
                                     "\"groups_direct\":[\"shop\"]",
                                     "\"runner_id\":1",
                                     NULL};

static const char *const google[] = {
    USUAL, "\"azp\":\"104\"", "\"sub\":\"104\"", "\"email\":\"robot@shop.example\"", "\"email_verified\":true", NULL};

static const char *const keycloak[] = {USUAL,
                                       "\"jti\":\"j\"",
                                       "\"sub\":\"a3c9\"",
                                       "\"typ\":\"Bearer\"",
                                       "\"azp\":\"frontend\"",
                                       "\"sid\":\"s\"",
                                       "\"acr\":\"1\"",
                                       "\"realm_access\":{\"roles\":[\"user\"]}",
                                       "\"resource_access\":{\"orders\":{\"roles\":[\"reader\"]}}",
                                       "\"scope\":\"openid email\"",
                                       NULL};

static const struct {
    const char *profile;
    const char *const *members;
} all[] = {
    {"kubernetes", kubernetes}, {"github", github}, {"gitlab", gitlab}, {"google", google}, {"keycloak", keycloak}};

/* The payload with another text in the place of a member, or (NULL) without it. */
static char *changed(const char *const *members, const char *name, const char *instead)
{
    char *text = trial_format("{\"z\":0");
    int found = name[0] == '\0';
    for (size_t i = 0; members[i] != NULL; i++) {
        int is_it = strncmp(members[i] + 1, name, strlen(name)) == 0 && members[i][strlen(name) + 1] == '"';
        const char *member = is_it ? instead : members[i];
        found |= is_it;
        char *longer = member == NULL ? strdup(text) : trial_format("%s,%s", text, member);
        free(text);
        text = longer;
    }
    assert_true(found);
    char *whole = trial_format("%s}", text);
    free(text);
    return whole;
}

static void open_profile(trial *t, const char *profile)
{
    trial_open(t, "ES256");
    must_ok(assay_issuer_set_profile(t->issuer, profile, NULL));
}

typedef struct change {
    const char *name, *instead; /* NULL: left out */
    int code;
} change;

static void try_changes(trial *t, const char *const *members, const change *rows, size_t count)
{
    char *payload = changed(members, "", NULL);
    trial_accept_payload(t, payload);
    free(payload);
    for (size_t i = 0; i < count; i++) {
        payload = changed(members, rows[i].name, rows[i].instead);
        if (rows[i].code == ASSAY_OK)
            trial_accept_payload(t, payload);
        else
            trial_refuse_payload(t, payload, rows[i].code);
        free(payload);
    }
}

static void try_header(trial *t, const char *const *members, const char *header, int code)
{
    char *payload = changed(members, "", NULL);
    if (code == ASSAY_OK)
        trial_accept(t, trial_token(t, header, payload));
    else
        trial_refuse(t, trial_token(t, header, payload), code);
    free(payload);
}

/* What all five demand. */
static void claims_of_every_profile(void **state)
{
    (void)state;
    static const change rows[] = {
        {"iss", NULL, ASSAY_E_ISSUER_MISSING},       {"aud", NULL, ASSAY_E_AUDIENCE_MISSING},
        {"exp", NULL, ASSAY_E_EXPIRY_MISSING},       {"iat", NULL, ASSAY_E_CLAIM_MISSING},
        {"sub", NULL, ASSAY_E_CLAIM_MISSING},        {"sub", "\"sub\":\"\"", ASSAY_E_CLAIM_MISSING},
        {"sub", "\"sub\":null", ASSAY_E_CLAIM_TYPE}, {"sub", "\"sub\":[\"s\"]", ASSAY_E_CLAIM_TYPE},
    };
    for (size_t p = 0; p < COUNT_OF(all); p++) {
        trial t;
        open_profile(&t, all[p].profile);
        try_changes(&t, all[p].members, rows, COUNT_OF(rows));
        try_header(&t, all[p].members, TRIAL_HEADER("ES256", ""), ASSAY_OK);
        try_header(&t, all[p].members, "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"dpop+jwt\"}", ASSAY_E_TYP);
        trial_close(&t);
    }
}

static void kubernetes_object(void **state)
{
    (void)state;
    static const change rows[] = {
        {"kubernetes.io", NULL, ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":null", ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":\"shop\"", ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":[\"shop\",\"orders\"]", ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":{}", ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":{\"serviceaccount\":{\"name\":\"orders\"}}", ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":\"shop\"}", ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":\"shop\",\"serviceaccount\":\"orders\"}",
         ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":\"\",\"serviceaccount\":{\"name\":\"orders\"}}",
         ASSAY_E_CLAIM_MISSING},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":7,\"serviceaccount\":{\"name\":\"orders\"}}",
         ASSAY_E_CLAIM_TYPE},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":\"shop\",\"serviceaccount\":{\"name\":null}}",
         ASSAY_E_CLAIM_TYPE},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":\"shop\",\"serviceaccount\":{\"name\":\"other\"}}",
         ASSAY_E_CLAIM_VALUE},
        {"kubernetes.io", "\"kubernetes.io\":{\"namespace\":\"prod\",\"serviceaccount\":{\"name\":\"orders\"}}",
         ASSAY_E_CLAIM_VALUE},
        {"kubernetes.io",
         "\"kubernetes.io\":{\"n\\u0061mespace\":\"sh\\u006fp\",\"serviceaccount\":{\"name\":\"\\u006frders\"}}",
         ASSAY_OK},
        {"sub", "\"sub\":\"system:serviceaccount:sh\\u006fp:orders\"", ASSAY_OK},
        {"sub", "\"sub\":\"system:serviceaccount:shop:order\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"system:serviceaccount:shop:orders2\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"system:serviceaccount:shop:orders\\u0020\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"system:serviceaccount:Shop:orders\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"system:serviceaccount:shop\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"shop:orders\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"system:node:node-1\"", ASSAY_E_CLAIM_VALUE},
    };
    trial t;
    open_profile(&t, "kubernetes");
    try_changes(&t, kubernetes, rows, COUNT_OF(rows));
    try_header(&t, kubernetes, "{\"alg\":\"ES256\",\"kid\":\"k\"}", ASSAY_OK); /* as clusters write it */
    try_header(&t, kubernetes, "{\"alg\":\"ES256\"}", ASSAY_E_KID_MISSING);
    try_header(&t, kubernetes, "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}", ASSAY_E_TYP);
    /* The longest names, so that nothing of the comparison is cut. */
    char *space = trial_repeat("n", 60000 / 8), *payload = NULL;
    payload = trial_format(
        TRIAL_CLAIMS(",\"kubernetes.io\":{\"namespace\":\"%s\",\"serviceaccount\":{\"name\":\"%s\"}}"), space, space);
    trial_refuse_payload(&t, payload, ASSAY_E_CLAIM_VALUE);
    free(payload);
    free(space);
    trial_close(&t);
}

/* Tokens of Secrets, as older clusters made them: no object, no audience, no end. */
static void kubernetes_legacy_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int code;
    } rows[] = {{"", ASSAY_E_AUDIENCE_MISSING},
                {",\"aud\":\"" TRIAL_AUDIENCE "\"", ASSAY_E_EXPIRY_MISSING},
                {",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600", ASSAY_E_CLAIM_MISSING},
                {",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600,\"iat\":1700000000", ASSAY_E_CLAIM_MISSING}};
    trial t;
    open_profile(&t, "kubernetes");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *payload =
            trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"kubernetes.io/serviceaccount/namespace\":\"shop\","
                         "\"kubernetes.io/serviceaccount/service-account.name\":\"orders\","
                         "\"sub\":\"system:serviceaccount:shop:orders\"%s}",
                         rows[i].more);
        trial_refuse_payload(&t, payload, rows[i].code);
        free(payload);
    }
    trial_close(&t);
}

static void m05_github_subject_old_and_immutable(void **state)
{
    (void)state;
    static const change rows[] = {
        {"sub", "\"sub\":\"repo:octo-org/octo-repo:ref:refs/heads/main\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:octo-org/octo-repo\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:octo-org/octo-repo:ref:refs/heads/a@1/b@2\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:octo-org@65/octo-repo@74:ref:refs/heads/main\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:octo-org@65/octo-repo@74:environment:Production%3AV1\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:octo-org\\u004065\\/octo-repo\\u004074:pull_request\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:octo-org@65/octo-repo@74\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:renamed@65/anew@74:pull_request\"", ASSAY_OK}, /* ids are what counts */
        {"sub", "\"sub\":\"repo:octo-org@66/octo-repo@74:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@65/octo-repo@75:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@74/octo-repo@65:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@065/octo-repo@74:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@65/octo-repo:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org/octo-repo@74:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@/octo-repo@:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:@65/octo-repo@74:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@65@65/octo-repo@74:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@65/octo-repo@74/x@74:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:octo-org@65:pull_request\"", ASSAY_E_CLAIM_VALUE},
        {"sub", "\"sub\":\"repo:@\"", ASSAY_E_CLAIM_VALUE},
        /* Customised. */
        {"sub", "\"sub\":\"repository_owner_id:65\"", ASSAY_OK},
        {"sub", "\"sub\":\"job_workflow_ref:octo-org/ci/.github/workflows/a.yml@refs/heads/main\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo\"", ASSAY_OK},
        {"sub", "\"sub\":\"repo:\"", ASSAY_OK},
    };
    trial t;
    open_profile(&t, "github");
    must_ok(assay_issuer_require_text(t.issuer, "/repository_id", "74", NULL));
    must_ok(assay_issuer_require_text(t.issuer, "/repository_owner_id", "65", NULL));
    try_changes(&t, github, rows, COUNT_OF(rows));
    char *payload = changed(github, "repository_id", "\"repository_id\":\"75\"");
    trial_refuse_payload(&t, payload, ASSAY_E_CLAIM_VALUE);
    free(payload);
    trial_close(&t);
}

static void ids_and_names_of_jobs(void **state)
{
    (void)state;
    static const char *const names[][4] = {
        {"repository", "repository_id", "repository_owner", "repository_owner_id"},
        {"namespace_id", "namespace_path", "project_id", "project_path"},
    };
    static const struct {
        const char *value;
        int code;
    } values[] = {{NULL, ASSAY_E_CLAIM_MISSING},
                  {"\"\"", ASSAY_E_CLAIM_MISSING},
                  {"74", ASSAY_E_CLAIM_TYPE},
                  {"null", ASSAY_E_CLAIM_TYPE},
                  {"[\"74\"]", ASSAY_E_CLAIM_TYPE}};
    for (size_t p = 0; p < 2; p++) {
        trial t;
        open_profile(&t, p == 0 ? "github" : "gitlab");
        for (size_t n = 0; n < 4; n++) {
            for (size_t v = 0; v < COUNT_OF(values); v++) {
                char *member = values[v].value == NULL ? NULL : trial_format("\"%s\":%s", names[p][n], values[v].value);
                char *payload = changed(p == 0 ? github : gitlab, names[p][n], member);
                trial_refuse_payload(&t, payload, values[v].code);
                free(payload);
                free(member);
            }
        }
        trial_close(&t);
    }
}

/* The issuer of jobs signs people's ID tokens too. */
static void gitlab_id_token_of_a_person(void **state)
{
    (void)state;
    trial t;
    open_profile(&t, "gitlab");
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"auth_time\":1700000000,\"sub_legacy\":\"l\",\"groups_direct\":[\"g\"]"),
                         ASSAY_E_ID_TOKEN);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"sub_legacy\":\"l\",\"groups_direct\":[\"g\"]"), ASSAY_E_CLAIM_MISSING);
    trial_close(&t);
}

static void google_id_tokens_only(void **state)
{
    (void)state;
    static const change rows[] = {
        {"azp", "\"at_hash\":\"h\",\"nonce\":\"n\",\"hd\":\"shop.example\"", ASSAY_OK},
        {"azp", "\"scope\":\"openid\"", ASSAY_E_ACCESS_TOKEN},
        {"azp", "\"client_id\":\"c\"", ASSAY_E_ACCESS_TOKEN},
        {"aud", "\"aud\":[\"" TRIAL_AUDIENCE "\",\"other\"]", ASSAY_E_AUTHORIZED_PARTY},
    };
    trial t;
    open_profile(&t, "google");
    try_changes(&t, google, rows, COUNT_OF(rows));
    try_header(&t, google, "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}", ASSAY_E_ACCESS_TOKEN);
    trial_close(&t);
}

static void keycloak_type_in_the_payload(void **state)
{
    (void)state;
    static const change rows[] = {
        {"typ", "\"typ\":\"bearer\"", ASSAY_OK},
        {"typ", NULL, ASSAY_E_TYP},
        {"typ", "\"typ\":\"ID\"", ASSAY_E_ID_TOKEN},
        {"typ", "\"typ\":\"Refresh\"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"Offline\"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"Logout\"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"DPoP\"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"Serialized-ID\"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"BEARER\"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"Bearer \"", ASSAY_E_TYP},
        {"typ", "\"typ\":\"\"", ASSAY_E_TYP},
        {"typ", "\"typ\":[\"Bearer\"]", ASSAY_E_TYP},
        {"scope", "\"auth_time\":1700000000,\"nonce\":\"n\"", ASSAY_OK}, /* lightweight, and of older versions */
        {"scope", "\"at_hash\":\"h\"", ASSAY_E_ID_TOKEN},
        {"aud", "\"aud\":[\"account\",\"" TRIAL_AUDIENCE "\"]", ASSAY_OK},
        {"aud", "\"aud\":\"account\"", ASSAY_E_AUDIENCE},
    };
    static const char at_jwt[] = "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}";
    trial t;
    open_profile(&t, "keycloak");
    try_changes(&t, keycloak, rows, COUNT_OF(rows));
    try_header(&t, keycloak, at_jwt, ASSAY_OK);
    try_header(&t, keycloak, "{\"alg\":\"ES256\",\"kid\":\"k\"}", ASSAY_E_TYP);
    char *payload = changed(keycloak, "typ", "\"typ\":\"ID\"");
    trial_refuse(&t, trial_token(&t, at_jwt, payload), ASSAY_E_ID_TOKEN);
    free(payload);
    payload = changed(keycloak, "typ", "\"typ\":\"bearer\",\"auth_time\":1700000000");
    trial_accept_payload(&t, payload);
    free(payload);
    trial_close(&t);
}

static void exchange_audiences(void **state)
{
    (void)state;
    static const struct {
        const char *aud;
        int code, allowed;
    } rows[] = {
        {"\"api://AzureADTokenExchange\"", ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_E_AUDIENCE},
        {"[\"" TRIAL_AUDIENCE "\",\"api://AzureADTokenExchange\"]", ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_OK},
        {"[\"api://AzureADTokenExchangeUSGov\",\"" TRIAL_AUDIENCE "\"]", ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_OK},
        {"[\"" TRIAL_AUDIENCE "\",\"api:\\/\\/Azure\\u0041DTokenExchangeChina\"]", ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_OK},
        {"[\"" TRIAL_AUDIENCE "\",\"api://AKSIdentityBinding\"]", ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_OK},
        {"[7,\"api://AKSIdentityBinding\"]", ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_E_CLAIM_TYPE},
        {"[\"" TRIAL_AUDIENCE "\",\"api://AKSIdentityBindings\"]", ASSAY_OK, ASSAY_OK},
        {"[\"" TRIAL_AUDIENCE "\",\"api://azureadtokenexchange\"]", ASSAY_OK, ASSAY_OK},
        {"[\"" TRIAL_AUDIENCE "\",\"api://AzureADTokenExchang\"]", ASSAY_OK, ASSAY_OK},
        {"{\"0\":\"api://AKSIdentityBinding\"}", ASSAY_E_CLAIM_TYPE, ASSAY_E_CLAIM_TYPE},
    };
    for (size_t p = 0; p <= COUNT_OF(all); p++) {
        bool own = p < COUNT_OF(all); /* the last is generic */
        const char *const *members = own ? all[p].members : github;
        for (int allow = 0; allow < 2; allow++) {
            trial t;
            open_profile(&t, own ? all[p].profile : "generic");
            must_ok(assay_issuer_set_client_id(t.issuer, "104", NULL)); /* for the azp of Google */
            if (allow)
                must_ok(assay_issuer_allow_exchange_audience(t.issuer, NULL));
            for (size_t i = 0; i < COUNT_OF(rows); i++) {
                char *aud = trial_format("\"aud\":%s", rows[i].aud);
                char *payload = changed(members, "aud", aud);
                int code = allow || !own ? rows[i].allowed : rows[i].code;
                if (code == ASSAY_OK)
                    trial_accept_payload(&t, payload);
                else
                    trial_refuse_payload(&t, payload, code);
                free(payload);
                free(aud);
            }
            trial_close(&t);
        }
    }
}

/* Before the signature is looked at, and so for any key; the error says what was found. */
static void exchange_audience_is_shown(void **state)
{
    (void)state;
    trial t;
    open_profile(&t, "kubernetes");
    char *payload = changed(kubernetes, "aud", "\"aud\":[\"" TRIAL_AUDIENCE "\",\"api://AzureADTokenExchange\"]");
    assay_error *error = trial_error(&t, trial_token(&t, "{\"alg\":\"ES256\",\"kid\":\"unknown\"}", payload));
    assert_int_equal(assay_error_code(error), ASSAY_E_EXCHANGE_AUDIENCE);
    assert_string_equal(assay_error_found(error), "api://AzureADTokenExchange");
    assert_int_equal(assay_error_http_status(error), 401);
    assay_error_free(error);
    free(payload);
    trial_close(&t);
}

static void configured_exchange_audience(void **state)
{
    (void)state;
    static const char *const audiences[] = {"api://AzureADTokenExchange", "api://AzureADTokenExchangeUSGov",
                                            "api://AKSIdentityBinding"};
    for (size_t p = 0; p < COUNT_OF(all); p++) {
        for (size_t a = 0; a < COUNT_OF(audiences); a++) {
            trial t;
            assay_validator *validator = NULL;
            open_profile(&t, all[p].profile);
            must_ok(assay_issuer_set_keys(t.issuer, t.keys, NULL));
            must_ok(assay_issuer_add_audience(t.issuer, audiences[a], NULL));
            must_fail(assay_validator_new(NULL, &t.issuer, 1, &validator, &error), ASSAY_E_CONFIG_AUDIENCE);
            assert_null(validator);
            must_ok(assay_issuer_set_profile(t.issuer, "generic", NULL));
            must_ok(assay_validator_new(NULL, &t.issuer, 1, &validator, NULL));
            assay_validator_unref(validator);
            must_ok(assay_issuer_set_profile(t.issuer, all[p].profile, NULL));
            must_ok(assay_issuer_allow_exchange_audience(t.issuer, NULL));
            must_ok(assay_validator_new(NULL, &t.issuer, 1, &validator, NULL));
            assay_validator_unref(validator);
            trial_close(&t);
        }
    }
    must_fail(assay_issuer_allow_exchange_audience(NULL, &error), ASSAY_E_ARGUMENT);
}

static void names_of_profiles(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x", "", "Kubernetes", "github "};
    static const char *const entra[] = {"entra", "entra-b2c", "entra-external-id"};
    trial t;
    trial_open(&t, "ES256");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assay_error *error = NULL;
        assert_int_equal(assay_issuer_set_profile(t.issuer, wrong[i], &error), ASSAY_E_CONFIG_PROFILE);
        assert_string_equal(assay_error_expected(error),
                            "generic, rfc9068, id-token, kubernetes, github, gitlab, google or keycloak");
        assert_string_equal(assay_error_found(error), wrong[i]);
        assay_error_free(error);
    }
    for (size_t i = 0; i < COUNT_OF(entra); i++)
        must_fail(assay_issuer_set_profile(t.issuer, entra[i], &error), ASSAY_E_CONFIG_PROFILE);
    must_fail(assay_issuer_set_profile(t.issuer, NULL, &error), ASSAY_E_CONFIG_PROFILE);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_of_every_profile),      cmocka_unit_test(kubernetes_object),
        cmocka_unit_test(kubernetes_legacy_tokens),     cmocka_unit_test(m05_github_subject_old_and_immutable),
        cmocka_unit_test(ids_and_names_of_jobs),        cmocka_unit_test(gitlab_id_token_of_a_person),
        cmocka_unit_test(google_id_tokens_only),        cmocka_unit_test(keycloak_type_in_the_payload),
        cmocka_unit_test(exchange_audiences),           cmocka_unit_test(exchange_audience_is_shown),
        cmocka_unit_test(configured_exchange_audience), cmocka_unit_test(names_of_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
