/* SPDX-License-Identifier: MIT */
/* assay doctor: what the token in the file says of itself, before it is sent anywhere. */

#include "doctor.h"

#include <inttypes.h>
#include <string.h>

#define LAYER "claims"
#define DAY_AND_AN_HOUR                                                                                                \
    90000 /* longest life of an external token (Microsoft, "Workload identity federation considerations") */

static int64_t time_of(const json_t *claims, const char *name)
{
    return json_integer_value(json_object_get(claims, name));
}

static bool has_audience(const json_t *claims, const char *audience)
{
    size_t index = 0;
    const json_t *each = NULL;
    json_array_foreach(json_object_get(claims, "aud"), index, each)
    {
        if (strcmp(json_string_value(each), audience) == 0)
            return true;
    }
    return false;
}

/* How many segments and bytes: enough to tell a cut token or another file, and nothing of the content. */
static void fail_form(doctor *d)
{
    size_t segments = 1;
    for (size_t i = 0; i < d->token.len; i++)
        segments += d->token.ptr[i] == '.' ? 1 : 0;
    if (segments == 3)
        doctor_fail(d, LAYER, "form", 12, CLI_EXIT_USAGE,
                    "this is not one JWT: its 3 segments are not base64url of JSON objects, %zu bytes", d->token.len);
    else
        doctor_fail(d, LAYER, "form", 12, CLI_EXIT_USAGE,
                    "this is not one JWT: %zu segments where 3 are due, %zu bytes", segments, d->token.len);
    d->missing = "the token file holds no token";
}

static void check_issuer(doctor *d)
{
    const char *issuer = doctor_text(d->claims, "iss");
    static const char *const cluster[] = {"https://kubernetes.default.svc", "kubernetes/serviceaccount"};
    for (size_t i = 0; i < CLI_COUNT_OF(cluster); i++) {
        if (strncmp(issuer, cluster[i], strlen(cluster[i])) != 0)
            continue;
        doctor_fail(d, LAYER, "issuer", 55, CLI_EXIT_USAGE, "%s: the cluster has no issuer that Entra could reach",
                    issuer);
        doctor_command(
            d, "az aks update --resource-group GROUP --name CLUSTER --enable-oidc-issuer --enable-workload-identity");
        return;
    }
    if (issuer[0] == '\0')
        doctor_fail(d, LAYER, "issuer", 2, CLI_EXIT_USAGE, "the token names none");
    else if (strncmp(issuer, "https://", 8) != 0)
        doctor_say(d, LAYER, "issuer", DOCTOR_WARNING, 15, "%s: Entra fetches keys of https alone", issuer);
    else
        doctor_say(d, LAYER, "issuer", DOCTOR_OK, 0, "%s", issuer);
}

static void check_subject(doctor *d)
{
    const char *subject = doctor_text(d->claims, "sub");
    if (subject[0] != '\0')
        doctor_say(d, LAYER, "subject", DOCTOR_OK, 0, "%s", subject);
    else
        doctor_say(d, LAYER, "subject", DOCTOR_WARNING, 4, "none that names a workload (others are not shown)");
}

static char *join(const json_t *list)
{
    cli_text text = {0};
    size_t index = 0;
    const json_t *each = NULL;
    json_array_foreach(list, index, each)
    {
        cli_text_put(&text, index == 0 ? "" : ", ");
        cli_text_put(&text, json_string_value(each));
    }
    return text.ptr == NULL ? cli_strdup("none") : text.ptr;
}

/* The automatic rule of the library: the token proxy is used where there is one and the token is meant for it. */
static void check_binding(doctor *d)
{
    const char *mode = d->credential->token_proxy_mode;
    bool off = mode != NULL && strcmp(mode, "off") == 0;
    if (d->proxy_url != NULL && !off) {
        d->through_proxy = true;
        doctor_say(d, LAYER, "audience", DOCTOR_OK, 0,
                   DOCTOR_BINDING_AUDIENCE ": an identity binding; the token goes to the token proxy");
        return;
    }
    doctor_fail(d, LAYER, "audience", 3, CLI_EXIT_USAGE,
                DOCTOR_BINDING_AUDIENCE ", but %s, and Entra itself refuses this token",
                off ? "the token proxy is switched off" : "AZURE_KUBERNETES_TOKEN_PROXY is not set");
}

static void check_audience(doctor *d)
{
    CLI_AUTO_FREE char *all = join(json_object_get(d->claims, "aud"));
    const char *wanted = doctor_exchange_audience(d->authority);
    bool forced = d->credential->token_proxy_mode != NULL && strcmp(d->credential->token_proxy_mode, "on") == 0;
    d->through_proxy = d->proxy_url != NULL && (forced || d->credential->token_proxy != NULL);
    if (has_audience(d->claims, DOCTOR_BINDING_AUDIENCE))
        check_binding(d);
    else if (has_audience(d->claims, wanted))
        doctor_say(d, LAYER, "audience", DOCTOR_OK, 0, "%s", all);
    else
        /* The federated credential has the last word: any audience does that it names. */
        doctor_say(d, LAYER, "audience", DOCTOR_WARNING, 3,
                   "%s, where %s is usual; the federated credential must name the very same", all, wanted);
}

static void check_expiry(doctor *d)
{
    int64_t expiry = time_of(d->claims, "exp");
    int64_t issued = time_of(d->claims, "iat");
    char distance[40];
    char date[40];
    if (expiry == 0) {
        doctor_fail(d, LAYER, "expiry", 12, CLI_EXIT_USAGE, "the token has none");
        return;
    }
    cli_time_distance(expiry, d->now, distance, sizeof distance);
    cli_time_text(expiry, date, sizeof date);
    if (expiry <= d->now) {
        doctor_fail(d, LAYER, "expiry", 54, CLI_EXIT_USAGE,
                    "expired %s, %s: nobody replaces the file, or this machine's clock is wrong", distance, date);
        d->missing = "the token in the file has expired";
        return;
    }
    /* kubelet replaces a token at 80 percent of its life (Kubernetes, "Service account token volume projection"). */
    if (issued > 0 && issued < expiry && d->now > issued + (expiry - issued) / 100 * 95)
        doctor_say(d, LAYER, "expiry", DOCTOR_WARNING, 54, "%s, %s: it should have been replaced by now", distance,
                   date);
    else
        doctor_say(d, LAYER, "expiry", DOCTOR_OK, 0, "%s, %s", distance, date);
}

static void check_times(doctor *d)
{
    int64_t issued = time_of(d->claims, "iat");
    int64_t life = time_of(d->claims, "exp") - issued;
    int64_t valid_from = time_of(d->claims, "nbf") > issued ? time_of(d->claims, "nbf") : issued;
    if (issued > 0 && life > DAY_AND_AN_HOUR)
        doctor_fail(d, LAYER, "lifetime", 7, CLI_EXIT_USAGE,
                    "%" PRId64 " hours, where Entra takes 25 at most: not a token of a projected volume", life / 3600);
    if (valid_from > d->now + 60)
        doctor_say(d, LAYER, "clock", DOCTOR_WARNING, 57,
                   "the token is valid from %" PRId64 " s from now on only: this machine's clock is behind",
                   valid_from - d->now);
}

/* Entra verifies RS256 and its kin alone. */
static void check_algorithm(doctor *d)
{
    const char *algorithm = doctor_text(d->claims, "alg");
    const char *kid = doctor_text(d->claims, "kid");
    if (strncmp(algorithm, "RS", 2) == 0)
        doctor_say(d, LAYER, "signature", DOCTOR_OK, 0, "%s, key %s (not verified here)", algorithm,
                   kid[0] == '\0' ? "without a name" : kid);
    else
        doctor_fail(d, LAYER, "signature", 13, CLI_EXIT_USAGE, "%s: Entra takes RS256",
                    algorithm[0] == '\0' ? "no algorithm" : algorithm);
}

/* An exchange may be of a token that is no JWT (RFC 8693, section 3), which says nothing to anybody but its server. */
static bool may_be_opaque(const doctor *d)
{
    static const char prefix[] = "urn:ietf:params:oauth:token-type:";
    const char *type = d->credential->subject_token_type;
    if (credential_kind_is_azure(d->kind) || type == NULL)
        return false;
    const char *name = strncmp(type, prefix, sizeof prefix - 1) == 0 ? type + sizeof prefix - 1 : type;
    return strcmp(name, "jwt") != 0 && strcmp(name, "id_token") != 0;
}

void doctor_claims(doctor *d)
{
    if (d->token.len == 0) {
        doctor_say(d, LAYER, "token", DOCTOR_SKIPPED, 0, "there is none to look at");
        return;
    }
    d->claims = doctor_jwt_federated(d->token.ptr, d->token.len);
    if (d->claims == NULL && may_be_opaque(d)) {
        doctor_say(d, LAYER, "token", DOCTOR_SKIPPED, 0, "it is no JWT, and by its type it need not be one");
        return;
    }
    if (d->claims == NULL) {
        fail_form(d);
        return;
    }
    check_issuer(d);
    check_subject(d);
    check_expiry(d);
    check_times(d);
    if (!credential_kind_is_azure(d->kind))
        return;
    check_audience(d);
    check_algorithm(d);
}
