/* SPDX-License-Identifier: MIT */
/* assay doctor: the federated credential that the token at hand needs, as the Azure CLI makes it. */

#include "doctor.h"

#include <string.h>

#define LAYER "claims"

bool doctor_is_word(const char *text)
{
    /* What a quoted word of sh keeps together ends at a quote in PowerShell, and cmd.exe obeys the others inside of '…'. The Azure CLI reads a
     * file where a value begins with "@" ("Use quotation marks with the Azure CLI"), and an option where it begins with "-". */
    if (text[0] == '\0' || text[0] == '-' || text[0] == '@')
        return false;
    for (const char *at = text; *at != '\0'; at++)
        if (*at < 0x20 || *at > 0x7e || strchr("'\"&|<>^", *at) != NULL)
            return false;
    return true;
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
    if (!doctor_is_word(issuer) || !doctor_is_word(subject) || !doctor_is_word(audience)) {
        doctor_say(
            d, LAYER, "federated credential", DOCTOR_WARNING, 1,
            "issuer, subject or audience has characters that are not safe in a command, so none is written here");
        return;
    }
    json_t *parameters = json_object();
    cli_json_text(parameters, "name", "NAME");
    cli_json_text(parameters, "issuer", issuer);
    cli_json_text(parameters, "subject", subject);
    json_t *audiences = json_array();
    (void)json_array_append_new(audiences, json_string(audience));
    (void)json_object_set_new(parameters, "audiences", audiences);
    CLI_AUTO_FREE char *json = json_dumps(parameters, JSON_COMPACT);
    json_decref(parameters);
    doctor_command(
        d,
        "az identity federated-credential create --name NAME --identity-name IDENTITY --resource-group GROUP "
        "--issuer '%s' --subject '%s' --audiences '%s'",
        issuer, subject, audience);
    doctor_command(d, "az ad app federated-credential create --id %s --parameters '%s'",
                   d->client_id == NULL ? "CLIENT-ID" : d->client_id, json == NULL ? "" : json);
    const char *repository = d->kind == CREDENTIAL_GITHUB ? doctor_variable("GITHUB_REPOSITORY") : NULL;
    /* It tells whether an organisation writes subjects in a form of its own. */
    if (repository != NULL && doctor_is_word(repository))
        doctor_command(d, "gh api 'repos/%s/actions/oidc/customization/sub'", repository);
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
