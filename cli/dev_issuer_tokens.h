/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_DEV_ISSUER_TOKENS_H
#define ASSAY_CLI_DEV_ISSUER_TOKENS_H

/* The endpoints of the development issuer that give tokens: what came, who may have what, and the answer. */

#include "dev_issuer_internal.h"

#include <openssl/x509.h>

CLI_DEFINE_CLEANUP(X509, X509_free)

/* --- dev_issuer_form.c: parameters --- */

typedef struct dev_parameter {
    char *name;
    char *value; /* decoded and terminated; without NUL inside */
    size_t len;
    size_t count; /* how often it stood there; the value is the first one's */
    json_t *more; /* the values of the others, an array; NULL: none */
} dev_parameter;

typedef struct dev_form {
    dev_parameter *items;
    size_t count;
    bool malformed; /* not application/x-www-form-urlencoded as WHATWG's URL standard writes it */
    bool repeated;  /* a name twice */
    bool typed;     /* exactly one Content-Type, and the right one */
} dev_form;

void dev_form_read(struct MHD_Connection *connection, const cli_text *body, dev_form *form);
void dev_query_read(struct MHD_Connection *connection, dev_form *form);
void dev_form_clear(dev_form *form);
/* The value; NULL where it is absent. */
const char *dev_form_get(const dev_form *form, const char *name);
const dev_parameter *dev_form_find(const dev_form *form, const char *name);
/* As the former, but NULL where it is empty too. */
const char *dev_form_text(const dev_form *form, const char *name);
const char *dev_request_header(struct MHD_Connection *connection, const char *name);
size_t dev_request_header_count(struct MHD_Connection *connection, const char *name);
/* What follows the scheme in Authorization, the scheme in any case (RFC 9110, section 11.1); NULL: another scheme, or none. */
const char *dev_request_credentials(struct MHD_Connection *connection, const char *scheme);
/* RFC 6749, section 2.3.1: both parts are form-encoded below the base64. False where they are not. Released with free(). */
bool dev_request_basic(struct MHD_Connection *connection, char **name, char **secret);

/* --- dev_issuer_endpoints.c: one call of an endpoint --- */

typedef struct dev_call {
    dev_issuer *issuer;
    struct MHD_Connection *connection;
    const char *method;
    const char *url;
    char *tenant; /* of an Entra path; or what else the path names */
    bool proxied; /* came by the token proxy's path */
    const cli_text *body;
    dev_form form; /* of the body, or of the query with GET */
    dev_fault fault;
    enum dev_stat stat; /* the endpoint's, unless what was asked for is another one's */
    dev_reply *reply;
    json_t *record; /* for GET /requests */
} dev_call;

/* Which issuers have it. */
enum dev_shape_kind { DEV_ANY_SHAPE, DEV_ENTRA_SHAPE, DEV_PLAIN_SHAPE };

typedef struct dev_endpoint {
    const char *method;
    const char *pattern; /* "{}" stands for one segment */
    enum dev_target target;
    enum dev_stat stat;
    enum dev_shape_kind where;
    void (*handle)(dev_call *call);
} dev_endpoint;

/* The endpoint of this path, with the segment that it names (released with free()); NULL: none. */
const dev_endpoint *dev_endpoint_find(const dev_issuer *issuer, const char *url, char **segment, bool *proxied);
const dev_endpoint *dev_endpoint_at(size_t index); /* NULL past the end */
bool dev_endpoint_is_there(const dev_issuer *issuer, const dev_endpoint *endpoint);
void dev_endpoint_serve(const dev_endpoint *endpoint, dev_call *call);
/* Behind the token proxy's path: what the proxy passes on; @p url where there is no proxy. */
const char *dev_proxy_below(const dev_issuer *issuer, const char *url);

/* --- dev_issuer_requests.c --- */

void dev_record_start(dev_call *call);
/* Takes the record. */
void dev_record_keep(dev_call *call, const char *endpoint);
void dev_record_forget(dev_issuer *issuer); /* under the lock */
bool dev_same_secret(const char *one, const char *other);

/* --- dev_issuer_settings.c --- */

dev_settings dev_settings_now(dev_issuer *issuer); /* identity_header is a copy: free() it */
void dev_settings_start(dev_issuer *issuer);
/* In the form of the settings, or else in the one that is @p usual at this endpoint. */
void dev_settings_put_expires_in(const dev_settings *settings, json_t *answer, const char *name, const char *usual,
                                 int64_t seconds);
void dev_settings_put_expires_on(const dev_settings *settings, json_t *answer, const char *usual, int64_t when);

/* --- dev_issuer_apps.c --- */

/* The application, a copy; NULL: none of this tenant (NULL: of any). */
json_t *dev_app_find(dev_issuer *issuer, const char *client_id, const char *tenant);
/* Copies of those with managed identities, an array. */
json_t *dev_app_identities(dev_issuer *issuer);
bool dev_app_knows_tenant(dev_issuer *issuer, const char *tenant);
bool dev_app_has_secret(const json_t *app, const char *member, const char *secret);
bool dev_app_flag(const json_t *app, const char *member);

/* --- dev_issuer_jwt.c --- */

/* A JWT that was taken apart and not verified. */
typedef struct dev_jwt {
    json_t *header;
    json_t *claims;
    const char *text;
    size_t signed_len;
    uint8_t *signature;
    size_t signature_len;
    size_t segments; /* how many the text has */
} dev_jwt;

/* False where it is none; clear it in any case. */
bool dev_jwt_read(const char *text, dev_jwt *jwt);
void dev_jwt_clear(dev_jwt *jwt);
const char *dev_jwt_text(const json_t *object, const char *member); /* NULL: absent, or no text */
/* A NumericDate as seconds; false where it is absent or none. */
bool dev_jwt_time(const dev_jwt *jwt, const char *claim, int64_t *when);
bool dev_jwt_has_audience(const dev_jwt *jwt, const char *audience);
/* RS256, PS256 and ES256. */
bool dev_jwt_verify(const dev_jwt *jwt, EVP_PKEY *pkey);
/* Made by a key that this issuer serves. */
bool dev_jwt_is_own(dev_issuer *issuer, const dev_jwt *jwt);
/* What an application's certificates and keys say: the thumbprint in the header names one, or `kid` one that is a JWK. NULL: none. */
EVP_PKEY *dev_jwt_key(const json_t *app, const dev_jwt *jwt);
/* Whether every certificate and key of the list can be read. */
bool dev_certificates_are_good(const json_t *list);

/* --- dev_issuer_trust.c --- */

enum dev_trust { DEV_TRUSTED, DEV_BAD_SIGNATURE, DEV_UNREACHABLE };
/* Verify with the keys that its issuer serves now, fetched by the library. @p reason: a static sentence. */
enum dev_trust dev_trust_check(dev_issuer *issuer, const json_t *federated, const char *token, const char **reason);

/* --- dev_issuer_entra_errors.c --- */

/* Answer with an error of Entra; @p detail goes to its place in the sentence. */
void dev_entra_error(dev_call *call, long number, const char *detail);
/* The client's name of the request; NULL: none. */
const char *dev_client_request_id(const dev_call *call);
void dev_entra_headers(dev_call *call);
char *dev_random_guid(void);

/* --- dev_issuer_token_issue.c: the tokens given --- */

/* What is asked for, and by whom. */
typedef struct dev_grant {
    const char *kind; /* of dev_shape_entra */
    const char *tenant;
    const json_t *app;
    const char *resource;
    const char *scp;      /* NULL: none */
    const json_t *claims; /* over all others; NULL: none */
    bool capable;         /* of continuous access evaluation */
    bool strong;          /* the client showed more than a secret */
} dev_grant;

/* A token of Entra's shape and its life in seconds; NULL after an answer of 500. Released with free(). */
char *dev_grant_token(dev_call *call, const dev_grant *grant, int64_t usual, int64_t *lifetime);
/* Its answer of the token endpoint. */
json_t *dev_grant_answer(dev_call *call, const dev_grant *grant, int64_t usual);

/* --- dev_issuer_token_entra.c, dev_issuer_token_assertion.c, dev_issuer_token_obo.c --- */

void dev_serve_entra_token(dev_call *call);
/* The client's proof; false after an answer. */
bool dev_assertion_check(dev_call *call, const json_t *app, const char *assertion);
/* The federated credential that a token fits; NULL after @p number. */
const json_t *dev_federated_match(const json_t *app, const dev_jwt *jwt, const char *only_audience, long *number);
void dev_serve_on_behalf_of(dev_call *call, const json_t *app, bool strong);

/* --- dev_issuer_proxy.c --- */

/* What a cluster's proxy demands; false after an answer. */
bool dev_proxy_check(dev_call *call, const json_t *app, const char *assertion);

/* --- dev_issuer_token_faults.c --- */

/* After dev_fault_change(), the faults of tokens alone. */
void dev_token_fault_change(dev_call *call);

/* --- dev_issuer_oauth.c, dev_issuer_oauth_client.c, dev_issuer_exchange.c, dev_issuer_google.c: issuers that are not Entra's shape --- */

void dev_serve_oauth_token(dev_call *call);
/* The application, proved to be the client; NULL after an answer. */
json_t *dev_oauth_client(dev_call *call);
void dev_oauth_error(dev_call *call, unsigned status, const char *error, const char *description);
/* What the token is for: `audience` or `resource`; false after an answer. @p wanted: NULL where neither is there. */
bool dev_oauth_target(dev_call *call, const json_t *app, json_t **wanted);
bool dev_oauth_scope(dev_call *call, const json_t *app);
/* A token and what goes with it; takes @p claims. NULL after an answer. */
json_t *dev_oauth_answer(dev_call *call, json_t *claims, int64_t *lifetime);
void dev_serve_exchange(dev_call *call, const json_t *app);
/* The claims of a token that one of the application's issuers made; NULL after an answer with @p error. */
json_t *dev_subject_claims(dev_call *call, const json_t *app, const char *name, const char *error);
void dev_serve_google(dev_call *call);
void dev_serve_impersonation(dev_call *call);

/* --- dev_issuer_managed.c, dev_issuer_arc.c, dev_issuer_ci.c --- */

void dev_serve_imds(dev_call *call);
void dev_serve_app_service(dev_call *call);
void dev_serve_cloud_shell(dev_call *call);
void dev_imds_refuse(dev_call *call, unsigned status, const char *sentence);
/* False after an answer: a challenge, or a refusal. */
bool dev_arc_check(dev_call *call);
void dev_arc_forget(dev_issuer *issuer);
void dev_serve_github(dev_call *call);
void dev_serve_pipelines(dev_call *call);

/* --- dev_issuer_http.c, dev_issuer_control.c: routes --- */

/* One request while its body arrives. */
typedef struct dev_incoming {
    cli_text body;
    bool too_long;
} dev_incoming;

void dev_set_text(dev_reply *reply, unsigned status, const char *content_type, const char *text);
void dev_set_problem(dev_reply *reply, unsigned status, const char *sentence);
/* The body as an object; an empty one where there is no body. NULL after a reply. */
json_t *dev_read_body(const dev_incoming *request, dev_reply *reply);
typedef void dev_route(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                       dev_reply *reply);
dev_route dev_post_settings;
dev_route dev_post_apps;
dev_route dev_get_apps;
dev_route dev_get_requests;
dev_route dev_post_rotate_tls;
dev_route dev_redirected_token;
dev_route dev_get_instances;

/* --- dev_issuer_server.c --- */

/* Start the first daemon on a listening socket, which it then owns. -1 with a sentence in @p message. */
int dev_server_start(dev_issuer *issuer, int fd, dev_certificates *certificates, char *message, size_t size);
void dev_server_stop(dev_issuer *issuer);

#endif
