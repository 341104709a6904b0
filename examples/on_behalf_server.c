/* SPDX-License-Identifier: MIT */
/*
 * A service in the middle, as one event loop: who calls it has a token for it, and it obtains one for the next service; on behalf of the user
 * where a user calls, in its own name where an application does.
 *
 *   on_behalf_server CLIENT-ID TENANT SCOPE [--port N] [--dev-issuer URL --ca-file FILE]
 *
 * Its own credential comes from the environment, such as a pod's workload identity: no secret is needed to act for users. Validating and
 * obtaining are operations of one driver, whose descriptor is watched among the others. Nothing here waits.
 */
#include "service.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 64, EVENTS = 32, VALIDATE_MS = 5000, ACQUIRE_MS = 10000, LOOK_MS = 1000 };

/* One request of one connection, which is closed after the answer. */
typedef struct client {
    int fd; /* -1: free */
    time_t since;
    char in[HTTP_REQUEST_BYTES];
    size_t in_len;
    http_request request;
    assay_op *op; /* that the driver has; NULL: the request is still coming */
    bool acquires;
} client;

typedef struct middle {
    const char *client_id, *tenant, *scope, *port, *dev_issuer, *ca_file;
    int loop, listener, stop;
    assay_validator *validator;
    assay_credential *credential;
    assay_driver *driver;
    client clients[CLIENTS];
} middle;

static bool read_options(int argc, char **argv, middle *self)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"dev-issuer", required_argument, NULL, 'd'},
                                          {"ca-file", required_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
    int option;
    self->port = "0";
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1 && option != '?')
        *(option == 'p' ? &self->port : option == 'd' ? &self->dev_issuer : &self->ca_file) = optarg;
    if (option == -1 && argc - optind == 3) {
        self->client_id = argv[optind];
        self->tenant = argv[optind + 1];
        self->scope = argv[optind + 2];
        return true;
    }
    fprintf(stderr, "usage: on_behalf_server CLIENT-ID TENANT SCOPE [--port N] [--dev-issuer URL --ca-file FILE]\n");
    return false;
}

/* One runtime for both halves: CA certificates, clock and log are set once. */
static int make_both(middle *self, assay_runtime *runtime, assay_error **error)
{
    assay_issuer *issuer = NULL;
    int code = assay_issuer_entra_new(self->dev_issuer != NULL ? self->dev_issuer : "public", &issuer, error);
    if (code == ASSAY_OK && self->dev_issuer != NULL)
        code = assay_issuer_entra_set_cloud_instance(issuer, "microsoftonline.com", error);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_set_version(issuer, 2, error);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_add_tenant(issuer, self->tenant, error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, self->client_id, error);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, &self->validator, error);
    assay_issuer_free(issuer);
    if (code == ASSAY_OK)
        code = assay_credential_new_from_environment(runtime, NULL, &self->credential, error);
    return code;
}

/* The driver also keeps keys fresh, and the tokens in the service's own name. Those of users end with the users' tokens. */
static int start(middle *self, assay_error **error)
{
    assay_runtime *runtime = NULL;
    int code = assay_runtime_new(&runtime, error);
    if (code == ASSAY_OK && self->ca_file != NULL)
        code = assay_runtime_set_ca_file(runtime, self->ca_file, error);
    if (code == ASSAY_OK)
        code = make_both(self, runtime, error);
    assay_runtime_unref(runtime);
    if (code == ASSAY_OK)
        code = assay_driver_new(&self->driver, error);
    if (code == ASSAY_OK)
        code = assay_driver_keep_fresh(self->driver, self->validator, error);
    if (code == ASSAY_OK)
        code = assay_driver_keep_tokens_fresh(self->driver, self->credential, error);
    return code;
}

static bool watch(const middle *self, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    return epoll_ctl(self->loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void hang_up(client *one)
{
    if (one->op != NULL) { /* the driver gives it back, and then it is freed */
        assay_op_set_user_data(one->op, NULL);
        assay_op_cancel(one->op);
        one->op = NULL;
    }
    explicit_bzero(one->in, sizeof one->in); /* the user's token */
    (void)close(one->fd);
    one->fd = -1;
}

/* The answer is short and fits the socket's buffer; whoever does not take it loses it. */
static void answer(client *one, int status, const char *www_authenticate, int64_t retry_after, const char *text)
{
    char out[HTTP_ANSWER_BYTES];
    size_t len = http_answer(out, status, www_authenticate, retry_after, text, false);
    (void)!send(one->fd, out, len, MSG_NOSIGNAL);
    hang_up(one);
}

/* A refusal of the caller, or of what is asked for in the caller's name: the claims that Entra wants of the user go up to the caller, who can sign in. */
static void answer_error(client *one, const assay_error *error)
{
    int row = assay_error_diagnosis(error);
    fprintf(stderr, "%s: %s; %s%s%s\n", assay_code_name(assay_error_code(error)), assay_error_message(error),
            assay_error_hint(error), row != 0 ? "; see " : "", assay_diagnosis_name(row));
    answer(one, assay_error_http_status(error), assay_error_www_authenticate(error), assay_error_retry_after(error),
           "");
}

/* Give an operation to the driver, or answer why there is none. */
static void begin(middle *self, client *one, assay_op *op, int code, assay_error *error)
{
    if (code == ASSAY_OK)
        code = assay_driver_add(self->driver, op, &error);
    if (code == ASSAY_OK) {
        assay_op_set_user_data(op, one);
        one->op = op;
    } else {
        assay_op_free(op);
        answer_error(one, error);
    }
    assay_error_free(error);
}

static void validate(middle *self, client *one)
{
    assay_op *op = NULL;
    assay_error *error = NULL;
    const char *token;
    size_t len;
    int code =
        assay_bearer_from_header(one->request.authorization, one->request.authorization_len, &token, &len, &error);
    if (code == ASSAY_OK)
        code = assay_op_new_validate(self->validator, token, len, NULL, VALIDATE_MS, &op, &error);
    one->acquires = false;
    begin(self, one, op, code, error);
}

/* What may be asked for is decided here, on the claims; this service lets every user with the scope, and every application. */
static void acquire(middle *self, client *one, const assay_claims *claims)
{
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assay_error *error = NULL;
    const char *token;
    size_t len;
    int code = assay_token_request_new(self->scope, &request, &error);
    if (code == ASSAY_OK && assay_claims_caller_kind(claims) == ASSAY_CALLER_USER) {
        code = assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, "Orders.Read", &error);
        if (code == ASSAY_OK)
            code = assay_bearer_from_header(one->request.authorization, one->request.authorization_len, &token, &len,
                                            &error);
        if (code == ASSAY_OK)
            code = assay_token_request_set_user_assertion(request, token, len, &error);
    }
    if (code == ASSAY_OK)
        code = assay_op_new_acquire(self->credential, request, ACQUIRE_MS, &op, &error);
    assay_token_request_free(request);
    one->acquires = true;
    begin(self, one, op, code, error);
}

/* Here the next service would be called, with assay_access_token_authorization(). */
static void use(client *one, const assay_access_token *token)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%.100s token for %.100s, for %lld s\n", assay_access_token_type(token),
                   assay_access_token_scope(token), (long long)(assay_access_token_expires_at(token) - time(NULL)));
    answer(one, 200, "", 0, text);
}

static void finish(middle *self, client *one, const assay_op *op)
{
    assay_claims *claims = NULL;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int code = one->acquires ? assay_op_token(op, &token, &error) : assay_op_result(op, &claims, &error);
    one->op = NULL;
    if (code != ASSAY_OK)
        answer_error(one, error);
    else if (one->acquires)
        use(one, token);
    else
        acquire(self, one, claims);
    assay_claims_unref(claims);
    assay_access_token_unref(token);
    assay_error_free(error);
}

static void drive(middle *self)
{
    assay_op *op;
    if (assay_driver_process(self->driver, NULL) != ASSAY_OK)
        return; /* ASSAY_E_FORKED: not in this program */
    while ((op = assay_driver_next_done(self->driver)) != NULL) {
        if (assay_op_user_data(op) != NULL)
            finish(self, assay_op_user_data(op), op);
        assay_op_free(op);
    }
}

static void receive(middle *self, client *one)
{
    ssize_t got = one->op != NULL ? 0 : recv(one->fd, one->in + one->in_len, sizeof one->in - one->in_len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) { /* it is gone; or it sends what nobody asked for */
        hang_up(one);
        return;
    }
    one->in_len += (size_t)got;
    int status = http_parse(one->in, one->in_len, &one->request);
    if (status == 200)
        validate(self, one);
    else if (status != 0)
        answer(one, status, "", 0, "not a request for me\n");
}

static void take_next(middle *self)
{
    int fd = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    client *one = self->clients;
    while (one < self->clients + CLIENTS && one->fd >= 0)
        one++;
    if (fd < 0)
        return;
    if (one == self->clients + CLIENTS) { /* no room */
        (void)close(fd);
        return;
    }
    one->fd = fd;
    one->in_len = 0;
    one->since = time(NULL);
    if (!watch(self, fd, one))
        hang_up(one);
}

static void run(middle *self)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(self->loop, events, EVENTS, LOOK_MS);
        for (int i = 0; i < count; i++) {
            client *one = events[i].data.ptr;
            if (events[i].data.ptr == &self->stop)
                return;
            if (events[i].data.ptr == &self->listener)
                take_next(self);
            else if (events[i].data.ptr == self->driver)
                drive(self);
            else if (one->fd >= 0)
                receive(self, one);
        }
        for (client *one = self->clients; one < self->clients + CLIENTS; one++)
            if (one->fd >= 0 && one->op == NULL && time(NULL) - one->since > HTTP_IDLE_MS / 1000)
                hang_up(one); /* silent for too long */
    }
}

int main(int argc, char **argv)
{
    static middle self;
    assay_error *error = NULL;
    int status = 1;
    if (!read_options(argc, argv, &self))
        return 2;
    for (size_t i = 0; i < CLIENTS; i++)
        self.clients[i].fd = -1;
    self.stop = service_signals(SIGTERM, SIGINT); /* before there are threads */
    if (start(&self, &error) != ASSAY_OK)
        return service_explain(error);
    self.loop = epoll_create1(EPOLL_CLOEXEC);
    self.listener = http_listen(self.port);
    if (self.stop >= 0 && self.listener >= 0 && watch(&self, self.stop, &self.stop) &&
        watch(&self, self.listener, &self.listener) && watch(&self, assay_driver_fd(self.driver), self.driver)) {
        run(&self);
        status = 0;
    }
    for (size_t i = 0; i < CLIENTS; i++)
        if (self.clients[i].fd >= 0)
            hang_up(&self.clients[i]);
    assay_driver_free(self.driver); /* with the operations that it still has */
    assay_credential_unref(self.credential);
    assay_validator_unref(self.validator);
    (void)close(self.listener);
    (void)close(self.loop);
    (void)close(self.stop);
    return status;
}
