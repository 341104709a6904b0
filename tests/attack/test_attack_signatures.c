/* SPDX-License-Identifier: MIT */
/* Attacks 17 to 20 and 24 of the catalogue: signatures that look right. */
#include "support/trial.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIGNATURE 1024

static const char good[] = TRIAL_CLAIMS("");

static void refuse_signature(trial *t, const char *token, const uint8_t *signature, size_t len)
{
    trial_refuse(t, trial_with_signature(token, signature, len), ASSAY_E_SIGNATURE);
}

static const struct curve {
    const char *algorithm;
    size_t half;
    int nid;
} curves[] = {{"ES256", 32, NID_X9_62_prime256v1}, {"ES384", 48, NID_secp384r1}, {"ES512", 66, NID_secp521r1}};
enum { CURVES = sizeof curves / sizeof curves[0] };

/* A number of so many bytes, plus a little. */
static void number(const BIGNUM *from, int more, uint8_t *out, size_t len)
{
    BIGNUM *n = from != NULL ? BN_dup(from) : BN_new();
    assert_int_equal(more >= 0 ? BN_add_word(n, (BN_ULONG)more) : BN_sub_word(n, (BN_ULONG)-more), 1);
    assert_true(BN_bn2binpad(n, out, (int)len) >= 0);
    BN_free(n);
}

static void attack_17_psychic_signatures(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        const struct curve *curve = &curves[c];
        trial t;
        trial_open(&t, curve->algorithm);
        char *token = trial_sign(&t, good);
        uint8_t values[8][66], signature[132];
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
        assert_non_null(group);
        const BIGNUM *n = EC_GROUP_get0_order(group), *p = EC_GROUP_get0_field(group);
        number(NULL, 0, values[0], curve->half);
        number(NULL, 1, values[1], curve->half);
        number(n, -1, values[2], curve->half);
        number(n, 0, values[3], curve->half);
        number(n, 1, values[4], curve->half);
        number(p, 0, values[5], curve->half);
        number(p, -1, values[6], curve->half);
        memset(values[7], 0xff, curve->half);
        EC_GROUP_free(group);
        for (size_t r = 0; r < 8; r++) {
            for (size_t s = 0; s < 8; s++) {
                memcpy(signature, values[r], curve->half);
                memcpy(signature + curve->half, values[s], curve->half);
                refuse_signature(&t, token, signature, 2 * curve->half);
            }
        }
        free(token);
        trial_close(&t);
    }
}

static void attack_18_der_instead_of_raw(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        trial t;
        trial_open(&t, curves[c].algorithm);
        for (int i = 0; i < 4; i++) {
            char *token = trial_sign(&t, good);
            size_t len;
            uint8_t *raw = trial_signature(token, &len);
            ECDSA_SIG *parsed = ECDSA_SIG_new();
            assert_int_equal(ECDSA_SIG_set0(parsed, BN_bin2bn(raw, (int)len / 2, NULL),
                                            BN_bin2bn(raw + len / 2, (int)len / 2, NULL)),
                             1);
            uint8_t *der = NULL;
            int der_len = i2d_ECDSA_SIG(parsed, &der);
            assert_true(der_len > 0);
            refuse_signature(&t, token, der, (size_t)der_len);
            OPENSSL_free(der);
            ECDSA_SIG_free(parsed);
            free(raw);
            free(token);
        }
        trial_close(&t);
    }
}

static void refuse_lengths(const char *algorithm)
{
    trial t;
    trial_open(&t, algorithm);
    char *token = trial_sign(&t, good);
    size_t len;
    uint8_t *raw = trial_signature(token, &len);
    uint8_t changed[MAX_SIGNATURE] = {0};
    refuse_signature(&t, token, raw, 0);
    refuse_signature(&t, token, raw, 1);
    refuse_signature(&t, token, raw, len / 2);
    refuse_signature(&t, token, raw, len - 1);
    memcpy(changed, raw, len);
    refuse_signature(&t, token, changed, len + 1); /* a zero behind */
    refuse_signature(&t, token, changed, len + 2);
    memcpy(changed + len, raw, len);
    refuse_signature(&t, token, changed, 2 * len);
    memset(changed, 0, sizeof changed);
    memcpy(changed + 1, raw, len); /* a zero in front */
    refuse_signature(&t, token, changed, len + 1);
    memset(changed, 0, sizeof changed); /* halves that are each longer by one */
    memcpy(changed + 1, raw, len / 2);
    memcpy(changed + 2 + len / 2, raw + len / 2, len - len / 2);
    refuse_signature(&t, token, changed, len + 2);
    for (size_t bit = 0; bit<len * 8; bit += len> 100 ? 61 : 7) { /* and one bit anywhere */
        memcpy(changed, raw, len);
        changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refuse_signature(&t, token, changed, len);
    }
    trial_refuse(&t, trial_format("%.*s", (int)(strrchr(token, '.') + 1 - token), token), ASSAY_E_SIGNATURE);
    trial_accept(&t, token);
    free(raw);
    trial_close(&t);
}

static void attack_19_signature_of_another_length(void **state)
{
    (void)state;
    static const char *const names[] = {"RS256",  "PS256",   "ES256", "ES384", "ES512",
                                        "ES256K", "Ed25519", "Ed448", "HS256", "HS512"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        refuse_lengths(names[i]);
}

/* (r, n-s) verifies too, as ECDSA has it: a token text is no key for a replay cache. What is refused is S+L (RFC 8032, section 5.1.7). */
static void attack_20_malleable_signatures(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    char *token = trial_sign(&t, good);
    size_t len;
    uint8_t *raw = trial_signature(token, &len);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[0].nid);
    BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);
    assert_int_equal(BN_sub(s, EC_GROUP_get0_order(group), s), 1);
    assert_int_equal(BN_bn2binpad(s, raw + 32, 32), 32);
    trial_accept(&t, trial_with_signature(token, raw, len));
    EC_GROUP_free(group);
    BN_free(s);
    free(raw);
    free(token);
    trial_close(&t);

    /* L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                      0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    trial_open(&t, "Ed25519");
    token = trial_sign(&t, good);
    raw = trial_signature(token, &len);
    for (int times = 0; times < 8; times++) {
        unsigned carry = 0;
        for (size_t i = 0; i < 32; i++) {
            carry += (unsigned)raw[32 + i] + order[i];
            raw[32 + i] = (uint8_t)carry;
            carry >>= 8;
        }
        refuse_signature(&t, token, raw, len);
    }
    free(raw);
    free(token);
    trial_close(&t);
}

/* Tags with a NUL byte early: a comparison of C strings would stop there. */
static void attack_24_tag_with_embedded_nul(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "HS256");
    int found = 0;
    for (int i = 0; i < 4096 && found < 3; i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"i\":%d}", i);
        char *token = trial_sign(&t, payload);
        size_t len;
        uint8_t *tag = trial_signature(token, &len);
        if (tag[0] == 0 || tag[1] == 0) {
            found++;
            for (size_t at = 2; at < len; at += 5) {
                uint8_t forged[32];
                memcpy(forged, tag, 32);
                memset(forged + at, 0, 32 - at);
                if (memcmp(forged, tag, 32) != 0)
                    refuse_signature(&t, token, forged, 32);
            }
            refuse_signature(&t, token, tag, 2);
            trial_accept(&t, token);
            token = NULL;
        }
        free(token);
        free(tag);
        free(payload);
    }
    assert_int_equal(found, 3);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_17_psychic_signatures),          cmocka_unit_test(attack_18_der_instead_of_raw),
        cmocka_unit_test(attack_19_signature_of_another_length), cmocka_unit_test(attack_20_malleable_signatures),
        cmocka_unit_test(attack_24_tag_with_embedded_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
