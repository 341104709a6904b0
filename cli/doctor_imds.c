/* SPDX-License-Identifier: MIT */
/* assay doctor: whether the Instance Metadata Service of Azure is there. */

#include "doctor.h"

#include "connection.h"
#include "progress.h"

#include <ctype.h>
#include <string.h>

#define NAME "IMDS"
#define PROBE_MS 1500
#define BODY_BYTES 2048

/* Without its header "Metadata: true" IMDS answers 400 with a JSON body, and nobody else does (Microsoft, "Azure Instance Metadata Service"). */
static bool is_imds(int status, const cli_text *body)
{
    const char *at = body->ptr;
    while (at != NULL && isspace((unsigned char)*at))
        at++;
    return status == 400 && at != NULL && *at == '{';
}

/* Where it is looked for only to learn what this place is, its absence is no failure. */
static const char *layer_of(bool expected)
{
    return expected ? "managed-identity" : "environment";
}

static void say_absence(doctor *d, bool expected, int row, const char *text)
{
    if (expected) {
        doctor_fail(d, layer_of(expected), NAME, row, CLI_EXIT_UNDECIDED, "%s", text);
        d->unreachable = true;
    } else {
        doctor_say(d, layer_of(expected), NAME, DOCTOR_SKIPPED, 0, "%s", text);
    }
}

static const char *doctor_imds_base(void)
{
    const char *override = doctor_variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    return override == NULL ? "http://169.254.169.254" : override;
}

/* Below the path of what stands in for it, as the library asks. */
static char *write_request(const connection_url *url)
{
    size_t len = strcspn(url->path, "?#");
    while (len > 0 && url->path[len - 1] == '/')
        len--;
    return cli_format("GET %.*s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%%3A%%2F%%2F"
                      "management.azure.com%%2F HTTP/1.0\r\nHost: %s\r\n\r\n",
                      (int)len, url->path, url->authority);
}

bool doctor_imds(doctor *d, bool expected)
{
    connection_url url;
    if (!connection_url_read(doctor_imds_base(), &url)) {
        doctor_fail(d, layer_of(expected), NAME, 0, CLI_EXIT_USAGE,
                    "AZURE_POD_IDENTITY_AUTHORITY_HOST is no URL of http or https");
        connection_url_free(&url);
        return false;
    }
    connection c;
    cli_text head = {0};
    cli_text body = {0};
    connection_start(&c, PROBE_MS);
    cli_progress("looking for IMDS at %s", url.host);
    bool connected = connection_resolve(&c, url.host, url.port) && connection_connect(&c) &&
                     (!url.secure || connection_tls(&c, url.host, d->credential->ca_file, NULL));
    CLI_AUTO_FREE char *request = write_request(&url);
    int status = connected ? connection_request(&c, request, &head, &body, BODY_BYTES) : -1;
    bool there = is_imds(status, &body);
    cli_progress_end();
    CLI_AUTO_FREE char *text = NULL;
    if (there)
        doctor_say(d, layer_of(expected), NAME, DOCTOR_OK, 0, "it answers at %s", url.host);
    else if (status < 0)
        text = cli_format("nobody answers at %s: %s", url.host, c.why);
    else
        text = cli_format("what answers at %s is not IMDS: status %d", url.host, status);
    if (!there)
        say_absence(d, expected, status < 0 ? 44 : 43, text);
    cli_text_free(&head);
    cli_text_free(&body);
    connection_end(&c);
    connection_url_free(&url);
    return there;
}
