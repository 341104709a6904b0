/* SPDX-License-Identifier: MIT */
/* GET /requests: what the last requests for tokens had, so that a test can tell that each byte arrived, and no secret. */

#include "dev_issuer_tokens.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#ifdef DEV_ISSUER_GNUTLS
#include <gnutls/gnutls.h>
#endif

#define MAX_REQUESTS 128

/* The SHA-256 of a text in hexadecimal; released with free(). */
static char *sha256_hex(const char *text, size_t len)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t digest_len = 0;
    if (EVP_Q_digest(NULL, "SHA256", NULL, text, len, digest, &digest_len) != 1)
        return cli_strdup("");
    char *hex = cli_alloc(digest_len * 2 + 1);
    for (size_t i = 0; i < digest_len; i++)
        (void)snprintf(hex + i * 2, 3, "%02x", digest[i]);
    return hex;
}

/* Of digests, so that neither length nor content shows in the time it takes. */
bool dev_same_secret(const char *one, const char *other)
{
    CLI_AUTO_FREE char *first = sha256_hex(one, strlen(one));
    CLI_AUTO_FREE char *second = sha256_hex(other, strlen(other));
    return strlen(first) == 64 && CRYPTO_memcmp(first, second, 64) == 0;
}

static bool is_secret(const char *name)
{
    static const char *const names[] = {"client_secret", "client_assertion", "assertion", "subject_token",
                                        "actor_token",   "refresh_token",    "password",  "code",
                                        "username"};
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static json_t *parameter_record(const dev_parameter *parameter)
{
    json_t *record = json_object();
    (void)json_object_set_new(record, "name", json_string(parameter->name));
    (void)json_object_set_new(record, "count", json_integer((json_int_t)parameter->count));
    (void)json_object_set_new(record, "length", json_integer((json_int_t)parameter->len));
    CLI_AUTO_FREE char *digest = sha256_hex(parameter->value, parameter->len);
    (void)json_object_set_new(record, "sha256", json_string(digest));
    if (!is_secret(parameter->name))
        (void)json_object_set_new(record, "value", json_string(parameter->value));
    return record;
}

static enum MHD_Result take_name(void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    (void)value;
    (void)json_array_append_new(closure, json_string(name));
    return MHD_YES;
}

static void put_header(const dev_call *call, const char *member, const char *name)
{
    const char *value = dev_request_header(call->connection, name);
    if (value != NULL)
        (void)json_object_set_new(call->record, member, json_string(value));
}

/* The scheme, and a digest of the rest; of Basic also whose secret it is. */
static void put_authorization(const dev_call *call)
{
    const char *value = dev_request_header(call->connection, MHD_HTTP_HEADER_AUTHORIZATION);
    if (value == NULL)
        return;
    size_t scheme = strcspn(value, " ");
    json_t *record = json_object();
    (void)json_object_set_new(record, "scheme", json_stringn(value, scheme));
    const char *rest = value + scheme + strspn(value + scheme, " ");
    CLI_AUTO_FREE char *digest = sha256_hex(rest, strlen(rest));
    (void)json_object_set_new(record, "sha256", json_string(digest));
    CLI_AUTO_FREE char *name = NULL;
    CLI_AUTO_FREE char *secret = NULL;
    if (dev_request_basic(call->connection, &name, &secret)) {
        CLI_AUTO_FREE char *of_secret = sha256_hex(secret, strlen(secret));
        (void)json_object_set_new(record, "client_id", json_string(name));
        (void)json_object_set_new(record, "secret_sha256", json_string(of_secret));
        explicit_bzero(secret, strlen(secret));
    }
    (void)json_object_set_new(call->record, "authorization", record);
}

/* Header and claims of a client's assertion: without its signature nobody can use it. */
static void put_assertion(const dev_call *call)
{
    const char *assertion = dev_form_get(&call->form, "client_assertion");
    dev_jwt jwt;
    if (assertion == NULL)
        return;
    if (dev_jwt_read(assertion, &jwt)) {
        (void)json_object_set(call->record, "assertion_header", jwt.header);
        (void)json_object_set(call->record, "assertion_claims", jwt.claims);
    }
    dev_jwt_clear(&jwt);
}

/* The name that the client asked for in its TLS greeting (RFC 6066, section 3). */
static void put_server_name(const dev_call *call)
{
#ifdef DEV_ISSUER_GNUTLS
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    char name[256];
    size_t len = sizeof name - 1;
    unsigned type = GNUTLS_NAME_DNS;
    if (info == NULL || info->tls_session == NULL ||
        gnutls_server_name_get(info->tls_session, name, &len, &type, 0) != 0)
        return;
    (void)json_object_set_new(call->record, "sni", json_stringn(name, strnlen(name, len)));
#else
    (void)call;
#endif
}

void dev_record_start(dev_call *call)
{
    call->record = json_object();
    json_t *headers = json_array();
    json_t *parameters = json_array();
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, take_name, headers);
    for (size_t i = 0; i < call->form.count; i++)
        (void)json_array_append_new(parameters, parameter_record(&call->form.items[i]));
    (void)json_object_set_new(call->record, "method", json_string(call->method));
    (void)json_object_set_new(call->record, "path", json_string(call->url));
    (void)json_object_set_new(call->record, "headers", headers);
    (void)json_object_set_new(call->record, "parameters", parameters);
    (void)json_object_set_new(call->record, "malformed", json_boolean(call->form.malformed));
    (void)json_object_set_new(call->record, "repeated", json_boolean(call->form.repeated));
    (void)json_object_set_new(
        call->record, "content_types",
        json_integer((json_int_t)dev_request_header_count(call->connection, MHD_HTTP_HEADER_CONTENT_TYPE)));
    put_header(call, "host", MHD_HTTP_HEADER_HOST);
    put_header(call, "accept", MHD_HTTP_HEADER_ACCEPT);
    put_header(call, "content_type", MHD_HTTP_HEADER_CONTENT_TYPE);
    if (dev_client_request_id(call) != NULL)
        (void)json_object_set_new(call->record, "client_request_id", json_string(dev_client_request_id(call)));
    put_authorization(call);
    put_assertion(call);
    put_server_name(call);
}

void dev_record_keep(dev_call *call, const char *endpoint)
{
    (void)json_object_set_new(call->record, "endpoint", json_string(endpoint));
    (void)json_object_set_new(call->record, "status", json_integer((json_int_t)call->reply->status));
    if (call->fault.kind != DEV_FAULT_NONE)
        (void)json_object_set_new(call->record, "fault", json_string(dev_fault_kind_name(call->fault.kind)));
    (void)pthread_mutex_lock(&call->issuer->lock);
    if (json_array_size(call->issuer->requests) >= MAX_REQUESTS)
        (void)json_array_remove(call->issuer->requests, 0);
    (void)json_array_append_new(call->issuer->requests, call->record);
    (void)pthread_mutex_unlock(&call->issuer->lock);
    call->record = NULL;
}

void dev_record_forget(dev_issuer *issuer)
{
    (void)json_array_clear(issuer->requests);
}

char *dev_issuer_requests(dev_issuer *issuer)
{
    (void)pthread_mutex_lock(&issuer->lock);
    char *text = json_dumps(issuer->requests, JSON_COMPACT);
    (void)pthread_mutex_unlock(&issuer->lock);
    return text;
}
