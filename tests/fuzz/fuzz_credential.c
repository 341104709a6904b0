/* SPDX-License-Identifier: MIT */

/*
 * Credentials as JSON, and machines that obtain a token from servers which answer anything. The first byte says what: "c" for JSON; a kind of machine otherwise, and
 * behind the first line stand its answers, one behind the other, with a line "%" between them: a first line with the status, "Name: value" of some header fields, an
 * empty line, the body. What begins with "!" is no answer but a failed fetch. $T stands for the assertion that the machine shows and $S for its secret.
 * Whatever comes: there is a token or a failure and never both, no text of a failure holds 16 bytes in a row of the assertion or the secret, requests go where they
 * were configured to go, and it ends within bounded steps.
 */
#include "acquire/machine.h"
#include "json/document.h"

#include <assay/assay.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

enum { PIECE = 16, MOST_STEPS = 200, INPUT_MAX = 20000 };

static const char token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik1yNS1BVWliZkJpaTdOZDFqQmViYXhib1hXMCIsInR5cCI6IkpXVCJ9."
    "eyJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSIsImlzcyI6Imh0dHBzOi8vd2VzdGV1cm9wZS5vaWMifQ."
    "Wm9vbS1hLXppdC11cC1hbmQtZG93bi10aGUtaGlsbC1pbi1hLWhhbmRjYXJ0";
static const char secret[] = "8Q~aB3.xYz_9-KkLm~4Nn5Oo6Pp7Qq8Rr9Ss0Tt";
static char file[] = "/tmp/assay-fuzz-credential-XXXXXX";
static assay_crypto *crypto;

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_credential.c:%d: %s\n", line, condition);
    abort();
}

/* --- what may be said --- */

/* By hand, so that a fuzzer which watches comparisons does not learn the pieces. */
static bool holds_some(const char *text, const char *hidden)
{
    size_t len = strlen(hidden);
    for (; *text != '\0'; text++) {
        for (size_t i = 0; i + PIECE <= len; i++) {
            size_t same = 0;
            while (same < PIECE && text[same] == hidden[i + same])
                same++;
            if (same == PIECE)
                return true;
        }
    }
    return false;
}

static void may_be_shown(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    MUST(len < size);
    for (size_t i = 0; i < len; i++)
        MUST(text[i] >= ' ' && text[i] <= '~');
    MUST(!holds_some(text, token) && !holds_some(text, secret));
}

static void check_failure(const assay_failure *failure)
{
    may_be_shown(failure->note, sizeof failure->note);
    may_be_shown(failure->found, sizeof failure->found);
    MUST(failure->retry_after >= 0 && failure->retry_after <= ASSAY_LIMIT_RETRY_AFTER);
    const assay_failure_detail *detail = failure->detail;
    if (detail == NULL)
        return;
    may_be_shown(detail->server_code, sizeof detail->server_code);
    may_be_shown(detail->trace_id, sizeof detail->trace_id);
    may_be_shown(detail->correlation_id, sizeof detail->correlation_id);
    may_be_shown(detail->fix, sizeof detail->fix);
    MUST(!holds_some(detail->claims, token) && !holds_some(detail->challenge, token));
    MUST(detail->row >= 0 && detail->row <= 68);
}

/* --- JSON --- */

/* A directory would be made for it. */
static bool wants_folder(const assay_json *value)
{
    void *iterator = NULL;
    const assay_json *member;
    for (size_t i = 0; i < assay_json_array_len(value); i++)
        if (wants_folder(assay_json_array_at(value, i)))
            return true;
    if (!assay_json_is_object(value))
        return false;
    for (const char *name; (name = assay_json_object_next(value, &iterator, &member)) != NULL;)
        if (strcmp(name, "cache_directory") == 0 || wants_folder(member))
            return true;
    return false;
}

/* It can be described, and asked for a token without a request. */
static void use(assay_credential *credential)
{
    uint8_t *json = NULL;
    size_t len = 0;
    assay_json *document = NULL;
    assay_access_token *got = NULL;
    MUST(assay_credential_describe(credential, &json, &len, NULL) == ASSAY_OK && len == strlen((char *)json));
    MUST(assay_json_parse((char *)json, len, &document, NULL, 0) == ASSAY_OK && assay_json_is_object(document));
    assay_json_free(document);
    assay_bytes_free(json, len);
    int code = assay_credential_get_token(credential, "https://vault.azure.net/.default", 0, &got, NULL);
    MUST(code != ASSAY_OK && got == NULL);
    MUST(code == ASSAY_E_TOKEN_NEEDED || assay_code_category(code) == ASSAY_CATEGORY_USAGE);
}

static void fuzz_json(const char *text, size_t len)
{
    assay_json *document = NULL;
    bool folder = assay_json_parse(text, len, &document, NULL, 0) == ASSAY_OK && wants_folder(document);
    assay_json_free(document);
    if (folder)
        return;
    assay_credential *credential = (assay_credential *)(uintptr_t)1;
    assay_error *error = NULL;
    int code = assay_credential_from_json(NULL, text, len, &credential, &error);
    MUST((code == ASSAY_OK) == (credential != NULL) && (code == ASSAY_OK) == (error == NULL));
    if (code == ASSAY_OK)
        use(credential);
    else
        MUST(assay_code_category(code) == ASSAY_CATEGORY_USAGE);
    assay_error_free(error);
    assay_credential_unref(credential);
}

/* --- machines --- */

#define AUTHORITY "https://login.example"
#define ENDPOINT "https://server.example/token"
#define ACCOUNT "https://account.example/sa:generateAccessToken"
#define AGENT "http://127.0.0.1:8/agent"
#define JOB "https://job.example/id?v=1"

typedef struct world {
    assay_credential_settings settings, inner;
    assay_acquire_context context, inner_context;
    const assay_credential_settings *members[2];
} world;

static void set(char **place, const char *text)
{
    MUST(assay_settings_set_text(place, text, "it", NULL) == ASSAY_OK);
}

static void set_secret(assay_secret *place)
{
    MUST(assay_settings_set_secret(place, secret, strlen(secret), "it", NULL) == ASSAY_OK);
}

static void make_settings(assay_credential_settings *settings, assay_credential_kind kind)
{
    settings->kind = kind;
    set(&settings->authority, AUTHORITY);
    set(&settings->tenant, "tenant.example");
    set(&settings->client_id, "client");
    set(&settings->agent_url, AGENT);
    if (kind == ASSAY_CREDENTIAL_WORKLOAD || kind == ASSAY_CREDENTIAL_EXCHANGE || kind == ASSAY_CREDENTIAL_GOOGLE)
        set(&settings->token_file, file);
    if (kind == ASSAY_CREDENTIAL_SECRET || kind == ASSAY_CREDENTIAL_EXCHANGE || kind == ASSAY_CREDENTIAL_CLIENT)
        set_secret(&settings->secret);
    if (kind >= ASSAY_CREDENTIAL_CLIENT)
        set(&settings->token_endpoint, ENDPOINT);
    if (kind == ASSAY_CREDENTIAL_GOOGLE)
        MUST(assay_settings_add_text(&settings->audiences, "pool", "it", NULL) == ASSAY_OK);
    if (kind == ASSAY_CREDENTIAL_GITHUB || kind == ASSAY_CREDENTIAL_PIPELINES) {
        set(&settings->request_url, JOB);
        set(&settings->service_connection, "connection");
        set_secret(&settings->request_token);
    }
}

static bool choose(world *w, char letter)
{
    static const struct {
        char letter;
        assay_credential_kind kind;
    } kinds[] = {{'w', ASSAY_CREDENTIAL_WORKLOAD}, {'s', ASSAY_CREDENTIAL_SECRET},    {'f', ASSAY_CREDENTIAL_FEDERATED},
                 {'h', ASSAY_CREDENTIAL_GITHUB},   {'p', ASSAY_CREDENTIAL_PIPELINES}, {'m', ASSAY_CREDENTIAL_MANAGED},
                 {'a', ASSAY_CREDENTIAL_MANAGED},  {'o', ASSAY_CREDENTIAL_CLIENT},    {'x', ASSAY_CREDENTIAL_EXCHANGE},
                 {'g', ASSAY_CREDENTIAL_GOOGLE},   {'k', ASSAY_CREDENTIAL_CHAIN}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(kinds); i++) {
        if (kinds[i].letter != letter)
            continue;
        make_settings(&w->settings, kinds[i].kind);
        make_settings(&w->inner, ASSAY_CREDENTIAL_MANAGED);
        w->settings.context = &w->context;
        w->inner.context = &w->inner_context;
        w->inner.probe = letter == 'k';
        w->settings.inner = letter == 'f' ? &w->inner : NULL;
        w->settings.wait_for_propagation = letter == 'w';
        if (letter == 'a') {
            w->settings.agent = ASSAY_AGENT_APP_SERVICE;
            set_secret(&w->settings.agent_secret);
        }
        if (letter == 'g')
            set(&w->settings.impersonation_url, ACCOUNT);
        return true;
    }
    return false;
}

/* The members of the chain: an identity that may be absent, and a secret. The array belongs to the settings. */
static void make_chain(world *w, assay_credential_settings *second, assay_acquire_context *context)
{
    make_settings(second, ASSAY_CREDENTIAL_SECRET);
    second->context = context;
    MUST(assay_credential_settings_check(second, NULL) == ASSAY_OK);
    w->settings.members = assay_zalloc_array(2, sizeof w->settings.members[0]);
    MUST(w->settings.members != NULL);
    w->settings.members[0] = &w->inner;
    w->settings.members[1] = second;
    w->settings.member_count = 2;
}

/* Requests go where they were configured to go, and secrets stand where they belong. */
static void check_request(const assay_machine *machine)
{
    static const char *const places[] = {AUTHORITY "/tenant.example/oauth2/v2.0/token", ENDPOINT, ACCOUNT, AGENT, JOB};
    const assay_http_request *request = &machine->request;
    bool known = false;
    for (size_t i = 0; i < ASSAY_COUNT_OF(places); i++)
        known = known || strncmp(request->url, places[i], strlen(places[i])) == 0;
    MUST(known && strpbrk(request->url, "\r\n ") == NULL);
    MUST(!holds_some(request->url, token) && !holds_some(request->url, secret));
    MUST(request->authorization == NULL || strpbrk(request->authorization, "\r\n") == NULL);
    MUST(request->body == NULL || strlen(request->body) == request->body_len);
    MUST(request->body_limit > 0 && machine->attempt_ms > 0);
    for (size_t i = 0; i < request->field_count; i++)
        MUST(strpbrk(request->fields[i].value, "\r\n") == NULL);
    bool bodied = request->body != NULL && holds_some(request->body, secret);
    MUST(!bodied || strncmp(request->url, AGENT, strlen(AGENT)) != 0);
}

/* One line; the rest of the text is behind it. */
static const char *take_line(const char **text, const char *end, size_t *len)
{
    const char *line = *text, *stop = memchr(line, '\n', (size_t)(end - line));
    *len = (size_t)((stop == NULL ? end : stop) - line);
    *text = stop == NULL ? end : stop + 1;
    return line;
}

static void answer(assay_machine *machine, const char *text, const char *end, const assay_moment *now)
{
    static const int failures[] = {ASSAY_E_RESOLVE, ASSAY_E_CONNECT,  ASSAY_E_TLS,           ASSAY_E_TIMEOUT,
                                   ASSAY_E_NETWORK, ASSAY_E_RESPONSE, ASSAY_E_RESPONSE_SIZE, ASSAY_E_REDIRECT};
    assay_http_response response;
    assay_failure why;
    size_t len;
    (void)assay_fail_note(&why, ASSAY_E_NETWORK, "as the input says");
    if (text == end || *text == '!') {
        int missed = text == end ? ASSAY_E_TIMEOUT : failures[(unsigned char)end[-1] % ASSAY_COUNT_OF(failures)];
        assay_machine_answered(machine, NULL, missed, &why, now);
        return;
    }
    assay_http_response_init(&response);
    const char *line = take_line(&text, end, &len);
    for (size_t i = 0; i < len && i < 3 && line[i] >= '0' && line[i] <= '9'; i++)
        response.status = response.status * 10 + (line[i] - '0');
    for (line = take_line(&text, end, &len); len > 0; line = take_line(&text, end, &len)) {
        const char *colon = memchr(line, ':', len);
        if (colon != NULL)
            MUST(assay_http_response_add_header(&response, line, (size_t)(colon - line), colon + 1,
                                                (size_t)(line + len - colon - 1), now->wall));
    }
    MUST(assay_http_response_add_body(&response, text, (size_t)(end - text)));
    assay_machine_answered(machine, &response, ASSAY_OK, NULL, now);
    assay_http_response_clear(&response);
}

static const char *next_answer(const char *text, const char *end)
{
    for (const char *at = text; at + 3 <= end; at++)
        if (memcmp(at, "\n%\n", 3) == 0)
            return at;
    return end;
}

static void run(assay_machine *machine, const char *text, const char *end)
{
    assay_moment now = {1700000000, 5000000};
    assay_machine_want want;
    int steps = 0;
    while ((want = assay_machine_next(machine, &now)) != ASSAY_MACHINE_DONE) {
        MUST(++steps < MOST_STEPS);
        if (want == ASSAY_MACHINE_WAIT) {
            MUST(machine->wait_until > now.steady);
            check_failure(&machine->failure);
            now.wall += (machine->wait_until - now.steady) / 1000;
            now.steady = machine->wait_until;
            continue;
        }
        check_request(machine);
        const char *stop = next_answer(text, end);
        answer(machine, text, stop, &now);
        text = stop == end ? end : stop + 3;
    }
    MUST((machine->code == ASSAY_OK) == (machine->answer.token.len > 0));
    MUST(assay_machine_next(machine, &now) == ASSAY_MACHINE_DONE);
    if (machine->code == ASSAY_OK) {
        MUST(machine->source != NULL && strpbrk(machine->answer.token.text, " \r\n") == NULL);
        return;
    }
    int category = assay_code_category(machine->code);
    MUST(category == ASSAY_CATEGORY_CREDENTIAL || category == ASSAY_CATEGORY_NETWORK ||
         category == ASSAY_CATEGORY_USAGE);
    check_failure(&machine->failure);
}

static void fuzz_machine(char letter, const char *text, size_t len)
{
    world w = {.settings = {.kind = ASSAY_CREDENTIAL_WORKLOAD}};
    assay_credential_settings second = {.kind = ASSAY_CREDENTIAL_SECRET};
    assay_acquire_context third = {.crypto = crypto};
    assay_token_request *wanted = NULL;
    assay_machine *machine = NULL;
    w.context.crypto = w.inner_context.crypto = crypto;
    MUST(pthread_mutex_init(&w.context.lock, NULL) == 0 && pthread_mutex_init(&w.inner_context.lock, NULL) == 0 &&
         pthread_mutex_init(&third.lock, NULL) == 0);
    if (choose(&w, letter)) {
        if (letter == 'k')
            make_chain(&w, &second, &third);
        MUST(assay_credential_settings_check(&w.inner, NULL) == ASSAY_OK);
        MUST(assay_credential_settings_check(&w.settings, NULL) == ASSAY_OK);
        MUST(assay_token_request_make("https://vault.azure.net/.default", &wanted, NULL) == ASSAY_OK);
        MUST(assay_machine_new(&w.settings, wanted, &w.context, &machine) == ASSAY_OK);
        run(machine, text, text + len);
    }
    assay_machine_free(machine);
    assay_token_request_drop(wanted);
    assay_credential_settings_clear(&w.settings);
    assay_credential_settings_clear(&w.inner);
    assay_credential_settings_clear(&second);
    assay_secret_clear(&w.context.assertion);
    (void)pthread_mutex_destroy(&w.context.lock);
    (void)pthread_mutex_destroy(&w.inner_context.lock);
    (void)pthread_mutex_destroy(&third.lock);
}

/* --- the input --- */

static void remove_file(void)
{
    (void)unlink(file);
}

static void prepare(void)
{
    int fd = mkstemp(file);
    MUST(fd >= 0 && write(fd, token, sizeof token - 1) == (ssize_t)sizeof token - 1 && close(fd) == 0);
    MUST(atexit(remove_file) == 0);
    MUST(assay_crypto_new(NULL, &crypto) == ASSAY_OK);
}

/* Terminated; release with free(). */
static char *fill_in(const char *text, size_t len, size_t *filled)
{
    char *out = malloc(len * sizeof token + 1);
    MUST(out != NULL);
    *filled = 0;
    for (size_t i = 0; i < len; i++) {
        bool name = text[i] == '$' && i + 1 < len && (text[i + 1] == 'T' || text[i + 1] == 'S');
        const char *put = !name ? text + i : text[i + 1] == 'T' ? token : secret;
        size_t put_len = name ? strlen(put) : 1;
        memcpy(out + *filled, put, put_len);
        *filled += put_len;
        i += name;
    }
    out[*filled] = '\0';
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *input = (const char *)data;
    const char *line_end = size == 0 ? NULL : memchr(input, '\n', size);
    size_t len = 0;
    if (line_end == NULL || size > INPUT_MAX)
        return 0;
    if (crypto == NULL)
        prepare();
    size_t start = (size_t)(line_end - input) + 1;
    char *text = fill_in(input + start, size - start, &len);
    if (input[0] == 'c')
        fuzz_json(text, len);
    else
        fuzz_machine(input[0], text, len);
    free(text);
    return 0;
}
