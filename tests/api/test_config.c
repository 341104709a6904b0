/* SPDX-License-Identifier: MIT */
/* assay_validator_from_json(): every member, good and bad. The setters are in test_builders.c. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ISSUER "\"issuer\":\"https://a.example\""
#define ONE(more) "{\"issuers\":[{" ISSUER ",\"audiences\":\"a\"" more "}]}"
#define RUNTIME(members) "{\"runtime\":{" members "},\"issuers\":[{" ISSUER ",\"audiences\":\"a\"}]}"

static void read_bytes(const char *json, size_t len, assay_runtime *runtime, int wanted)
{
    assay_validator *validator = (assay_validator *)(uintptr_t)1;
    assay_error *error = NULL;
    int code = assay_validator_from_json(runtime, json, len, &validator, &error);
    if (code != wanted || assay_error_code(error) != wanted)
        fail_msg("%.200s gives %s: %s", json, assay_code_name(code), assay_error_message(error));
    assert_int_equal(validator != NULL, wanted == ASSAY_OK);
    if (code != ASSAY_OK) { /* the message ends with no loose colon */
        const char *message = assay_error_message(error);
        if (message[strlen(message) - 1] == ' ' || message[strlen(message) - 1] == ':')
            fail_msg("%.200s: \"%s\"", json, message);
    }
    assay_error_free(error);
    assay_validator_unref(validator);
    assert_int_equal(assay_validator_from_json(runtime, json, len, &validator, NULL), wanted);
    assay_validator_unref(validator);
}

static void read_text(const char *json, int wanted)
{
    read_bytes(json, strlen(json), NULL, wanted);
}

static void good_documents(void **state)
{
    (void)state;
    static const char *const documents[] = {
        ONE(""),
        "\xef\xbb\xbf" ONE(""),
        ONE(",\"profile\":\"rfc9068\""),
        ONE(",\"profile\":\"id-token\",\"client_id\":\"c\""),
        ONE(",\"subject\":\"s\""),
        ONE(",\"leeway\":0"),
        ONE(",\"leeway\":300"),
        ONE(",\"max_lifetime\":1"),
        ONE(",\"max_lifetime\":315360000"),
        ONE(",\"algorithms\":\"RS256\""),
        ONE(",\"algorithms\":[\"RS256\",\"Ed25519\"]"),
        ONE(",\"required_claims\":\"/jti\""),
        ONE(",\"required_claims\":[\"/jti\",\"/a/b\"]"),
        ONE(",\"required_values\":{\"/tid\":\"t\"}"),
        ONE(",\"required_values\":{\"/tid\":[\"t\",\"u\"]}"),
        ONE(",\"required_contains\":{\"/groups\":[\"g\"]}"),
        ONE(",\"discovery\":\"openid\""),
        ONE(",\"discovery\":\"oauth\""),
        ONE(",\"discovery_url\":\"https://b.example/meta\""),
        ONE(",\"jwks_uri\":\"https://b.example/keys\""),
        ONE(",\"jwks_hosts\":[\"b.example\"]"),
        ONE(",\"jwks_hosts\":\"b.example\""),
        ONE(",\"jwks_hosts\":[\"c.example\",\"B.example\"],\"jwks_uri\":\"https://b.example/keys\""),
        ONE(",\"bearer_file\":\"/var/run/token\""),
        ONE(",\"ca_pem\":\"-----BEGIN CERTIFICATE-----\\nMAMCAQE=\\n-----END CERTIFICATE-----\\n\""),
        ONE(",\"key_retention\":0"),
        ONE(",\"key_retention\":604800"),
        ONE(",\"key_hard_limit\":300"),
        ONE(",\"key_hard_limit\":2592000"),
        ONE(",\"allow_loopback_http\":true"),
        ONE(",\"allow_loopback_http\":false"),
        ONE(",\"profile\":\"kubernetes\",\"allow_exchange_audience\":true"),
        ONE(",\"profile\":\"github\",\"allow_exchange_audience\":false"),
        ONE(",\"profile\":\"gitlab\""),
        ONE(",\"profile\":\"google\""),
        ONE(",\"profile\":\"keycloak\""),
        "{\"issuers\":[{" ISSUER ",\"audiences\":\"api://AzureADTokenExchange\",\"profile\":\"kubernetes\","
        "\"allow_exchange_audience\":true}]}",
        "{\"issuers\":[{" ISSUER
        ",\"audiences\":[\"a\",\"b\"]},{\"issuer\":\"https://a.example/\",\"audiences\":\"a\"}]}",
        "{\"issuers\":[{\"issuer\":\"http://127.0.0.1:8080\",\"audiences\":\"a\",\"allow_loopback_http\":true}]}",
        RUNTIME(""),
        RUNTIME("\"fetch_timeout_ms\":100"),
        RUNTIME("\"fetch_timeout_ms\":60000"),
        RUNTIME("\"environment_proxy\":true"),
        RUNTIME("\"proxy\":\"http://proxy.example:3128\",\"no_proxy\":\"a,b\""),
        RUNTIME("\"openssl_properties\":\"provider=default\""),
    };
    for (size_t i = 0; i < COUNT_OF(documents); i++)
        read_text(documents[i], ASSAY_OK);
    mint_key *key = mint_key_new("HS256", "k");
    char *json = trial_format("{\"issuers\":[{\"issuer\":\"any "
                              "text\",\"audiences\":\"a\",\"algorithms\":\"HS256\",\"jwks\":{\"keys\":[%s]}}]}",
                              mint_key_jwk(key));
    read_text(json, ASSAY_OK);
    free(json);
    json = trial_format(
        "{\"issuers\":[{\"issuer\":\"any text\",\"audiences\":\"a\",\"algorithms\":\"HS256\",\"jwks\":%s}]}",
        mint_key_jwk(key));
    read_text(json, ASSAY_OK);
    free(json);
    mint_key_free(key);
}

static void bad_documents(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int code;
    } rows[] = {
        {"", ASSAY_E_CONFIG},
        {" ", ASSAY_E_CONFIG},
        {"[]", ASSAY_E_CONFIG},
        {"null", ASSAY_E_CONFIG},
        {"\"x\"", ASSAY_E_CONFIG},
        {"{", ASSAY_E_CONFIG},
        {ONE("") "x", ASSAY_E_CONFIG},
        {"{\"issuers\":[],\"issuers\":[]}", ASSAY_E_CONFIG},
        {ONE(",\"leeway\":1,\"leeway\":2"), ASSAY_E_CONFIG},
        {ONE(",\"le\\u0065way\":1,\"leeway\":2"), ASSAY_E_CONFIG},
        {"{\"issuers\":[{\"\xff\":1}]}", ASSAY_E_CONFIG},
        {ONE(",\"x\\u0000\":1"), ASSAY_E_CONFIG},
        {"// comment\n" ONE(""), ASSAY_E_CONFIG},
        {ONE(",\"leeway\":1,"), ASSAY_E_CONFIG},
        {"{}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":{}}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[1]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[{}]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[{\"issuer\":1}]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":null}", ASSAY_E_CONFIG_MEMBER},
        {"{\"x\":1,\"issuers\":[{" ISSUER ",\"audiences\":\"a\"}]}", ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"x\":1"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"Leeway\":1"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"audience\":\"a\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"\":1"), ASSAY_E_CONFIG_MEMBER},
        {"{\"runtime\":1,\"issuers\":[{" ISSUER ",\"audiences\":\"a\"}]}", ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"x\":1"), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"clock\":\"x\""), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"fetch_timeout_ms\":\"100\""), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"fetch_timeout_ms\":1.5"), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"fetch_timeout_ms\":99"), ASSAY_E_CONFIG_TIME},
        {RUNTIME("\"fetch_timeout_ms\":60001"), ASSAY_E_CONFIG_TIME},
        {RUNTIME("\"environment_proxy\":1"), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"proxy\":1"), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"proxy\":\"socks5://x\""), ASSAY_E_CONFIG_URL},
        {RUNTIME("\"proxy\":\"http://x/path\""), ASSAY_E_CONFIG_URL},
        {RUNTIME("\"no_proxy\":[]"), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"ca_file\":1"), ASSAY_E_CONFIG_MEMBER},
        {RUNTIME("\"ca_file\":\"/nonexistent/ca.pem\""), ASSAY_E_CONFIG_CA},
        {RUNTIME("\"ca_file\":\"/\""), ASSAY_E_CONFIG_CA},
        {RUNTIME("\"ca_file\":\"/dev/null\""), ASSAY_E_CONFIG_CA},
        {RUNTIME("\"ca_file\":\"\""), ASSAY_E_CONFIG_CA},
        {RUNTIME("\"ca_pem\":\"not pem\""), ASSAY_E_CONFIG_CA},
        {RUNTIME("\"ca_pem\":\"\""), ASSAY_E_CONFIG_CA},
        {RUNTIME("\"openssl_properties\":1"), ASSAY_E_CONFIG_MEMBER},
        {"{\"runtime\":{\"openssl_properties\":\"provider=none-such\"},\"issuers\":[{" ISSUER
         ",\"audiences\":\"a\",\"jwks\":{\"keys\":[]}}]}",
         ASSAY_E_CRYPTO},
        {RUNTIME("\"openssl_properties\":\"provider=none-such\""), ASSAY_E_CRYPTO},
        {"{\"issuers\":[{\"issuer\":\"\",\"audiences\":\"a\"}]}", ASSAY_E_CONFIG_ISSUER},
        {"{\"issuers\":[{\"issuer\":\"https://u:p@a.example\",\"audiences\":\"a\"}]}", ASSAY_E_CONFIG_ISSUER},
        {"{\"issuers\":[{\"issuer\":\"https://u@a.example\",\"audiences\":\"a\"}]}", ASSAY_E_CONFIG_ISSUER},
        {"{\"issuers\":[{\"issuer\":\"http://a.example\",\"audiences\":\"a\",\"allow_loopback_http\":true}]}",
         ASSAY_E_CONFIG_ISSUER},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":\"a\"},{" ISSUER ",\"audiences\":[\"b\",\"a\"]}]}",
         ASSAY_E_CONFIG_ISSUER},
        {"{\"issuers\":[{" ISSUER "}]}", ASSAY_E_CONFIG_AUDIENCE},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":\"\"}]}", ASSAY_E_CONFIG_AUDIENCE},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":[]}]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":[\"a\",1]}]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":{}}]}", ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":null}]}", ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"algorithms\":\"none\""), ASSAY_E_CONFIG_ALGORITHM},
        {ONE(",\"algorithms\":[\"RS256\",\"x\"]"), ASSAY_E_CONFIG_ALGORITHM},
        {ONE(",\"algorithms\":[]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"algorithms\":null"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"algorithms\":\"HS256\""), ASSAY_E_CONFIG_ALGORITHM},
        {ONE(",\"profile\":\"x\""), ASSAY_E_CONFIG_PROFILE},
        {ONE(",\"profile\":[\"generic\"]"), ASSAY_E_CONFIG_MEMBER},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":\"api://AzureADTokenExchange\",\"profile\":\"kubernetes\"}]}",
         ASSAY_E_CONFIG_AUDIENCE},
        {"{\"issuers\":[{" ISSUER ",\"audiences\":[\"a\",\"api://AKSIdentityBinding\"],\"profile\":\"gitlab\"}]}",
         ASSAY_E_CONFIG_AUDIENCE},
        {ONE(",\"allow_exchange_audience\":1"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"allow_exchange_audience\":null"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"client_id\":\"\""), ASSAY_E_ARGUMENT},
        {ONE(",\"subject\":[\"s\"]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"leeway\":301"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"leeway\":-1"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"leeway\":\"60\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"leeway\":60.0"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"leeway\":true"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"leeway\":null"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"max_lifetime\":0"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"max_lifetime\":315360001"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"required_claims\":\"jti\""), ASSAY_E_CONFIG_CLAIM},
        {ONE(",\"required_claims\":\"/~2\""), ASSAY_E_CONFIG_CLAIM},
        {ONE(",\"required_claims\":[]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"required_values\":[]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"required_values\":{\"tid\":\"t\"}"), ASSAY_E_CONFIG_CLAIM},
        {ONE(",\"required_values\":{\"/tid\":\"\"}"), ASSAY_E_CONFIG_CLAIM},
        {ONE(",\"required_values\":{\"/tid\":1}"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"required_values\":{\"/tid\":[]}"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"required_contains\":{\"/g\":[\"a\",null]}"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"discovery\":\"x\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"discovery\":null"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"discovery_url\":\"http://b.example\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"discovery_url\":\"https://u:p@b.example\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"jwks_uri\":\"file:///x\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"jwks_uri\":\"https://u@b.example/\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"jwks_hosts\":\"https://b.example\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"jwks_hosts\":\"b.example:443\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"jwks_hosts\":\"c.example\",\"jwks_uri\":\"https://b.example/keys\""), ASSAY_E_CONFIG_URL},
        {ONE(",\"jwks_hosts\":1"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"bearer_file\":\"token\""), ASSAY_E_CONFIG},
        {ONE(",\"bearer_file\":\"\""), ASSAY_E_CONFIG},
        {ONE(",\"bearer_file\":[\"/a\",\"/b\"]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"bearer_file\":true"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"ca_file\":\"/nowhere/at/all\""), ASSAY_E_CONFIG_CA},
        {ONE(",\"ca_file\":1"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"ca_pem\":\"not pem\""), ASSAY_E_CONFIG_CA},
        {ONE(",\"ca_pem\":\"\""), ASSAY_E_CONFIG_CA},
        {ONE(",\"ca_pem\":[]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"key_retention\":604801"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"key_retention\":-1"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"key_hard_limit\":299"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"key_hard_limit\":2592001"), ASSAY_E_CONFIG_TIME},
        {ONE(",\"allow_loopback_http\":1"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"allow_loopback_http\":\"true\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"jwks\":[]"), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"jwks\":{}"), ASSAY_E_CONFIG_KEYS},
        {ONE(",\"jwks\":{\"keys\":[]}"), ASSAY_E_CONFIG_KEYS},
        {ONE(",\"jwks\":{\"keys\":[{}]}"), ASSAY_E_CONFIG_KEYS},
        {ONE(",\"jwks\":{\"keys\":{}}"), ASSAY_E_CONFIG_KEYS},
        {ONE(",\"jwks\":\"{}\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"jwks_uri\":\"https://b.example\",\"discovery\":\"oauth\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"jwks_uri\":\"https://b.example\",\"discovery_url\":\"https://b.example\""), ASSAY_E_CONFIG_MEMBER},
        {ONE(",\"jwks_uri\":\"https://b.example\",\"jwks\":{\"keys\":[]}"), ASSAY_E_CONFIG_MEMBER},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        read_text(rows[i].json, rows[i].code);
    read_bytes(ONE(""), sizeof ONE(""), NULL, ASSAY_E_CONFIG); /* its terminator is no part of it */
}

static void runtime_given_twice(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    must_ok(assay_runtime_new(&runtime, NULL));
    read_bytes(RUNTIME(""), strlen(RUNTIME("")), runtime, ASSAY_E_CONFIG_MEMBER);
    read_bytes(ONE(""), strlen(ONE("")), runtime, ASSAY_OK);
    must_fail(assay_runtime_set_fetch_timeout(runtime, 1000, &error), ASSAY_E_FROZEN);
    assay_runtime_unref(runtime);
    assay_validator *validator = NULL;
    must_fail(assay_validator_from_json(NULL, NULL, 0, &validator, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_from_json(NULL, "{}", 2, NULL, &error), ASSAY_E_ARGUMENT);
}

/* What the members mean counts: the document and the setters give one validator. */
static void members_take_effect(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    char *json = trial_format("{\"issuers\":[{\"issuer\":\"%s\",\"audiences\":\"%s\",\"algorithms\":\"ES256\","
                              "\"leeway\":0,\"max_lifetime\":3600,\"subject\":\"s\",\"required_claims\":\"/jti\","
                              "\"required_values\":{\"/tid\":[\"one\",\"two\"]},\"required_contains\":{\"/"
                              "groups\":[\"g\",\"h\"]},\"jwks\":%s}]}",
                              TRIAL_ISSUER, TRIAL_AUDIENCE, mint_key_jwk(t.key));
    must_ok(assay_validator_from_json(t.runtime, json, strlen(json), &t.validator, NULL));
#define REST ",\"tid\":\"two\",\"groups\":[\"x\",\"h\",\"g\"],\"jti\":\"j\""
    trial_accept_payload(&t, "{" TRIAL_BARE ",\"sub\":\"s\",\"iat\":1700000000" REST "}");
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"sub\":\"s\",\"iat\":1700000001" REST "}", ASSAY_E_ISSUED_IN_FUTURE);
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"sub\":\"s\",\"iat\":1699999999" REST "}", ASSAY_E_LIFETIME);
    trial_refuse_payload(&t, "{" TRIAL_BARE ",\"sub\":\"S\",\"iat\":1700000000" REST "}", ASSAY_E_SUBJECT);
    trial_refuse_payload(&t,
                         "{" TRIAL_BARE ",\"sub\":\"s\",\"iat\":1700000000,\"tid\":\"two\",\"groups\":[\"g\",\"h\"]}",
                         ASSAY_E_CLAIM_MISSING);
    trial_refuse_payload(&t,
                         "{" TRIAL_BARE
                         ",\"sub\":\"s\",\"iat\":1700000000,\"jti\":\"j\",\"tid\":\"three\",\"groups\":[\"g\",\"h\"]}",
                         ASSAY_E_CLAIM_VALUE);
    trial_refuse_payload(
        &t, "{" TRIAL_BARE ",\"sub\":\"s\",\"iat\":1700000000,\"jti\":\"j\",\"tid\":\"one\",\"groups\":[\"g\"]}",
        ASSAY_E_CLAIM_VALUE);
    free(json);
    trial_close(&t);
}

static void ten_thousand_issuers(void **state)
{
    (void)state;
    size_t size = 10000 * 80 + 100, used = 0;
    char *json = malloc(size);
    assert_non_null(json);
    used += (size_t)snprintf(json, size, "{\"issuers\":[");
    for (int i = 0; i < 10000; i++)
        used += (size_t)snprintf(json + used, size - used,
                                 "%s{\"issuer\":\"https://issuer.example/%d\",\"audiences\":\"a\"}", i ? "," : "", i);
    used += (size_t)snprintf(json + used, size - used, "]}");
    assay_validator *validator = NULL;
    must_ok(assay_validator_from_json(NULL, json, used, &validator, NULL));
    uint64_t value;
    must_ok(assay_validator_get_stat(validator, "https://issuer.example/9999", ASSAY_STAT_KEYS_SERVED, &value));
    assert_int_equal(
        assay_validator_get_stat(validator, "https://issuer.example/10000", ASSAY_STAT_KEYS_SERVED, &value),
        ASSAY_E_NOT_CONFIGURED);
    assay_validator_unref(validator);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_documents),       cmocka_unit_test(bad_documents),
        cmocka_unit_test(runtime_given_twice),  cmocka_unit_test(members_take_effect),
        cmocka_unit_test(ten_thousand_issuers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
