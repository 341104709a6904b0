/* SPDX-License-Identifier: MIT */
#include "acquire/settings.h"

#include "acquire/diagnosis.h"
#include "http/url.h"

#include <stdio.h>

enum { HOST_BYTES = 253 }; /* RFC 1035, section 2.3.4 */

static const char *const names[ASSAY_CREDENTIAL_KINDS] = {
    [ASSAY_CREDENTIAL_WORKLOAD] = "workload-identity",
    [ASSAY_CREDENTIAL_SECRET] = "client-secret",
    [ASSAY_CREDENTIAL_CERTIFICATE] = "client-certificate",
    [ASSAY_CREDENTIAL_ASSERTION] = "client-assertion",
    [ASSAY_CREDENTIAL_FEDERATED] = "federated",
    [ASSAY_CREDENTIAL_GITHUB] = "github-actions",
    [ASSAY_CREDENTIAL_PIPELINES] = "azure-pipelines",
    [ASSAY_CREDENTIAL_MANAGED] = "managed-identity",
    [ASSAY_CREDENTIAL_CLIENT] = "client-credentials",
    [ASSAY_CREDENTIAL_EXCHANGE] = "token-exchange",
    [ASSAY_CREDENTIAL_GOOGLE] = "google",
    [ASSAY_CREDENTIAL_CHAIN] = "chain",
};

const char *assay_credential_kind_name(assay_credential_kind kind)
{
    return (unsigned)kind < ASSAY_CREDENTIAL_KINDS ? names[kind] : NULL;
}

bool assay_credential_kind_find(const char *name, assay_credential_kind *kind)
{
    for (unsigned i = 0; name != NULL && i < ASSAY_CREDENTIAL_KINDS; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *kind = (assay_credential_kind)i;
        return true;
    }
    return false;
}

static void clear_texts(assay_credential_settings *settings)
{
    char *all[] = {settings->authority,          settings->tenant,
                   settings->client_id,          settings->token_file,
                   settings->proxy.url,          settings->proxy.tls_name,
                   settings->proxy.ca_file,      settings->proxy.ca_pem,
                   settings->certificate_path,   settings->key_path,
                   settings->inner_scope,        settings->request_url,
                   settings->service_connection, settings->agent_url,
                   settings->agent_thumbprint,   settings->arc_folder,
                   settings->identity_value,     settings->token_endpoint,
                   settings->assertion_audience, settings->signing_algorithm,
                   settings->subject_token_type, settings->actor_token_file,
                   settings->actor_token_type,   settings->requested_token_type,
                   settings->impersonation_url,  settings->subject_member,
                   settings->signing_key_id,     settings->skipped};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++)
        assay_release(all[i]);
}

void assay_credential_settings_clear(assay_credential_settings *settings)
{
    if (settings->assertion_destroy != NULL)
        settings->assertion_destroy(settings->assertion_data);
    assay_sign_source_free(settings->signing);
    assay_secret_clear(&settings->secret);
    assay_secret_clear(&settings->passphrase);
    assay_secret_clear(&settings->request_token);
    assay_secret_clear(&settings->agent_secret);
    assay_text_list_clear(&settings->tenants);
    assay_text_list_clear(&settings->audiences);
    assay_text_list_clear(&settings->resources);
    clear_texts(settings);
    assay_release(settings->members);
    memset(settings, 0, sizeof *settings);
}

/* What a kind can't do without, by bits: which of them is missing decides about the advice too. */
enum {
    TENANT = 1 << 0,
    CLIENT_ID = 1 << 1,
    TOKEN_FILE = 1 << 2,
    SECRET = 1 << 3,
    SIGNING_FILES = 1 << 4,
    ASSERTION_FUNCTION = 1 << 5,
    SOURCE = 1 << 6,
    REQUEST_URL = 1 << 7,
    REQUEST_TOKEN = 1 << 8,
    SERVICE_CONNECTION = 1 << 9,
    IDENTITY = 1 << 10,
    AGENT_URL = 1 << 11,
    AGENT_SECRET = 1 << 12,
    TOKEN_ENDPOINT = 1 << 13,
    SUBJECT = 1 << 14,
    ACTOR_TYPE = 1 << 15,
    ACTOR = 1 << 16,
    AUDIENCE = 1 << 17,
    MEMBERS = 1 << 18
};

/* In words, with the variable that gives it. @p kind tells the variables of the two CI systems apart. */
static const char *piece_name(unsigned piece, assay_credential_kind kind)
{
    bool github = kind == ASSAY_CREDENTIAL_GITHUB, pipelines = kind == ASSAY_CREDENTIAL_PIPELINES;
    switch (piece) {
    case TENANT:
        return pipelines ? "tenant (AZURESUBSCRIPTION_TENANT_ID)" : "tenant (AZURE_TENANT_ID)";
    case CLIENT_ID:
        return pipelines                         ? "client_id (AZURESUBSCRIPTION_CLIENT_ID)"
               : kind == ASSAY_CREDENTIAL_CLIENT ? "client_id"
                                                 : "client_id (AZURE_CLIENT_ID)";
    case TOKEN_FILE:
        return "token_file (AZURE_FEDERATED_TOKEN_FILE)";
    case SECRET:
        return kind == ASSAY_CREDENTIAL_SECRET ? "secret (AZURE_CLIENT_SECRET)" : "secret";
    case SIGNING_FILES:
        return kind == ASSAY_CREDENTIAL_CERTIFICATE ? "signing files (AZURE_CLIENT_CERTIFICATE_PATH)" : "signing files";
    case ASSERTION_FUNCTION:
        return "assertion function";
    case SOURCE:
        return "source credential";
    case REQUEST_URL:
        return github ? "URL of ID tokens (ACTIONS_ID_TOKEN_REQUEST_URL)" : "URL of ID tokens (SYSTEM_OIDCREQUESTURI)";
    case REQUEST_TOKEN:
        return github ? "token of the job (ACTIONS_ID_TOKEN_REQUEST_TOKEN)" : "token of the job (SYSTEM_ACCESSTOKEN)";
    case SERVICE_CONNECTION:
        return "service connection (AZURESUBSCRIPTION_SERVICE_CONNECTION_ID)";
    case IDENTITY:
        return "name of the user-assigned identity";
    case AGENT_URL:
        return "URL of the agent (IDENTITY_ENDPOINT)";
    case AGENT_SECRET:
        return "secret of the agent (IDENTITY_HEADER)";
    case TOKEN_ENDPOINT:
        return "token_endpoint";
    case SUBJECT:
        return "token_file or source credential";
    case ACTOR_TYPE:
        return "type of the actor token";
    case ACTOR:
        return "file of the actor token";
    case AUDIENCE:
        return "audience, the name of the provider";
    default:
        return "members of the chain";
    }
}

static unsigned missing_of_entra(const assay_credential_settings *settings)
{
    return (settings->tenant == NULL ? (unsigned)TENANT : 0u) |
           (settings->client_id == NULL ? (unsigned)CLIENT_ID : 0u);
}

static unsigned missing_of_job(const assay_credential_settings *settings)
{
    return (settings->request_url == NULL ? (unsigned)REQUEST_URL : 0u) |
           (settings->request_token.len == 0 ? (unsigned)REQUEST_TOKEN : 0u);
}

static bool has_signing_files(const assay_credential_settings *settings)
{
    return settings->certificate_path != NULL || settings->key_path != NULL;
}

/* Beside the actor's file its type, and neither alone (RFC 8693, section 2.1). */
static unsigned missing_of_exchange(const assay_credential_settings *settings)
{
    bool file = settings->actor_token_file != NULL, type = settings->actor_token_type != NULL;
    unsigned missing = settings->token_file == NULL && settings->inner == NULL ? (unsigned)SUBJECT : 0u;
    if (file != type)
        missing |= file ? (unsigned)ACTOR_TYPE : (unsigned)ACTOR;
    return missing;
}

static unsigned missing_of_client_proof(const assay_credential_settings *settings)
{
    switch (settings->client_method) {
    case ASSAY_CLIENT_BASIC:
    case ASSAY_CLIENT_POST:
        return (settings->secret.len == 0 ? (unsigned)SECRET : 0u) |
               (settings->client_id == NULL ? (unsigned)CLIENT_ID : 0u);
    case ASSAY_CLIENT_PRIVATE_KEY_JWT:
        return (has_signing_files(settings) ? 0u : (unsigned)SIGNING_FILES) |
               (settings->client_id == NULL ? (unsigned)CLIENT_ID : 0u);
    case ASSAY_CLIENT_NONE:
        break;
    }
    return 0;
}

static unsigned missing_of_managed(const assay_credential_settings *settings)
{
    bool own = settings->agent != ASSAY_AGENT_IMDS && settings->agent != ASSAY_AGENT_ARC;
    bool secret = own && settings->agent != ASSAY_AGENT_CLOUD_SHELL;
    bool named = settings->identity == ASSAY_IDENTITY_SYSTEM || settings->identity_value != NULL;
    return (own && settings->agent_url == NULL ? (unsigned)AGENT_URL : 0u) |
           (secret && settings->agent_secret.len == 0 ? (unsigned)AGENT_SECRET : 0u) |
           (named ? 0u : (unsigned)IDENTITY);
}

static unsigned missing(const assay_credential_settings *settings)
{
    unsigned entra = missing_of_entra(settings);
    unsigned endpoint = settings->token_endpoint == NULL ? (unsigned)TOKEN_ENDPOINT : 0u;
    switch (settings->kind) {
    case ASSAY_CREDENTIAL_WORKLOAD:
        return entra | (settings->token_file == NULL ? (unsigned)TOKEN_FILE : 0u);
    case ASSAY_CREDENTIAL_SECRET:
        return entra | (settings->secret.len == 0 ? (unsigned)SECRET : 0u);
    case ASSAY_CREDENTIAL_CERTIFICATE:
        return entra | (has_signing_files(settings) ? 0u : (unsigned)SIGNING_FILES);
    case ASSAY_CREDENTIAL_ASSERTION:
        return entra | (settings->assertion == NULL ? (unsigned)ASSERTION_FUNCTION : 0u);
    case ASSAY_CREDENTIAL_FEDERATED:
        return entra | (settings->inner == NULL ? (unsigned)SOURCE : 0u);
    case ASSAY_CREDENTIAL_GITHUB:
        return entra | missing_of_job(settings);
    case ASSAY_CREDENTIAL_PIPELINES:
        return entra | missing_of_job(settings) |
               (settings->service_connection == NULL ? (unsigned)SERVICE_CONNECTION : 0u);
    case ASSAY_CREDENTIAL_MANAGED:
        return missing_of_managed(settings);
    case ASSAY_CREDENTIAL_CLIENT:
        return endpoint | (settings->client_id == NULL ? (unsigned)CLIENT_ID : 0u) | missing_of_client_proof(settings);
    case ASSAY_CREDENTIAL_EXCHANGE:
        return endpoint | missing_of_exchange(settings) | missing_of_client_proof(settings);
    case ASSAY_CREDENTIAL_GOOGLE:
        return missing_of_exchange(settings) | (settings->audiences.count == 0 ? (unsigned)AUDIENCE : 0u);
    case ASSAY_CREDENTIAL_CHAIN:
        return settings->member_count == 0 ? (unsigned)MEMBERS : 0u;
    case ASSAY_CREDENTIAL_KINDS:
        break;
    }
    return 0;
}

/* The row of what is missing (exchange.md, section 5); 0: none fits. */
static int row_of(assay_credential_kind kind, unsigned pieces)
{
    if (kind == ASSAY_CREDENTIAL_GITHUB && (pieces & (REQUEST_URL | REQUEST_TOKEN)) != 0)
        return 65;
    if (kind != ASSAY_CREDENTIAL_WORKLOAD)
        return 0;
    return pieces == CLIENT_ID ? 50 : (pieces & TOKEN_FILE) != 0 ? 49 : 0;
}

/* The failure borrows its detail, so these live as long as the program. */
void assay_settings_advise(int row, assay_failure *failure)
{
    static const assay_failure_detail details[] = {{.row = 49}, {.row = 50}, {.row = 65}};
    const assay_diagnosis_row *found = assay_diagnosis_find(row);
    if (failure == NULL || found == NULL)
        return;
    failure->hint = found->fix;
    failure->check = found->layer;
    for (size_t i = 0; i < ASSAY_COUNT_OF(details); i++)
        if (details[i].row == row)
            failure->detail = &details[i];
}

static int refuse_missing(assay_credential_kind kind, unsigned pieces, assay_failure *failure)
{
    char list[sizeof failure->note] = "";
    size_t used = 0;
    for (unsigned piece = 1; piece <= MEMBERS; piece <<= 1) {
        if ((pieces & piece) == 0 || used >= sizeof list)
            continue;
        int wrote = snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ", piece_name(piece, kind));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    int code = assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s lacks %.220s", names[kind], list);
    assay_settings_advise(row_of(kind, pieces), failure);
    return code;
}

static int check_url(const assay_credential_settings *settings, const char *url, bool local, const char *what,
                     assay_failure *failure)
{
    const char *problem =
        url == NULL ? NULL
                    : assay_url_check_local_fetch(url, strlen(url), local || settings->allow_loopback_http, local);
    if (problem == NULL)
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s: %s", what, problem);
}

static int check_urls(const assay_credential_settings *settings, assay_failure *failure)
{
    /* The agents of managed identities are where the platform says, over http on this machine, or a link-local address. */
    const struct {
        const char *url, *what;
        bool local;
    } all[] = {{settings->authority, "the authority", false},
               {settings->proxy.url, "the token proxy", false},
               {settings->request_url, "the URL of ID tokens", false},
               {settings->agent_url, "the URL of the agent", true},
               {settings->token_endpoint, "the token endpoint", false},
               {settings->impersonation_url, "the URL of the service account", false}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        int code = check_url(settings, all[i].url, all[i].local, all[i].what, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

/* By what there is to prove with; Google's STS knows no clients. */
static int set_defaults(assay_credential_settings *settings)
{
    bool oauth = settings->kind == ASSAY_CREDENTIAL_CLIENT || settings->kind == ASSAY_CREDENTIAL_EXCHANGE;
    if (oauth && settings->client_method == ASSAY_CLIENT_BASIC && settings->secret.len == 0) {
        if (has_signing_files(settings))
            settings->client_method = ASSAY_CLIENT_PRIVATE_KEY_JWT;
        else if (settings->kind == ASSAY_CREDENTIAL_EXCHANGE)
            settings->client_method = ASSAY_CLIENT_NONE;
    }
    if (settings->kind != ASSAY_CREDENTIAL_GOOGLE)
        return ASSAY_OK;
    settings->client_method = ASSAY_CLIENT_NONE;
    if (settings->token_endpoint == NULL)
        settings->token_endpoint = assay_strdup("https://sts.googleapis.com/v1/token");
    return settings->token_endpoint == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
}

/* Entra knows a key by its certificate, and AD FS takes one algorithm: what is set for other servers would only be refused, or be less than PS256. */
static int check_signing_form(const assay_credential_settings *settings, assay_failure *failure)
{
    bool set = settings->signing_algorithm != NULL || settings->signing_key_id != NULL;
    if (settings->kind != ASSAY_CREDENTIAL_CERTIFICATE || !set)
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_ALGORITHM,
                           "Entra is sent PS256 and the certificate's thumbprint; an algorithm or key id is for other "
                           "servers");
}

static int check(assay_credential_settings *settings, assay_failure *failure)
{
    int code = set_defaults(settings);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    /* Its certificate is its own and is known by a thumbprint only, which no check of ours replaces: without that its secret could go to anyone. */
    if (settings->kind == ASSAY_CREDENTIAL_MANAGED && settings->agent == ASSAY_AGENT_SERVICE_FABRIC)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "managed identities of Service Fabric (IDENTITY_SERVER_THUMBPRINT) are not supported");
    unsigned pieces = missing(settings);
    if (pieces != 0)
        return refuse_missing(settings->kind, pieces, failure);
    assay_failure_clear(failure);
    int code_of_form = check_signing_form(settings, failure);
    return code_of_form == ASSAY_OK ? check_urls(settings, failure) : code_of_form;
}

int assay_credential_settings_check(assay_credential_settings *settings, assay_failure *failure)
{
    settings->checked = check(settings, &settings->lacking);
    if (failure != NULL)
        *failure = settings->lacking;
    return settings->checked;
}

bool assay_settings_client_id_is_odd(const assay_credential_settings *settings)
{
    assay_guid guid;
    bool entra = settings->kind <= ASSAY_CREDENTIAL_PIPELINES;
    return entra && settings->client_id != NULL && !assay_guid_read(assay_span_of(settings->client_id), true, &guid);
}

/* A chain speaks as its first member does. */
static const assay_credential_settings *speaker(const assay_credential_settings *settings)
{
    for (unsigned i = 0; i < ASSAY_LIMIT_CREDENTIAL_DEPTH && settings->kind == ASSAY_CREDENTIAL_CHAIN; i++) {
        if (settings->member_count == 0)
            break;
        settings = settings->members[0];
    }
    return settings;
}

const assay_entra_cloud *assay_settings_cloud(const assay_credential_settings *settings)
{
    assay_url url;
    const char *authority = speaker(settings)->authority;
    if (authority == NULL)
        return assay_entra_find_cloud(assay_span_of("public"));
    char host[HOST_BYTES + 1];
    if (assay_url_parse(authority, strlen(authority), &url) != NULL || url.host.len > HOST_BYTES)
        return NULL;
    /* Names of hosts are the same in any case (RFC 3986, section 3.2.2). */
    for (size_t i = 0; i < url.host.len; i++)
        host[i] =
            (char)(url.host.ptr[i] >= 'A' && url.host.ptr[i] <= 'Z' ? url.host.ptr[i] - 'A' + 'a' : url.host.ptr[i]);
    return assay_entra_find_cloud_of_host((assay_span){host, url.host.len});
}

bool assay_settings_wants_resource(const assay_credential_settings *settings)
{
    return speaker(settings)->kind <= ASSAY_CREDENTIAL_MANAGED;
}
