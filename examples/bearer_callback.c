/* SPDX-License-Identifier: MIT */
/*
 * Tokens for C libraries that ask for them: clients of databases, brokers and mail have a callback for bearer tokens and know nothing of where they
 * come from. Here are shims for the two usual shapes, and stand-ins for the libraries that call them.
 *
 *   bearer_callback SCOPE [CA-FILE]
 *
 * The credential is as the environment says. Exit status: 0 both libraries got a token, 2 usage, 3 they did not.
 */
#include <assay/assay.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 20000, ASK_AGAIN_MS = 600000 };

typedef struct token_source {
    assay_credential *credential; /* shared by all connections and threads: tokens are obtained once */
    const char *scope;
} token_source;

/*
 * First shape: "I need a token now, you may wait; set it, say how long it lives, or say why not." librdkafka's oauthbearer_token_refresh_cb is of
 * this sort, with rd_kafka_oauthbearer_set_token() and rd_kafka_oauthbearer_set_token_failure() for the two functions here.
 */

typedef struct broker_client broker_client; /* of the library */
int broker_set_token(broker_client *client, const char *token, int64_t until_ms);
void broker_set_failure(broker_client *client, const char *why);

/* The library shows this to its user, so it has what somebody needs who has only that: the sentence, the row, the fix. */
static void describe(const assay_error *error, char *text, size_t size)
{
    (void)snprintf(text, size, "%s (%s, row %d); %s", assay_error_message(error),
                   assay_code_name(assay_error_code(error)), assay_error_diagnosis(error), assay_error_hint(error));
}

static void broker_refresh(broker_client *client, void *user_data)
{
    const token_source *source = user_data;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    char why[1024];
    if (assay_credential_get_token(source->credential, source->scope, WAIT_MS, &token, &error) == ASSAY_OK) {
        /* Such a library asks again by this time, so it is given some minutes: the credential renews on its own, and the next answer is at once. */
        int64_t now_ms = (int64_t)time(NULL) * 1000, until_ms = assay_access_token_expires_at(token) * 1000;
        if (until_ms == 0 || until_ms > now_ms + ASK_AGAIN_MS)
            until_ms = now_ms + ASK_AGAIN_MS;
        (void)!broker_set_token(client, assay_access_token_text(token, NULL), until_ms); /* it copies */
    } else {
        describe(error, why, sizeof why);
        broker_set_failure(client, why);
    }
    assay_access_token_unref(token);
    assay_error_free(error);
}

/*
 * Second shape: "start, give me a descriptor to watch, and I call again when it is ready". libpq's PGoauthBearerRequest is of this sort; there the
 * results are PGRES_POLLING_READING, _OK and _FAILED, and the descriptor is *altsock.
 */

typedef enum poll_result { POLL_FAILED, POLL_READING, POLL_OK } poll_result;

typedef struct bearer_request {
    poll_result (*async)(struct bearer_request *request, int *descriptor);
    void (*cleanup)(struct bearer_request *request);
    const char *token; /* for the library, until cleanup */
    void *user;
} bearer_request;

/* One token under way: a driver with one operation, so that the library's loop is all that it needs. */
typedef struct under_way {
    assay_driver *driver;
    assay_access_token *token;
} under_way;

static poll_result take_result(bearer_request *request, assay_op *op)
{
    under_way *self = request->user;
    assay_error *error = NULL;
    char why[1024];
    int code = assay_op_token(op, &self->token, &error);
    assay_op_free(op);
    if (code == ASSAY_OK) {
        request->token = assay_access_token_text(self->token, NULL);
        return POLL_OK;
    }
    describe(error, why, sizeof why);
    fprintf(stderr, "database: %s\n", why);
    assay_error_free(error);
    return POLL_FAILED;
}

static poll_result go_on(bearer_request *request, int *descriptor)
{
    const under_way *self = request->user;
    if (assay_driver_process(self->driver, NULL) != ASSAY_OK)
        return POLL_FAILED;
    assay_op *op = assay_driver_next_done(self->driver);
    if (op != NULL)
        return take_result(request, op);
    *descriptor = assay_driver_fd(self->driver);
    return POLL_READING;
}

static void clean_up(bearer_request *request)
{
    under_way *self = request->user;
    if (self == NULL)
        return;
    assay_driver_free(self->driver); /* an operation that is under way is cancelled */
    assay_access_token_unref(self->token);
    free(self);
    request->user = NULL;
}

static int start(const token_source *source, under_way *self, assay_error **error)
{
    assay_token_request *wanted = NULL;
    assay_op *op = NULL;
    int code = assay_driver_new(&self->driver, error);
    if (code == ASSAY_OK)
        code = assay_token_request_new(source->scope, &wanted, error);
    if (code == ASSAY_OK)
        code = assay_op_new_acquire(source->credential, wanted, WAIT_MS, &op, error);
    if (code == ASSAY_OK)
        code = assay_driver_add(self->driver, op, error);
    if (code != ASSAY_OK)
        assay_op_free(op);
    assay_token_request_free(wanted);
    return code;
}

/* The hook that the library calls for each connection. A token that is kept is given at once; nothing here waits. */
static bool authenticate(const token_source *source, bearer_request *request)
{
    assay_error *error = NULL;
    char why[1024];
    under_way *self = calloc(1, sizeof *self);
    if (self == NULL)
        return false;
    request->user = self;
    request->cleanup = clean_up;
    int code = assay_credential_get_token(source->credential, source->scope, 0, &self->token, NULL);
    if (code == ASSAY_OK) {
        request->token = assay_access_token_text(self->token, NULL);
        return true;
    }
    if (code == ASSAY_E_TOKEN_NEEDED)
        code = start(source, self, &error);
    if (code != ASSAY_OK) {
        describe(error, why, sizeof why);
        fprintf(stderr, "database: %s\n", why);
        assay_error_free(error);
        return false;
    }
    request->async = go_on;
    return true;
}

/* --- stand-ins: what the libraries do --- */

struct broker_client {
    size_t token_len;
    int64_t seconds;
};

int broker_set_token(broker_client *client, const char *token, int64_t until_ms)
{
    client->token_len = strlen(token);
    client->seconds = until_ms / 1000 - time(NULL);
    return 0;
}

void broker_set_failure(broker_client *client, const char *why)
{
    client->token_len = 0;
    fprintf(stderr, "broker: %s\n", why);
}

static bool play_broker(token_source *source)
{
    broker_client client = {0, 0};
    broker_refresh(&client, source);
    if (client.token_len > 0)
        printf("broker: a token, and the next one is asked for within %lld s\n", (long long)client.seconds);
    return client.token_len > 0;
}

static bool play_database(const token_source *source, const char *name)
{
    bearer_request request = {NULL, NULL, NULL, NULL};
    struct pollfd ready = {.fd = -1, .events = POLLIN};
    int looks = 0;
    poll_result result = !authenticate(source, &request) ? POLL_FAILED : request.token != NULL ? POLL_OK : POLL_READING;
    while (result == POLL_READING) {
        result = request.async(&request, &ready.fd);
        looks++;
        int count = result == POLL_READING ? poll(&ready, 1, WAIT_MS) : 1;
        if (count == 0 || (count < 0 && errno != EINTR))
            result = POLL_FAILED;
    }
    if (result == POLL_OK)
        printf("%s: a token, %s\n", name, looks == 0 ? "at once" : "when the descriptor was ready");
    if (request.cleanup != NULL)
        request.cleanup(&request);
    return result == POLL_OK;
}

int main(int argc, char **argv)
{
    token_source source = {NULL, argc > 1 ? argv[1] : ""};
    assay_runtime *runtime = NULL;
    assay_error *error = NULL;
    char why[1024];
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bearer_callback SCOPE [CA-FILE]\n");
        return 2;
    }
    int code = assay_runtime_new(&runtime, &error);
    if (code == ASSAY_OK && argc > 2)
        code = assay_runtime_set_ca_file(runtime, argv[2], &error);
    if (code == ASSAY_OK)
        code = assay_credential_new_from_environment(runtime, NULL, &source.credential, &error);
    assay_runtime_unref(runtime);
    if (code != ASSAY_OK) {
        describe(error, why, sizeof why);
        fprintf(stderr, "%s\n", why);
        assay_error_free(error);
        return 3;
    }
    bool good = play_database(&source, "database");
    good = play_broker(&source) && good;
    good = play_database(&source, "another connection") && good;
    assay_credential_unref(source.credential);
    return good ? 0 : 3;
}
