/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "crypto/key_private.h"

#include <assay/error.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#define RSA_POOLS 6
#define SYMMETRIC_POOLS 3
#define RSA_BYTES_MAX ((ASSAY_LIMIT_RSA_BITS_MAX + 7) / 8)
#define RSA_EXPONENT_BYTES_MAX ((ASSAY_LIMIT_RSA_EXPONENT_BITS + 7) / 8)

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

ASSAY_DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

assay_verify_key *assay_verify_key_ref(assay_verify_key *key)
{
    if (key != NULL)
        atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

void assay_verify_key_unref(assay_verify_key *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < key->pool_count; i++) {
        for (size_t j = 0; j < ASSAY_VERIFY_SLOTS; j++)
            assay_verify_context_free(atomic_load_explicit(&key->pools[i].slots[j], memory_order_acquire));
    }
    EVP_PKEY_free(key->pkey);
    assay_release_wiped(key->secret, key->secret_len);
    assay_crypto_unref(key->crypto);
    assay_release(key);
}

assay_key_kind assay_verify_key_kind(const assay_verify_key *key)
{
    return key->kind;
}

unsigned assay_verify_key_bits(const assay_verify_key *key)
{
    return key->bits;
}

static assay_verify_key *new_key(assay_crypto *crypto, assay_key_kind kind, unsigned bits, size_t pool_count)
{
    assay_verify_key *key = assay_zalloc(sizeof *key + pool_count * sizeof key->pools[0]);
    if (key == NULL)
        return NULL;
    atomic_init(&key->references, 1);
    key->crypto = assay_crypto_ref(crypto);
    key->kind = kind;
    key->bits = bits;
    key->pool_count = pool_count;
    for (size_t i = 0; i < pool_count; i++) {
        for (size_t j = 0; j < ASSAY_VERIFY_SLOTS; j++)
            atomic_init(&key->pools[i].slots[j], NULL);
    }
    return key;
}

int assay_verify_key_wrap(assay_crypto *crypto, assay_key_kind kind, unsigned bits, size_t signature_len,
                          EVP_PKEY *pkey, assay_verify_key **key)
{
    assay_verify_key *made = new_key(crypto, kind, bits, kind == ASSAY_KEY_RSA ? RSA_POOLS : 1);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    EVP_PKEY_up_ref(pkey);
    made->pkey = pkey;
    made->signature_len = signature_len;
    *key = made;
    return ASSAY_OK;
}

int assay_verify_key_not_made(const assay_openssl_guard *guard, const char **why)
{
    if (assay_openssl_lacked_memory(guard))
        return ASSAY_E_MEMORY;
    *why = "OpenSSL does not take the key: its property query (FIPS) leaves this kind of key out";
    return ASSAY_E_CONFIG_KEYS;
}

static int refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return ASSAY_E_CONFIG_KEYS;
}

int assay_verify_key_new_symmetric(assay_crypto *crypto, const uint8_t *bytes, size_t len, assay_verify_key **key,
                                   const char **why)
{
    *key = NULL;
    *why = NULL;
    if (len == 0)
        return refuse(why, "the symmetric key is empty");
    if (len > ASSAY_LIMIT_SYMMETRIC_BYTES)
        return refuse(why, "the symmetric key is longer than " TEXT(ASSAY_LIMIT_SYMMETRIC_BYTES) " bytes");
    ASSAY_CLEANUP(assay_verify_key_unref_p)
    assay_verify_key *made = new_key(crypto, ASSAY_KEY_SYMMETRIC, (unsigned)len * 8, SYMMETRIC_POOLS);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->secret = assay_memdup(bytes, len);
    if (made->secret == NULL)
        return ASSAY_E_MEMORY;
    made->secret_len = len;
    *key = ASSAY_STEAL(made);
    return ASSAY_OK;
}

/* A number of a key: big-endian without leading zero octets. */
typedef struct number {
    const uint8_t *bytes;
    size_t len;
    size_t bits;
    bool odd;
} number;

static number number_of(const uint8_t *bytes, size_t len)
{
    while (len > 0 && bytes[0] == 0) {
        bytes++;
        len--;
    }
    number n = {bytes, len, 0, false};
    if (len == 0)
        return n;
    n.bits = (len - 1) * 8;
    for (unsigned top = bytes[0]; top != 0; top >>= 1)
        n.bits++;
    n.odd = (bytes[len - 1] & 1) != 0;
    return n;
}

static unsigned remainder_of(const number *n, unsigned divisor)
{
    unsigned rest = 0;
    for (size_t i = 0; i < n->len; i++)
        rest = (rest << 8 | n->bytes[i]) % divisor;
    return rest;
}

/*
 * Whether the modulus has the form of a faulty smart card (ROCA, CVE-2017-15361): both primes, and so the modulus too, are a power of 65537 by every
 * small prime, which lets anybody find them. One good modulus in 2^27 looks the same.
 */
static bool is_roca(const number *n)
{
    /* The small primes by which not every number is a power of 65537. */
    static const uint8_t primes[] = {11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157};
    for (size_t i = 0; i < ASSAY_COUNT_OF(primes); i++) {
        unsigned rest = remainder_of(n, primes[i]);
        unsigned power = 1;
        do
            power = power * (65537u % primes[i]) % primes[i];
        while (power != rest && power != 1);
        if (power != rest)
            return false;
    }
    return true;
}

static const char *rsa_fault(const number *n, const number *e)
{
    if (n->bits < ASSAY_LIMIT_RSA_BITS_MIN) /* RFC 7518, section 3.3 */
        return "the RSA modulus is smaller than " TEXT(ASSAY_LIMIT_RSA_BITS_MIN) " bits, which is too weak";
    if (n->bits > ASSAY_LIMIT_RSA_BITS_MAX)
        return "the RSA modulus is larger than " TEXT(ASSAY_LIMIT_RSA_BITS_MAX) " bits, which only costs time";
    if (!n->odd)
        return "the RSA modulus is even, so it is no product of two large primes";
    if (is_roca(n))
        return "the RSA modulus has the form of keys that can be broken (ROCA, CVE-2017-15361)";
    /* An exponent of 1 makes every padded hash its own signature. */
    if (e->bits < 2)
        return "the RSA exponent is smaller than 3: anybody could forge signatures";
    if (!e->odd)
        return "the RSA exponent is even, which no RSA key has";
    if (e->bits > ASSAY_LIMIT_RSA_EXPONENT_BITS)
        return "the RSA exponent is larger than " TEXT(ASSAY_LIMIT_RSA_EXPONENT_BITS) " bits, which only costs time";
    return NULL;
}

/* OSSL_PARAM holds numbers in the machine's own order of bytes. */
static OSSL_PARAM number_param(const char *name, const number *n, uint8_t *room)
{
    for (size_t i = 0; i < n->len; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        room[i] = n->bytes[n->len - 1 - i];
#else
        room[i] = n->bytes[i];
#endif
    }
    return OSSL_PARAM_construct_BN(name, room, n->len);
}

int assay_verify_key_new_rsa(assay_crypto *crypto, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                             assay_verify_key **key, const char **why)
{
    *key = NULL;
    *why = NULL;
    const number modulus = number_of(n, n_len);
    const number exponent = number_of(e, e_len);
    const char *fault = rsa_fault(&modulus, &exponent);
    if (fault != NULL)
        return refuse(why, fault);

    ASSAY_OPENSSL_GUARD(guard);
    uint8_t n_room[RSA_BYTES_MAX];
    uint8_t e_room[RSA_EXPONENT_BYTES_MAX];
    OSSL_PARAM params[] = {
        number_param(OSSL_PKEY_PARAM_RSA_N, &modulus, n_room),
        number_param(OSSL_PKEY_PARAM_RSA_E, &exponent, e_room),
        OSSL_PARAM_construct_end(),
    };
    ASSAY_CLEANUP(EVP_PKEY_CTX_free_p)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", crypto->properties);
    ASSAY_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *pkey = NULL;
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return assay_verify_key_not_made(&guard, why);
    return assay_verify_key_wrap(crypto, ASSAY_KEY_RSA, (unsigned)modulus.bits, modulus.len, pkey, key);
}
