/* SPDX-License-Identifier: MIT */
/* Making tokens, and making keys to make them with. */

#include "dev_issuer_internal.h"

#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#define MAX_KEYS 256

CLI_DEFINE_CLEANUP(dev_key, dev_key_free)

int dev_fail(char **text, const char *sentence)
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

static bool lists(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

const dev_shape *dev_shape_of(const dev_issuer *issuer, bool ci)
{
    if (ci)
        return &dev_shape_ci;
    if (issuer->tenant != NULL)
        return &dev_shape_entra;
    return issuer->kubernetes ? &dev_shape_kubernetes : NULL;
}

bool dev_shape_has(const dev_shape *shape, const char *member)
{
    return shape != NULL && lists(shape->members, member);
}

const char *dev_member_text(const json_t *request, const char *name, const char *otherwise)
{
    const json_t *value = json_object_get(request, name);
    return value == NULL ? otherwise : json_string_value(value);
}

/* Refuse what would be silently ignored. */
static int refuse_unknown(const json_t *request, const char *const *known, const dev_shape *shape, char **text)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)request, name, value)
    {
        if (lists(known, name) || dev_shape_has(shape, name))
            continue;
        *text = cli_format("no such member: %s", name);
        return -1;
    }
    return 0;
}

/* Under the lock. */
static const dev_key *find_key_of(const dev_issuer *issuer, enum dev_role role, const dev_algorithm *algorithm,
                                  bool served)
{
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next)
        if (key->role == role && (algorithm == NULL || key->algorithm == algorithm) && (!served || key->served))
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
static const dev_key *find_key(const dev_issuer *issuer, const char *kid, const dev_algorithm *algorithm,
                               enum dev_role role)
{
    if (kid != NULL)
        return find_kid(issuer, kid);
    const dev_algorithm *wanted = algorithm == NULL ? issuer->default_algorithm : algorithm;
    const dev_key *key = find_key_of(issuer, role, wanted, true);
    if (key == NULL && algorithm == NULL)
        key = find_key_of(issuer, role, NULL, true);
    return key == NULL ? find_key_of(issuer, role, wanted, false) : key;
}

static int choose_key(dev_issuer *issuer, const json_t *request, dev_token *token, char **text)
{
    const char *name = json_string_value(json_object_get(request, "algorithm"));
    const char *kid = json_string_value(json_object_get(request, "key"));
    const dev_algorithm *algorithm = name == NULL ? NULL : dev_algorithm_find(name);
    if (name != NULL && algorithm == NULL)
        return dev_fail(text, "no such algorithm");
    if (token->role != DEV_ROLE_OWN && !dev_entra_need(issuer, token->role))
        return dev_fail(text, "OpenSSL could not make a key");
    (void)pthread_mutex_lock(&issuer->lock);
    const dev_key *key = find_key(issuer, kid, algorithm, token->role);
    bool usable = key != NULL && (algorithm == NULL || dev_algorithm_fits(algorithm, key->algorithm));
    if (usable) {
        token->algorithm = algorithm == NULL ? key->algorithm : algorithm;
        (void)EVP_PKEY_up_ref(key->pkey);
        token->pkey = key->pkey;
        (void)json_object_set_new(token->header, "alg", json_string(token->algorithm->name));
        (void)json_object_set_new(token->header, "kid", json_string(key->kid));
        if (token->with_x5t)
            (void)json_object_set_new(token->header, "x5t", json_string(key->kid));
    }
    (void)pthread_mutex_unlock(&issuer->lock);
    if (usable)
        return 0;
    return dev_fail(text, kid != NULL ? "no such key, or not one of this algorithm"
                                      : "no key of this algorithm: POST /rotate makes one");
}

int64_t dev_lifetime(const dev_issuer *issuer, int64_t usual)
{
    return issuer->lifetime == 0 ? usual : issuer->lifetime;
}

static void set_defaults(const dev_issuer *issuer, dev_token *token)
{
    uint8_t random[16];
    if (RAND_bytes(random, sizeof random) != 1)
        memset(random, 0, sizeof random);
    CLI_AUTO_FREE char *jti = cli_base64url(random, sizeof random);
    token->now = (int64_t)time(NULL);
    (void)json_object_set_new(token->header, "typ", json_string("JWT"));
    (void)json_object_set_new(token->claims, "iss", json_string(issuer->url));
    (void)json_object_set_new(token->claims, "aud", json_string(issuer->audience));
    (void)json_object_set_new(token->claims, "sub", json_string("dev-subject"));
    (void)json_object_set_new(token->claims, "iat", json_integer(token->now));
    (void)json_object_set_new(token->claims, "nbf", json_integer(token->now));
    (void)json_object_set_new(token->claims, "exp", json_integer(token->now + dev_lifetime(issuer, 3600)));
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

void dev_add_claims(dev_token *token, json_t *claims)
{
    merge(token->claims, claims);
    json_decref(claims);
}

/* What the signature is over: the header as it is sent, but for a nonce of Microsoft Graph, which is hashed. So nobody else
 * can verify such a token. */
static json_t *signed_header(const dev_token *token)
{
    json_t *header = json_deep_copy(token->header);
    const char *nonce = json_string_value(json_object_get(header, "nonce"));
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (!token->hashed_nonce || nonce == NULL ||
        EVP_Q_digest(NULL, "SHA256", NULL, nonce, strlen(nonce), digest, &len) != 1)
        return header;
    CLI_AUTO_FREE char *text = cli_base64url(digest, len);
    (void)json_object_set_new(header, "nonce", json_string(text));
    return header;
}

static char *encode_json(const json_t *object)
{
    CLI_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT);
    return text == NULL ? NULL : cli_base64url((const uint8_t *)text, strlen(text));
}

static int serialize(const dev_token *token, const dev_forge *forge, char **text)
{
    CLI_CLEANUP(json_decref_p) json_t *under = signed_header(token);
    CLI_AUTO_FREE char *header = encode_json(token->header);
    CLI_AUTO_FREE char *signed_over = encode_json(under);
    CLI_AUTO_FREE char *payload = token->payload_raw == NULL
                                      ? encode_json(token->claims)
                                      : cli_base64url((const uint8_t *)token->payload_raw, strlen(token->payload_raw));
    if (header == NULL || signed_over == NULL || payload == NULL)
        return dev_fail(text, "header or claims can't be written as JSON");
    CLI_AUTO_FREE char *input = cli_format("%s.%s", signed_over, payload);
    CLI_AUTO_FREE uint8_t *signature = NULL;
    size_t len = 0;
    bool is_signed = token->hmac_signature
                         ? dev_sign_with_public_pem(token->pkey, input, &signature, &len)
                         : dev_sign(token->algorithm, token->pkey, token->der_signature, input, &signature, &len);
    if (!is_signed)
        return dev_fail(text, "OpenSSL could not sign");
    if (forge != NULL && forge->edit_signature != NULL)
        forge->edit_signature(signature, &len);
    CLI_AUTO_FREE char *encoded = cli_base64url(signature, len);
    char *whole = cli_format("%s.%s.%s", header, payload, encoded);
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
        return dev_fail(text, "claims and header must be objects, payload_raw a text");
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

/* Sign with a key that nobody serves, under the kid of the one that was chosen. */
static int take_fresh_key(dev_token *token, dev_key **fresh, char **text)
{
    *fresh = dev_key_make(token->algorithm);
    if (*fresh == NULL)
        return dev_fail(text, "OpenSSL could not make a key");
    EVP_PKEY_free(token->pkey);
    (void)EVP_PKEY_up_ref((*fresh)->pkey);
    token->pkey = (*fresh)->pkey;
    token->jwk_of_fresh = (*fresh)->jwk;
    return 0;
}

static int mint(dev_issuer *issuer, const json_t *request, const dev_forge *forge, dev_token *token, char **text)
{
    const dev_shape *shape = dev_shape_of(issuer, json_object_get(request, "ci") != NULL);
    static const char *const known[] = {"claims", "header", "algorithm", "key", "forge", "payload_raw", NULL};
    if (refuse_unknown(request, known, shape, text) != 0)
        return -1;
    set_defaults(issuer, token);
    if (shape != NULL && shape->fill(issuer, request, token, text) != 0)
        return -1;
    bool stranger = forge != NULL && forge->role == DEV_ROLE_STRANGER;
    if (forge != NULL && forge->role != DEV_ROLE_OWN && !stranger)
        token->role = forge->role;
    CLI_CLEANUP(dev_key_free_p) dev_key *fresh = NULL;
    if (choose_key(issuer, request, token, text) != 0 || (stranger && take_fresh_key(token, &fresh, text) != 0) ||
        apply_request(request, forge, token, text) != 0)
        return -1;
    return serialize(token, forge, text);
}

int dev_mint(dev_issuer *issuer, const json_t *request, char **text)
{
    const char *name = json_string_value(json_object_get(request, "forge"));
    const dev_forge *forge = name == NULL ? NULL : dev_forge_find(issuer, name);
    if (name != NULL && forge == NULL)
        return dev_fail(text, "no such forgery; GET / lists them");
    dev_token token = {.header = json_object(), .claims = json_object()};
    int result = mint(issuer, request, forge, &token, text);
    token_clear(&token);
    return result;
}

/* Under the lock. Serve exactly these of the own keys; false where one does not exist. */
static bool serve_only(dev_issuer *issuer, const json_t *kids)
{
    for (size_t i = 0; i < json_array_size(kids); i++) {
        const char *kid = json_string_value(json_array_get(kids, i));
        if (kid == NULL || find_kid(issuer, kid) == NULL)
            return false;
    }
    for (dev_key *key = issuer->keys; key != NULL; key = key->next) {
        if (key->role != DEV_ROLE_OWN)
            continue;
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
            key->served = key->served && key->role != DEV_ROLE_OWN;
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
        if (key->role != DEV_ROLE_OWN)
            continue;
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
    static const char *const known[] = {"drop_old", "algorithm", "serve", NULL};
    if (refuse_unknown(request, known, NULL, answer) != 0)
        return -1;
    const json_t *name = json_object_get(request, "algorithm");
    const json_t *serve = json_object_get(request, "serve");
    const dev_algorithm *algorithm = name == NULL
                                         ? issuer->default_algorithm
                                         : dev_algorithm_find(json_is_string(name) ? json_string_value(name) : "");
    if (algorithm == NULL || (serve != NULL && !json_is_array(serve)))
        return dev_fail(answer, "algorithm must be one that is known, serve a list of kids");
    /* "serve" alone only chooses among the keys that there are. Keys are made outside the lock: RSA takes its time. */
    bool wants_key = serve == NULL || name != NULL;
    CLI_CLEANUP(dev_key_free_p) dev_key *fresh = wants_key ? dev_issuer_key(issuer, algorithm, DEV_ROLE_OWN) : NULL;
    if (wants_key && fresh == NULL)
        return dev_fail(answer, "OpenSSL could not make a key");
    CLI_AUTO_FREE char *kid = fresh == NULL ? NULL : cli_strdup(fresh->kid);
    (void)pthread_mutex_lock(&issuer->lock);
    bool rotated = rotate_locked(issuer, request, &fresh);
    *answer = rotated ? rotation_answer(issuer, kid)
                      : cli_strdup("serve names a key that does not exist, or there are too many keys");
    (void)pthread_mutex_unlock(&issuer->lock);
    return rotated ? 0 : -1;
}
