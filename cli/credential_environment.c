/* SPDX-License-Identifier: MIT */
/* What the environment configures first, in the order of assay_credential_new_from_environment(), and what AZURE_TOKEN_CREDENTIALS leaves of that. */

#include "credential.h"

#include <string.h>
#include <strings.h>

#define BIT(kind) (1U << (kind))

/* The names that the SDKs of Azure have for parts of the default chain, in any case of letters; what else they name are tools of developers. */
static const struct {
    const char *name;
    unsigned kinds;
} choices[] = {
    {"prod", ~0U}, /* also where nothing is said */
    {"EnvironmentCredential", BIT(CREDENTIAL_SECRET) | BIT(CREDENTIAL_CERTIFICATE)},
    {"WorkloadIdentityCredential", BIT(CREDENTIAL_WORKLOAD)},
    {"ManagedIdentityCredential", BIT(CREDENTIAL_MANAGED)},
};

/* All variables of a row; runners set the first one of CI for every job, whatever it is for. */
static const struct {
    const char *variables[2];
    enum credential_kind kind;
} signs[] = {
    {{"AZURE_CLIENT_SECRET", NULL}, CREDENTIAL_SECRET},
    {{"AZURE_CLIENT_CERTIFICATE_PATH", NULL}, CREDENTIAL_CERTIFICATE},
    {{"AZURE_FEDERATED_TOKEN_FILE", NULL}, CREDENTIAL_WORKLOAD},
    {{"ACTIONS_ID_TOKEN_REQUEST_URL", "AZURE_TENANT_ID"}, CREDENTIAL_GITHUB},
    {{"SYSTEM_OIDCREQUESTURI", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"}, CREDENTIAL_PIPELINES},
};

static bool is_set(const char *variable)
{
    const char *value = variable == NULL ? "" : getenv(variable);
    return variable == NULL || (value != NULL && value[0] != '\0');
}

/* The row of `choices`; their count: none. */
static size_t choice(void)
{
    if (!is_set(CREDENTIAL_CHOICE))
        return 0;
    const char *value = getenv(CREDENTIAL_CHOICE);
    value += strspn(value, " ");
    size_t i = 0, len = strlen(value);
    while (len > 0 && value[len - 1] == ' ')
        len--;
    while (i < CLI_COUNT_OF(choices) &&
           (strlen(choices[i].name) != len || strncasecmp(choices[i].name, value, len) != 0))
        i++;
    return i;
}

/* The first that is configured among these kinds. */
static enum credential_kind configured(unsigned kinds)
{
    for (size_t i = 0; i < CLI_COUNT_OF(signs); i++)
        if ((kinds & BIT(signs[i].kind)) != 0 && is_set(signs[i].variables[0]) && is_set(signs[i].variables[1]))
            return signs[i].kind;
    return CREDENTIAL_DEFAULT;
}

const char *credential_choice(void)
{
    size_t found = choice();
    return found == 0 || found == CLI_COUNT_OF(choices) ? NULL : choices[found].name;
}

const char *credential_choice_problem(void)
{
    size_t found = choice();
    if (found == CLI_COUNT_OF(choices))
        return "none of prod, EnvironmentCredential, WorkloadIdentityCredential and ManagedIdentityCredential (not "
               "shown); sign-ins of developer tools are not used here: unset it, or set one of those";
    if (choices[found].kinds == (BIT(CREDENTIAL_SECRET) | BIT(CREDENTIAL_CERTIFICATE)) &&
        configured(choices[found].kinds) == CREDENTIAL_DEFAULT)
        return "EnvironmentCredential, but neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set";
    return NULL;
}

enum credential_kind credential_kind_of_environment(void)
{
    size_t found = choice();
    if (found == CLI_COUNT_OF(choices))
        return CREDENTIAL_DEFAULT;
    if (choices[found].kinds == BIT(CREDENTIAL_WORKLOAD))
        return CREDENTIAL_WORKLOAD;
    if (choices[found].kinds == BIT(CREDENTIAL_MANAGED))
        return CREDENTIAL_MANAGED;
    return configured(choices[found].kinds);
}
