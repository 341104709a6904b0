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

/*
 * AZURE_TOKEN_CREDENTIALS, in any case of letters: which part of the chain there is (Microsoft, "Credential chains in the Azure Identity library"). What is named
 * is a choice: it stands alone, whatever else is configured, and nothing steps in for it.
 */
#define VARIABLE "AZURE_TOKEN_CREDENTIALS"
#define KNOWN "prod, EnvironmentCredential, WorkloadIdentityCredential and ManagedIdentityCredential"
#define BIT(kind) (1u << ASSAY_CREDENTIAL_##kind)

typedef struct choice {
    const char *name;
    unsigned kinds; /* bits; 0: a developer's sign-in to some tool, of which there are none here */
} choice;

static const choice choices[] = {
    {"prod", ~0u}, /* also where nothing is said */
    {"EnvironmentCredential", BIT(SECRET) | BIT(CERTIFICATE)},
    {"WorkloadIdentityCredential", BIT(WORKLOAD)},
    {"ManagedIdentityCredential", BIT(MANAGED)},
    {"dev", 0},
    {"AzureCliCredential", 0},
    {"AzureDeveloperCliCredential", 0},
    {"AzurePowerShellCredential", 0},
    {"VisualStudioCredential", 0},
    {"VisualStudioCodeCredential", 0},
    {"InteractiveBrowserCredential", 0},
    {"BrokerCredential", 0},
};

static const choice *find_choice(const char *text)
{
    assay_span name = assay_span_of(text + strspn(text, " "));
    while (name.len > 0 && name.ptr[name.len - 1] == ' ')
        name.len--;
    for (size_t i = 0; i < ASSAY_COUNT_OF(choices); i++)
        if (assay_span_is_nocase(name, choices[i].name))
            return &choices[i];
    return NULL;
}

/* A value that is not known is not shown: people paste a secret into the wrong variable. */
static int read_choice(const choice **chosen, assay_failure *failure)
{
    const char *text = NULL;
    *chosen = &choices[0];
    int code = assay_environment_text(VARIABLE, &text, failure);
    if (code != ASSAY_OK || text == NULL)
        return code;
    *chosen = find_choice(text);
    if (*chosen != NULL && (*chosen)->kinds != 0)
        return ASSAY_OK;
    if (*chosen == NULL)
        code = assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, VARIABLE " has a value that is none of " KNOWN);
    else
        code = assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               VARIABLE " is %s, but there are no sign-ins of developer tools here; there are " KNOWN,
                               (*chosen)->name);
    if (failure != NULL)
        failure->hint =
            "unset " VARIABLE ", or set one of those; without the identity of a platform AZURE_CLIENT_SECRET "
            "or AZURE_CLIENT_CERTIFICATE_PATH of an application serve on a developer's machine";
    return code;
}

static bool is_left_out(const choice *chosen, assay_credential_kind kind)
{
    return (chosen->kinds & 1u << kind) == 0;
}

/* The name is a promise that it is there. */
static int refuse_unconfigured(const choice *chosen, assay_failure *failure)
{
    bool workload = !is_left_out(chosen, ASSAY_CREDENTIAL_WORKLOAD);
    int code = assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, VARIABLE " is %s, but %s", chosen->name,
                               workload ? "AZURE_FEDERATED_TOKEN_FILE is not set"
                                        : "neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set");
    if (workload)
        assay_settings_advise(49, failure);
    return code;
}

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

static void choose_configured(const choice *chosen, assay_credential_kind *kinds, size_t capacity, size_t *count,
                              assay_buffer *lines)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(candidates); i++) {
        assay_credential_kind kind = candidates[i].kind;
        const char *missing = missing_variable(&candidates[i]);
        if (is_left_out(chosen, kind)) {
            skip(lines, kind, "left out, since " VARIABLE " is %s", chosen->name);
            continue;
        }
        if (missing != NULL)
            skip(lines, kind, "%s is not set", missing);
        else if (*count > 0)
            skip(lines, kind, "configured too, but %s comes first", assay_credential_kind_name(kinds[0]));
        if (missing == NULL)
            add(kind, kinds, capacity, count);
    }
}

int assay_environment_choose(assay_credential_kind *kinds, size_t capacity, size_t *count, char **skipped, bool *named,
                             assay_failure *failure)
{
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer lines = {0};
    const choice *chosen = NULL;
    *count = 0;
    *skipped = NULL;
    *named = false;
    int code = read_choice(&chosen, failure);
    if (code != ASSAY_OK)
        return code;
    choose_configured(chosen, kinds, capacity, count, &lines);
    if (is_left_out(chosen, ASSAY_CREDENTIAL_MANAGED))
        skip(&lines, ASSAY_CREDENTIAL_MANAGED, "left out, since " VARIABLE " is %s", chosen->name);
    else if (*count == 0)
        add(ASSAY_CREDENTIAL_MANAGED, kinds, capacity, count);
    else
        skip(&lines, ASSAY_CREDENTIAL_MANAGED, "not asked, since %s is configured",
             assay_credential_kind_name(kinds[0]));
    if (lines.failed)
        return assay_fail(failure, ASSAY_E_MEMORY);
    if (*count == 0)
        return refuse_unconfigured(chosen, failure);
    *named = chosen != &choices[0];
    *skipped = ASSAY_STEAL(lines.text);
    return assay_fail(failure, ASSAY_OK);
}
