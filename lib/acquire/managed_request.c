/* SPDX-License-Identifier: MIT */
#include "acquire/managed.h"

/*
 * Each with the document that shows it: IMDS (Microsoft, "How to use managed identities on a VM to acquire an access token"), App Service ("REST endpoint reference", both
 * versions), Azure ML (its identity is that of 2017-09-01), Cloud Shell ("MSI in Cloud Shell"), Arc ("Authenticate against Azure resources with Arc-enabled servers").
 */
static const assay_agent_form forms[] = {
    [ASSAY_AGENT_IMDS] = {"managed-identity (IMDS)", "http://169.254.169.254/metadata/identity/oauth2/token",
                          "2018-02-01", "Metadata", "true", "client_id", "object_id", "msi_res_id", false},
    [ASSAY_AGENT_APP_SERVICE] = {"managed-identity (App Service)", NULL, "2019-08-01", "X-IDENTITY-HEADER", NULL,
                                 "client_id", "principal_id", "mi_res_id", false},
    [ASSAY_AGENT_APP_SERVICE_2017] = {"managed-identity (App Service, 2017-09-01)", NULL, "2017-09-01", "secret", NULL,
                                      "clientid", NULL, NULL, false},
    [ASSAY_AGENT_AZURE_ML] = {"managed-identity (Azure ML)", NULL, "2017-09-01", "secret", NULL, "clientid", NULL, NULL,
                              false},
    [ASSAY_AGENT_CLOUD_SHELL] = {"managed-identity (Cloud Shell)", NULL, NULL, "Metadata", "true", NULL, NULL, NULL,
                                 true},
    [ASSAY_AGENT_ARC] = {"managed-identity (Azure Arc)", "http://127.0.0.1:40342/metadata/identity/oauth2/token",
                         "2020-06-01", "Metadata", "true", "client_id", NULL, "msi_res_id", false},
};

const assay_agent_form *assay_managed_form(assay_agent agent)
{
    return (size_t)agent < ASSAY_COUNT_OF(forms) ? &forms[agent] : NULL;
}

static const char *identity_parameter(const assay_agent_form *form, assay_identity identity)
{
    switch (identity) {
    case ASSAY_IDENTITY_CLIENT_ID:
        return form->by_client_id;
    case ASSAY_IDENTITY_OBJECT_ID:
        return form->by_object_id;
    case ASSAY_IDENTITY_RESOURCE_ID:
        return form->by_resource_id;
    case ASSAY_IDENTITY_SYSTEM:
        break;
    }
    return NULL;
}

/* An agent that ignored the name would give the token of another identity, so nothing is asked of one that knows no such names. */
static int check_identity(assay_managed *managed)
{
    static const char *const words[] = {"", "client id", "object id", "resource id"};
    const assay_credential_settings *settings = managed->machine.settings;
    if (settings->identity == ASSAY_IDENTITY_SYSTEM || identity_parameter(managed->form, settings->identity) != NULL)
        return ASSAY_OK;
    return assay_managed_fail(managed, ASSAY_E_IDENTITY, 0, "%s can't give the identity with a certain %s",
                              managed->form->source, words[settings->identity]);
}

static int check_wanted(assay_managed *managed)
{
    const assay_token_request *wanted = managed->machine.wanted;
    if (wanted->has_user)
        return assay_managed_fail(managed, ASSAY_E_CONFIG_CREDENTIAL, 0,
                                  "a managed identity can't act on behalf of a user");
    if (wanted->tenant != NULL)
        return assay_managed_fail(managed, ASSAY_E_CONFIG_TENANT, 0,
                                  "a managed identity gets tokens of its own tenant only");
    return check_identity(managed);
}

static void add_parameter(assay_secret *out, const char *name, const char *value)
{
    assay_secret_parameter(out, name, value, strlen(value));
}

static void write_parameters(const assay_managed *managed, const char *resource, assay_secret *out)
{
    const assay_credential_settings *settings = managed->machine.settings;
    const char *identity = identity_parameter(managed->form, settings->identity);
    if (managed->form->version != NULL)
        add_parameter(out, "api-version", managed->form->version);
    add_parameter(out, "resource", resource);
    if (identity != NULL && settings->identity_value != NULL)
        add_parameter(out, identity, settings->identity_value);
}

static int write_request(assay_managed *managed, const char *resource)
{
    const char *base = managed->machine.settings->agent_url;
    ASSAY_CLEANUP(assay_secret_clear) assay_secret parameters = {0};
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer url = {0};
    base = base != NULL ? base : managed->form->url;
    if (base == NULL)
        return assay_managed_fail(managed, ASSAY_E_CONFIG_CREDENTIAL, 0, "the URL of the agent is not set");
    write_parameters(managed, resource, &parameters);
    assay_buffer_put(&url, base);
    if (!managed->form->post) {
        assay_buffer_put(&url, strchr(base, '?') == NULL ? "?" : "&");
        assay_buffer_put(&url, parameters.failed ? "" : parameters.text);
    }
    if (managed->form->post && !parameters.failed)
        managed->body = assay_strdup(parameters.text);
    if (url.failed || parameters.failed || (managed->form->post && managed->body == NULL))
        return ASSAY_E_MEMORY;
    managed->url = ASSAY_STEAL(url.text);
    return ASSAY_OK;
}

int assay_managed_prepare(assay_managed *managed)
{
    assay_machine *machine = &managed->machine;
    ASSAY_AUTO_RELEASE char *scope = NULL;
    ASSAY_AUTO_RELEASE char *resource = NULL;
    managed->form = assay_managed_form(machine->settings->agent);
    if (managed->form == NULL)
        return assay_managed_fail(managed, ASSAY_E_CONFIG_CREDENTIAL, 0,
                                  "managed identities of Service Fabric are not supported");
    machine->source = managed->form->source;
    int code = check_wanted(managed);
    if (code == ASSAY_OK)
        code = assay_scope_normalise(machine->wanted->scope, assay_settings_cloud(machine->settings), &scope,
                                     &machine->failure);
    if (code != ASSAY_OK)
        return code;
    resource = assay_scope_resource(scope);
    return resource == NULL ? ASSAY_E_MEMORY : write_request(managed, resource);
}

void assay_managed_request(assay_managed *managed, assay_managed_step step)
{
    const assay_agent_form *form = managed->form;
    assay_machine *machine = &managed->machine;
    const assay_secret *secret = &machine->settings->agent_secret;
    managed->field.name = form->field;
    managed->field.value = form->field_value != NULL ? form->field_value : secret->text;
    /* Never a proxy: it would see the secret, and the one behind it would get a token of the proxy's machine (case 65). */
    machine->request = (assay_http_request){
        .method = form->post ? "POST" : "GET",
        .url = managed->url,
        .accept = "application/json",
        .authorization = step == ASSAY_MANAGED_PROVE ? managed->authorization.text : NULL,
        .content_type = form->post ? "application/x-www-form-urlencoded" : NULL,
        .body = managed->body,
        .body_len = managed->body == NULL ? 0 : strlen(managed->body),
        .fields = &managed->field,
        .field_count = step == ASSAY_MANAGED_PROBE || managed->field.value == NULL ? 0 : 1,
        .body_limit = ASSAY_LIMIT_TOKEN_RESPONSE_BYTES,
        .allow_loopback_http = true,
        .allow_link_local_http = true,
        .direct = true,
    };
    machine->attempt_ms = step == ASSAY_MANAGED_PROBE ? ASSAY_LIMIT_PROBE_TIMEOUT_MS : ASSAY_LIMIT_EXCHANGE_TIMEOUT_MS;
}
