/* SPDX-License-Identifier: MIT */
#include "support/rsa_pool.h"

#include "dev_issuer_internal.h"
#include "support/pace.h"

#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { POOL_BITS = 2048 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long at; /* how far the file is used up; -1: to its end */

/* What a child takes its parent would take too. */
static void leave_to_parent(void)
{
    at = -1;
    pthread_mutex_init(&mutex, NULL);
}

__attribute__((constructor)) static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, leave_to_parent) != 0)
        abort();
}

static EVP_PKEY *take_next(void)
{
    const char *path = getenv("ASSAY_TEST_RSA_KEYS");
    FILE *file = path == NULL || at < 0 ? NULL : fopen(path, "re");
    if (file == NULL)
        return NULL;
    EVP_PKEY *key = fseek(file, at, SEEK_SET) == 0 ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    at = key != NULL ? ftell(file) : -1;
    fclose(file);
    return key;
}

/* Two primes of a thousand bits take valgrind most of a minute: there another process makes them, which it doesn't watch. */
static EVP_PKEY *make_elsewhere(unsigned bits)
{
    char command[96];
    (void)snprintf(command, sizeof command, "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:%u", bits);
    FILE *made = popen(command, "re");
    if (made == NULL)
        return NULL;
    EVP_PKEY *key = PEM_read_PrivateKey(made, NULL, NULL, NULL);
    if (pclose(made) == 0)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

EVP_PKEY *rsa_pool_take(unsigned bits)
{
    EVP_PKEY *key = NULL;
    if (bits == POOL_BITS) {
        pthread_mutex_lock(&mutex);
        key = take_next();
        pthread_mutex_unlock(&mutex);
    }
    if (key != NULL)
        return key;
    return pace_is_valgrind() ? make_elsewhere(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
}

void rsa_pool_serve_issuers(void)
{
    dev_keys_take_rsa_from(rsa_pool_take);
}
