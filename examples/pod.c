/* SPDX-License-Identifier: MIT */
/*
 * A workload as it runs in a pod: calls a protected service, with a token that it obtains in the way its environment says.
 *
 *   pod URL SCOPE [--ca-file FILE] [--every SECONDS]
 *
 * Neither code nor command line say who it is: the same program runs in a pod of AKS, on a virtual machine, in App Service and in a job
 * (docs/guide/workload-identity.md). The library obtains the token; the call itself is made by libcurl, as the host's own client.
 *
 * Exit status: 0 the service answered with success, or with --every the end was asked for by SIGTERM; 1 it refused; 2 usage; 3 there was no
 * token, or no answer.
 */
#include <assay/assay.h>

#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOKEN_MS = 20000, CALL_MS = 20000, TEXT_BYTES = 2048, EVERY_MAX = 86400 };

typedef struct pod {
    const char *url, *scope, *ca_file;
    long every; /* 0: one call */
    assay_credential *credential;
    CURL *curl;
    char text[TEXT_BYTES + 1]; /* of the answer, as much as there is room for */
    size_t text_len;
} pod;

static bool read_options(int argc, char **argv, pod *self)
{
    static const struct option known[] = {
        {"ca-file", required_argument, NULL, 'c'}, {"every", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
    char *end = "";
    bool good = true;
    int option;
    while (good && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'c')
            self->ca_file = optarg;
        else if (option == 'e')
            self->every = strtol(optarg, &end, 10);
        good = option != '?' && *end == '\0' && self->every >= 0 && self->every <= EVERY_MAX;
    }
    if (good && argc - optind == 2) {
        self->url = argv[optind];
        self->scope = argv[optind + 1];
        return true;
    }
    fprintf(stderr, "usage: pod URL SCOPE [--ca-file FILE] [--every SECONDS]\n");
    return false;
}

/* Why there is no token. All of it may stand in a log and in a ticket: nothing of a token or secret is in it. */
static int explain(assay_error *error)
{
    int row = assay_error_diagnosis(error);
    fprintf(stderr, "no token: %s: %s\n", assay_code_name(assay_error_code(error)), assay_error_message(error));
    fprintf(stderr, "  layer:       %s\n", row != 0 ? assay_diagnosis_layer(row) : assay_error_check(error));
    if (row != 0)
        fprintf(stderr, "  row:         %d, %s: %s\n", row, assay_diagnosis_name(row), assay_diagnosis_cause(row));
    if (assay_error_server_code(error)[0] != '\0')
        fprintf(stderr, "  server:      %s\n", assay_error_server_code(error));
    if (assay_error_trace_id(error)[0] != '\0')
        fprintf(stderr, "  trace:       %s\n", assay_error_trace_id(error));
    if (assay_error_correlation_id(error)[0] != '\0')
        fprintf(stderr, "  correlation: %s\n", assay_error_correlation_id(error));
    if (assay_error_clock_skew(error) != 0)
        fprintf(stderr, "  clock:       the server's is %lld s ahead\n", (long long)assay_error_clock_skew(error));
    if (assay_error_retry_after(error) > 0)
        fprintf(stderr, "  again:       after %lld s\n", (long long)assay_error_retry_after(error));
    fprintf(stderr, "  fix:         %s\n", assay_error_hint(error));
    assay_error_free(error);
    return 3;
}

/* Once, when the program starts. The credential keeps the tokens, so it lives as long as the program does. */
static int make_credential(pod *self, assay_error **error)
{
    assay_runtime *runtime = NULL;
    int code = assay_runtime_new(&runtime, error);
    if (code == ASSAY_OK && self->ca_file != NULL)
        code = assay_runtime_set_ca_file(runtime, self->ca_file, error);
    if (code == ASSAY_OK)
        code = assay_credential_new_from_environment(runtime, NULL, &self->credential, error);
    assay_runtime_unref(runtime);
    return code;
}

static size_t keep_text(char *bytes, size_t size, size_t count, void *user_data)
{
    pod *self = user_data;
    size_t len = size * count, room = TEXT_BYTES - self->text_len;
    size_t taken = len < room ? len : room;
    for (size_t i = 0; i < taken; i++) { /* for a terminal, which control bytes would command */
        unsigned char byte = (unsigned char)bytes[i];
        self->text[self->text_len++] = byte == '\n' || (byte >= 0x20 && byte < 0x7f) ? bytes[i] : '?';
    }
    self->text[self->text_len] = '\0';
    return len;
}

static bool make_client(pod *self)
{
    /* Development; elsewhere a token needs TLS. What stands before an "@" would be a user, and the host behind it. */
    bool loopback = strncmp(self->url, "http://127.0.0.1:", 17) == 0 && strchr(self->url, '@') == NULL;
    self->curl = curl_easy_init();
    CURL *curl = self->curl;
    return curl != NULL && curl_easy_setopt(curl, CURLOPT_URL, self->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, loopback ? "http" : "https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CALL_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_text) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, self) == CURLE_OK &&
           (!loopback || curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK) &&
           (self->ca_file == NULL || curl_easy_setopt(curl, CURLOPT_CAINFO, self->ca_file) == CURLE_OK);
}

/* The status; 0: no answer, and it was said why. curl makes a copy of the token, and forgets it with the handle. */
static long call(pod *self, const assay_access_token *token)
{
    long status = 0;
    self->text_len = 0;
    self->text[0] = '\0';
    CURLcode result = curl_easy_setopt(self->curl, CURLOPT_XOAUTH2_BEARER, assay_access_token_text(token, NULL));
    if (result == CURLE_OK)
        result = curl_easy_perform(self->curl);
    if (result == CURLE_OK)
        (void)curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &status);
    else
        fprintf(stderr, "no answer: %s\n", curl_easy_strerror(result));
    return status;
}

/* Whether the refusal has a claims challenge, which goes into the request: there may be several WWW-Authenticate fields. */
static bool take_challenge(pod *self, assay_token_request *request)
{
    struct curl_header *field;
    for (size_t i = 0; curl_easy_header(self->curl, "WWW-Authenticate", i, CURLH_HEADER, -1, &field) == CURLHE_OK; i++)
        if (assay_token_request_set_challenge(request, field->value, NULL) == ASSAY_OK)
            return true;
    return false;
}

/* The service has refused the token. Where it says which claims it wants, once more with a token that has them; what is refused then stays so. */
static int answer_challenge(pod *self, long *status, assay_error **error)
{
    assay_access_token *token = NULL;
    assay_token_request *request = NULL;
    int code = assay_token_request_new(self->scope, &request, error);
    if (code == ASSAY_OK && take_challenge(self, request)) {
        fprintf(stderr, "the service wants other claims in the token\n");
        code = assay_credential_get_token_for(self->credential, request, TOKEN_MS, &token, error);
        if (code == ASSAY_OK)
            *status = call(self, token);
    }
    assay_token_request_free(request);
    assay_access_token_unref(token);
    return code;
}

/* One call, with the token that is kept nearly always; the exit status. */
static int once(pod *self)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    long status = 0;
    int code = assay_credential_get_token(self->credential, self->scope, TOKEN_MS, &token, &error);
    if (code == ASSAY_OK)
        status = call(self, token);
    assay_access_token_unref(token);
    if (status == 401)
        code = answer_challenge(self, &status, &error);
    if (code != ASSAY_OK)
        return explain(error);
    if (status == 0)
        return 3;
    size_t len = self->text_len;
    printf("%ld %s%s", status, self->text, len > 0 && self->text[len - 1] == '\n' ? "" : "\n");
    (void)fflush(stdout);
    return status >= 200 && status < 300 ? 0 : 1;
}

/* Again and again, until a signal asks for the end. The token is renewed behind these calls, before it expires. */
static int run(pod *self, const sigset_t *ends)
{
    const struct timespec pause = {.tv_sec = self->every};
    int status = once(self);
    while (self->every > 0 && sigtimedwait(ends, NULL, &pause) < 0)
        (void)once(self);
    return self->every > 0 ? 0 : status;
}

int main(int argc, char **argv)
{
    static pod self;
    assay_error *error = NULL;
    sigset_t ends;
    int status = 3;
    if (!read_options(argc, argv, &self))
        return 2;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL); /* before there are threads */
    if (make_credential(&self, &error) != ASSAY_OK)
        return explain(error);
    if (make_client(&self))
        status = run(&self, &ends);
    else
        fprintf(stderr, "curl can't be set up\n");
    curl_easy_cleanup(self.curl);
    assay_credential_unref(self.credential);
    return status;
}
