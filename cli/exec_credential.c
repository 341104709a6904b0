/* SPDX-License-Identifier: MIT */
/* assay token --exec-credential: a credential plugin of kubectl and client-go. */

#include "options.h"
#include "output.h"
#include "token.h"

#include <string.h>
#include <time.h>

#define GROUP "client.authentication.k8s.io/"

/* v1 unless the client tells: it may run the plugin without KUBERNETES_EXEC_INFO (kubectl before 1.20), which then comes from the kubeconfig. */
const char *exec_credential_version(void)
{
    static const char *const versions[] = {GROUP "v1", GROUP "v1beta1"};
    const char *info = getenv("KUBERNETES_EXEC_INFO");
    if (info == NULL || info[0] == '\0')
        return versions[0];
    CLI_CLEANUP(json_decref_p) json_t *document = json_loads(info, 0, NULL);
    const char *version = json_string_value(json_object_get(document, "apiVersion"));
    const char *kind = json_string_value(json_object_get(document, "kind"));
    if (version == NULL || kind == NULL || strcmp(kind, "ExecCredential") != 0) {
        (void)cli_usage_error("token", "KUBERNETES_EXEC_INFO is not an ExecCredential");
        return NULL;
    }
    for (size_t i = 0; i < CLI_COUNT_OF(versions); i++)
        if (strcmp(version, versions[i]) == 0)
            return versions[i];
    (void)cli_usage_error(
        "token",
        "KUBERNETES_EXEC_INFO asks for %s; there are %s and %s: correct apiVersion of users[].user.exec"
        " in the kubeconfig",
        version, versions[0], versions[1]);
    return NULL;
}

/* RFC 3339, as Kubernetes writes times. */
static void set_expiry(json_t *status, int64_t expires_at)
{
    char text[40];
    struct tm parts;
    time_t seconds = (time_t)expires_at;
    if (expires_at != 0 && gmtime_r(&seconds, &parts) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) != 0)
        cli_json_text(status, "expirationTimestamp", text);
}

int exec_credential_print(const assay_access_token *token)
{
    const char *version = exec_credential_version();
    if (version == NULL)
        return CLI_EXIT_USAGE;
    json_t *status = json_object();
    set_expiry(status, assay_access_token_expires_at(token));
    cli_json_text(status, "token", assay_access_token_text(token, NULL));
    CLI_CLEANUP(json_decref_p) json_t *object = json_object();
    cli_json_text(object, "apiVersion", version);
    cli_json_text(object, "kind", "ExecCredential");
    json_t *spec = json_object();
    (void)json_object_set_new(spec, "interactive", json_false());
    (void)json_object_set_new(object, "spec", spec);
    (void)json_object_set_new(object, "status", status);
    return cli_print_json(object);
}
