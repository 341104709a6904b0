/* SPDX-License-Identifier: MIT */
/* assay doctor: the commands for what a pod lacks, with the names of its namespace and service account where they can be known. */

#include "doctor.h"

#include <string.h>

#define TOKEN "/var/run/secrets/kubernetes.io/serviceaccount/token"
#define NAME_BYTES 253 /* longest name of an object of Kubernetes (RFC 1123, subdomain) */

static bool is_name(const char *text, size_t len)
{
    /* Not "--all", which kubectl would obey. */
    bool begins_well = len > 0 && text[0] != '-' && text[0] != '.';
    return begins_well && len <= NAME_BYTES && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") >= len;
}

/* system:serviceaccount:NAMESPACE:NAME (Kubernetes, "Authenticating", "Service account tokens"). */
static bool split_subject(const char *subject, char **namespace, char **account)
{
    static const char prefix[] = "system:serviceaccount:";
    if (strncmp(subject, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *first = subject + sizeof prefix - 1;
    const char *colon = strchr(first, ':');
    if (colon == NULL || !is_name(first, (size_t)(colon - first)) || !is_name(colon + 1, strlen(colon + 1)))
        return false;
    *namespace = cli_copy(first, (size_t)(colon - first));
    *account = cli_strdup(colon + 1);
    return true;
}

/* From the federated token, or else from the token that every pod has for the API server. */
static void find_names(const doctor *d, char **namespace, char **account)
{
    if (split_subject(doctor_text(d->claims, "sub"), namespace, account))
        return;
    cli_text token = {0};
    CLI_CLEANUP(json_decref_p) json_t *claims = NULL;
    if (doctor_read(TOKEN, CLI_INPUT_TOKEN_BYTES, &token) == 0 && token.len > 0)
        claims = doctor_jwt_federated(token.ptr, strcspn(token.ptr, " \r\n"));
    cli_text_wipe(&token);
    if (split_subject(doctor_text(claims, "sub"), namespace, account))
        return;
    *namespace = cli_strdup("NAMESPACE");
    *account = cli_strdup("SERVICEACCOUNT");
}

void doctor_pod_commands(doctor *d)
{
    if (!d->needs_label && !d->needs_annotation)
        return;
    CLI_AUTO_FREE char *namespace = NULL;
    CLI_AUTO_FREE char *account = NULL;
    find_names(d, &namespace, &account);
    /* A word that is still to be filled in must not take the place of an annotation that is right. */
    doctor_command(d, "kubectl -n %s annotate serviceaccount %s azure.workload.identity/client-id=%s%s", namespace,
                   account, d->client_id == NULL ? "CLIENT-ID" : d->client_id,
                   d->client_id == NULL ? "" : " --overwrite");
    /* The webhook looks at pods when they are made: changing the template also makes new ones. */
    if (d->needs_label)
        doctor_command(
            d,
            "kubectl -n %s patch deployment DEPLOYMENT --patch "
            "'{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"azure.workload.identity/use\":\"true\"}}}}}'",
            namespace);
    else
        doctor_command(d, "kubectl -n %s rollout restart deployment DEPLOYMENT", namespace);
}
