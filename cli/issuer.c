/* SPDX-License-Identifier: MIT */
/* assay issuer: the development issuer's command line. */

#include "dev_issuer.h"
#include "input.h"
#include "options.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "issuer"

typedef struct issuer_settings {
    const char *port;
    const char *cert;
    const char *key;
    const char *ca_out;
    const char *path;
    cli_list algorithms;
    const char *audience;
    const char *lifetime;
    const char *max_age;
    const char *tenant;
    const char *cloud;
    const char *apps;
    const char *tls_name;
    const char *proxy_path;
    const char *arc_folder;
    int64_t max_age_seconds;
    cli_list operands;
    bool tls;
    bool entra;
    bool kubernetes;
    bool json;
    bool verbose;
} issuer_settings;

static int read_settings(issuer_settings *settings, dev_issuer_options *options)
{
    int64_t port = 0;
    if ((settings->cert == NULL) != (settings->key == NULL))
        return cli_usage_error(NAME, "--cert and --key go together");
    if ((settings->cert != NULL || settings->ca_out != NULL) && !settings->tls)
        return cli_usage_error(NAME, "--cert, --key and --ca-out need --tls");
    if (settings->cert != NULL && settings->ca_out != NULL)
        return cli_usage_error(NAME, "--ca-out writes the CA that this command makes; with --cert there is none");
    *options = (dev_issuer_options){.tls = settings->tls,
                                    .cert_file = settings->cert,
                                    .key_file = settings->key,
                                    .path = settings->path,
                                    .algorithms = settings->algorithms.items,
                                    .algorithm_count = settings->algorithms.count,
                                    .audience = settings->audience,
                                    .verbose = settings->verbose,
                                    .entra = settings->entra,
                                    .tenant = settings->tenant,
                                    .cloud_instance = settings->cloud,
                                    .kubernetes = settings->kubernetes,
                                    .tls_name = settings->tls_name,
                                    .proxy_path = settings->proxy_path,
                                    .arc_folder = settings->arc_folder};
    if (settings->port != NULL && !cli_option_integer(NAME, "port", settings->port, 0, 65535, &port))
        return CLI_EXIT_USAGE;
    if (settings->lifetime != NULL &&
        !cli_option_integer(NAME, "lifetime", settings->lifetime, 1, INT64_C(315360000), &options->lifetime))
        return CLI_EXIT_USAGE;
    if (settings->max_age != NULL &&
        !cli_option_integer(NAME, "max-age", settings->max_age, -1, INT64_C(315360000), &settings->max_age_seconds))
        return CLI_EXIT_USAGE;
    options->port = (uint16_t)port;
    return CLI_PARSED;
}

/* Written anew under a name of its own and moved, so that a waiting script never reads half of it. */
static int write_ca(const char *path, const char *pem)
{
    CLI_AUTO_FREE char *part = cli_format("%s.XXXXXX", path);
    int fd = mkostemp(part, O_CLOEXEC);
    size_t len = strlen(pem);
    bool written = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, pem, len) == (ssize_t)len;
    int reason = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(part, path) != 0) {
        written = false;
        reason = errno;
    }
    if (written)
        return CLI_EXIT_DONE;
    if (fd >= 0)
        (void)unlink(part);
    return cli_usage_error(NAME, "can't write %s: %s", path, strerror(reason));
}

/* The applications of a file, one object or an array of them. */
static int read_apps(dev_issuer *issuer, const char *path)
{
    cli_text text = {0};
    char message[512] = "";
    int status = cli_read_file(NAME, path, CLI_INPUT_FILE_BYTES, &text);
    if (status == CLI_EXIT_DONE &&
        dev_issuer_add_app(issuer, text.ptr == NULL ? "" : text.ptr, message, sizeof message) != 0)
        status = cli_usage_error(NAME, "%s: %s", path, message);
    if (text.ptr != NULL)
        explicit_bzero(text.ptr, text.len);
    cli_text_free(&text);
    return status;
}

static void announce(const issuer_settings *settings, const dev_issuer *issuer)
{
    fputs("assay issuer: FOR DEVELOPMENT ONLY. It signs anything, for anybody on this machine; nothing real may trust "
          "it.\n",
          stderr);
    fprintf(stderr, "assay issuer: audience %s; what there is: GET %s/\n", dev_issuer_audience(issuer),
            dev_issuer_base(issuer));
    if (!settings->json) {
        puts(dev_issuer_url(issuer));
    } else {
        CLI_AUTO_FREE char *mint = cli_format("%s/mint", dev_issuer_base(issuer));
        CLI_CLEANUP(json_decref_p) json_t *object = json_object();
        cli_json_text(object, "url", dev_issuer_url(issuer));
        cli_json_text(object, "base", dev_issuer_base(issuer));
        cli_json_text(object, "mint", mint);
        cli_json_text(object, "audience", dev_issuer_audience(issuer));
        cli_json_text(object, "ca_file", settings->ca_out);
        (void)cli_print_json(object);
    }
    (void)fflush(stdout);
}

static int serve(const issuer_settings *settings, const dev_issuer_options *options)
{
    /* Blocked before the first thread, so that every thread inherits it and only sigwait() takes them. */
    sigset_t ending;
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGINT);
    (void)sigaddset(&ending, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ending, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    dev_issuer *issuer = NULL;
    char message[512];
    if (dev_issuer_start(options, &issuer, message, sizeof message) != 0)
        return cli_usage_error(NAME, "%s", message);
    dev_issuer_set_max_age(issuer, settings->max_age_seconds); /* 0 is a wish here, and "the default" in the options */
    int status = settings->apps == NULL ? CLI_EXIT_DONE : read_apps(issuer, settings->apps);
    if (status == CLI_EXIT_DONE && settings->ca_out != NULL)
        status = write_ca(settings->ca_out, dev_issuer_ca_pem(issuer));
    if (status == CLI_EXIT_DONE) {
        announce(settings, issuer);
        int received = 0;
        (void)sigwait(&ending, &received);
    }
    dev_issuer_stop(issuer);
    return status;
}

int cli_issuer(int argc, char **argv)
{
    issuer_settings settings = {.max_age_seconds = 3600};
    const cli_option options[] = {
        {"port", CLI_VALUE, &settings.port, "N", "port on 127.0.0.1; 0, the default: the kernel chooses"},
        {"tls", CLI_FLAG, &settings.tls, NULL, "https with a CA and a certificate made for this run"},
        {"ca-out", CLI_VALUE, &settings.ca_out, "FILE", "write that CA's certificate here, for --ca-file of clients"},
        {"cert", CLI_VALUE, &settings.cert, "FILE", "certificate (PEM) to use instead"},
        {"key", CLI_VALUE, &settings.key, "FILE", "its private key (PEM)"},
        {"path", CLI_VALUE, &settings.path, "P", "path of the issuer's URL, such as /tenant/v2.0"},
        {"algorithm", CLI_LIST, &settings.algorithms, "ALG", "signing key to have; RS256 and ES256 by default"},
        {"audience", CLI_VALUE, &settings.audience, "AUD", "default aud of tokens; dev-audience by default"},
        {"lifetime", CLI_VALUE, &settings.lifetime, "SECONDS",
         "lifetime of tokens; by default what is usual, mostly 3600"},
        {"max-age", CLI_VALUE, &settings.max_age, "SECONDS", "Cache-Control of the key set; 3600 by default, -1: none"},
        {"entra", CLI_FLAG, &settings.entra, NULL, "the shapes of Entra ID, for every tenant"},
        {"tenant", CLI_VALUE, &settings.tenant, "GUID", "with --entra: tenant where none is named"},
        {"cloud-instance", CLI_VALUE, &settings.cloud, "NAME", "with --entra: microsoftonline.com by default"},
        {"kubernetes", CLI_FLAG, &settings.kubernetes, NULL, "the shapes of a cluster's issuer"},
        {"apps", CLI_VALUE, &settings.apps, "FILE", "applications that may ask for tokens (JSON)"},
        {"tls-name", CLI_VALUE, &settings.tls_name, "NAME", "with --tls: the only DNS name of the certificate"},
        {"proxy-path", CLI_VALUE, &settings.proxy_path, "P",
         "with --entra and --tls: path of a cluster's token proxy, such as /p"},
        {"arc-folder", CLI_VALUE, &settings.arc_folder, "DIR",
         "with --entra: an Arc agent, which puts its key files here"},
        {"json", CLI_FLAG, &settings.json, NULL, "print the URL as one JSON object"},
        {"verbose", CLI_FLAG, &settings.verbose, NULL, "one line for each request, on standard error"},
    };
    const cli_command command = {
        NAME,
        "",
        "Run a development issuer on 127.0.0.1, for tests and first steps. It signs anything, for "
        "anybody on this\nmachine. It prints its URL when it is ready, and ends with SIGINT or SIGTERM.",
        options,
        CLI_COUNT_OF(options),
        &settings.operands,
        0};
    dev_issuer_options chosen;
    int status = cli_options_parse(&command, argc, argv);
    if (status == CLI_PARSED)
        status = read_settings(&settings, &chosen);
    if (status == CLI_PARSED)
        status = serve(&settings, &chosen);
    cli_list_free(&settings.algorithms);
    cli_list_free(&settings.operands);
    return status;
}
