/* SPDX-License-Identifier: MIT */
/* assay doctor: where it runs, and so which credential there is to examine. */

#include "doctor.h"

#include <string.h>
#include <unistd.h>

const char *doctor_variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool has(const char *name)
{
    return doctor_variable(name) != NULL;
}

/* The order in which the library looks for them. */
const char *doctor_agent(void)
{
    if (has("IDENTITY_ENDPOINT") && has("IDENTITY_HEADER"))
        return has("IDENTITY_SERVER_THUMBPRINT") ? "Service Fabric" : "App Service";
    if (has("MSI_ENDPOINT"))
        return has("MSI_SECRET") ? "Azure ML or an old App Service" : "Cloud Shell";
    if ((has("IDENTITY_ENDPOINT") && has("IMDS_ENDPOINT")) || access("/opt/azcmagent/bin/himds", F_OK) == 0)
        return "Azure Arc";
    return NULL;
}

static const char *place(void)
{
    /* A job may run in a pod, and a pod on a platform that has an agent: the narrower place counts. */
    if (has("GITHUB_ACTIONS") || has("ACTIONS_ID_TOKEN_REQUEST_URL"))
        return "github";
    if (has("TF_BUILD") || has("SYSTEM_OIDCREQUESTURI"))
        return "pipelines";
    if (doctor_agent() != NULL)
        return "azure";
    if (has("KUBERNETES_SERVICE_HOST") || access("/var/run/secrets/kubernetes.io/serviceaccount", F_OK) == 0)
        return "pod";
    return "unknown";
}

static const char *place_text(const char *place)
{
    static const char *const texts[][2] = {
        {"pod", "a pod of Kubernetes"},
        {"github", "a job of GitHub Actions"},
        {"pipelines", "a job of Azure Pipelines"},
        {"azure", "a platform of Azure with an agent of its own"},
        {"vm", "a machine of Azure: IMDS answers"},
    };
    for (size_t i = 0; i < CLI_COUNT_OF(texts); i++)
        if (strcmp(texts[i][0], place) == 0)
            return texts[i][1];
    return "neither a pod, nor a CI job, nor a platform of Azure, as far as its variables tell";
}

/* Where the environment configures nothing, the place says what was to be expected there. */
static enum credential_kind expected_at(const char *place)
{
    if (strcmp(place, "pod") == 0)
        return CREDENTIAL_WORKLOAD;
    if (strcmp(place, "github") == 0)
        return CREDENTIAL_GITHUB;
    if (strcmp(place, "pipelines") == 0)
        return CREDENTIAL_PIPELINES;
    if (strcmp(place, "azure") == 0)
        return CREDENTIAL_MANAGED;
    if (has("AZURE_TENANT_ID") || has("AZURE_CLIENT_ID"))
        return CREDENTIAL_WORKLOAD; /* half of it is there */
    return CREDENTIAL_DEFAULT;
}

static void say_nothing_here(doctor *d)
{
    doctor_fail(
        d, "environment", "credential", 0, CLI_EXIT_USAGE,
        "nothing gives this process an identity: no variable of Azure, Kubernetes or CI is set%s. Run this where the "
        "program runs, or name what there is: assay doctor workload --token-file FILE, certificate, secret, managed",
        d->offline ? "" : ", and no machine of Azure answers");
}

/* The variable that narrows the default chain. False: it names what is not there, so there is nothing to examine. */
static bool check_choice(doctor *d, bool named)
{
    const char *problem = credential_choice_problem(), *choice = credential_choice();
    if (!has(CREDENTIAL_CHOICE))
        return true;
    if (named && d->kind != CREDENTIAL_ON_BEHALF_OF) {
        doctor_say(d, "environment", CREDENTIAL_CHOICE, DOCTOR_SKIPPED, 0,
                   "set, but it is for the default chain alone, and the command line names a kind");
        return true;
    }
    if (problem != NULL)
        doctor_fail(d, "environment", CREDENTIAL_CHOICE, 0, CLI_EXIT_USAGE, "%s", problem);
    else
        doctor_say(d, "environment", CREDENTIAL_CHOICE, DOCTOR_OK, 0, "%s",
                   choice == NULL ? "prod: the whole default chain" : choice);
    return problem == NULL;
}

static const char *reason_of(const doctor *d, bool named)
{
    if (named)
        return "as the command line says";
    if (!d->configured)
        return "which is to be expected here";
    return credential_choice() != NULL ? "as " CREDENTIAL_CHOICE " says"
                                       : "the first of the default chain that the environment configures";
}

void doctor_place(doctor *d)
{
    d->where = place();
    d->kind = d->credential->kind;
    bool named = d->kind != CREDENTIAL_DEFAULT && !d->credential->kind_of_environment;
    doctor_say(d, "environment", "place", DOCTOR_OK, 0, "%s", place_text(d->where));
    if (!check_choice(d, named)) {
        d->kind = CREDENTIAL_DEFAULT;
        return;
    }
    if (!named)
        d->kind = credential_kind_of_environment();
    d->configured = d->kind != CREDENTIAL_DEFAULT;
    if (!d->configured)
        d->kind = expected_at(d->where);
    if (d->kind == CREDENTIAL_DEFAULT && !d->offline && doctor_imds(d, false)) {
        d->where = "vm";
        d->kind = CREDENTIAL_MANAGED;
    }
    if (d->kind == CREDENTIAL_DEFAULT) {
        say_nothing_here(d);
        return;
    }
    doctor_say(d, "environment", "credential", DOCTOR_OK, 0, "%s, %s", credential_kind_name(d->kind),
               reason_of(d, named));
}
