/* SPDX-License-Identifier: MIT */
/* assay doctor: the federated credential that the token at hand needs, as the Azure CLI makes it. */

#include "doctor.h"

#include <string.h>

#define LAYER "claims"

char *doctor_quote(const char *text)
{
    cli_text out = {0};
    cli_text_put(&out, "'");
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            cli_text_free(&out);
            return NULL;
        }
        if (*at == '\'')
            cli_text_put(&out, "'\\''");
        else
            cli_text_add(&out, at, 1);
    }
    cli_text_put(&out, "'");
    return out.ptr;
}

/* The audience that the exchange will go by: the usual one where the token has it, else its first. */
static const char *audience_of(const doctor *d)
{
    const char *wanted = doctor_exchange_audience(d->authority);
    const json_t *list = json_object_get(d->claims, "aud");
    size_t index = 0;
    const json_t *each = NULL;
    json_array_foreach(list, index, each)
    {
        if (strcmp(json_string_value(each), wanted) == 0)
            return wanted;
    }
    const char *first = json_string_value(json_array_get(list, 0));
    return first == NULL ? wanted : first;
}

void doctor_federation_commands(doctor *d)
{
    const char *issuer = doctor_text(d->federation, "issuer");
    const char *subject = doctor_text(d->federation, "subject");
    const char *audience = doctor_text(d->federation, "audience");
    /* Of a binding the service keeps the federated credential itself. */
    if (issuer[0] == '\0' || strcmp(audience, DOCTOR_BINDING_AUDIENCE) == 0)
        return;
    CLI_AUTO_FREE char *quoted_issuer = doctor_quote(issuer);
    CLI_AUTO_FREE char *quoted_subject = doctor_quote(subject);
    CLI_AUTO_FREE char *quoted_audience = doctor_quote(audience);
    json_t *parameters = json_object();
    cli_json_text(parameters, "name", "NAME");
    cli_json_text(parameters, "issuer", issuer);
    cli_json_text(parameters, "subject", subject);
    json_t *audiences = json_array();
    (void)json_array_append_new(audiences, json_string(audience));
    (void)json_object_set_new(parameters, "audiences", audiences);
    CLI_AUTO_FREE char *json = json_dumps(parameters, JSON_COMPACT);
    json_decref(parameters);
    CLI_AUTO_FREE char *quoted_json = json == NULL ? NULL : doctor_quote(json);
    if (quoted_issuer == NULL || quoted_subject == NULL || quoted_audience == NULL || quoted_json == NULL) {
        doctor_say(d, LAYER, "federated credential", DOCTOR_WARNING, 1,
                   "issuer, subject or audience has bytes that no federated credential has");
        return;
    }
    doctor_command(
        d,
        "az identity federated-credential create --name NAME --identity-name IDENTITY --resource-group GROUP "
        "--issuer %s --subject %s --audiences %s",
        quoted_issuer, quoted_subject, quoted_audience);
    doctor_command(d, "az ad app federated-credential create --id %s --parameters %s",
                   d->client_id == NULL ? "CLIENT-ID" : d->client_id, quoted_json);
    const char *repository = d->kind == CREDENTIAL_GITHUB ? doctor_variable("GITHUB_REPOSITORY") : NULL;
    CLI_AUTO_FREE char *path =
        repository == NULL ? NULL : cli_format("repos/%s/actions/oidc/customization/sub", repository);
    CLI_AUTO_FREE char *quoted_path = path == NULL ? NULL : doctor_quote(path);
    /* It tells whether an organisation writes subjects in a form of its own. */
    if (quoted_path != NULL)
        doctor_command(d, "gh api %s", quoted_path);
}

void doctor_federation(doctor *d)
{
    if (!credential_kind_is_azure(d->kind))
        return;
    const char *issuer = doctor_text(d->claims, "iss");
    const char *subject = doctor_text(d->claims, "sub");
    if (issuer[0] == '\0' || subject[0] == '\0') {
        if (d->compare != NULL)
            doctor_say(d, LAYER, "compare", DOCTOR_SKIPPED, 0, "there is no issuer and subject to compare with");
        return;
    }
    const char *audience = audience_of(d);
    d->federation = json_object();
    cli_json_text(d->federation, "issuer", issuer);
    cli_json_text(d->federation, "subject", subject);
    cli_json_text(d->federation, "audience", audience);
    (void)json_object_set_new(d->federation, "compared", json_null());
    if (d->compare != NULL)
        doctor_compare(d, issuer, subject, json_object_get(d->claims, "aud"));
    if (d->offline || d->compare != NULL)
        doctor_federation_commands(d);
}
