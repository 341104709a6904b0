/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a token of Entra, over a real validator: each kind of token against each demand, as one table that is printed and asserted. The
 * status is the one that a service answers with: 401 from the validator, 403 from a demand.
 */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SCOPE "read"
#define ROLE "Task.Read"
#define LISTED_OID "66666666-ffff-4fff-8fff-666666666666"

/* The caller of a row: its object and what its token says beside the common claims. */
typedef struct row {
    const char *name, *oid, *more;
    int cells[6];
} row;

enum { ACCEPTED, A_SCOPE, USER_ROLE, APPLICATION_ROLE, LISTED, MEMBER };
static const char *const columns[] = {"accepted", "scope", "user role", "app role", "caller list", "no guest"};

#define USER(more) ",\"sub\":\"pairwise\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"0\",\"scp\":\"" SCOPE "\"" more
#define CLIENT(sub, more) ",\"sub\":\"" sub "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"2\"" more
#define ROLES ",\"roles\":[\"" ROLE "\"]"
#define ALL(code)                                                                                                      \
    {                                                                                                                  \
        code, code, code, code, code, code                                                                             \
    }

static const row rows[] = {
    {"ID token with roles, no nonce", ENTRA_OID, ",\"sub\":\"pairwise\"" ROLES, ALL(ASSAY_E_ID_TOKEN)},
    {"ID token of a listed user", LISTED_OID, ",\"sub\":\"pairwise\"" ROLES, ALL(ASSAY_E_ID_TOKEN)},
    {"user with scp",
     ENTRA_OID,
     USER(""),
     {ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
    {"user with scp and roles",
     ENTRA_OID,
     USER(ROLES),
     {ASSAY_OK, ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
    {"member with scp and roles",
     ENTRA_OID,
     USER(ROLES ",\"acct\":0"),
     {ASSAY_OK, ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_OK}},
    {"user with scp, listed by oid",
     LISTED_OID,
     USER(""),
     {ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_E_GUEST}},
    {"guest with scp and roles",
     ENTRA_OID,
     USER(ROLES ",\"acct\":1,\"idp\":\"" ENTRA_V1(TENANT_B) "\""),
     {ASSAY_OK, ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
    {"user with neither", ENTRA_OID, CLIENT("pairwise", ",\"idtyp\":\"user\""), ALL(ASSAY_E_NO_PERMISSION)},
    {"daemon with idtyp and roles",
     ENTRA_OID,
     CLIENT(ENTRA_OID, ",\"idtyp\":\"app\"" ROLES),
     {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_E_CALLER, ASSAY_OK}},
    {"daemon without idtyp",
     ENTRA_OID,
     CLIENT(ENTRA_OID, ROLES),
     {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_E_CALLER, ASSAY_OK}},
    {"daemon without roles", ENTRA_OID, CLIENT(ENTRA_OID, ",\"idtyp\":\"app\""), ALL(ASSAY_E_NO_PERMISSION)},
    {"nobody knows who, with roles",
     ENTRA_OID,
     CLIENT("pairwise", ROLES),
     {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
    {"managed identity, no roles", ENTRA_OID,
     CLIENT(ENTRA_OID, ",\"idtyp\":\"app\",\"xms_mirid\":\"/subscriptions/s\""), ALL(ASSAY_E_NO_PERMISSION)},
    {"the same, listed by oid",
     LISTED_OID,
     CLIENT(LISTED_OID, ",\"idtyp\":\"app\",\"xms_mirid\":\"/subscriptions/s\""),
     {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_OK}},
    {"managed identity with roles",
     ENTRA_OID,
     CLIENT(ENTRA_OID, ",\"idtyp\":\"app\",\"xms_mirid\":\"/subscriptions/s\"" ROLES),
     {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_E_CALLER, ASSAY_OK}},
};

static int demand(const assay_claims *claims, size_t column, assay_error **error)
{
    switch (column) {
    case A_SCOPE:
        return assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, SCOPE, error);
    case USER_ROLE:
        return assay_claims_require(claims, ASSAY_PERMISSION_USER_ROLE, ROLE, error);
    case APPLICATION_ROLE:
        return assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, ROLE, error);
    case LISTED:
        return assay_claims_require_listed_caller(claims, error);
    case MEMBER:
        return assay_claims_require_member(claims, error);
    default:
        return ASSAY_OK;
    }
}

/* Check and demand, as a service does for one request. */
static int answer(trial *t, const char *token, size_t column, int *status)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_check(t->validator, token, strlen(token), NULL, &claims, &error);
    if (code == ASSAY_OK)
        code = demand(claims, column, &error);
    *status = assay_error_http_status(error);
    assert_int_equal(assay_error_code(error), code);
    assay_error_free(error);
    assay_claims_unref(claims);
    return code;
}

static size_t print_and_compare(trial *t, const row *r)
{
    size_t wrong = 0;
    char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"%s\",\"tid\":\"%s\",\"ver\":\"2.0\",\"oid\":\"%s\",%s%s}",
                                 ENTRA_V2(TENANT_A), ENTRA_CLIENT, TENANT_A, r->oid, ENTRA_TIMES, r->more);
    char *token = trial_sign(t, payload);
    print_message("%-30s", r->name);
    for (size_t column = 0; column < COUNT_OF(columns); column++) {
        int status;
        int code = answer(t, token, column, &status);
        int wanted = r->cells[column];
        const char *name = code == ASSAY_OK ? "OK" : assay_code_name(code) + strlen("ASSAY_E_");
        print_message(" | %3d %-13s", status, name);
        if (code != wanted || status != assay_code_http_status(wanted)) {
            print_message(" (wanted %s)", assay_code_name(wanted));
            wrong++;
        }
    }
    print_message("\n");
    free(token);
    free(payload);
    return wrong;
}

static void run(trial *t, const row *table, size_t count)
{
    size_t wrong = 0;
    trial_start(t);
    print_message("%-30s", "");
    for (size_t column = 0; column < COUNT_OF(columns); column++)
        print_message(" | %-17s", columns[column]);
    print_message("\n");
    for (size_t i = 0; i < count; i++)
        wrong += print_and_compare(t, &table[i]);
    assert_int_equal(wrong, 0);
}

static void z06_z07_every_token_against_every_demand(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_add_caller(t->issuer, TENANT_A, LISTED_OID, NULL));
    run(t, rows, COUNT_OF(rows));
}

/* The client's id on the list, in place of anybody's object id: it counts for what the client does in its own name only. */
static void z06_client_on_the_list(void **state)
{
    static const row by_client[] = {
        {"user through a listed client",
         ENTRA_OID,
         USER(""),
         {ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
        {"nobody knows who",
         ENTRA_OID,
         CLIENT("pairwise", ROLES),
         {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
        {"daemon, no roles",
         ENTRA_OID,
         CLIENT(ENTRA_OID, ",\"idtyp\":\"app\""),
         {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_OK}},
        {"daemon without idtyp",
         ENTRA_OID,
         CLIENT(ENTRA_OID, ""),
         {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_OK}},
        {"managed identity, no roles",
         ENTRA_OID,
         CLIENT(ENTRA_OID, ",\"idtyp\":\"app\",\"xms_mirid\":\"/subscriptions/s\""),
         {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_OK}},
        {"ID token", ENTRA_OID, ",\"sub\":\"pairwise\"" ROLES, ALL(ASSAY_E_ID_TOKEN)},
    };
    trial *t = *state;
    must_ok(assay_issuer_entra_add_client(t->issuer, TENANT_A, ENTRA_CALLER, NULL));
    /* The same client in a tenant that is not asked about changes nothing (Z09). */
    must_ok(assay_issuer_entra_add_caller(t->issuer, TENANT_B, ENTRA_OID, NULL));
    run(t, by_client, COUNT_OF(by_client));
}

/* With idtyp demanded, only what says app is an application's. */
static void strict_about_idtyp(void **state)
{
    static const row strict[] = {
        {"daemon without idtyp",
         ENTRA_OID,
         CLIENT(ENTRA_OID, ROLES),
         {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
        {"daemon with idtyp and roles",
         ENTRA_OID,
         CLIENT(ENTRA_OID, ",\"idtyp\":\"app\"" ROLES),
         {ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_OK, ASSAY_OK, ASSAY_OK}},
        {"user with scp and roles",
         ENTRA_OID,
         USER(ROLES),
         {ASSAY_OK, ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_CALLER, ASSAY_E_GUEST}},
    };
    trial *t = *state;
    must_ok(assay_issuer_entra_require_idtyp(t->issuer, NULL));
    must_ok(assay_issuer_entra_add_client(t->issuer, TENANT_A, ENTRA_CALLER, NULL));
    run(t, strict, COUNT_OF(strict));
}

static int open_trial(void **state)
{
    static trial t;
    entra_trial_open(&t);
    *state = &t;
    return 0;
}

static int close_trial(void **state)
{
    trial_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(z06_z07_every_token_against_every_demand, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(z06_client_on_the_list, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(strict_about_idtyp, open_trial, close_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
