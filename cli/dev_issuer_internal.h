/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_DEV_ISSUER_INTERNAL_H
#define ASSAY_CLI_DEV_ISSUER_INTERNAL_H

#include "dev_issuer.h"
#include "text.h"

#include <jansson.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <semaphore.h>

CLI_DEFINE_CLEANUP(json_t, json_decref)
CLI_DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)

/* --- dev_issuer_keys.c: keys and signatures --- */

enum dev_family { DEV_RSA, DEV_RSA_PSS, DEV_EC, DEV_OKP };

typedef struct dev_algorithm {
    const char *name; /* RFC 7518, section 3.1; RFC 8037; RFC 8812; RFC 9864 */
    enum dev_family family;
    const char *digest;  /* NULL for EdDSA */
    const char *openssl; /* key type, or group of an EC key */
    const char *curve;   /* `crv` */
    size_t coordinate;   /* bytes of an EC coordinate */
} dev_algorithm;

/* Whose key: all are OWN but with Entra, which serves others' beside them. */
enum dev_role {
    DEV_ROLE_OWN,
    DEV_ROLE_CONSUMER,    /* of consumer accounts */
    DEV_ROLE_OTHER_CLOUD, /* of another national cloud */
    DEV_ROLE_CUSTOM,      /* of one application, served where it is asked for */
    DEV_ROLE_B2C,
    DEV_ROLE_STRANGER /* nobody's: made for one forgery */
};

typedef struct dev_key {
    struct dev_key *next; /* the newest is first */
    char *kid;
    const dev_algorithm *algorithm;
    EVP_PKEY *pkey;
    json_t *jwk; /* public */
    enum dev_role role;
    bool served;
} dev_key;

const dev_algorithm *dev_algorithm_find(const char *name);
/* Whether an algorithm can sign with the keys of another one. */
bool dev_algorithm_fits(const dev_algorithm *algorithm, const dev_algorithm *of_key);
/*
 * Where RSA keys of so many bits come from in this process: by default they are generated, which takes a third of a second. For programs that start very many
 * issuers, before the first; NULL: the default.
 */
void dev_keys_take_rsa_from(EVP_PKEY *(*source)(unsigned bits));
/* NULL: OpenSSL failed. */
dev_key *dev_key_make(const dev_algorithm *algorithm);
/* The same, in the issuer's shape. */
dev_key *dev_issuer_key(const dev_issuer *issuer, const dev_algorithm *algorithm, enum dev_role role);
void dev_key_free(dev_key *key);
/* Sign; for EC raw r||s (RFC 7518, section 3.4), or DER where @p der. Released with free(). */
bool dev_sign(const dev_algorithm *algorithm, EVP_PKEY *pkey, bool der, const char *input, uint8_t **signature,
              size_t *len);
/* HMAC-SHA256 whose key is the PEM text of the public key: the classic confusion of algorithms. */
bool dev_sign_with_public_pem(EVP_PKEY *pkey, const char *input, uint8_t **signature, size_t *len);

/* --- dev_issuer_tls.c --- */

typedef struct dev_certificates {
    char *ca_pem; /* NULL where the certificate was given */
    char *cert_pem;
    char *key_pem;
} dev_certificates;

/* For @p name, or for the loopback names where it is NULL. */
bool dev_certificates_make(dev_certificates *certificates, const char *name);
void dev_certificates_clear(dev_certificates *certificates);
/* A self-signed certificate in DER for a key that signs tokens; @p der is released with free(). */
bool dev_certificate_self_signed(EVP_PKEY *pkey, bool hashed, uint8_t **der, size_t *len);

/* --- dev_issuer_faults.c --- */

enum dev_target {
    DEV_METADATA,
    DEV_JWKS,
    DEV_TOKEN,        /* token endpoints, the token proxy's among them */
    DEV_IMDS,         /* endpoints of managed identities */
    DEV_OIDC_REQUEST, /* where jobs of a CI ask for their token */
    DEV_TARGETS
};
enum dev_fault_kind {
    DEV_FAULT_NONE,
    DEV_FAULT_SLOW,
    DEV_FAULT_STATUS,
    DEV_FAULT_TRUNCATED,
    DEV_FAULT_CONTENT_TYPE,
    DEV_FAULT_HUGE,
    DEV_FAULT_REDIRECT,
    DEV_FAULT_MISSING_KEY,
    DEV_FAULT_GARBAGE,
    DEV_FAULT_EMPTY_KEYS,
    DEV_FAULT_DRIP,
    DEV_FAULT_RESET,
    DEV_FAULT_HTML,
    DEV_FAULT_WRONG_ISSUER,
    DEV_FAULT_DEEP,
    /* of tokens alone: dev_issuer_token_faults.c */
    DEV_FAULT_STATUS_HTML,
    DEV_FAULT_STATUS_PLAIN,
    DEV_FAULT_STATUS_EMPTY,
    DEV_FAULT_TRUNCATED_CHUNKED,
    DEV_FAULT_AADSTS,
    DEV_FAULT_AADSTS_TEXT,
    DEV_FAULT_AADSTS_MISMATCH,
    DEV_FAULT_CONTROL_BYTES,
    DEV_FAULT_THROTTLED,
    DEV_FAULT_THROTTLED_DATE,
    DEV_FAULT_THROTTLED_PAST,
    DEV_FAULT_THROTTLED_MS,
    DEV_FAULT_THROTTLED_BARE,
    DEV_FAULT_UNAVAILABLE,
    DEV_FAULT_RETRY_AFTER_GARBAGE,
    DEV_FAULT_RETRY_AFTER_NEGATIVE,
    DEV_FAULT_SKEWED_DATE,
    DEV_FAULT_DATE_BEHIND,
    DEV_FAULT_TOKEN_TYPE_MAC,
    DEV_FAULT_TOKEN_TYPE_LOWERCASE,
    DEV_FAULT_TOKEN_TYPE_UPPERCASE,
    DEV_FAULT_TOKEN_TYPE_ABSENT,
    DEV_FAULT_EXPIRES_ABSENT,
    DEV_FAULT_EXPIRES_NEGATIVE,
    DEV_FAULT_EXPIRES_INFINITE,
    DEV_FAULT_EXPIRES_FAR,
    DEV_FAULT_EXPIRES_GARBAGE,
    DEV_FAULT_NO_ACCESS_TOKEN,
    DEV_FAULT_EMPTY_ACCESS_TOKEN,
    DEV_FAULT_ACCESS_TOKEN_CRLF,
    DEV_FAULT_DUPLICATE_KEY,
    DEV_FAULT_OK_WITH_ERROR,
    DEV_FAULT_NO_ISSUED_TYPE,
    DEV_FAULT_NO_VALUE,
    DEV_FAULT_UNREACHABLE,
    DEV_FAULT_ARC_NO_HEADER,
    DEV_FAULT_ARC_OTHER_SCHEME,
    DEV_FAULT_ARC_OUTSIDE,
    DEV_FAULT_ARC_DOT_DOT,
    DEV_FAULT_ARC_TXT,
    DEV_FAULT_ARC_LARGE,
    DEV_FAULT_ARC_SYMLINK,
    DEV_FAULT_ARC_MISSING,
    DEV_FAULT_ARC_NO_ECHO,
    DEV_FAULT_KINDS
};

typedef struct dev_fault {
    enum dev_fault_kind kind;
    int64_t value;
    int64_t count; /* requests left; negative: for ever */
} dev_fault;

/* An answer before it is sent. */
typedef struct dev_reply {
    unsigned status;
    const char *content_type; /* static */
    cli_text body;
    char *etag;          /* NULL: none */
    char *cache_control; /* NULL: none */
    char *location;      /* NULL: none */
    json_t *headers;     /* names and values of others; NULL: none */
} dev_reply;

void dev_reply_clear(dev_reply *reply);
void dev_reply_header(dev_reply *reply, const char *name, const char *value);
void dev_reply_json(dev_reply *reply, unsigned status, const json_t *document);
const char *dev_fault_kind_name(enum dev_fault_kind kind);
/* Take the fault that stands for this request, if any. Locks. */
dev_fault dev_fault_take(dev_issuer *issuer, enum dev_target target);
/* Change the answer as the fault says. */
void dev_fault_change(dev_issuer *issuer, enum dev_target target, const dev_fault *fault, dev_reply *reply);
/* The response to send; NULL: close the connection instead. */
struct MHD_Response *dev_fault_response(dev_issuer *issuer, const dev_fault *fault, const dev_reply *reply);
/* Wait in the connection's own thread; false when the issuer stops. */
bool dev_wait(dev_issuer *issuer, int64_t milliseconds);

/* --- dev_issuer_mint.c, dev_issuer_forge.c --- */

/* A token on its way. */
typedef struct dev_token {
    json_t *header;
    json_t *claims;
    char *payload_raw; /* instead of claims; NULL: none */
    const dev_algorithm *algorithm;
    EVP_PKEY *pkey;             /* one reference */
    const json_t *jwk_of_fresh; /* borrowed: public part of a key that nobody serves; NULL: signed with a known key */
    enum dev_role role;         /* whose key signs it */
    bool with_x5t;              /* the header has `x5t`, equal to `kid` */
    bool hashed_nonce;          /* signed with the hash of the header's `nonce` in its place */
    bool der_signature;
    bool hmac_signature;
    int64_t now;
} dev_token;

typedef struct dev_forge {
    const char *name;
    enum dev_role role; /* whose key signs; OWN: the key that the token has anyway */
    void (*edit)(dev_token *token);
    /* Change the signature bytes, or the finished text. */
    void (*edit_signature)(uint8_t *signature, size_t *len);
    char *(*edit_text)(const char *token);
    const char *what;
} dev_forge;

const dev_forge *dev_forge_find(const dev_issuer *issuer, const char *name);
const dev_forge *dev_forge_at(const dev_issuer *issuer, size_t index); /* NULL past the end */

/* What is minted: the members that a request may have beside the common ones, and the claims before the request's own. */
typedef struct dev_shape {
    const char *const *members; /* NULL ends them */
    /* 0, or -1 with a sentence in @p text. */
    int (*fill)(const dev_issuer *issuer, const json_t *request, dev_token *token, char **text);
} dev_shape;

/* @p ci: the request has the member `ci`. */
const dev_shape *dev_shape_of(const dev_issuer *issuer, bool ci);
bool dev_shape_has(const dev_shape *shape, const char *member);
/* Takes @p claims. */
void dev_add_claims(dev_token *token, json_t *claims);
int dev_fail(char **text, const char *sentence);
/* The text member @p name of a request; @p otherwise where it is absent; NULL where it is no text. */
const char *dev_member_text(const json_t *request, const char *name, const char *otherwise);
/* Seconds: those of the options, or else those that are usual. */
int64_t dev_lifetime(const dev_issuer *issuer, int64_t usual);
int dev_mint(dev_issuer *issuer, const json_t *request, char **text);
int dev_rotate(dev_issuer *issuer, const json_t *request, char **answer);

/* --- dev_issuer_documents.c --- */

/* Which document was asked for. All but the target is Entra's. */
typedef struct dev_view {
    enum dev_target target;
    int version;        /* 1 or 2 */
    char tenant[40];    /* lower-case GUID, or one of the three names */
    char policy[72];    /* B2C; else empty */
    const char *app_id; /* borrowed from the query; NULL: none */
} dev_view;

/* False where the path leads to neither metadata nor keys. */
bool dev_view_find(const dev_issuer *issuer, const char *url, const char *app_id, dev_view *view);
/* What the issuer itself, without a look at a path, has of this. */
dev_view dev_view_own(const dev_issuer *issuer, enum dev_target target);
/* The path below the issuer's own, or as it is. */
const char *dev_path_below(const dev_issuer *issuer, const char *url);
void dev_document_metadata(dev_issuer *issuer, const dev_view *view, dev_reply *reply);
void dev_document_jwks(dev_issuer *issuer, const dev_view *view, dev_reply *reply);
void dev_document_index(dev_issuer *issuer, dev_reply *reply);
void dev_document_stats(dev_issuer *issuer, dev_reply *reply);

/* --- dev_issuer_entra.c: tenants, paths, metadata, keys --- */

#define DEV_ENTRA_TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"       /* where none is named */
#define DEV_ENTRA_OTHER_TENANT "bbbbcccc-1111-dddd-2222-eeee3333ffff" /* where a second one is needed */
#define DEV_ENTRA_CONSUMERS "9188040d-6c67-4c5b-b112-36a304b66dad"    /* tenant of all consumer accounts */

bool dev_entra_is_guid(const char *text); /* lower-case */
/* `iss` by version, and of B2C. @p tenant may be "{tenantid}". */
char *dev_entra_issuer(const dev_issuer *issuer, int version, const char *tenant);
char *dev_entra_b2c_issuer(const dev_issuer *issuer, const char *tenant);
bool dev_entra_view(const char *url, const char *app_id, dev_view *view);
json_t *dev_entra_metadata(const dev_issuer *issuer, const dev_view *view);
/* Make a key look like Entra's; false: OpenSSL failed. */
bool dev_entra_dress(dev_key *key, enum dev_role role);
/* Keys but the issuer's own are made when one is first needed: each takes a tenth of a second. Lock; false: OpenSSL failed. */
bool dev_entra_need(dev_issuer *issuer, enum dev_role role);
/* Make what this view tells of. Locks. */
void dev_entra_prepare(dev_issuer *issuer, const dev_view *view);
/* The key as this view has it; NULL: not at all. */
json_t *dev_entra_jwk(const dev_issuer *issuer, const dev_view *view, const dev_key *key);

/* --- dev_issuer_entra_tokens.c --- */

extern const dev_shape dev_shape_entra;
const char *dev_entra_kind_at(size_t index); /* NULL past the end */

/* --- dev_issuer_workloads.c: Kubernetes and CI --- */

extern const dev_shape dev_shape_kubernetes;
extern const dev_shape dev_shape_ci;
json_t *dev_kubernetes_metadata(const dev_issuer *issuer);

/* --- dev_issuer_http.c --- */

enum dev_stat {
    DEV_STAT_METADATA,
    DEV_STAT_JWKS,
    DEV_STAT_NOT_MODIFIED,
    DEV_STAT_MINT,
    DEV_STAT_ROTATE,
    DEV_STAT_FAULT,
    DEV_STAT_REDIRECTED,
    DEV_STAT_FAULTED,
    DEV_STAT_OTHER,
    /* the endpoints that give tokens, whatever they answer */
    DEV_STAT_TOKEN,
    DEV_STAT_PROXY,
    DEV_STAT_OAUTH,
    DEV_STAT_GOOGLE,
    DEV_STAT_IMPERSONATION,
    DEV_STAT_IMDS,
    DEV_STAT_APP_SERVICE,
    DEV_STAT_ARC,
    DEV_STAT_SERVICE_FABRIC,
    DEV_STAT_CLOUD_SHELL,
    DEV_STAT_GITHUB,
    DEV_STAT_PIPELINES,
    DEV_STAT_REJECTED, /* answers of these that are no success */
    DEV_STATS
};

const char *dev_stat_name(enum dev_stat stat);
void dev_count(dev_issuer *issuer, enum dev_stat stat);
/* The daemon's handlers; @p issuer is their closure. */
enum MHD_Result dev_http_handle(void *issuer, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_len, void **state);
void dev_http_completed(void *issuer, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode how);

/* A daemon and what it serves TLS with. A rotation makes another one on the same socket; the old one ends its connections. */
typedef struct dev_server {
    struct dev_server *next; /* the newest is first */
    struct MHD_Daemon *daemon;
    dev_certificates certificates;
} dev_server;

/* How tokens are given: POST /settings. */
typedef struct dev_settings {
    int64_t token_lifetime;      /* seconds; 0: what is usual */
    int64_t refresh_in;          /* seconds; 0: none is told */
    int64_t token_version;       /* of Entra's access tokens; 0: by the resource */
    const char *expires_in_form; /* static */
    const char *expires_on_form; /* static */
    char *identity_header;       /* secret of App Service and its like */
} dev_settings;

struct dev_issuer {
    /* fixed once started */
    char *base;   /* https://127.0.0.1:PORT */
    char *path;   /* as given */
    char *prefix; /* the path without a terminating slash: what the other paths are put behind */
    char *url;    /* base and path */
    char *audience;
    char *tenant;     /* default one of Entra; NULL: not Entra's shape */
    char *cloud;      /* `cloud_instance_name` */
    int64_t lifetime; /* 0: what is usual for the token */
    bool kubernetes;
    bool verbose;
    const dev_algorithm *default_algorithm;
    char *tls_name;   /* NULL: that of loopback */
    char *proxy_path; /* NULL: no token proxy */
    char *arc_folder; /* NULL: no Arc */
    sem_t fetching;   /* places for those who fetch the keys of other issuers */

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t stopped;
    bool stopping;
    unsigned waiting; /* in dev_wait() */
    dev_server *servers;
    json_t *apps;     /* array of those that are registered */
    json_t *requests; /* array of the last ones that asked for a token */
    json_t *arc_keys; /* array of the contents of key files that Arc's challenges named */
    dev_settings settings;
    int64_t max_age;
    dev_key *keys;
    size_t key_count;
    dev_fault faults[DEV_TARGETS];
    int64_t stats[DEV_STATS];
};

#endif
