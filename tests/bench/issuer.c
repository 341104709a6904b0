/* SPDX-License-Identifier: MIT */
#include "issuer.h"

#include "bench.h"

#include <dev_issuer.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt" /* of Debian */

/* What the issuer says once it runs. */
typedef struct greeting {
    char url[128];
    size_t token_len; /* the token follows */
    bool has_bundle;
} greeting;

const char *bench_issuer_path(const bench_issuer *issuer, const char *name, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/%s", issuer->folder, name);
    return path;
}

static void write_all(int fd, const void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t wrote = write(fd, (const char *)bytes + done, len - done);
        bench_must(wrote > 0, "the other process is gone");
        done += (size_t)wrote;
    }
}

/* False at the end. */
static bool read_all(int fd, void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = read(fd, (char *)bytes + done, len - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static FILE *create(const bench_issuer *issuer, const char *name)
{
    char path[128];
    FILE *file = fopen(bench_issuer_path(issuer, name, path, sizeof path), "wbe");
    bench_must(file != NULL, "a file of the folder");
    return file;
}

static void save(const bench_issuer *issuer, const char *name, const char *text)
{
    FILE *file = create(issuer, name);
    bench_must(fputs(text, file) >= 0 && fclose(file) == 0, "a file of the folder");
}

/* No issuer of ours has a certificate that the system trusts: its own CA is put behind the others. */
static bool save_bundle(const bench_issuer *issuer, const char *ca)
{
    char buffer[65536];
    size_t got;
    FILE *system = fopen(SYSTEM_BUNDLE, "rbe");
    if (system == NULL)
        return false;
    FILE *file = create(issuer, BENCH_BUNDLE);
    while ((got = fread(buffer, 1, sizeof buffer, system)) > 0)
        bench_must(fwrite(buffer, 1, got, file) == got, "the bundle");
    bench_must(fputs(ca, file) >= 0 && fclose(file) == 0 && fclose(system) == 0, "the bundle");
    return true;
}

static char *mint(dev_issuer *serving)
{
    char *payload = bench_payload(dev_issuer_url(serving), BENCH_AUDIENCE, 3600), *request = NULL, *token = NULL;
    bench_must(asprintf(&request, "{\"algorithm\":\"RS256\",\"claims\":%s}", payload) > 0, "memory");
    bench_must(dev_issuer_mint(serving, request, &token) == 0, "token");
    free(payload);
    free(request);
    return token;
}

static void publish(const bench_issuer *issuer, dev_issuer *serving)
{
    greeting hello = {.has_bundle = save_bundle(issuer, dev_issuer_ca_pem(serving))};
    char *token = mint(serving), *keys = dev_issuer_jwks(serving);
    save(issuer, BENCH_CA, dev_issuer_ca_pem(serving));
    save(issuer, BENCH_KEYS, keys);
    (void)snprintf(hello.url, sizeof hello.url, "%s", dev_issuer_url(serving));
    hello.token_len = strlen(token);
    write_all(issuer->answers, &hello, sizeof hello);
    write_all(issuer->answers, token, hello.token_len);
    free(token);
    free(keys);
}

static void delay(dev_issuer *serving, int milliseconds)
{
    char *answer = NULL;
    bench_must(dev_issuer_rotate(serving, "{\"algorithm\":\"ES256\"}", &answer) == 0 &&
                   dev_issuer_fault(serving, "jwks", "slow", milliseconds, 1) == 0,
               "delay");
    free(answer);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

/* The issuer's process. It ends with the other one, however that ends. */
static void serve(bench_issuer *issuer)
{
    static const char *const algorithms[] = {"RS256", "ES256"};
    dev_issuer_options options = {.tls = true, .algorithms = algorithms, .algorithm_count = 2};
    dev_issuer *serving = NULL;
    char message[200];
    int milliseconds;
    bench_must(dev_issuer_start(&options, &serving, message, sizeof message) == 0, message);
    publish(issuer, serving);
    while (read_all(issuer->orders, &milliseconds, sizeof milliseconds)) {
        delay(serving, milliseconds);
        write_all(issuer->answers, "", 1);
    }
    dev_issuer_stop(serving);
    (void)nftw(issuer->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    _exit(0);
}

static void receive(bench_issuer *issuer)
{
    greeting hello;
    bench_must(read_all(issuer->answers, &hello, sizeof hello), "the issuer does not start");
    issuer->token = calloc(1, hello.token_len + 1);
    bench_must(issuer->token != NULL && read_all(issuer->answers, issuer->token, hello.token_len), "token");
    memcpy(issuer->url, hello.url, sizeof issuer->url);
    issuer->has_bundle = hello.has_bundle;
}

void bench_issuer_start(bench_issuer *issuer)
{
    int orders[2], answers[2];
    memset(issuer, 0, sizeof *issuer);
    (void)snprintf(issuer->folder, sizeof issuer->folder, "/tmp/assay-bench-XXXXXX");
    bench_must(mkdtemp(issuer->folder) != NULL && pipe2(orders, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0,
               "folder and pipes");
    (void)fflush(NULL);
    issuer->process = fork();
    bench_must(issuer->process >= 0, "fork");
    bool is_issuer = issuer->process == 0;
    issuer->orders = orders[is_issuer ? 0 : 1];
    issuer->answers = answers[is_issuer ? 1 : 0];
    (void)close(orders[is_issuer ? 1 : 0]);
    (void)close(answers[is_issuer ? 0 : 1]);
    if (is_issuer)
        serve(issuer);
    receive(issuer);
}

void bench_issuer_delay(bench_issuer *issuer, int milliseconds)
{
    char done;
    write_all(issuer->orders, &milliseconds, sizeof milliseconds);
    bench_must(read_all(issuer->answers, &done, 1), "the issuer is gone");
}

void bench_issuer_stop(bench_issuer *issuer)
{
    (void)close(issuer->orders);
    (void)close(issuer->answers);
    (void)waitpid(issuer->process, NULL, 0);
    free(issuer->token);
}
