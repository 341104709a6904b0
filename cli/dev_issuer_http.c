/* SPDX-License-Identifier: MIT */
/* The development issuer's paths. */

#include "dev_issuer_tokens.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_BODY ((size_t)1 << 20)
const char *dev_stat_name(enum dev_stat stat)
{
    static const char *const names[DEV_STATS] = {
        "metadata",    "jwks",          "not_modified", "mint",        "rotate", "fault",
        "redirected",  "faulted",       "other",        "token",       "proxy",  "oauth",
        "google",      "impersonation", "imds",         "app_service", "arc",    "service_fabric",
        "cloud_shell", "github",        "pipelines",    "rejected"};
    return stat < DEV_STATS ? names[stat] : NULL;
}

void dev_count(dev_issuer *issuer, enum dev_stat stat)
{
    (void)pthread_mutex_lock(&issuer->lock);
    issuer->stats[stat]++;
    (void)pthread_mutex_unlock(&issuer->lock);
}

void dev_set_text(dev_reply *reply, unsigned status, const char *content_type, const char *text)
{
    reply->status = status;
    reply->content_type = content_type;
    cli_text_put(&reply->body, text);
}

void dev_set_problem(dev_reply *reply, unsigned status, const char *sentence)
{
    CLI_AUTO_FREE char *line = cli_format("%s\n", sentence);
    dev_set_text(reply, status, "text/plain; charset=utf-8", line);
}

/* The body as an object; an empty one where there is no body. NULL after a reply. */
json_t *dev_read_body(const dev_incoming *request, dev_reply *reply)
{
    if (request->too_long) {
        dev_set_problem(reply, MHD_HTTP_CONTENT_TOO_LARGE, "the body is longer than 1 MiB");
        return NULL;
    }
    if (request->body.len == 0)
        return json_object();
    json_t *document = json_loadb(request->body.ptr, request->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(document))
        return document;
    json_decref(document);
    dev_set_problem(reply, MHD_HTTP_BAD_REQUEST, "the body must be one JSON object");
    return NULL;
}

static void answer_mint(dev_issuer *issuer, const json_t *request, dev_reply *reply)
{
    CLI_AUTO_FREE char *text = NULL;
    dev_count(issuer, DEV_STAT_MINT);
    if (dev_mint(issuer, request, &text) == 0)
        dev_set_text(reply, MHD_HTTP_OK, "text/plain", text);
    else
        dev_set_problem(reply, MHD_HTTP_BAD_REQUEST, text);
}

static void post_mint(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)connection;
    CLI_CLEANUP(json_decref_p) json_t *request = dev_read_body(body, reply);
    if (request != NULL)
        answer_mint(issuer, request, reply);
}

/* A request on its way from a query. */
typedef struct query {
    json_t *request;
    const dev_shape *shape;
} query;

/* A query parameter: one of the request's own members, or else a claim; digits alone are a number. */
static enum MHD_Result take_parameter(void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    const query *taking = closure;
    if (value == NULL)
        value = "";
    bool own = strcmp(name, "forge") == 0 || strcmp(name, "algorithm") == 0 || strcmp(name, "key") == 0 ||
               dev_shape_has(taking->shape, name);
    /* Of the request's own members only a version is a number; their names may consist of digits. */
    size_t digits = strspn(value, "0123456789");
    bool number = digits > 0 && digits < 18 && value[digits] == '\0' && (!own || strcmp(name, "version") == 0);
    bool on = own && strcmp(name, "immutable") == 0 && strcmp(value, "true") == 0;
    json_t *member = on ? json_true() : number ? json_integer(strtoll(value, NULL, 10)) : json_string(value);
    (void)json_object_set_new(own ? taking->request : json_object_get(taking->request, "claims"), name, member);
    return MHD_YES;
}

static void get_mint(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)body;
    CLI_CLEANUP(json_decref_p) json_t *request = json_pack("{s:{}}", "claims");
    bool ci = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ci") != NULL;
    query taking = {request, dev_shape_of(issuer, ci)};
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, &taking);
    answer_mint(issuer, request, reply);
}

static void post_rotate(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                        dev_reply *reply)
{
    (void)connection;
    CLI_CLEANUP(json_decref_p) json_t *request = dev_read_body(body, reply);
    if (request == NULL)
        return;
    CLI_AUTO_FREE char *answer = NULL;
    dev_count(issuer, DEV_STAT_ROTATE);
    if (dev_rotate(issuer, request, &answer) == 0)
        dev_set_text(reply, MHD_HTTP_OK, "application/json", answer);
    else
        dev_set_problem(reply, MHD_HTTP_BAD_REQUEST, answer);
}

static int64_t integer_or(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static void post_fault(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                       dev_reply *reply)
{
    (void)connection;
    CLI_CLEANUP(json_decref_p) json_t *request = dev_read_body(body, reply);
    if (request == NULL)
        return;
    dev_count(issuer, DEV_STAT_FAULT);
    const char *target = json_string_value(json_object_get(request, "target"));
    const char *kind = json_string_value(json_object_get(request, "kind"));
    if (kind != NULL && dev_issuer_fault(issuer, target == NULL ? "all" : target, kind,
                                         integer_or(request, "value", -1), integer_or(request, "count", -1)) == 0)
        dev_set_text(reply, MHD_HTTP_OK, "application/json", "{\"ok\":true}");
    else
        dev_set_problem(reply, MHD_HTTP_BAD_REQUEST, "no such target or kind; GET / lists them");
}

static void get_stats(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)connection;
    (void)body;
    dev_document_stats(issuer, reply);
}

static void post_stats_reset(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                             dev_reply *reply)
{
    (void)connection;
    (void)body;
    dev_issuer_stats_reset(issuer);
    dev_set_text(reply, MHD_HTTP_OK, "application/json", "{\"ok\":true}");
}

static void get_index(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)connection;
    (void)body;
    dev_count(issuer, DEV_STAT_OTHER);
    dev_document_index(issuer, reply);
}

/* Where a client gets that follows a redirect: good documents, and a count that tells on it. */
static void get_redirected_metadata(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                                    dev_reply *reply)
{
    (void)connection;
    (void)body;
    const dev_view view = dev_view_own(issuer, DEV_METADATA);
    dev_count(issuer, DEV_STAT_REDIRECTED);
    dev_document_metadata(issuer, &view, reply);
}

static void get_redirected_jwks(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                                dev_reply *reply)
{
    (void)connection;
    (void)body;
    const dev_view view = dev_view_own(issuer, DEV_JWKS);
    dev_count(issuer, DEV_STAT_REDIRECTED);
    dev_document_jwks(issuer, &view, reply);
}

static void add_headers(struct MHD_Response *response, json_t *headers)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(headers, name, value)
    {
        (void)MHD_add_response_header(response, name, json_string_value(value));
    }
}

static enum MHD_Result send_response(struct MHD_Connection *connection, struct MHD_Response *response,
                                     const dev_reply *reply)
{
    if (reply->content_type != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    if (reply->etag != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, reply->etag);
    if (reply->cache_control != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, reply->cache_control);
    if (reply->location != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, reply->location);
    add_headers(response, reply->headers);
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Without lingering, closing sends RST instead of FIN. */
static void arm_reset(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (info != NULL)
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* Metadata and keys: the only ones that faults befall. */
static enum MHD_Result serve_document(dev_issuer *issuer, struct MHD_Connection *connection, const dev_view *view)
{
    enum dev_target target = view->target;
    dev_count(issuer, target == DEV_JWKS ? DEV_STAT_JWKS : DEV_STAT_METADATA);
    dev_fault fault = dev_fault_take(issuer, target);
    dev_reply reply = {0};
    if (target == DEV_JWKS)
        dev_document_jwks(issuer, view, &reply);
    else
        dev_document_metadata(issuer, view, &reply);
    dev_fault_change(issuer, target, &fault, &reply);
    /* RFC 9110, section 13.1.2. */
    const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (reply.status == MHD_HTTP_OK && reply.etag != NULL && known != NULL && strstr(known, reply.etag) != NULL) {
        dev_count(issuer, DEV_STAT_NOT_MODIFIED);
        reply.status = MHD_HTTP_NOT_MODIFIED;
        reply.content_type = NULL;
        cli_text_free(&reply.body);
        fault.kind = fault.kind == DEV_FAULT_DRIP ? DEV_FAULT_NONE : fault.kind;
    }
    struct MHD_Response *response = dev_fault_response(issuer, &fault, &reply);
    enum MHD_Result result = MHD_NO;
    if (response != NULL)
        result = send_response(connection, response, &reply);
    else
        arm_reset(connection);
    dev_reply_clear(&reply);
    return result;
}

/* An endpoint that gives tokens. */
static enum MHD_Result serve_endpoint(const dev_endpoint *endpoint, dev_call *call)
{
    dev_reply reply = {0};
    call->reply = &reply;
    dev_endpoint_serve(endpoint, call);
    struct MHD_Response *response = dev_fault_response(call->issuer, &call->fault, &reply);
    enum MHD_Result result = MHD_NO;
    if (response != NULL)
        result = send_response(call->connection, response, &reply);
    else
        arm_reset(call->connection);
    dev_reply_clear(&reply);
    return result;
}

static const struct {
    const char *method;
    const char *path;
    dev_route *handler;
} routes[] = {
    {"GET", "/", get_index},
    {"GET", "", get_index},
    {"GET", "/mint", get_mint},
    {"POST", "/mint", post_mint},
    {"POST", "/rotate", post_rotate},
    {"POST", "/fault", post_fault},
    {"POST", "/settings", dev_post_settings},
    {"GET", "/stats", get_stats},
    {"POST", "/stats/reset", post_stats_reset},
    {"GET", "/redirected/metadata", get_redirected_metadata},
    {"GET", "/redirected/jwks", get_redirected_jwks},
    {"GET", "/redirected/token", dev_redirected_token},
    {"POST", "/redirected/token", dev_redirected_token},
    {"GET", "/apps", dev_get_apps},
    {"POST", "/apps", dev_post_apps},
    {"GET", "/requests", dev_get_requests},
    {"POST", "/rotate-tls", dev_post_rotate_tls},
    {"GET", "/common/discovery/instance", dev_get_instances},
};

static dev_route *find_route(const char *method, const char *path, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < CLI_COUNT_OF(routes); i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        *path_known = true;
        if (strcmp(routes[i].method, method) == 0)
            return routes[i].handler;
    }
    return NULL;
}

static enum MHD_Result answer(dev_issuer *issuer, struct MHD_Connection *connection, const char *url,
                              const char *method, const dev_incoming *request)
{
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const char *app_id = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "appid");
    dev_view view;
    if (is_get && dev_view_find(issuer, dev_proxy_below(issuer, url), app_id, &view))
        return serve_document(issuer, connection, &view);
    dev_call call = {.issuer = issuer, .connection = connection, .method = method, .url = url, .body = &request->body};
    CLI_AUTO_FREE char *segment = NULL;
    const dev_endpoint *endpoint = dev_endpoint_find(issuer, url, &segment, &call.proxied);
    call.tenant = segment;
    if (endpoint != NULL && !request->too_long)
        return serve_endpoint(endpoint, &call);
    /* Every other path is known both at the root and under the issuer's. */
    bool path_known = false;
    dev_route *handler = find_route(is_get ? "GET" : method, dev_path_below(issuer, url), &path_known);
    dev_reply reply = {0};
    if (handler != NULL) {
        handler(issuer, connection, request, &reply);
    } else {
        dev_count(issuer, DEV_STAT_OTHER);
        dev_set_problem(&reply, path_known ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
                        path_known ? "not with this method" : "nothing here; GET / lists what there is");
    }
    const dev_fault none = {0};
    struct MHD_Response *response = dev_fault_response(issuer, &none, &reply);
    enum MHD_Result result = response == NULL ? MHD_NO : send_response(connection, response, &reply);
    dev_reply_clear(&reply);
    return result;
}

enum MHD_Result dev_http_handle(void *closure, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_len, void **state)
{
    (void)version;
    dev_issuer *issuer = closure;
    dev_incoming *request = *state;
    if (request == NULL) {
        *state = cli_alloc(sizeof *request);
        return MHD_YES;
    }
    if (*upload_len > 0) {
        request->too_long = request->too_long || request->body.len + *upload_len > MAX_BODY;
        if (!request->too_long)
            cli_text_add(&request->body, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    /* The path without its query: that may name claims of a person. */
    if (issuer->verbose)
        fprintf(stderr, "assay issuer: %s %s\n", method, url);
    return answer(issuer, connection, url, method, request);
}

void dev_http_completed(void *closure, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode how)
{
    (void)closure;
    (void)connection;
    (void)how;
    dev_incoming *request = *state;
    if (request == NULL)
        return;
    cli_text_free(&request->body);
    free(request);
    *state = NULL;
}
