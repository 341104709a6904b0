/* SPDX-License-Identifier: MIT */
#include "acquire/endpoint.h"

#include "acquire/diagnosis.h"
#include "acquire/uuid.h"
#include "base/base64url.h"
#include "base/file.h"
#include "crypto/trust.h"

/* The requests that a token endpoint is sent: what goes into the form, and where it goes. */

#define JWT_BEARER "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" /* RFC 7523, section 2.2 */
#define EXCHANGE_GRANT "urn:ietf:params:oauth:grant-type:token-exchange"    /* RFC 8693, section 2.1 */
#define OBO_GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"             /* RFC 7523, section 2.1 */
#define TOKEN_TYPE "urn:ietf:params:oauth:token-type:"                      /* RFC 8693, section 3 */

static const char public_authority[] = "https://login.microsoftonline.com";
static const char google_endpoint[] = "https://sts.googleapis.com/v1/token";
static const char google_scope[] = "https://www.googleapis.com/auth/cloud-platform";

/* Every value is encoded: secrets have "+", "/", "=" and "%" in them. */
static void put(assay_secret *form, const char *name, const char *value)
{
    if (value != NULL)
        assay_secret_parameter(form, name, value, strlen(value));
}

static void put_secret(assay_secret *form, const char *name, const assay_secret *value)
{
    if (value->len > 0)
        assay_secret_parameter(form, name, value->text, value->len);
}

/* AD FS has no version in its path (exchange.md 2.1). */
static const char *entra_path(const char *tenant)
{
    return strcmp(tenant, "adfs") == 0 ? "/oauth2/token" : "/oauth2/v2.0/token";
}

char *assay_endpoint_url(const assay_endpoint *endpoint)
{
    const assay_credential_settings *settings = endpoint->machine.settings;
    if (!assay_endpoint_is_entra(endpoint))
        return assay_strdup(settings->token_endpoint != NULL ? settings->token_endpoint : google_endpoint);
    assay_buffer url = {0};
    assay_buffer_put(&url, settings->authority != NULL ? settings->authority : public_authority);
    assay_buffer_put(&url, "/");
    assay_buffer_put(&url, assay_endpoint_tenant(&endpoint->machine));
    assay_buffer_put(&url, entra_path(assay_endpoint_tenant(&endpoint->machine)));
    if (url.failed)
        assay_buffer_clear(&url);
    return url.text;
}

/* The proxy's path and then the one that it stands for (exchange.md 2.3, case 75). */
static char *proxy_url(const assay_machine *machine)
{
    assay_buffer url = {0};
    const char *base = machine->settings->proxy.url;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    assay_buffer_add(&url, base, len);
    assay_buffer_put(&url, "/");
    assay_buffer_put(&url, assay_endpoint_tenant(machine));
    assay_buffer_put(&url, entra_path(assay_endpoint_tenant(machine)));
    if (url.failed)
        assay_buffer_clear(&url);
    return url.text;
}

/* Client authentication of RFC 6749, section 2.3.1: both parts are form-encoded before they are joined. */
static bool write_basic(const assay_credential_settings *settings, assay_secret *authorization)
{
    assay_secret pair = {0};
    assay_secret_form(&pair, settings->client_id, strlen(settings->client_id));
    assay_secret_put(&pair, ":");
    assay_secret_form(&pair, settings->secret.text, settings->secret.len);
    size_t room = 0;
    char *encoded = pair.failed ? NULL : assay_alloc_pages(ASSAY_BASE64_ENCODED(pair.len) + 1, &room);
    if (encoded != NULL) {
        assay_base64_encode((const uint8_t *)pair.text, pair.len, encoded);
        assay_secret_put(authorization, "Basic ");
        assay_secret_put(authorization, encoded);
        assay_release_pages(encoded, room);
    }
    assay_secret_clear(&pair);
    return encoded != NULL && !authorization->failed;
}

static void put_assertion(assay_secret *form, const assay_secret *assertion)
{
    put(form, "client_assertion_type", JWT_BEARER);
    put_secret(form, "client_assertion", assertion);
}

static void write_entra(assay_endpoint *endpoint, const assay_secret *claims)
{
    assay_secret *form = &endpoint->body;
    const assay_machine *machine = &endpoint->machine;
    bool for_user = machine->wanted->user_assertion.len > 0;
    put(form, "client_id", machine->settings->client_id);
    put(form, "scope", machine->wanted->scope);
    put(form, "grant_type", for_user ? OBO_GRANT : "client_credentials");
    if (for_user) { /* Microsoft, "On-Behalf-Of flow" */
        put_secret(form, "assertion", &machine->wanted->user_assertion);
        put(form, "requested_token_use", "on_behalf_of");
    }
    if (machine->settings->kind == ASSAY_CREDENTIAL_SECRET)
        put_secret(form, "client_secret", &machine->settings->secret);
    else
        put_assertion(form, &endpoint->proof);
    put_secret(form, "claims", claims);
}

/* Parameters that may stand several times (RFC 8693, section 2.1; RFC 8707, section 2). */
static void put_list(assay_secret *form, const char *name, const assay_text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        assay_secret_parameter(form, name, list->items[i].ptr, list->items[i].len);
}

static bool write_client(assay_endpoint *endpoint, const assay_secret *assertion)
{
    assay_secret *form = &endpoint->body;
    const assay_credential_settings *settings = endpoint->machine.settings;
    switch (settings->client_method) {
    case ASSAY_CLIENT_BASIC:
        return settings->client_id == NULL || settings->secret.len == 0 ||
               write_basic(settings, &endpoint->authorization);
    case ASSAY_CLIENT_POST:
        put(form, "client_id", settings->client_id);
        put_secret(form, "client_secret", &settings->secret);
        return true;
    case ASSAY_CLIENT_PRIVATE_KEY_JWT:
        put(form, "client_id", settings->client_id);
        put_assertion(form, assertion);
        return true;
    default:
        put(form, "client_id", settings->client_id);
        return true;
    }
}

static void put_scope(assay_secret *form, const assay_machine *machine, const char *otherwise)
{
    const char *scope = machine->wanted->scope[0] != '\0' ? machine->wanted->scope : otherwise;
    put(form, "scope", scope);
}

static void write_exchange(assay_endpoint *endpoint)
{
    assay_secret *form = &endpoint->body;
    const assay_credential_settings *settings = endpoint->machine.settings;
    bool google = settings->kind == ASSAY_CREDENTIAL_GOOGLE;
    put(form, "grant_type", EXCHANGE_GRANT);
    put_list(form, "audience", &settings->audiences);
    put_list(form, "resource", &settings->resources);
    put_scope(form, &endpoint->machine, google ? google_scope : NULL);
    put(form, "requested_token_type",
        settings->requested_token_type == NULL && google ? TOKEN_TYPE "access_token" : settings->requested_token_type);
    put_secret(form, "subject_token", &endpoint->proof);
    put(form, "subject_token_type",
        settings->subject_token_type == NULL ? TOKEN_TYPE "jwt" : settings->subject_token_type);
    put_secret(form, "actor_token", &endpoint->actor);
    if (endpoint->actor.len > 0)
        put(form, "actor_token_type", settings->actor_token_type);
}

/* Google's service account: a JSON body, and the exchanged token as the bearer (exchange.md 2.8). */
static void write_second(assay_endpoint *endpoint)
{
    assay_buffer json = {0};
    const char *scope = endpoint->machine.wanted->scope;
    if (scope[strspn(scope, " ")] == '\0')
        scope = google_scope;
    const char *separator = "{\"scope\":[";
    for (scope += strspn(scope, " "); *scope != '\0'; scope += strspn(scope, " ")) {
        size_t len = strcspn(scope, " ");
        assay_buffer_put(&json, separator);
        assay_buffer_json_string(&json, scope, len);
        separator = ",";
        scope += len;
    }
    assay_buffer_put(&json, "]}");
    if (json.failed)
        endpoint->body.failed = true;
    else
        assay_secret_put(&endpoint->body, json.text);
    assay_buffer_clear(&json);
    assay_secret_put(&endpoint->authorization, "Bearer ");
    assay_secret_add(&endpoint->authorization, endpoint->first.text, endpoint->first.len);
}

static bool write_body(assay_endpoint *endpoint)
{
    assay_secret claims = {0};
    bool fine = true;
    assay_secret_clear(&endpoint->body);
    assay_secret_clear(&endpoint->authorization);
    if (endpoint->first.len > 0) {
        write_second(endpoint);
    } else if (assay_endpoint_is_entra(endpoint)) {
        fine = assay_token_request_claims(endpoint->machine.wanted, &claims);
        write_entra(endpoint, &claims);
    } else if (endpoint->machine.settings->kind == ASSAY_CREDENTIAL_CLIENT) {
        put(&endpoint->body, "grant_type", "client_credentials");
        put_scope(&endpoint->body, &endpoint->machine, NULL);
        put_list(&endpoint->body, "resource", &endpoint->machine.settings->resources);
        put_list(&endpoint->body, "audience", &endpoint->machine.settings->audiences);
        fine = write_client(endpoint, &endpoint->proof);
    } else {
        write_exchange(endpoint);
        fine = write_client(endpoint, &endpoint->client_proof);
    }
    assay_secret_clear(&claims);
    return fine && !endpoint->body.failed && !endpoint->authorization.failed;
}

/* One group of tries has one name, by which support finds it (Microsoft, `client-request-id`). */
static bool write_fields(assay_endpoint *endpoint)
{
    assay_http_request *request = &endpoint->machine.request;
    if (!assay_endpoint_is_entra(endpoint))
        return true;
    if (endpoint->correlation[0] == '\0' && !assay_uuid_random(endpoint->correlation))
        return false;
    endpoint->fields[0] = (assay_http_field){"client-request-id", endpoint->correlation};
    endpoint->fields[1] = (assay_http_field){"return-client-request-id", "true"};
    endpoint->fields[2] = (assay_http_field){"x-client-SKU", "assay"};
    endpoint->fields[3] = (assay_http_field){"x-ms-lib-capability", "retry-after, h429"};
    request->fields = endpoint->fields;
    request->field_count = ASSAY_ENDPOINT_FIELDS;
    return true;
}

/*
 * The proxy's CA, read anew each time since it rotates. A file that is empty or half written while a good one is known does no harm (exchange.md 2.3,
 * case 77). Nothing is sent where there was never a good one.
 */
static int read_proxy_ca(assay_endpoint *endpoint)
{
    const assay_token_proxy *proxy = &endpoint->machine.settings->proxy;
    assay_acquire_context *context = endpoint->machine.context;
    assay_failure failure; /* the machine's still says how an earlier try failed */
    ASSAY_CLEANUP(assay_trust_free_p) assay_trust *trust = NULL;
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *pem = assay_alloc(ASSAY_LIMIT_CA_BYTES);
    if (pem == NULL)
        return assay_fail(&endpoint->machine.failure, ASSAY_E_MEMORY);
    int code = assay_file_read(proxy->ca_file, pem, ASSAY_LIMIT_CA_BYTES, &len, ASSAY_E_CONFIG_CA, &failure);
    if (code == ASSAY_OK)
        code = assay_trust_from_pem(pem, len, &trust, &failure);
    (void)pthread_mutex_lock(&context->lock);
    bool kept = code == ASSAY_OK ? assay_secret_set(&context->proxy_ca, pem, len) : context->proxy_ca.len > 0;
    if (kept)
        kept = assay_secret_copy(&endpoint->ca, &context->proxy_ca);
    (void)pthread_mutex_unlock(&context->lock);
    if (kept)
        return ASSAY_OK;
    endpoint->machine.failure = failure;
    return code != ASSAY_OK ? code : assay_fail(&endpoint->machine.failure, ASSAY_E_MEMORY);
}

static int go_through_proxy(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    const assay_token_proxy *proxy = &machine->settings->proxy;
    machine->request.tls_name = proxy->tls_name;
    machine->request.direct = true; /* the API server is reached without a proxy of the network */
    if (proxy->ca_file != NULL) {
        int code = read_proxy_ca(endpoint);
        if (code != ASSAY_OK)
            return code;
        machine->ca_pem = endpoint->ca.text;
        machine->ca_len = endpoint->ca.len;
    } else if (proxy->ca_pem != NULL) {
        machine->ca_pem = proxy->ca_pem;
        machine->ca_len = strlen(proxy->ca_pem);
    }
    return ASSAY_OK;
}

int assay_endpoint_make_request(assay_endpoint *endpoint, const assay_moment *now)
{
    assay_machine *machine = &endpoint->machine;
    (void)now;
    machine->ca_pem = NULL; /* the proxy's are for the proxy alone */
    machine->ca_len = 0;
    machine->request = (assay_http_request){
        .method = "POST",
        .accept = "application/json",
        .content_type = endpoint->first.len > 0 ? "application/json" : "application/x-www-form-urlencoded",
        .body_limit = ASSAY_LIMIT_TOKEN_RESPONSE_BYTES,
        .allow_loopback_http = machine->settings->allow_loopback_http,
    };
    machine->ca_pem = NULL; /* of an earlier request, which may have gone through the token proxy */
    machine->ca_len = 0;
    assay_release(ASSAY_STEAL(endpoint->url));
    if (endpoint->first.len > 0)
        endpoint->url = assay_strdup(machine->settings->impersonation_url);
    else
        endpoint->url = endpoint->through_proxy ? proxy_url(machine) : assay_endpoint_url(endpoint);
    if (endpoint->url == NULL || !write_body(endpoint) || !write_fields(endpoint))
        return assay_fail(&machine->failure, ASSAY_E_MEMORY);
    machine->request.url = endpoint->url;
    machine->request.body = endpoint->body.text;
    machine->request.body_len = endpoint->body.len;
    machine->request.authorization = endpoint->authorization.text;
    return endpoint->through_proxy ? go_through_proxy(endpoint) : ASSAY_OK;
}
