/* SPDX-License-Identifier: MIT */
/*
 * Threads that share one validator, which a reload replaces while they work.
 *
 *   thread_pool_server CONFIG [--port N] [--workers N]
 *
 * CONFIG is a JSON document (docs/configuration.md). SIGHUP reads it again: the new validator takes over the keys of the old one, so that
 * no request fails or waits because of it. One that does not load changes nothing.
 */
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WARM_UP_MS = 5000, CONFIG_BYTES = 1 << 20 };

typedef struct pool {
    pthread_mutex_t lock; /* held to read or to replace the pointer, never longer */
    assay_validator *validator;
    int listener, stop;
} pool;

/* The validator of this moment; what one request began with, it keeps to its end. */
static assay_validator *borrow(pool *shared)
{
    (void)pthread_mutex_lock(&shared->lock);
    assay_validator *validator = assay_validator_ref(shared->validator);
    (void)pthread_mutex_unlock(&shared->lock);
    return validator;
}

static assay_validator *replace(pool *shared, assay_validator *validator)
{
    (void)pthread_mutex_lock(&shared->lock);
    assay_validator *old = shared->validator;
    shared->validator = validator;
    (void)pthread_mutex_unlock(&shared->lock);
    return old;
}

static size_t handle(void *user_data, const http_request *request, char *answer)
{
    assay_validator *validator = borrow(user_data);
    size_t len = service_authenticate(validator, request, answer);
    assay_validator_unref(validator);
    return len;
}

static void *work(void *argument)
{
    pool *shared = argument;
    int client;
    while ((client = http_accept(shared->listener, shared->stop)) >= 0)
        http_serve(client, shared->stop, handle, shared);
    return NULL;
}

static int make_validator(const char *path, assay_validator **validator, assay_error **error)
{
    FILE *file = fopen(path, "rb");
    char *json = malloc(CONFIG_BYTES);
    if (file == NULL)
        perror(path);
    size_t len = file != NULL && json != NULL ? fread(json, 1, CONFIG_BYTES, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    /* Without a file there is no document, which the library has an error for. */
    int code = assay_validator_from_json(NULL, json != NULL ? json : "", len, validator, error);
    free(json);
    return code;
}

static void reload(pool *shared, const char *path)
{
    assay_validator *made = NULL;
    assay_error *error = NULL;
    int code = make_validator(path, &made, &error);
    if (code == ASSAY_OK)
        code = assay_validator_take_over(made, shared->validator, NULL, &error);
    if (code == ASSAY_OK)
        code = assay_validator_start_refresh_thread(made, &error); /* which fetches for issuers that are new */
    if (code == ASSAY_OK) {
        assay_validator *old = replace(shared, made);
        assay_validator_stop_refresh_thread(old); /* here, and not in the request that uses it last */
        assay_validator_unref(old);
        printf("reloaded\n");
    } else {
        assay_validator_unref(made);
        (void)service_explain(error);
        printf("not reloaded\n");
    }
    (void)fflush(stdout);
}

/* The only thread that signals concern. */
static void supervise(pool *shared, int hangup, const char *path)
{
    struct pollfd ready[2] = {{.fd = shared->stop, .events = POLLIN}, {.fd = hangup, .events = POLLIN}};
    while (ready[0].revents == 0) {
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            return;
        char told[1024];
        if (ready[1].revents != 0 && read(hangup, told, sizeof told) > 0)
            reload(shared, path);
    }
}

static int run(pool *shared, const service_options *options, int hangup)
{
    pthread_t threads[SERVICE_WORKERS_MAX];
    int count = 0;
    while (count < options->workers && pthread_create(&threads[count], NULL, work, shared) == 0)
        count++;
    if (count > 0)
        supervise(shared, hangup, options->config);
    for (int i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    return count > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    service_options options;
    assay_error *error = NULL;
    pool shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

    if (!service_read_options(argc, argv, true, &options))
        return 2;
    shared.stop = service_signals(SIGTERM, SIGINT); /* before there are threads, which inherit it */
    int hangup = service_signals(SIGHUP, SIGHUP), status = 1;
    int code = make_validator(options.config, &shared.validator, &error);
    if (code == ASSAY_OK)
        service_warm_up(shared.validator, WARM_UP_MS);
    if (code == ASSAY_OK)
        code = assay_validator_start_refresh_thread(shared.validator, &error);
    shared.listener = code == ASSAY_OK ? http_listen(options.port) : -1;
    if (code != ASSAY_OK)
        status = service_explain(error);
    else if (shared.stop < 0 || hangup < 0 || shared.listener < 0)
        perror("start");
    else
        status = run(&shared, &options, hangup);
    assay_validator_unref(shared.validator);
    (void)close(shared.listener);
    (void)close(hangup);
    (void)close(shared.stop);
    return status;
}
