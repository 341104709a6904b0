/* SPDX-License-Identifier: MIT */
#include "acquire/from_environment.h"

/*
 * Which kinds of the default chain are configured. What shows that is the one variable that nobody sets for another purpose: the rest may be missing,
 * and is then told by name instead of going on to the identity of the node (exchange.md, Settled 2).
 */

typedef struct candidate {
    assay_credential_kind kind;
    const char *variables[2]; /* all of them must be set */
} candidate;

/* Runners set the URL for every job with the permission, for whatever it wants it, and pipelines for every step: a second one shows that Entra is meant. */
static const candidate candidates[] = {
    {ASSAY_CREDENTIAL_SECRET, {"AZURE_CLIENT_SECRET", NULL}},
    {ASSAY_CREDENTIAL_CERTIFICATE, {"AZURE_CLIENT_CERTIFICATE_PATH", NULL}},
    {ASSAY_CREDENTIAL_WORKLOAD, {"AZURE_FEDERATED_TOKEN_FILE", NULL}},
    {ASSAY_CREDENTIAL_GITHUB, {"ACTIONS_ID_TOKEN_REQUEST_URL", "AZURE_TENANT_ID"}},
    {ASSAY_CREDENTIAL_PIPELINES, {"SYSTEM_OIDCREQUESTURI", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"}},
};

/* NULL: it is configured. */
static const char *missing_variable(const candidate *each)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(each->variables); i++)
        if (each->variables[i] != NULL && assay_environment_get(each->variables[i]) == NULL)
            return each->variables[i];
    return NULL;
}

static void add(assay_credential_kind kind, assay_credential_kind *kinds, size_t capacity, size_t *count)
{
    if (*count < capacity)
        kinds[(*count)++] = kind;
}

static void skip(assay_buffer *lines, assay_credential_kind kind, const char *reason, const char *name)
{
    assay_buffer_format(lines, "%s%s: ", lines->len == 0 ? "" : "\n", assay_credential_kind_name(kind));
    assay_buffer_format(lines, reason, name);
}

int assay_environment_choose(assay_credential_kind *kinds, size_t capacity, size_t *count, char **skipped,
                             assay_failure *failure)
{
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer lines = {0};
    *count = 0;
    *skipped = NULL;
    for (size_t i = 0; i < ASSAY_COUNT_OF(candidates); i++) {
        const char *missing = missing_variable(&candidates[i]);
        if (missing != NULL)
            skip(&lines, candidates[i].kind, "%s is not set", missing);
        else if (*count > 0)
            skip(&lines, candidates[i].kind, "configured too, but %s comes first",
                 assay_credential_kind_name(kinds[0]));
        if (missing == NULL)
            add(candidates[i].kind, kinds, capacity, count);
    }
    if (*count == 0)
        add(ASSAY_CREDENTIAL_MANAGED, kinds, capacity, count);
    else
        skip(&lines, ASSAY_CREDENTIAL_MANAGED, "not asked, since %s is configured",
             assay_credential_kind_name(kinds[0]));
    if (lines.failed)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *skipped = ASSAY_STEAL(lines.text);
    return assay_fail(failure, ASSAY_OK);
}
