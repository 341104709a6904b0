/* SPDX-License-Identifier: MIT */
/*
 * A process of its own for the group "start": from the beginning of main() to the first verdict, in one of several ways. Prints nanoseconds, the
 * resident memory at the beginning and at the end, and what of that is anonymous, in kB. It uses the shared library, as a service does.
 *
 * bench_start MODE CA-FILE ISSUER AUDIENCE TOKEN [KEYS-FILE or STORE-FOLDER]; CA-FILE "-": the system's
 */

#include <assay/assay.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MODE = 1, CA, ISSUER, AUDIENCE, TOKEN, MORE };

static void must(int condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "bench_start: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

typedef struct memory {
    long resident, anonymous; /* kB; the second without what libraries map of their files */
} memory;

static memory look_at_memory(void)
{
    char line[128];
    memory found = {-1, -1};
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            found.resident = strtol(line + 6, NULL, 10);
        else if (strncmp(line, "RssAnon:", 8) == 0)
            found.anonymous = strtol(line + 8, NULL, 10);
    }
    if (status != NULL)
        (void)fclose(status);
    return found;
}

/* --- bare curl: what any client has to do to get at the keys --- */

typedef struct body {
    char bytes[65536];
    size_t len;
} body;

static size_t on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    body *to = user_data;
    size_t len = size * count;
    if (len >= sizeof to->bytes - to->len)
        return 0;
    memcpy(to->bytes + to->len, bytes, len);
    to->len += len;
    to->bytes[to->len] = '\0';
    return len;
}

static void fetch(CURL *easy, const char *url, body *to)
{
    long status = 0;
    to->len = 0;
    must(curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK && curl_easy_perform(easy) == CURLE_OK &&
             curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200,
         "curl");
}

static void run_curl(char **argv)
{
    static const char member[] = "\"jwks_uri\":\"";
    static body answer;
    char url[2048];
    CURL *easy = curl_easy_init();
    must(easy != NULL && curl_easy_setopt(easy, CURLOPT_CAINFO, argv[CA]) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer) == CURLE_OK,
         "curl");
    (void)snprintf(url, sizeof url, "%s/.well-known/openid-configuration", argv[ISSUER]);
    fetch(easy, url, &answer);
    const char *found = strstr(answer.bytes, member);
    must(found != NULL, "metadata without keys");
    found += sizeof member - 1;
    (void)snprintf(url, sizeof url, "%.*s", (int)strcspn(found, "\""), found);
    fetch(easy, url, &answer);
    must(strstr(answer.bytes, "\"keys\"") != NULL, "no keys");
}

/* --- ours --- */

static assay_issuer *make_issuer(char **argv)
{
    assay_issuer *issuer = NULL;
    must(assay_issuer_new(argv[ISSUER], &issuer, NULL) == ASSAY_OK &&
             assay_issuer_add_audience(issuer, argv[AUDIENCE], NULL) == ASSAY_OK,
         "issuer");
    return issuer;
}

static void give_keys(assay_issuer *issuer, const char *path)
{
    char json[65536];
    assay_keyset *keys = NULL;
    FILE *file = fopen(path, "re");
    must(file != NULL, "keys");
    size_t len = fread(json, 1, sizeof json, file);
    (void)fclose(file);
    must(assay_keyset_new(NULL, &keys, NULL) == ASSAY_OK && assay_keyset_add_json(keys, json, len, NULL) == ASSAY_OK &&
             assay_issuer_set_keys(issuer, keys, NULL) == ASSAY_OK,
         "keys");
    assay_keyset_unref(keys);
}

/* @p store and @p keys may be NULL; without a time to wait nothing is fetched. */
static void run_assay(char **argv, const char *store, const char *keys, int64_t timeout_ms)
{
    assay_runtime *runtime = NULL;
    assay_validator *validator = NULL;
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    must(assay_runtime_new(&runtime, NULL) == ASSAY_OK, "runtime");
    if (strcmp(argv[CA], "-") != 0)
        must(assay_runtime_set_ca_file(runtime, argv[CA], NULL) == ASSAY_OK, "CA");
    if (store != NULL)
        must(assay_runtime_set_store_directory(runtime, store, NULL) == ASSAY_OK, "store");
    assay_issuer *issuer = make_issuer(argv);
    if (keys != NULL)
        give_keys(issuer, keys);
    must(assay_validator_new(runtime, &issuer, 1, &validator, NULL) == ASSAY_OK, "validator");
    int code =
        timeout_ms == 0
            ? assay_validator_check(validator, argv[TOKEN], strlen(argv[TOKEN]), NULL, &claims, &error)
            : assay_validator_validate(validator, argv[TOKEN], strlen(argv[TOKEN]), NULL, timeout_ms, &claims, &error);
    must(code == ASSAY_OK, assay_error_message(error));
}

static void run(int argc, char **argv)
{
    const char *mode = argv[MODE], *more = argc > MORE ? argv[MORE] : NULL;
    if (strcmp(mode, "curl") == 0)
        run_curl(argv);
    else if (strcmp(mode, "cold") == 0) /* with a store: fills it */
        run_assay(argv, more, NULL, 10000);
    else if (strcmp(mode, "store") == 0)
        run_assay(argv, more, NULL, 0);
    else if (strcmp(mode, "keys") == 0)
        run_assay(argv, NULL, more, 0);
    else
        must(0, "no such mode");
}

/* What was made stays until the end: it is what a service keeps. */
int main(int argc, char **argv)
{
    memory before = look_at_memory();
    double start = now_ns();
    must(argc > TOKEN, "MODE CA-FILE ISSUER AUDIENCE TOKEN [KEYS-FILE or STORE-FOLDER]");
    run(argc, argv);
    double took = now_ns() - start;
    memory after = look_at_memory();
    (void)printf("%.0f %ld %ld %ld\n", took, before.resident, after.resident, after.anonymous);
    return 0;
}
