/* SPDX-License-Identifier: MIT */
#include "web.h"

#include "service.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WORKERS = 4,
    CONNECTIONS = 256,
    IDLE_SECONDS = 10, /* longest that a client may take for a request, or to take its answer */
    VALIDATE_MS = 5000,
    WARM_UP_MS = 5000,
    OPTIONS_MAX = 16
};

typedef struct web_server {
    assay_validator *validator;
    const web_route *routes;
    void *service;
} web_server;

/* What was received so far of one request. */
typedef struct incoming {
    char body[WEB_BODY_BYTES + 1];
    size_t len;
    bool too_long;
} incoming;

bool web_read_options(int argc, char **argv, const web_option *options, const char **operands, int operand_count,
                      const char *usage)
{
    struct option known[OPTIONS_MAX + 1] = {0};
    for (int i = 0; i < OPTIONS_MAX && options[i].name != NULL; i++)
        known[i] = (struct option){options[i].name, required_argument, NULL, 'a' + i};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 'a')
        *options[option - 'a'].value = optarg;
    if (option == -1 && argc - optind == operand_count) {
        for (int i = 0; i < operand_count; i++)
            operands[i] = argv[optind + i];
        return true;
    }
    fprintf(stderr, "usage: %s %s\n", argv[0], usage);
    return false;
}

int web_new_entra_issuer(const char *cloud, const char *dev_issuer, assay_issuer **issuer, assay_error **error)
{
    char v1[256];
    int code = assay_issuer_entra_new(dev_issuer != NULL ? dev_issuer : cloud, issuer, error);
    if (code != ASSAY_OK || dev_issuer == NULL)
        return code;
    (void)snprintf(v1, sizeof v1, "%s/sts/{tenantid}/", dev_issuer);
    code = assay_issuer_entra_set_v1_issuer(*issuer, v1, error);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_set_cloud_instance(*issuer, "microsoftonline.com", error);
    return code;
}

int web_new_validator(const char *ca_file, assay_issuer *const *issuers, size_t count, assay_validator **validator,
                      assay_error **error)
{
    assay_runtime *runtime = NULL;
    int code = assay_runtime_new(&runtime, error);
    if (code == ASSAY_OK && ca_file != NULL)
        code = assay_runtime_set_ca_file(runtime, ca_file, error);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, issuers, count, validator, error);
    assay_runtime_unref(runtime);
    return code;
}

static enum MHD_Result answer(struct MHD_Connection *connection, int status, const char *text,
                              const char *www_authenticate, int64_t retry_after)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    char seconds[32];
    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)retry_after);
    enum MHD_Result result = MHD_YES;
    if (www_authenticate[0] != '\0')
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, www_authenticate);
    if (result == MHD_YES && retry_after > 0)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, (unsigned int)status, response);
    MHD_destroy_response(response);
    return result;
}

/* The reason goes to the log of the service. The client learns no more than status and challenge say. */
static enum MHD_Result answer_error(struct MHD_Connection *connection, const char *path, int code,
                                    const assay_error *error)
{
    int status = error != NULL ? assay_error_http_status(error) : assay_code_http_status(code);
    fprintf(stderr, "%s: %d %s: %s: expected \"%s\", found \"%s\"%s; %s\n", path, status, assay_code_name(code),
            error != NULL ? assay_error_message(error) : assay_code_summary(code), assay_error_expected(error),
            assay_error_found(error), assay_error_found_is_verified(error) ? "" : " (not verified)",
            assay_error_hint(error));
    return answer(connection, status, "", assay_error_www_authenticate(error), assay_error_retry_after(error));
}

static enum MHD_Result answer_health(const web_server *web, struct MHD_Connection *connection)
{
    bool ready = assay_validator_ready(web->validator, NULL) == ASSAY_OK;
    return answer(connection, ready ? 200 : 503, ready ? "ready\n" : "no keys yet\n", "", 0);
}

typedef struct credentials {
    const char *value;
    int count;
} credentials;

static enum MHD_Result take_field(void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
    credentials *found = closure;
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0) {
        found->value = value != NULL ? value : "";
        found->count++;
    }
    return MHD_YES;
}

/* Keys are fetched here only where a new one has come before the refresh thread saw it; that wait holds up the other requests of this thread. */
static int authenticate(const web_server *web, const char *authorization, assay_claims **claims, assay_error **error)
{
    const char *token;
    size_t len;
    size_t authorization_len = authorization != NULL ? strlen(authorization) : 0;
    int code = assay_bearer_from_header(authorization, authorization_len, &token, &len, error);
    if (code == ASSAY_OK)
        code = assay_validator_validate(web->validator, token, len, NULL, VALIDATE_MS, claims, error);
    return code;
}

static enum MHD_Result serve_route(const web_server *web, struct MHD_Connection *connection, const web_route *route,
                                   const incoming *received)
{
    credentials found = {NULL, 0};
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    web_answer made = {.status = 200};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, take_field, &found);
    if (found.count > 1) /* which of them a proxy in front has looked at is anybody's guess */
        return answer(connection, 400, "", "", 0);
    int code = authenticate(web, found.value, &claims, &error);
    if (code == ASSAY_OK) { /* here and nowhere else there are claims */
        web_request request = {.claims = claims, .body = received->body};
        code = route->handler(web->service, &request, &made, &error);
    }
    enum MHD_Result result = code == ASSAY_OK ? answer(connection, made.status, made.text, "", 0)
                                              : answer_error(connection, route->path, code, error);
    assay_claims_unref(claims);
    assay_error_free(error);
    return result;
}

/* libmicrohttpd calls this when the header is there, for each piece of the body, and at its end. */
static enum MHD_Result handle(void *closure, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *data, size_t *size, void **state)
{
    const web_server *web = closure;
    incoming *received = *state;
    (void)version;
    if (received == NULL) {
        *state = calloc(1, sizeof *received);
        return *state == NULL ? MHD_NO : MHD_YES;
    }
    if (*size > 0) {
        received->too_long = received->too_long || *size > WEB_BODY_BYTES - received->len;
        if (!received->too_long) {
            memcpy(received->body + received->len, data, *size);
            received->len += *size;
        }
        *size = 0;
        return MHD_YES;
    }
    if (received->too_long)
        return answer(connection, 413, "", "", 0);
    if (strcmp(path, "/healthz") == 0)
        return answer_health(web, connection);
    for (const web_route *route = web->routes; route->method != NULL; route++)
        if (strcmp(route->path, path) == 0 && strcmp(route->method, method) == 0)
            return serve_route(web, connection, route, received);
    return answer(connection, 404, "", "", 0);
}

static void forget(void *closure, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
    (void)closure;
    (void)connection;
    (void)how;
    free(*state);
    *state = NULL;
}

static struct MHD_Daemon *start(web_server *web, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    if (*port == '\0' || *end != '\0' || number > 65535) {
        fprintf(stderr, "\"%s\" is no port\n", port);
        return NULL;
    }
    at.sin_port = htons((uint16_t)number);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, web, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&at, MHD_OPTION_THREAD_POOL_SIZE, (unsigned int)WORKERS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
        MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
    if (daemon == NULL)
        perror("listen");
    return daemon;
}

int web_serve(assay_validator *validator, const char *port, const web_route *routes, void *service)
{
    web_server web = {.validator = validator, .routes = routes, .service = service};
    assay_error *error = NULL;
    struct pollfd stop = {.fd = service_signals(SIGTERM, SIGINT), .events = POLLIN}; /* before there are threads */
    service_warm_up(validator, WARM_UP_MS);
    if (assay_validator_start_refresh_thread(validator, &error) != ASSAY_OK)
        return service_explain(error);
    struct MHD_Daemon *daemon = stop.fd < 0 ? NULL : start(&web, port);
    if (daemon != NULL) {
        printf("listening on %d\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
        (void)fflush(stdout);
        while (stop.revents == 0)
            (void)poll(&stop, 1, -1);
        MHD_stop_daemon(daemon);
    }
    assay_validator_stop_refresh_thread(validator);
    (void)close(stop.fd);
    return daemon != NULL ? 0 : 1;
}
