/* SPDX-License-Identifier: MIT */
/* assay_validator_from_json(): issuers of Entra and other profiles. What every issuer may have is in test_config.c. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ONE(members) "{\"issuers\":[{\"audiences\":\"a\"," members "}]}"
#define WORK(members) ONE("\"profile\":\"entra\"" members)
#define B2C_URL "https://contoso.b2clogin.com/" TENANT_A "/v2.0/"
#define B2C(members) ONE("\"profile\":\"entra-b2c\",\"issuer\":\"" B2C_URL "\",\"policy\":\"B2C_1_in\"" members)
#define EXTERNAL(members) ONE("\"profile\":\"entra-external-id\",\"tenant\":\"" TENANT_A "\"" members)
#define TENANTS ",\"tenants\":[\"" TENANT_A "\"]"

static void good_documents(void **state)
{
    (void)state;
    static const char *const documents[] = {
        WORK(TENANTS),
        ONE("\"tenants\":[\"" TENANT_A "\"],\"profile\":\"entra\""), /* in any order */
        WORK(",\"tenants\":\"" TENANT_A "\""),
        WORK(",\"tenants\":[\"" TENANT_A "\",\"" TENANT_B "\",\"consumers\"]"),
        WORK(",\"tenants\":\"organizations\""),
        WORK(",\"tenants\":\"common\""),
        WORK(",\"tenants\":\"consumers\""),
        WORK(",\"cloud\":\"public\"" TENANTS),
        WORK(",\"cloud\":\"us-government\"" TENANTS),
        WORK(",\"cloud\":\"china\"" TENANTS),
        WORK(",\"cloud\":\"https://login.example.com\",\"v1_issuer\":\"https://sts.example.com/"
             "{tenantid}/\",\"cloud_instance\":\"example.com\"" TENANTS),
        WORK(",\"issuer\":\"" ENTRA_V2("{tenantid}") "\"" TENANTS),
        WORK(",\"issuer\":\"" ENTRA_V2(TENANT_A) "\""),
        WORK(",\"issuer\":\"" ENTRA_V2(TENANT_A) "\"" TENANTS),
        WORK(",\"versions\":[1]" TENANTS),
        WORK(",\"versions\":[2]" TENANTS),
        WORK(",\"versions\":[2,1]" TENANTS),
        WORK(",\"application_keys\":\"" ENTRA_CALLER "\"" TENANTS),
        WORK(",\"allow_spn_audience\":true,\"allow_audience_slash\":true,\"require_idtyp\":true" TENANTS),
        WORK(",\"ignore_key_issuer\":true,\"ignore_key_cloud\":false" TENANTS),
        WORK(",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"object_id\":\"" ENTRA_OID
             "\"},{\"client_id\":\"" ENTRA_CALLER "\",\"tenant\":\"" TENANT_A "\"}]" TENANTS),
        WORK(",\"algorithms\":\"RS256\",\"leeway\":5,\"key_retention\":3600,\"required_claims\":\"/oid\"" TENANTS),
        B2C(""),
        B2C(",\"discovery_url\":\"https://login.example.com/B2C_1_in/v2.0/.well-known/openid-configuration\""),
        B2C(",\"allow_audience_slash\":true,\"ignore_key_issuer\":true"),
        EXTERNAL(""),
        EXTERNAL(",\"authority\":\"https://contoso.ciamlogin.com\",\"versions\":[2],\"require_idtyp\":false"),
        ONE("\"issuer\":\"https://a.example\",\"accept_unproven_binding\":true,\"allow_exchange_audience\":true"),
    };
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        assay_validator *validator = NULL;
        assay_error *error = NULL;
        if (assay_validator_from_json(NULL, documents[i], strlen(documents[i]), &validator, &error) != ASSAY_OK)
            fail_msg("%s: %s", documents[i], assay_error_message(error));
        assay_validator_unref(validator);
    }
}

static void bad_documents(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int code;
        const char *said;
    } rows[] = {
        {WORK(""), ASSAY_E_CONFIG_TENANT, "issuer 1: no tenant is accepted"},
        {WORK(",\"tenants\":[]"), ASSAY_E_CONFIG_MEMBER, "tenants must be"},
        {WORK(",\"tenants\":{}"), ASSAY_E_CONFIG_MEMBER, "tenants must be"},
        {WORK(",\"tenants\":null"), ASSAY_E_CONFIG_MEMBER, "tenants must be"},
        {WORK(",\"tenants\":[1]"), ASSAY_E_CONFIG_MEMBER, "an array of texts only"},
        {WORK(",\"tenants\":\"contoso.com\""), ASSAY_E_CONFIG_TENANT, "not a GUID"},
        /* A list of tenants that any organisation would make pointless. */
        {WORK(",\"tenants\":[\"" TENANT_A "\",\"organizations\"]"), ASSAY_E_CONFIG_TENANT, "not a GUID"},
        {WORK(",\"cloud\":\"germany\"" TENANTS), ASSAY_E_CONFIG_ISSUER, "us-government"},
        {WORK(",\"cloud\":1" TENANTS), ASSAY_E_CONFIG_MEMBER, "cloud must be a text"},
        {WORK(",\"cloud\":\"" ENTRA_V2(TENANT_A) "\""), ASSAY_E_CONFIG_ISSUER, "give it as issuer"},
        {WORK(",\"cloud\":\"public\",\"issuer\":\"" ENTRA_V2(TENANT_A) "\""), ASSAY_E_CONFIG_MEMBER, "not both"},
        {WORK(",\"issuer\":\"" ENTRA_V1(TENANT_A) "\""), ASSAY_E_CONFIG_ISSUER, "version 1 are accepted beside it"},
        {WORK(",\"issuer\":\"" ENTRA_V2("contoso.com") "\""), ASSAY_E_CONFIG_ISSUER, "{tenantid}"},
        {WORK(",\"issuer\":\"https://login.microsoftonline.com?organizations/v2.0\"" TENANTS), ASSAY_E_CONFIG_ISSUER,
         "us-government"},
        {WORK(",\"issuer\":\"public\"" TENANTS), ASSAY_E_CONFIG_ISSUER, "{tenantid}"},
        {WORK(",\"versions\":[]" TENANTS), ASSAY_E_CONFIG_MEMBER, "versions must be"},
        {WORK(",\"versions\":[3]" TENANTS), ASSAY_E_CONFIG_MEMBER, "versions must be"},
        {WORK(",\"versions\":[2,2]" TENANTS), ASSAY_E_CONFIG_MEMBER, "versions must be"},
        {WORK(",\"versions\":[1,2,1]" TENANTS), ASSAY_E_CONFIG_MEMBER, "versions must be"},
        {WORK(",\"versions\":2" TENANTS), ASSAY_E_CONFIG_MEMBER, "versions must be"},
        {WORK(",\"versions\":[\"2.0\"]" TENANTS), ASSAY_E_CONFIG_MEMBER, "versions must be"},
        {WORK(",\"v1_issuer\":\"https://sts.example.com/{tenantid}/\"" TENANTS), ASSAY_E_CONFIG_ISSUER, "known cloud"},
        {WORK(",\"cloud_instance\":\"x\"" TENANTS), ASSAY_E_CONFIG_ISSUER, "known cloud"},
        {WORK(",\"application_keys\":\"x\"" TENANTS), ASSAY_E_CONFIG_TENANT, "client id"},
        {WORK(",\"require_idtyp\":1" TENANTS), ASSAY_E_CONFIG_MEMBER, "require_idtyp must be true or false"},
        {WORK(",\"ignore_key_issuer\":\"true\"" TENANTS), ASSAY_E_CONFIG_MEMBER, "true or false"},
        {WORK(",\"check_key_issuer\":false" TENANTS), ASSAY_E_CONFIG_MEMBER, "has no member \"check_key_issuer\""},
        {WORK(",\"callers\":[]" TENANTS), ASSAY_E_CONFIG_MEMBER, "callers must be"},
        {WORK(",\"callers\":{}" TENANTS), ASSAY_E_CONFIG_MEMBER, "callers must be"},
        {WORK(",\"callers\":[1]" TENANTS), ASSAY_E_CONFIG_MEMBER, "callers must be"},
        {WORK(",\"callers\":[{\"tenant\":\"" TENANT_A "\"}]" TENANTS), ASSAY_E_CONFIG_MEMBER, "callers must be"},
        {WORK(",\"callers\":[{\"object_id\":\"" TENANT_A "\"}]" TENANTS), ASSAY_E_CONFIG_MEMBER, "callers must be"},
        {WORK(",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"object_id\":1}]" TENANTS), ASSAY_E_CONFIG_MEMBER, "a text"},
        {WORK(",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"object_id\":\"" ENTRA_OID "\",\"client_id\":\"" ENTRA_OID
              "\"}]" TENANTS),
         ASSAY_E_CONFIG_MEMBER, "callers must be"},
        {WORK(",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"oid\":\"" ENTRA_OID "\"}]" TENANTS), ASSAY_E_CONFIG_MEMBER,
         "a caller has no member \"oid\""},
        {WORK(",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"object_id\":\"x\"}]" TENANTS), ASSAY_E_CONFIG_TENANT,
         "object id"},
        {WORK(",\"policy\":\"B2C_1_in\"" TENANTS), ASSAY_E_CONFIG_MEMBER, "policy needs the profile entra-b2c"},
        {WORK(",\"tenant\":\"" TENANT_A "\""), ASSAY_E_CONFIG_MEMBER, "tenant needs the profile entra-external-id"},
        {ONE("\"profile\":\"entra-b2c\",\"issuer\":\"" B2C_URL "\""), ASSAY_E_CONFIG_MEMBER, "issuer and policy"},
        {ONE("\"profile\":\"entra-b2c\",\"policy\":\"p\""), ASSAY_E_CONFIG_MEMBER, "issuer and policy"},
        {ONE("\"profile\":\"entra-b2c\",\"issuer\":\"" B2C_URL "\",\"policy\":\"a/b\""), ASSAY_E_CONFIG_ISSUER,
         "policy"},
        {B2C(",\"versions\":[2]"), ASSAY_E_CONFIG_MEMBER, "versions needs the profile entra or entra-external-id"},
        {B2C(TENANTS), ASSAY_E_CONFIG_MEMBER, "tenants needs the profile entra"},
        {ONE("\"profile\":\"entra-external-id\""), ASSAY_E_CONFIG_MEMBER, "must have the text tenant"},
        {ONE("\"profile\":\"entra-external-id\",\"tenant\":\"contoso\""), ASSAY_E_CONFIG_TENANT, "not a GUID"},
        {EXTERNAL(",\"issuer\":\"https://contoso.ciamlogin.com\""), ASSAY_E_CONFIG_MEMBER, "and no issuer"},
        {EXTERNAL(",\"authority\":\"https://contoso.ciamlogin.com/x\""), ASSAY_E_CONFIG_ISSUER, "host alone"},
        {EXTERNAL(",\"cloud\":\"public\""), ASSAY_E_CONFIG_MEMBER, "cloud needs the profile entra"},
        {ONE("\"issuer\":\"https://a.example\"" TENANTS), ASSAY_E_CONFIG_MEMBER, "tenants needs the profile entra"},
        {ONE("\"issuer\":\"https://a.example\",\"profile\":\"id-token\",\"callers\":[]"), ASSAY_E_CONFIG_MEMBER,
         "callers needs the profile entra or entra-b2c or entra-external-id"},
        {ONE("\"issuer\":\"https://a.example\",\"profile\":\"entra2\""), ASSAY_E_CONFIG_PROFILE, "issuer 1"},
        {ONE("\"profile\":\"generic\""), ASSAY_E_CONFIG_MEMBER, "issuer 1: each issuer must be an object with a text"},
        {"{\"issuers\":[{\"audiences\":\"a\",\"issuer\":\"https://"
         "a.example\"},{\"profile\":\"entra\",\"audiences\":\"a\","
         "\"tenants\":1}]}",
         ASSAY_E_CONFIG_MEMBER, "issuer 2: tenants must be"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assay_validator *validator = NULL;
        assay_error *error = NULL;
        int code = assay_validator_from_json(NULL, rows[i].json, strlen(rows[i].json), &validator, &error);
        if (code != rows[i].code || strstr(assay_error_message(error), rows[i].said) == NULL)
            fail_msg("%s gives %s: %s", rows[i].json, assay_code_name(code), assay_error_message(error));
        assay_error_free(error);
        assert_null(validator);
        assert_int_equal(assay_validator_from_json(NULL, rows[i].json, strlen(rows[i].json), &validator, NULL), code);
    }
}

/* A validator from the members of one issuer of the profile entra, with a key of the v2 endpoint for tenant A. */
static void load(trial *t, const char *members)
{
    const char *bare = mint_key_bare_jwk(t->key);
    char *json = trial_format("{\"issuers\":[{\"audiences\":\"" ENTRA_CLIENT "\",%s,\"profile\":\"entra\",\"jwks\":"
                              "{\"keys\":[%.*s,\"kid\":\"" TRIAL_KID "\",\"issuer\":\"" ENTRA_V2(
                                  "{tenantid}") "\",\"cloud_instance_name\":\"microsoftonline.com\"}]}}]}",
                              members, (int)strlen(bare) - 1, bare);
    trial_restart(t);
    must_ok(assay_validator_from_json(t->runtime, json, strlen(json), &t->validator, NULL));
    free(json);
}

#define A_V1 ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1)
#define A_V2 ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2)
#define B_V2 ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2)
#define CONSUMERS_V2 ENTRA_CLAIMS_V2(TENANT_CONSUMERS, ENTRA_USER_V2)
#define NO_PERMISSION_APP                                                                                              \
    ENTRA_CLAIMS_V2(TENANT_A,                                                                                          \
                    ",\"sub\":\"" ENTRA_OID "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"1\",\"idtyp\":\"app\"")
#define NO_PERMISSION_V2                                                                                               \
    ENTRA_CLAIMS_V2(TENANT_A, ",\"sub\":\"" ENTRA_OID "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"1\"")

/* What the members mean counts: the document and the functions of entra.h give one validator. */
static void tenants_take_effect(void **state)
{
    trial t;
    (void)state;
    trial_open(&t, "RS256");
    load(&t, "\"tenants\":[\"" TENANT_A "\"]");
    trial_accept_payload(&t, A_V2);
    trial_accept_payload(&t, A_V1);
    trial_refuse_payload(&t, B_V2, ASSAY_E_TENANT);
    load(&t, "\"issuer\":\"" ENTRA_V2(TENANT_A) "\",\"tenants\":[\"" TENANT_B "\"]");
    trial_accept_payload(&t, A_V2);
    trial_accept_payload(&t, B_V2);
    load(&t, "\"tenants\":\"organizations\"");
    trial_accept_payload(&t, B_V2);
    trial_refuse_payload(&t, CONSUMERS_V2, ASSAY_E_TENANT);
    load(&t, "\"tenants\":\"common\"");
    trial_accept_payload(&t, B_V2);
    trial_accept_payload(&t, CONSUMERS_V2);
    load(&t, "\"tenants\":\"consumers\"");
    trial_refuse_payload(&t, A_V2, ASSAY_E_TENANT);
    trial_accept_payload(&t, CONSUMERS_V2);
    load(&t, "\"tenants\":[\"" TENANT_A "\"],\"cloud\":\"us-government\"");
    trial_refuse_payload(&t, A_V1, ASSAY_E_KEY_ISSUER);
    trial_close(&t);
}

static void other_members_take_effect(void **state)
{
#define A "\"tenants\":[\"" TENANT_A "\"]"
    trial t;
    (void)state;
    trial_open(&t, "RS256");
    load(&t, A ",\"versions\":[2]");
    trial_accept_payload(&t, A_V2);
    trial_refuse_payload(&t, A_V1, ASSAY_E_VERSION);
    load(&t, A ",\"versions\":[1]");
    trial_accept_payload(&t, A_V1);
    trial_refuse_payload(&t, A_V2, ASSAY_E_VERSION);
    load(&t, A);
    trial_refuse_payload(&t, NO_PERMISSION_V2, ASSAY_E_NO_PERMISSION);
    load(&t, A ",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"client_id\":\"" ENTRA_CALLER "\"}]");
    trial_accept_payload(&t, NO_PERMISSION_APP);
    load(&t, A ",\"callers\":[{\"tenant\":\"" TENANT_A "\",\"object_id\":\"" ENTRA_OID "\"}],\"require_idtyp\":true");
    trial_accept_payload(&t, NO_PERMISSION_V2);
    load(&t,
         A ",\"require_idtyp\":true,\"callers\":[{\"tenant\":\"" TENANT_A "\",\"client_id\":\"" ENTRA_CALLER "\"}]");
    trial_refuse_payload(&t, NO_PERMISSION_V2, ASSAY_E_NO_PERMISSION);
    load(&t, A ",\"cloud\":\"https://login.microsoftonline.us\",\"ignore_key_issuer\":true");
    trial_refuse_payload(&t, A_V1, ASSAY_E_KEY_CLOUD);
    load(&t, A ",\"cloud\":\"us-government\",\"ignore_key_issuer\":true,\"ignore_key_cloud\":true");
    trial_accept_payload(&t, A_V1);
    trial_close(&t);
}

/* One tenant that is named twice is one: its own metadata is asked for, and its own issuer is the name. */
static void tenant_named_twice(void **state)
{
    (void)state;
    static const char json[] = WORK(",\"issuer\":\"" ENTRA_V2(TENANT_A) "\"" TENANTS);
    assay_validator *validator = NULL;
    uint8_t *described = NULL;
    size_t len = 0;
    must_ok(assay_validator_from_json(NULL, json, sizeof json - 1, &validator, NULL));
    must_ok(assay_validator_describe(validator, ENTRA_V2(TENANT_A), &described, &len, NULL));
    assay_bytes_free(described, len);
    assay_validator_unref(validator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_documents),      cmocka_unit_test(bad_documents),
        cmocka_unit_test(tenants_take_effect), cmocka_unit_test(other_members_take_effect),
        cmocka_unit_test(tenant_named_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
