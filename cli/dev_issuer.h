/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_DEV_ISSUER_H
#define ASSAY_CLI_DEV_ISSUER_H

/*
 * A development issuer on 127.0.0.1: metadata, keys, tokens of every sort, good and forged, and faults on demand. It signs
 * whatever it is asked to sign, for anybody who can reach the port; nothing real may trust it.
 *
 * Threads: every function may be called from any thread between start and stop.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dev_issuer dev_issuer;

typedef struct dev_issuer_options {
    uint16_t port;         /* 0: the kernel chooses */
    bool tls;              /* with a certificate of its own unless cert_file is given */
    const char *cert_file; /* PEM; with key_file */
    const char *key_file;
    const char *path;              /* NULL or "": none; else such as "/tenant/v2.0", part of the issuer's URL */
    const char *const *algorithms; /* signing keys to have; NULL: RS256 and ES256 */
    size_t algorithm_count;
    const char *audience; /* default aud; NULL: "dev-audience" */
    int64_t lifetime;     /* seconds from iat to exp; 0: 3600, or what is usual for the kind of token */
    int64_t max_age;      /* Cache-Control of the key set; 0: 3600; negative: no Cache-Control */
    bool verbose;         /* one line a request on standard error */
    bool entra;           /* the shapes of Entra ID, for every tenant; path must be NULL */
    const char
        *tenant; /* with entra: GUID in lower case where none is named; NULL: aaaabbbb-0000-cccc-1111-dddd2222eeee */
    const char *cloud_instance; /* with entra: cloud_instance_name; NULL: "microsoftonline.com" */
    bool kubernetes;            /* the shapes of a cluster's issuer; not with entra */
    const char *tls_name;   /* with tls, without cert_file: the only DNS name of the certificate; NULL: loopback's */
    const char *proxy_path; /* with entra: where a cluster's token proxy answers, such as "/p" or "/"; NULL: none */
    const char *arc_folder; /* where the challenges of Azure Arc put their key files; NULL: no Arc */
} dev_issuer_options;

/* Start; 0, or -1 with a sentence in @p message. Everything of @p options is copied. */
int dev_issuer_start(const dev_issuer_options *options, dev_issuer **issuer, char *message, size_t message_size);
/* Wake what waits, close every connection and release; NULL is allowed. */
void dev_issuer_stop(dev_issuer *issuer);

/* `iss`, with Entra that of the default tenant in version 2; and the URL that the paths /mint, /rotate, /fault, /stats lie under. Borrowed until stop. */
const char *dev_issuer_url(const dev_issuer *issuer);
const char *dev_issuer_base(const dev_issuer *issuer);
/* Certificate of its own CA in PEM; NULL without TLS or with a certificate of one's own. */
const char *dev_issuer_ca_pem(const dev_issuer *issuer);
const char *dev_issuer_audience(const dev_issuer *issuer);

/*
 * Make a token from a request as POST /mint takes it; NULL for a default one. 0 with the token, or -1 with a sentence, in
 * @p text; release it with free().
 */
int dev_issuer_mint(dev_issuer *issuer, const char *json_request, char **text);
/* As POST /rotate; @p answer (JSON, or a sentence with -1) is released with free(). */
int dev_issuer_rotate(dev_issuer *issuer, const char *json_request, char **answer);
/*
 * As POST /fault: @p target "metadata", "jwks", "token", "imds", "oidc-request" or "all"; @p kind as GET / lists them, "none" clears.
 * @p value: the kind's number, negative for its default; @p count: requests that it lasts, negative for ever. -1: no such target or kind,
 * or one that can't befall the other.
 */
int dev_issuer_fault(dev_issuer *issuer, const char *target, const char *kind, int64_t value, int64_t count);
/* Change Cache-Control's max-age of the key set; negative: none is sent. */
void dev_issuer_set_max_age(dev_issuer *issuer, int64_t seconds);
/* The key set as it is served without faults, with Entra to the default tenant in version 2; release with free(). */
char *dev_issuer_jwks(dev_issuer *issuer);
/*
 * Requests so far: "metadata", "jwks", "not_modified", "mint", "rotate", "fault", "redirected", "faulted", "other"; of the endpoints that
 * give tokens "token" (Entra's), "proxy", "oauth", "google", "impersonation", "imds", "app_service", "arc", "service_fabric", "cloud_shell",
 * "github", "pipelines", and "rejected", the answers of all these that were no success. -1: no such counter.
 */
int64_t dev_issuer_stats(dev_issuer *issuer, const char *name);
/* The counters, and what dev_issuer_requests() tells. */
void dev_issuer_stats_reset(dev_issuer *issuer);
/* No connection is open, but for those that a fault keeps waiting: whatever was sent over one that its client gave up is counted by now. */
bool dev_issuer_is_idle(dev_issuer *issuer);

/*
 * Register an application, as POST /apps: one JSON object, or an array of them. One of the same client_id and tenant is replaced. -1 with a
 * sentence.
 */
int dev_issuer_add_app(dev_issuer *issuer, const char *json, char *message, size_t message_size);
/* As GET /apps: a JSON array without the secrets; release with free(). */
char *dev_issuer_apps(dev_issuer *issuer);
/* As POST /settings; -1 with a sentence, and nothing changed. */
int dev_issuer_settings(dev_issuer *issuer, const char *json, char *message, size_t message_size);
/* As GET /requests: what the last requests for tokens had, as a JSON array, the newest last; release with free(). */
char *dev_issuer_requests(dev_issuer *issuer);
/*
 * As POST /rotate-tls: another CA and another certificate, for @p name or, where it is NULL, for the names as before. New connections get
 * them; dev_issuer_ca_pem() is that of the newest. -1: not with TLS of one's own making.
 */
int dev_issuer_rotate_tls(dev_issuer *issuer, const char *name);

#endif
