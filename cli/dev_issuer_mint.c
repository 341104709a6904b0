/* SPDX-License-Identifier: MIT */
/* Making tokens, and making keys to make them with. */

#include "dev_issuer_internal.h"

#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#define MAX_KEYS 256

CLI_DEFINE_CLEANUP(dev_key, dev_key_free)

static int fail(char **text, const char *sentence)
{
    *text = cli_strdup(sentence);
    return -1;
}

static void token_clear(dev_token *token)
{
    json_decref(token->header);
    json_decref(token->claims);
    free(token->payload_raw);
    EVP_PKEY_free(token->pkey);
}

/* Refuse what would be silently ignored. */
static const char *unknown_member(const json_t *request, const char *const *known, size_t count)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)request, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(known[i], name) != 0)
            i++;
        if (i == count)
            return name;
    }
    return NULL;
}

/* Under the lock. */
static const dev_key *find_key_of(const dev_issuer *issuer, const dev_algorithm *algorithm, bool served)
{
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next)
        if ((algorithm == NULL || key->algorithm == algorithm) && (!served || key->served))
            return key;
    return NULL;
}

/* Under the lock. */
static const dev_key *find_kid(const dev_issuer *issuer, const char *kid)
{
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next)
        if (strcmp(key->kid, kid) == 0)
            return key;
    return NULL;
}

/* Under the lock. The newest of the algorithm, a served one rather than another; where none is asked for, a served key of
 * any algorithm rather than one of the default algorithm that nobody can look up. */
static const dev_key *find_key(const dev_issuer *issuer, const char *kid, const dev_algorithm *algorithm)
{
    if (kid != NULL)
        return find_kid(issuer, kid);
    const dev_algorithm *wanted = algorithm == NULL ? issuer->default_algorithm : algorithm;
    const dev_key *key = find_key_of(issuer, wanted, true);
    if (key == NULL && algorithm == NULL)
        key = find_key_of(issuer, NULL, true);
    return key == NULL ? find_key_of(issuer, wanted, false) : key;
}

static int choose_key(dev_issuer *issuer, const json_t *request, dev_token *token, char **text)
{
    const char *name = json_string_value(json_object_get(request, "algorithm"));
    const char *kid = json_string_value(json_object_get(request, "key"));
    const dev_algorithm *algorithm = name == NULL ? NULL : dev_algorithm_find(name);
    if (name != NULL && algorithm == NULL)
        return fail(text, "no such algorithm");
    (void)pthread_mutex_lock(&issuer->lock);
    const dev_key *key = find_key(issuer, kid, algorithm);
    bool usable = key != NULL && (algorithm == NULL || dev_algorithm_fits(algorithm, key->algorithm));
    if (usable) {
        token->algorithm = algorithm == NULL ? key->algorithm : algorithm;
        (void)EVP_PKEY_up_ref(key->pkey);
        token->pkey = key->pkey;
        (void)json_object_set_new(token->header, "kid", json_string(key->kid));
    }
    (void)pthread_mutex_unlock(&issuer->lock);
    if (usable)
        return 0;
    return fail(text, kid != NULL ? "no such key, or not one of this algorithm"
                                  : "no key of this algorithm: POST /rotate makes one");
}

static void set_defaults(const dev_issuer *issuer, dev_token *token)
{
    uint8_t random[16];
    if (RAND_bytes(random, sizeof random) != 1)
        memset(random, 0, sizeof random);
    CLI_AUTO_FREE char *jti = cli_base64url(random, sizeof random);
    token->now = (int64_t)time(NULL);
    (void)json_object_set_new(token->header, "alg", json_string(token->algorithm->name));
    (void)json_object_set_new(token->header, "typ", json_string("JWT"));
    (void)json_object_set_new(token->claims, "iss", json_string(issuer->url));
    (void)json_object_set_new(token->claims, "aud", json_string(issuer->audience));
    (void)json_object_set_new(token->claims, "sub", json_string("dev-subject"));
    (void)json_object_set_new(token->claims, "iat", json_integer(token->now));
    (void)json_object_set_new(token->claims, "nbf", json_integer(token->now));
    (void)json_object_set_new(token->claims, "exp", json_integer(token->now + issuer->lifetime));
    (void)json_object_set_new(token->claims, "jti", json_string(jti));
}

/* Members of @p changes over those of @p object; null removes. */
static void merge(json_t *object, const json_t *changes)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)changes, name, value)
    {
        if (json_is_null(value))
            (void)json_object_del(object, name);
        else
            (void)json_object_set(object, name, value);
    }
}

static char *encode_json(const json_t *object)
{
    CLI_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT);
    return text == NULL ? NULL : cli_base64url((const uint8_t *)text, strlen(text));
}

static int serialize(const dev_token *token, const dev_forge *forge, char **text)
{
    CLI_AUTO_FREE char *header = encode_json(token->header);
    CLI_AUTO_FREE char *payload = token->payload_raw == NULL
                                      ? encode_json(token->claims)
                                      : cli_base64url((const uint8_t *)token->payload_raw, strlen(token->payload_raw));
    if (header == NULL || payload == NULL)
        return fail(text, "header or claims can't be written as JSON");
    CLI_AUTO_FREE char *input = cli_format("%s.%s", header, payload);
    CLI_AUTO_FREE uint8_t *signature = NULL;
    size_t len = 0;
    bool is_signed = token->hmac_signature
                         ? dev_sign_with_public_pem(token->pkey, input, &signature, &len)
                         : dev_sign(token->algorithm, token->pkey, token->der_signature, input, &signature, &len);
    if (!is_signed)
        return fail(text, "OpenSSL could not sign");
    if (forge != NULL && forge->edit_signature != NULL)
        forge->edit_signature(signature, &len);
    CLI_AUTO_FREE char *encoded = cli_base64url(signature, len);
    char *whole = cli_format("%s.%s", input, encoded);
    *text = whole;
    if (forge != NULL && forge->edit_text != NULL) {
        *text = forge->edit_text(whole);
        free(whole);
    }
    return 0;
}

static int apply_request(const json_t *request, const dev_forge *forge, dev_token *token, char **text)
{
    const json_t *claims = json_object_get(request, "claims");
    const json_t *header = json_object_get(request, "header");
    const json_t *raw = json_object_get(request, "payload_raw");
    if ((claims != NULL && !json_is_object(claims)) || (header != NULL && !json_is_object(header)) ||
        (raw != NULL && !json_is_string(raw)))
        return fail(text, "claims and header must be objects, payload_raw a text");
    /* The forgery spoils what was asked for. */
    merge(token->claims, claims);
    if (forge != NULL && forge->edit != NULL)
        forge->edit(token);
    /* Header members come over it, so that a forgery can name the kid or typ that it needs. */
    merge(token->header, header);
    if (raw != NULL) {
        free(token->payload_raw);
        token->payload_raw = cli_strdup(json_string_value(raw));
    }
    return 0;
}

static int mint(dev_issuer *issuer, const json_t *request, const dev_forge *forge, dev_token *token, char **text)
{
    if (choose_key(issuer, request, token, text) != 0)
        return -1;
    set_defaults(issuer, token);
    CLI_CLEANUP(dev_key_free_p) dev_key *fresh = NULL;
    if (forge != NULL && forge->fresh_key) {
        fresh = dev_key_make(token->algorithm);
        if (fresh == NULL)
            return fail(text, "OpenSSL could not make a key");
        EVP_PKEY_free(token->pkey);
        (void)EVP_PKEY_up_ref(fresh->pkey);
        token->pkey = fresh->pkey;
        token->jwk_of_fresh = fresh->jwk;
    }
    if (apply_request(request, forge, token, text) != 0)
        return -1;
    return serialize(token, forge, text);
}

int dev_mint(dev_issuer *issuer, const json_t *request, char **text)
{
    static const char *const known[] = {"claims", "header", "algorithm", "key", "forge", "payload_raw"};
    const char *unknown = unknown_member(request, known, CLI_COUNT_OF(known));
    if (unknown != NULL) {
        *text = cli_format("no such member: %s", unknown);
        return -1;
    }
    const char *name = json_string_value(json_object_get(request, "forge"));
    const dev_forge *forge = name == NULL ? NULL : dev_forge_find(name);
    if (name != NULL && forge == NULL)
        return fail(text, "no such forgery; GET / lists them");
    dev_token token = {.header = json_object(), .claims = json_object()};
    int result = mint(issuer, request, forge, &token, text);
    token_clear(&token);
    return result;
}

/* Under the lock. Serve exactly these keys; false where one does not exist. */
static bool serve_only(dev_issuer *issuer, const json_t *kids)
{
    for (size_t i = 0; i < json_array_size(kids); i++) {
        const char *kid = json_string_value(json_array_get(kids, i));
        if (kid == NULL || find_kid(issuer, kid) == NULL)
            return false;
    }
    for (dev_key *key = issuer->keys; key != NULL; key = key->next) {
        key->served = false;
        for (size_t i = 0; i < json_array_size(kids); i++)
            key->served = key->served || strcmp(json_string_value(json_array_get(kids, i)), key->kid) == 0;
    }
    return true;
}

/* Under the lock; takes @p fresh, which may be NULL. */
static bool rotate_locked(dev_issuer *issuer, const json_t *request, dev_key **fresh)
{
    if (*fresh != NULL && issuer->key_count >= MAX_KEYS)
        return false;
    if (json_is_true(json_object_get(request, "drop_old")))
        for (dev_key *key = issuer->keys; key != NULL; key = key->next)
            key->served = false;
    const json_t *serve = json_object_get(request, "serve");
    if (serve != NULL && !serve_only(issuer, serve))
        return false;
    if (*fresh != NULL) {
        (*fresh)->next = issuer->keys;
        issuer->keys = *fresh;
        issuer->key_count++;
        *fresh = NULL;
    }
    return true;
}

static char *rotation_answer(const dev_issuer *issuer, const char *new_kid)
{
    CLI_CLEANUP(json_decref_p) json_t *answer = json_object();
    json_t *served = json_array();
    json_t *all = json_array();
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next) {
        (void)json_array_append_new(all, json_string(key->kid));
        if (key->served)
            (void)json_array_append_new(served, json_string(key->kid));
    }
    (void)json_object_set_new(answer, "kid", new_kid == NULL ? json_null() : json_string(new_kid));
    (void)json_object_set_new(answer, "served", served);
    (void)json_object_set_new(answer, "keys", all);
    return json_dumps(answer, JSON_COMPACT);
}

int dev_rotate(dev_issuer *issuer, const json_t *request, char **answer)
{
    static const char *const known[] = {"drop_old", "algorithm", "serve"};
    const char *unknown = unknown_member(request, known, CLI_COUNT_OF(known));
    if (unknown != NULL) {
        *answer = cli_format("no such member: %s", unknown);
        return -1;
    }
    const json_t *name = json_object_get(request, "algorithm");
    const json_t *serve = json_object_get(request, "serve");
    const dev_algorithm *algorithm = name == NULL
                                         ? issuer->default_algorithm
                                         : dev_algorithm_find(json_is_string(name) ? json_string_value(name) : "");
    if (algorithm == NULL || (serve != NULL && !json_is_array(serve)))
        return fail(answer, "algorithm must be one that is known, serve a list of kids");
    /* "serve" alone only chooses among the keys that there are. Keys are made outside the lock: RSA takes its time. */
    bool wants_key = serve == NULL || name != NULL;
    CLI_CLEANUP(dev_key_free_p) dev_key *fresh = wants_key ? dev_key_make(algorithm) : NULL;
    if (wants_key && fresh == NULL)
        return fail(answer, "OpenSSL could not make a key");
    CLI_AUTO_FREE char *kid = fresh == NULL ? NULL : cli_strdup(fresh->kid);
    (void)pthread_mutex_lock(&issuer->lock);
    bool rotated = rotate_locked(issuer, request, &fresh);
    *answer = rotated ? rotation_answer(issuer, kid)
                      : cli_strdup("serve names a key that does not exist, or there are too many keys");
    (void)pthread_mutex_unlock(&issuer->lock);
    return rotated ? 0 : -1;
}
