/* SPDX-License-Identifier: MIT */
/* The development issuer's life: options, socket, daemon, and the calls for programs that hold it in-process. */

#include "dev_issuer_tokens.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PEM ((size_t)1 << 20)

typedef struct complaint {
    char *text;
    size_t size;
} complaint;

static int complain(const complaint *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(const complaint *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(to->text, to->size, format, arguments);
    va_end(arguments);
    return -1;
}

static char *read_pem(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return NULL;
    cli_text text = {0};
    char buffer[4096];
    size_t got = 0;
    while (text.len < MAX_PEM && (got = fread(buffer, 1, sizeof buffer, file)) > 0)
        cli_text_add(&text, buffer, got);
    bool complete = feof(file) != 0 && ferror(file) == 0;
    (void)fclose(file);
    if (!complete || text.len == 0)
        cli_text_free(&text);
    return text.ptr;
}

static int set_certificates(const dev_issuer_options *options, dev_certificates *made, const complaint *to)
{
    if (!options->tls)
        return 0;
    if (options->cert_file == NULL)
        return dev_certificates_make(made, options->tls_name) ? 0
                                                              : complain(to, "OpenSSL could not make a certificate");
    made->cert_pem = read_pem(options->cert_file);
    if (made->cert_pem == NULL)
        return complain(to, "can't read %s: %s", options->cert_file, strerror(errno));
    made->key_pem = options->key_file == NULL ? NULL : read_pem(options->key_file);
    if (made->key_pem == NULL)
        return complain(to, "can't read %s: %s", options->key_file == NULL ? "the key" : options->key_file,
                        strerror(errno));
    return 0;
}

/* Plain segments only: what is written is then what arrives, on both sides and in `iss`. */
static bool path_is_valid(const char *path)
{
    if (path[0] == '\0')
        return true;
    if (path[0] != '/' || strstr(path, "//") != NULL || strstr(path, "/.") != NULL)
        return false;
    return path[strspn(path, "/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")] == '\0';
}

static int add_keys(dev_issuer *issuer, const dev_issuer_options *options, const complaint *to)
{
    static const char *const usual[] = {"RS256", "ES256"};
    const char *const *names =
        options->algorithms == NULL || options->algorithm_count == 0 ? usual : options->algorithms;
    /* Entra signs with nothing but RS256. */
    size_t count = names != usual ? options->algorithm_count : issuer->tenant != NULL ? 1 : CLI_COUNT_OF(usual);
    for (size_t i = 0; i < count; i++) {
        const dev_algorithm *algorithm = dev_algorithm_find(names[i]);
        if (algorithm == NULL)
            return complain(to, "no such algorithm: %s", names[i]);
        dev_key *key = dev_issuer_key(issuer, algorithm, DEV_ROLE_OWN);
        if (key == NULL)
            return complain(to, "OpenSSL could not make a key for %s", names[i]);
        key->next = issuer->keys;
        issuer->keys = key;
        issuer->key_count++;
        if (i == 0)
            issuer->default_algorithm = algorithm;
    }
    return 0;
}

/* A listening socket on 127.0.0.1 and nowhere else. */
static int listen_on(uint16_t *port, const complaint *to)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, 128) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        *port = ntohs(address.sin_port);
        return fd;
    }
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    if (reason == EADDRINUSE)
        return complain(to, "port %u is in use; choose another one, or 0", (unsigned)*port);
    return complain(to, "can't listen on port %u: %s", (unsigned)*port, strerror(reason));
}

static void copy_options(dev_issuer *issuer, const dev_issuer_options *options)
{
    if (options->entra) {
        issuer->tenant = cli_strdup(options->tenant == NULL ? DEV_ENTRA_TENANT : options->tenant);
        issuer->cloud = cli_strdup(options->cloud_instance == NULL ? "microsoftonline.com" : options->cloud_instance);
        issuer->path = cli_format("/%s/v2.0", issuer->tenant);
    } else {
        issuer->path = cli_strdup(options->path == NULL ? "" : options->path);
    }
    issuer->prefix = cli_strdup(issuer->path);
    size_t len = strlen(issuer->prefix);
    if (len > 0 && issuer->prefix[len - 1] == '/')
        issuer->prefix[len - 1] = '\0';
    issuer->audience = cli_strdup(options->audience == NULL ? "dev-audience" : options->audience);
    issuer->lifetime = options->lifetime;
    issuer->max_age = options->max_age == 0 ? 3600 : options->max_age;
    issuer->kubernetes = options->kubernetes;
    issuer->verbose = options->verbose;
    issuer->tls_name = options->tls_name == NULL ? NULL : cli_strdup(options->tls_name);
    issuer->arc_folder = options->arc_folder == NULL ? NULL : cli_strdup(options->arc_folder);
    if (options->proxy_path != NULL) {
        issuer->proxy_path = cli_strdup(options->proxy_path);
        size_t last = strlen(issuer->proxy_path);
        if (last > 0 && issuer->proxy_path[last - 1] == '/')
            issuer->proxy_path[last - 1] = '\0';
    }
    issuer->apps = json_array();
    issuer->requests = json_array();
    issuer->arc_keys = json_array();
    dev_settings_start(issuer);
}

static bool name_is_valid(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strlen(name) <= 253 &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0';
}

static int check_shape(const dev_issuer_options *options, const complaint *to)
{
    if (options->entra && options->kubernetes)
        return complain(to, "an issuer has the shape of Entra or of Kubernetes, not both");
    if (options->entra && options->path != NULL)
        return complain(to, "with Entra the tenants make the path");
    if (!options->entra && (options->tenant != NULL || options->cloud_instance != NULL))
        return complain(to, "tenant and cloud instance are Entra's");
    if (options->tenant != NULL && !dev_entra_is_guid(options->tenant))
        return complain(to, "the tenant must be a GUID in lower case");
    if (options->tls_name != NULL && (!options->tls || options->cert_file != NULL || !name_is_valid(options->tls_name)))
        return complain(to,
                        "a name for the certificate needs TLS without a certificate of one's own, and be a DNS name");
    if (options->proxy_path != NULL && (!options->entra || !options->tls))
        return complain(to, "a token proxy needs Entra and TLS");
    if (options->arc_folder != NULL && options->arc_folder[0] != '/')
        return complain(to, "the folder of Arc must be an absolute path");
    return 0;
}

static int start(dev_issuer *issuer, const dev_issuer_options *options, dev_certificates *certificates,
                 const complaint *to)
{
    if (check_shape(options, to) != 0)
        return -1;
    if (!path_is_valid(issuer->path) || (options->proxy_path != NULL && !path_is_valid(options->proxy_path)))
        return complain(to, "the path must begin with / and hold only letters, digits and -._~/");
    if (add_keys(issuer, options, to) != 0 || set_certificates(options, certificates, to) != 0)
        return -1;
    uint16_t port = options->port;
    int fd = listen_on(&port, to);
    if (fd < 0)
        return -1;
    issuer->base = cli_format("%s://127.0.0.1:%u", options->tls ? "https" : "http", (unsigned)port);
    issuer->url = cli_format("%s%s", issuer->base, issuer->path);
    return dev_server_start(issuer, fd, certificates, to->text, to->size);
}

/* A condition variable of the monotonic clock, so that waits do not follow the wall's jumps. */
static bool make_locks(dev_issuer *issuer)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&issuer->stopped, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    if (made && pthread_mutex_init(&issuer->lock, NULL) == 0)
        return true;
    if (made)
        (void)pthread_cond_destroy(&issuer->stopped);
    return false;
}

int dev_issuer_start(const dev_issuer_options *options, dev_issuer **issuer, char *message, size_t message_size)
{
    const complaint to = {message, message_size};
    *issuer = NULL;
    dev_issuer *made = cli_alloc(sizeof *made);
    if (!make_locks(made)) {
        free(made);
        return complain(&to, "no locks to be had");
    }
    copy_options(made, options);
    dev_certificates certificates = {0};
    int started = start(made, options, &certificates, &to);
    dev_certificates_clear(&certificates);
    if (started != 0) {
        dev_issuer_stop(made);
        return -1;
    }
    *issuer = made;
    return 0;
}

void dev_issuer_stop(dev_issuer *issuer)
{
    if (issuer == NULL)
        return;
    (void)pthread_mutex_lock(&issuer->lock);
    issuer->stopping = true;
    (void)pthread_cond_broadcast(&issuer->stopped);
    (void)pthread_mutex_unlock(&issuer->lock);
    dev_server_stop(issuer);
    for (dev_key *key = issuer->keys, *next = NULL; key != NULL; key = next) {
        next = key->next;
        dev_key_free(key);
    }
    dev_arc_forget(issuer);
    json_decref(issuer->apps);
    json_decref(issuer->requests);
    json_decref(issuer->arc_keys);
    free(issuer->settings.identity_header);
    free(issuer->tls_name);
    free(issuer->proxy_path);
    free(issuer->arc_folder);
    (void)pthread_mutex_destroy(&issuer->lock);
    (void)pthread_cond_destroy(&issuer->stopped);
    free(issuer->base);
    free(issuer->path);
    free(issuer->prefix);
    free(issuer->url);
    free(issuer->audience);
    free(issuer->tenant);
    free(issuer->cloud);
    free(issuer);
}

const char *dev_issuer_url(const dev_issuer *issuer)
{
    return issuer->url;
}

const char *dev_issuer_base(const dev_issuer *issuer)
{
    return issuer->base;
}

const char *dev_issuer_audience(const dev_issuer *issuer)
{
    return issuer->audience;
}

static json_t *read_request(const char *text)
{
    json_t *request = text == NULL ? json_object() : json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(request))
        return request;
    json_decref(request);
    return NULL;
}

int dev_issuer_mint(dev_issuer *issuer, const char *json_request, char **text)
{
    CLI_CLEANUP(json_decref_p) json_t *request = read_request(json_request);
    if (request != NULL)
        return dev_mint(issuer, request, text);
    *text = cli_strdup("the request is not one JSON object");
    return -1;
}

int dev_issuer_rotate(dev_issuer *issuer, const char *json_request, char **answer)
{
    CLI_CLEANUP(json_decref_p) json_t *request = read_request(json_request);
    if (request != NULL)
        return dev_rotate(issuer, request, answer);
    *answer = cli_strdup("the request is not one JSON object");
    return -1;
}

void dev_issuer_set_max_age(dev_issuer *issuer, int64_t seconds)
{
    (void)pthread_mutex_lock(&issuer->lock);
    issuer->max_age = seconds;
    (void)pthread_mutex_unlock(&issuer->lock);
}

int64_t dev_issuer_stats(dev_issuer *issuer, const char *name)
{
    int64_t value = -1;
    (void)pthread_mutex_lock(&issuer->lock);
    for (enum dev_stat stat = 0; stat < DEV_STATS; stat++)
        if (strcmp(dev_stat_name(stat), name) == 0)
            value = issuer->stats[stat];
    (void)pthread_mutex_unlock(&issuer->lock);
    return value;
}

void dev_issuer_stats_reset(dev_issuer *issuer)
{
    (void)pthread_mutex_lock(&issuer->lock);
    memset(issuer->stats, 0, sizeof issuer->stats);
    dev_record_forget(issuer);
    (void)pthread_mutex_unlock(&issuer->lock);
}
