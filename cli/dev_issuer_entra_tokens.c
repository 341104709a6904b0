/* SPDX-License-Identifier: MIT */
/* Tokens of Entra ID: each kind with the claims that real ones of this kind have in this version. The values are invented. */

#include "dev_issuer_internal.h"

#include <openssl/rand.h>
#include <string.h>

#define CLIENT "00001111-aaaa-2222-bbbb-3333cccc4444"
#define USER "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"
#define CONSUMER "00000000-0000-0000-1111-222222222222" /* such are the object ids of consumer accounts */
#define APPLICATION "bbbbbbbb-1111-2222-3333-cccccccccccc"
#define AGENT_SUBJECT "cccccccc-2222-3333-4444-dddddddddddd"
#define AGENT_PARENT "dddddddd-3333-4444-5555-eeeeeeeeeeee"
#define GRAPH "00000003-0000-0000-c000-000000000000"
#define MANAGED_IDENTITY                                                                                               \
    "/subscriptions/eeeeeeee-4444-5555-6666-ffffffffffff/resourcegroups/orders/providers/"                             \
    "Microsoft.ManagedIdentity/userAssignedIdentities/orders"

#define BACKDATED 300 /* seconds that iat and nbf lie in the past, against clocks that are behind */

/* What a request says, and the token that comes of it. */
typedef struct entra_wish {
    const dev_issuer *issuer;
    dev_token *token;
    const char *tenant;
    const char *client_id; /* NULL: not named */
    const char *object_id; /* NULL: the kind's */
    const char *x5t_s256;  /* NULL: an arbitrary one */
    const char *policy;
    bool v1;
} entra_wish;

static void put(const entra_wish *wish, const char *name, json_t *value)
{
    (void)json_object_set_new(wish->token->claims, name, value);
}

static void drop(const entra_wish *wish, const char *name)
{
    (void)json_object_del(wish->token->claims, name);
}

static const char *text_of(const entra_wish *wish, const char *claim)
{
    return json_string_value(json_object_get(wish->token->claims, claim));
}

static char *random_text(size_t len)
{
    uint8_t bytes[48] = {0};
    (void)RAND_bytes(bytes, (int)len);
    return cli_base64url(bytes, len);
}

static void put_random(const entra_wish *wish, const char *name, const char *prefix, size_t len)
{
    CLI_AUTO_FREE char *random = random_text(len);
    CLI_AUTO_FREE char *text = cli_format("%s%s", prefix, random);
    put(wish, name, json_string(text));
}

static void put_v1_issuer(const entra_wish *wish, const char *claim, const char *tenant)
{
    CLI_AUTO_FREE char *url = dev_entra_issuer(wish->issuer, 1, tenant);
    put(wish, claim, json_string(url));
}

/* `sub` of a person is another one for each application. */
static void put_pairwise_subject(const entra_wish *wish)
{
    CLI_AUTO_FREE char *both = cli_format("%s %s", text_of(wish, "oid"), text_of(wish, "aud"));
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    (void)EVP_Q_digest(NULL, "SHA256", NULL, both, strlen(both), digest, &len);
    CLI_AUTO_FREE char *subject = cli_base64url(digest, len);
    put(wish, "sub", json_string(subject));
}

/* The application that asked for the token; @p proof: 0 none, 1 a secret, 2 a certificate. */
static void put_client(const entra_wish *wish, const char *proof)
{
    put(wish, wish->v1 ? "appid" : "azp", json_string(wish->client_id == NULL ? CLIENT : wish->client_id));
    put(wish, wish->v1 ? "appidacr" : "azpacr", json_string(proof));
}

/* --- what a token of each sort has --- */

static void put_person(const entra_wish *wish)
{
    put(wish, "oid", json_string(wish->object_id == NULL ? USER : wish->object_id));
    put(wish, "name", json_string("Alice Adams"));
    put_pairwise_subject(wish);
    if (wish->v1)
        dev_add_claims(wish->token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "given_name", "Alice", "family_name",
                                              "Adams", "unique_name", "alice@contoso.example", "upn",
                                              "alice@contoso.example", "ipaddr", "192.0.2.1", "amr", "pwd"));
    else
        put(wish, "preferred_username", json_string("alice@contoso.example"));
}

static void put_user(const entra_wish *wish)
{
    put_person(wish);
    put_client(wish, "0");
    put(wish, "scp", json_string("Orders.Read"));
    if (wish->v1)
        put(wish, "acr", json_string("1"));
}

static void put_application(const entra_wish *wish)
{
    const char *object = wish->object_id == NULL ? APPLICATION : wish->object_id;
    put(wish, "oid", json_string(object));
    put(wish, "sub", json_string(object));
    put(wish, "idtyp", json_string("app"));
    put_client(wish, "1");
    if (wish->v1)
        put_v1_issuer(wish, "idp", wish->tenant);
}

static void put_roles(const entra_wish *wish)
{
    put(wish, "roles", json_pack("[s]", "Orders.Read.All"));
}

static void put_daemon(const entra_wish *wish)
{
    put_application(wish);
    put_roles(wish);
}

/* The service is a client itself where its own ID tokens come to it. */
static void put_id_token(const entra_wish *wish)
{
    put(wish, "aud", json_string(wish->client_id == NULL ? wish->issuer->audience : wish->client_id));
    put_person(wish);
}

static void put_b2c(const entra_wish *wish)
{
    CLI_AUTO_FREE char *url = dev_entra_b2c_issuer(wish->issuer, wish->tenant);
    drop(wish, "tid");
    drop(wish, "uti");
    drop(wish, "rh");
    drop(wish, "aio");
    dev_add_claims(wish->token,
                   json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:s}", "iss", url, "ver", "1.0", "aud",
                             wish->issuer->audience, "oid", wish->object_id == NULL ? USER : wish->object_id, "sub",
                             "Not supported currently. Use oid claim.", "name", "Alice Adams", "emails",
                             "alice@contoso.example", "tfp", wish->policy, "scp", "Orders.Read"));
    put(wish, "azp", json_string(wish->client_id == NULL ? CLIENT : wish->client_id));
    put(wish, "auth_time", json_integer(wish->token->now - BACKDATED));
    wish->token->with_x5t = false;
}

/* --- what a kind adds or takes away --- */

static void drop_idtyp(const entra_wish *wish)
{
    drop(wish, "idtyp");
}

static void drop_roles(const entra_wish *wish)
{
    drop(wish, "roles");
}

/* Such tokens live for a day. */
static void add_managed_identity(const entra_wish *wish)
{
    put_client(wish, "2");
    put(wish, "xms_mirid", json_string(MANAGED_IDENTITY));
    put(wish, "exp", json_integer(wish->token->now + dev_lifetime(wish->issuer, 24 * 3600)));
}

static void add_guest(const entra_wish *wish)
{
    bool is_other = strcmp(wish->tenant, DEV_ENTRA_OTHER_TENANT) == 0;
    put(wish, "acct", json_integer(1));
    put_v1_issuer(wish, "idp", is_other ? DEV_ENTRA_TENANT : DEV_ENTRA_OTHER_TENANT);
    put(wish, "email", json_string("alice@fabrikam.example"));
}

static void add_nonce(const entra_wish *wish)
{
    put(wish, "nonce", json_string("dev-nonce"));
}

/* More than 200 groups. The source is this server, where "other" of /stats tells on whoever follows it. */
static void add_overage(const entra_wish *wish)
{
    CLI_AUTO_FREE char *url =
        cli_format("%s/%s/users/%s/getMemberObjects", wish->issuer->base, wish->tenant, text_of(wish, "oid"));
    put(wish, "_claim_names", json_pack("{s:s}", "groups", "src1"));
    put(wish, "_claim_sources", json_pack("{s:{s:s}}", "src1", "endpoint", url));
}

static void add_graph(const entra_wish *wish)
{
    put(wish, "aud", json_string(GRAPH));
    put_pairwise_subject(wish);
    (void)json_object_set_new(wish->token->header, "nonce", json_string("dev-nonce"));
    wish->token->hashed_nonce = true;
}

/* RFC 8705, section 3.1. */
static void add_binding(const entra_wish *wish)
{
    CLI_AUTO_FREE char *somebody = random_text(32);
    put(wish, "cnf", json_pack("{s:s}", "x5t#S256", wish->x5t_s256 == NULL ? somebody : wish->x5t_s256));
}

static void add_agent(const entra_wish *wish)
{
    put_client(wish, "2");
    dev_add_claims(wish->token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "sub", AGENT_SUBJECT, "xms_act_fct",
                                          "3 9 11", "xms_sub_fct", "9 3 11", "xms_tnt_fct", "3 9", "xms_idrel", "7 10",
                                          "xms_par_app_azp", AGENT_PARENT));
}

static const struct {
    const char *name;
    void (*put)(const entra_wish *wish);
    void (*change)(const entra_wish *wish); /* NULL: nothing */
    enum dev_role role;
} kinds[] = {
    {"user", put_user, NULL, DEV_ROLE_OWN},
    {"user-roles", put_user, put_roles, DEV_ROLE_OWN},
    {"daemon", put_daemon, NULL, DEV_ROLE_OWN},
    {"daemon-no-idtyp", put_daemon, drop_idtyp, DEV_ROLE_OWN},
    {"daemon-no-roles", put_daemon, drop_roles, DEV_ROLE_OWN},
    {"managed-identity", put_application, add_managed_identity, DEV_ROLE_OWN},
    {"guest", put_user, add_guest, DEV_ROLE_OWN},
    {"id-token", put_id_token, add_nonce, DEV_ROLE_OWN},
    {"id-token-roles", put_id_token, put_roles, DEV_ROLE_OWN},
    {"overage", put_user, add_overage, DEV_ROLE_OWN},
    {"graph", put_user, add_graph, DEV_ROLE_OWN},
    {"bound", put_daemon, add_binding, DEV_ROLE_OWN},
    {"b2c", put_b2c, NULL, DEV_ROLE_B2C},
    {"consumer", put_user, NULL, DEV_ROLE_CONSUMER},
    {"agent", put_application, add_agent, DEV_ROLE_OWN},
};

const char *dev_entra_kind_at(size_t index)
{
    return index < CLI_COUNT_OF(kinds) ? kinds[index].name : NULL;
}

/* Claims that every token of Entra has. */
static void put_frame(const entra_wish *wish)
{
    const char *audience = wish->issuer->audience;
    CLI_AUTO_FREE char *url = dev_entra_issuer(wish->issuer, wish->v1 ? 1 : 2, wish->tenant);
    CLI_AUTO_FREE char *aud = cli_format("%s%s", wish->v1 && dev_entra_is_guid(audience) ? "api://" : "", audience);
    dev_add_claims(wish->token, json_pack("{s:s, s:s, s:s, s:s}", "iss", url, "aud", aud, "tid", wish->tenant, "ver",
                                          wish->v1 ? "1.0" : "2.0"));
    put(wish, "iat", json_integer(wish->token->now - BACKDATED));
    put(wish, "nbf", json_integer(wish->token->now - BACKDATED));
    put_random(wish, "uti", "", 16);
    put_random(wish, "rh", "1.", 36);
    put_random(wish, "aio", "", 48);
    drop(wish, "jti");
    wish->token->with_x5t = wish->v1;
}

static int read_wish(const json_t *request, bool is_consumer, entra_wish *wish, char **text)
{
    const json_t *tenant = json_object_get(request, "tenant");
    const json_t *version = json_object_get(request, "version");
    if (is_consumer && tenant != NULL)
        return dev_fail(text, "consumers have one tenant");
    wish->tenant = is_consumer      ? DEV_ENTRA_CONSUMERS
                   : tenant == NULL ? wish->issuer->tenant
                                    : json_string_value(tenant);
    if (wish->tenant == NULL || !dev_entra_is_guid(wish->tenant))
        return dev_fail(text, "tenant must be a GUID in lower case");
    json_int_t number = version == NULL ? 2 : json_integer_value(version);
    if (number < (is_consumer ? 2 : 1) || number > 2)
        return dev_fail(text, is_consumer ? "consumers have tokens of version 2" : "version must be 1 or 2");
    wish->v1 = number == 1;
    static const char *const texts[] = {"client_id", "object_id", "x5t_s256", "policy"};
    for (size_t i = 0; i < CLI_COUNT_OF(texts); i++)
        if (dev_member_text(request, texts[i], "") == NULL)
            return dev_fail(text, "client_id, object_id, x5t_s256 and policy must be texts");
    wish->client_id = dev_member_text(request, "client_id", NULL);
    wish->object_id = dev_member_text(request, "object_id", is_consumer ? CONSUMER : NULL);
    wish->x5t_s256 = dev_member_text(request, "x5t_s256", NULL);
    wish->policy = dev_member_text(request, "policy", "b2c_1_signin");
    return 0;
}

static int fill(const dev_issuer *issuer, const json_t *request, dev_token *token, char **text)
{
    const char *name = dev_member_text(request, "entra", "user");
    size_t i = 0;
    while (i < CLI_COUNT_OF(kinds) && (name == NULL || strcmp(kinds[i].name, name) != 0))
        i++;
    if (i == CLI_COUNT_OF(kinds))
        return dev_fail(text, "no such kind of token; GET / lists them");
    entra_wish wish = {.issuer = issuer, .token = token};
    if (read_wish(request, kinds[i].role == DEV_ROLE_CONSUMER, &wish, text) != 0)
        return -1;
    token->role = kinds[i].role;
    put_frame(&wish);
    kinds[i].put(&wish);
    if (kinds[i].change != NULL)
        kinds[i].change(&wish);
    return 0;
}

static const char *const members[] = {"entra",     "tenant",   "version", "client_id",
                                      "object_id", "x5t_s256", "policy",  NULL};
const dev_shape dev_shape_entra = {members, fill};
