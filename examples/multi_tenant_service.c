/* SPDX-License-Identifier: MIT */
/*
 * A service for many organisations: tokens of every tenant of Entra ID are accepted, tenants are served once they are registered, and each sees
 * its own notes alone.
 *
 *   multi_tenant_service CLIENT-ID TENANTS [--cloud NAME] [--port N] [--dev-issuer URL --ca-file FILE]
 *
 * TENANTS is a file with the GUID of one tenant in each line. It is read for each request, so that a customer who is added or removed is so at
 * once; a real service asks its database.
 */
#include "service.h"
#include "web.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES_MAX = 1000, NOTE_BYTES = 128, KEY_BYTES = 128, TENANT_BYTES = 40 };

typedef struct note {
    char tenant[TENANT_BYTES];
    char author[KEY_BYTES]; /* of assay_claims_get_identity() */
    char text[NOTE_BYTES];
} note;

typedef struct notebook {
    const char *tenants; /* path of the file */
    pthread_mutex_t lock;
    size_t count;
    note notes[NOTES_MAX];
} notebook;

/* Whose data a request is about. */
typedef struct customer {
    const char *tenant, *author;
} customer;

static bool is_registered(const notebook *book, const char *tenant)
{
    char line[256];
    bool found = false;
    FILE *file = fopen(book->tenants, "re");
    if (file == NULL)
        perror(book->tenants); /* then nobody is */
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        found = strcmp(line, tenant) == 0;
    }
    if (file != NULL)
        (void)fclose(file);
    return found;
}

/*
 * A valid token of any organisation is no permission yet: anybody can make a tenant, in a minute and for nothing. Who has signed up is the
 * service's own knowledge. ASSAY_OK with another status than 200: not registered.
 *
 * The key is tenant and object id, never the e-mail address that a token may have: an administrator of any tenant can write any address into an
 * account there, and the account of somebody who left may go to somebody else with the name.
 */
static int find_customer(const notebook *book, const web_request *request, customer *found, web_answer *answer)
{
    int code = assay_claims_get_identity(request->claims, &found->author);
    found->tenant = assay_claims_tenant(request->claims);
    if (code != ASSAY_OK || found->tenant == NULL)
        return code != ASSAY_OK ? code : ASSAY_E_ABSENT;
    if (is_registered(book, found->tenant))
        return ASSAY_OK;
    fprintf(stderr, "tenant %s is not registered\n", found->tenant);
    answer->status = 403;
    (void)snprintf(answer->text, sizeof answer->text, "this organisation is not registered\n");
    return ASSAY_OK;
}

static int list_notes(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    notebook *book = service;
    customer who;
    int code = assay_claims_require(request->claims, ASSAY_PERMISSION_SCOPE, "Notes.ReadWrite", error);
    if (code == ASSAY_OK)
        code = find_customer(book, request, &who, answer);
    if (code != ASSAY_OK || answer->status != 200)
        return code;
    size_t used = 0;
    (void)pthread_mutex_lock(&book->lock);
    for (size_t i = 0; i < book->count && used < sizeof answer->text; i++) {
        const note *each = &book->notes[i];
        if (strcmp(each->tenant, who.tenant) != 0)
            continue;
        int put = snprintf(answer->text + used, sizeof answer->text - used, "%s: %s\n",
                           strcmp(each->author, who.author) == 0 ? "you" : "a colleague", each->text);
        used += put > 0 ? (size_t)put : 0;
    }
    (void)pthread_mutex_unlock(&book->lock);
    return ASSAY_OK;
}

static int add_note(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    notebook *book = service;
    customer who;
    int code = assay_claims_require(request->claims, ASSAY_PERMISSION_SCOPE, "Notes.ReadWrite", error);
    if (code == ASSAY_OK)
        code = find_customer(book, request, &who, answer);
    if (code != ASSAY_OK || answer->status != 200)
        return code;
    (void)pthread_mutex_lock(&book->lock);
    answer->status = book->count < NOTES_MAX ? 201 : 507;
    if (answer->status == 201) {
        note *added = &book->notes[book->count++];
        (void)snprintf(added->tenant, sizeof added->tenant, "%s", who.tenant);
        (void)snprintf(added->author, sizeof added->author, "%s", who.author);
        (void)snprintf(added->text, sizeof added->text, "%.*s", (int)strcspn(request->body, "\r\n"), request->body);
    }
    (void)pthread_mutex_unlock(&book->lock);
    return ASSAY_OK;
}

static int make_validator(const char *client_id, const char *cloud, const char *dev_issuer, const char *ca_file,
                          assay_validator **validator, assay_error **error)
{
    assay_issuer *issuer = NULL;
    int code = web_new_entra_issuer(cloud, dev_issuer, &issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_allow_any_organization(issuer, error); /* personal accounts are none */
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, client_id, error);
    if (code == ASSAY_OK)
        code = web_new_validator(ca_file, &issuer, 1, validator, error);
    assay_issuer_free(issuer);
    return code;
}

int main(int argc, char **argv)
{
    static const web_route routes[] = {
        {"GET", "/notes", list_notes},
        {"POST", "/notes", add_note},
        {NULL, NULL, NULL},
    };
    static notebook book = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const char *operands[2], *cloud = "public", *port = "0", *dev_issuer = NULL, *ca_file = NULL;
    const web_option known[] = {
        {"cloud", &cloud}, {"port", &port}, {"dev-issuer", &dev_issuer}, {"ca-file", &ca_file}, {NULL, NULL},
    };
    assay_validator *validator = NULL;
    assay_error *error = NULL;

    if (!web_read_options(argc, argv, known, operands, 2,
                          "CLIENT-ID TENANTS [--cloud NAME] [--port N] [--dev-issuer URL --ca-file FILE]"))
        return 2;
    book.tenants = operands[1];
    if (make_validator(operands[0], cloud, dev_issuer, ca_file, &validator, &error) != ASSAY_OK)
        return service_explain(error);
    int status = web_serve(validator, port, routes, &book);
    assay_validator_unref(validator);
    return status;
}
