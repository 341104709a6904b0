/* SPDX-License-Identifier: MIT */
/* K29: the key sets that real providers serve, and broken ones, give the keys that they should. */

#include "keys/key_set.h"
#include "support/signing.h"
#include "support/test_data.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct provider_row {
    const char *file;
    size_t usable, skipped;
} provider_row;

static const provider_row rows[] = {
    {"metadata/apple.jwks.json", 3, 0},
    {"metadata/b2c-userflow.jwks.json", 1, 0},
    {"metadata/entra-common-v1.jwks.2024-07-22.json", 7, 0},
    {"metadata/entra-common-v2.jwks-history.json", 42, 0},
    {"metadata/entra-common-v2.jwks.2024-07-22.json", 10, 0},
    {"metadata/entra-common-v2.jwks.2024-10-20.with-cloud-instance.json", 9, 0},
    {"metadata/entra-organizations-v2.jwks.2024-10-19.with-cloud-instance.json", 6, 0},
    {"metadata/github-actions.jwks.json", 4, 0},
    {"metadata/gitlab.jwks.json", 2, 0},
    {"metadata/google.jwks-history.json", 20, 0},
    {"metadata/google.jwks.2024-10-21.json", 2, 0},
    {"metadata/k8s-selfmanaged-azwi.jwks.json", 1, 0},
    {"providers/dockyard-http/auth0.jwks.json", 2, 0},
    {"providers/dockyard-http/azure.jwks.json", 10, 0},
    {"providers/dockyard-http/cognito.jwks.json", 2, 0},
    {"providers/dockyard-http/google.jwks.json", 2, 0},
    {"providers/dockyard-http/keycloak.jwks.json", 1, 1},
    {"providers/dockyard-http/okta.jwks.json", 2, 0},
    {"providers/dockyard-http/onelogin.jwks.json", 1, 0},
    {"providers/dockyard-http/vault.jwks.json", 2, 0},
    {"providers/misc/github-actions.jwks.json", 4, 0},
    {"providers/ms-identitymodel/JsonWebKeySet.json", 1, 1},
    {"providers/ms-identitymodel/JsonWebKeySetBadBase64Data.json", 1, 1},
    {"providers/ms-identitymodel/JsonWebKeySetBadRsaDataMissingComponent.json", 0, 3},
    {"providers/ms-identitymodel/JsonWebKeySetBadX509Data.json", 1, 1},
    {"providers/ms-identitymodel/JsonWebKeySetEnd2End.json", 2, 0},
    {"providers/ms-identitymodel/JsonWebKeySetEnd2EndEC.json", 3, 0},
    {"providers/ms-identitymodel/JsonWebKeySetSingleX509Data.json", 0, 1},
    {"providers/ms-identitymodel/JsonWebKeySetUnrecognizedKty.json", 0, 2},
    {"providers/ms-identitymodel/PingLabsJWKS.json", 3, 0},
    {"providers/ms-identitymodel/entra-common-v1-2024-02-02.jwks.json", 7, 0},
    {"providers/ms-identitymodel/entra-common-v2-2024-02-02.jwks.json", 10, 0},
    {"providers/panva-wellknown/apple.jwks.json", 3, 0},
    {"providers/panva-wellknown/battle-net.jwks.json", 2, 0},
    {"providers/panva-wellknown/discord.jwks.json", 1, 0},
    {"providers/panva-wellknown/docker.jwks.json", 2, 0},
    {"providers/panva-wellknown/dropbox.jwks.json", 1, 0},
    {"providers/panva-wellknown/entra-common.jwks.json", 7, 0},
    {"providers/panva-wellknown/entra-organizations.jwks.json", 6, 0},
    {"providers/panva-wellknown/facebook.jwks.json", 2, 0},
    {"providers/panva-wellknown/gitlab.jwks.json", 2, 0},
    {"providers/panva-wellknown/google.jwks.json", 2, 0},
    {"providers/panva-wellknown/klarna.jwks.json", 4, 0},
    {"providers/panva-wellknown/lego.jwks.json", 5, 0},
    {"providers/panva-wellknown/mojeid.jwks.json", 1, 0},
    {"providers/panva-wellknown/paypal.jwks.json", 14, 1},
    {"providers/panva-wellknown/slack.jwks.json", 1, 0},
    {"providers/panva-wellknown/spotify.jwks.json", 3, 0},
    {"providers/panva-wellknown/twitch.jwks.json", 1, 0},
    {"providers/panva-wellknown/verimi.jwks.json", 2, 0},
    {"providers/panva-wellknown/yahoo.jwks.json", 1, 3},
};

/* Every reason for which a key of these documents is skipped; each was looked at. */
typedef struct skip_row {
    const char *file;
    size_t index;
    const char *sentence;
} skip_row;

static const skip_row skips[] = {
    {"providers/dockyard-http/keycloak.jwks.json", 0,
     "key 2 (kid \"Q2O_f0Z7hVL1WUxKQbChyWK_FzQK-qRZh4Kg9mxxt_I\"): its \"use\""},
    {"providers/ms-identitymodel/JsonWebKeySet.json", 0,
     "key 1 (kid \"NGTFvdK-fythEuLwjpwAJOM9n-A\"): its member \"key_ops\""},
    {"providers/ms-identitymodel/JsonWebKeySetBadBase64Data.json", 0, "its certificate in \"x5c\" is not base64"},
    {"providers/ms-identitymodel/JsonWebKeySetBadRsaDataMissingComponent.json", 0, "key 1: it has no \"kty\""},
    {"providers/ms-identitymodel/JsonWebKeySetBadRsaDataMissingComponent.json", 1, "its member \"key_ops\""},
    {"providers/ms-identitymodel/JsonWebKeySetBadRsaDataMissingComponent.json", 2, "its member \"e\" is missing"},
    {"providers/ms-identitymodel/JsonWebKeySetBadX509Data.json", 0, "x5c holds no readable"},
    {"providers/ms-identitymodel/JsonWebKeySetSingleX509Data.json", 0, "its member \"n\" is missing"},
    {"providers/ms-identitymodel/JsonWebKeySetUnrecognizedKty.json", 0, "its member \"key_ops\""},
    {"providers/ms-identitymodel/JsonWebKeySetUnrecognizedKty.json", 1, "it is symmetric"},
    {"providers/panva-wellknown/paypal.jwks.json", 0,
     "key 8 (kid \"753778214125442a472d4b6150645367\"): its \"crv\""}, /* X25519 */
    {"providers/panva-wellknown/yahoo.jwks.json", 0, "smaller than 2048"},
    {"providers/panva-wellknown/yahoo.jwks.json", 1, "smaller than 2048"},
    {"providers/panva-wellknown/yahoo.jwks.json", 2, "smaller than 2048"},
};

/* The document itself; of a recorded HTTP answer the body. */
static char *document_of(const char *file, size_t *len)
{
    if (strstr(file, "/dockyard-http/") == NULL)
        return test_data_read(file, len);
    json_t *answer = test_data_json(file);
    const json_t *body = json_object_get(answer, "body");
    char *text = json_is_string(body) ? strdup(json_string_value(body)) : json_dumps(body, 0);
    *len = text == NULL ? 0 : strlen(text);
    json_decref(answer);
    return text;
}

static size_t check_skips(const char *file, const assay_key_set *set)
{
    size_t checked = 0;
    for (size_t i = 0; i < sizeof skips / sizeof skips[0]; i++) {
        if (strcmp(skips[i].file, file) != 0)
            continue;
        assert_true(skips[i].index < set->skipped_count);
        if (strstr(set->skipped[skips[i].index], skips[i].sentence) == NULL)
            fail_msg("%s: \"%s\" says nothing of \"%s\"", file, set->skipped[skips[i].index], skips[i].sentence);
        checked++;
    }
    return checked;
}

static void every_document(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    size_t usable = 0, skipped = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        char *text = document_of(rows[i].file, &len);
        if (text == NULL)
            fail_msg("%s is not there", rows[i].file);
        assay_key_set set;
        assay_key_set_init(&set);
        char why[200];
        int code = assay_key_set_add_json(&set, test_crypto, text, len, false, why, sizeof why);
        if (code != ASSAY_OK || set.count != rows[i].usable || set.skipped_count != rows[i].skipped)
            fail_msg("%s: code %d (%s), %zu usable, %zu skipped", rows[i].file, code, why, set.count,
                     set.skipped_count);
        assert_int_equal(check_skips(rows[i].file, &set), rows[i].skipped);
        usable += set.count;
        skipped += set.skipped_count;
        assay_key_set_clear(&set);
        free(text);
    }
    print_message("%zu documents: %zu keys usable, %zu skipped\n", sizeof rows / sizeof rows[0], usable, skipped);
    print_message("vectors: key sets of providers: %zu ran, %zu passed, 0 out of scope\n", sizeof rows / sizeof rows[0],
                  sizeof rows / sizeof rows[0]);
}

/* Metadata is no key set. */
static void metadata_is_refused(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    static const char *const files[] = {"providers/panva-wellknown/google.openid-configuration.json",
                                        "providers/ms-identitymodel/OpenIdConnectMetadata.json",
                                        "providers/ms-identitymodel/OpenIdConnectMetadataEnd2End.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t len;
        char *text = test_data_read(files[i], &len);
        assert_non_null(text);
        assay_key_set set;
        assay_key_set_init(&set);
        assert_int_equal(assay_key_set_add_json(&set, test_crypto, text, len, false, NULL, 0), ASSAY_E_JWKS);
        assert_int_equal(set.count + set.skipped_count, 0);
        assay_key_set_clear(&set);
        free(text);
    }
}

/* Entra's members, which bind a key to an issuer and a cloud. */
static void entra_members(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    size_t len;
    char *text = test_data_read("metadata/entra-common-v2.jwks.2024-10-20.with-cloud-instance.json", &len);
    assert_non_null(text);
    assay_key_set set;
    assay_key_set_init(&set);
    assert_int_equal(assay_key_set_add_json(&set, test_crypto, text, len, false, NULL, 0), ASSAY_OK);
    for (size_t i = 0; i < set.count; i++) {
        assert_non_null(set.keys[i]->kid);
        assert_non_null(set.keys[i]->issuer);
        /* The common endpoint serves the keys of the government's cloud too. */
        assert_true(strcmp(set.keys[i]->cloud, "microsoftonline.com") == 0 ||
                    strcmp(set.keys[i]->cloud, "microsoftonline.us") == 0);
        assert_null(set.keys[i]->algorithm);
        assert_string_equal(set.keys[i]->kind_text, "RSA 2048");
    }
    assay_key_set_clear(&set);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_document),
        cmocka_unit_test(metadata_is_refused),
        cmocka_unit_test(entra_members),
    };
    return cmocka_run_group_tests(tests, test_crypto_open, test_crypto_close);
}
