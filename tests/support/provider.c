/* SPDX-License-Identifier: MIT */
#include "provider.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "provider: %s\n", what);
        abort();
    }
}

bool provider_is_there(void)
{
    const char *script = getenv("ASSAY_TEST_PROVIDER");
    if (getenv("ASSAY_TEST_NODE") == NULL || script == NULL || getenv("ASSAY_TEST_MAKE_CA") == NULL) {
        printf("skipped: no node to run tests/provider with\n");
        return false;
    }
    char modules[512];
    snprintf(modules, sizeof modules, "%.*snode_modules/oidc-provider", (int)(strrchr(script, '/') - script) + 1,
             script);
    struct stat status;
    if (stat(modules, &status) == 0)
        return true;
    printf("skipped: oidc-provider is not installed; tests/run.sh installs it\n");
    return false;
}

static char *read_file(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    must(file != NULL, path);
    char *text = calloc(1, 65536);
    must(text != NULL && fread(text, 1, 65535, file) > 0, "certificate");
    fclose(file);
    return text;
}

static void make_certificates(provider *made)
{
    snprintf(made->folder, sizeof made->folder, "/tmp/assay-provider-XXXXXX");
    must(mkdtemp(made->folder) != NULL, "mkdtemp");
    char command[512];
    snprintf(command, sizeof command, "%s %s >/dev/null 2>&1", getenv("ASSAY_TEST_MAKE_CA"), made->folder);
    must(system(command) == 0, "make_ca.sh");
    made->ca_pem = read_file(made->folder, "ca.pem");
}

/* One line of the child's output, waited for at most 30 s. */
static void read_line(int fd, char *line, size_t size)
{
    size_t used = 0;
    for (int rounds = 0; rounds < 300 && used + 1 < size; rounds++) {
        struct pollfd waiting = {fd, POLLIN, 0};
        if (poll(&waiting, 1, 100) <= 0)
            continue;
        ssize_t got = read(fd, line + used, size - used - 1);
        must(got > 0, "the provider ended before it was ready");
        used += (size_t)got;
        line[used] = '\0';
        if (strchr(line, '\n') != NULL)
            return;
    }
    must(false, "the provider was not ready in 30 s");
}

void provider_start(provider *made, const char *certificate)
{
    char cert[128], key[128], line[512];
    int input[2], output[2];
    memset(made, 0, sizeof *made);
    make_certificates(made);
    snprintf(cert, sizeof cert, "%s/%s.pem", made->folder, certificate);
    snprintf(key, sizeof key, "%s/%s.key", made->folder, certificate);
    must(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0, "pipe");
    made->pid = fork();
    must(made->pid >= 0, "fork");
    if (made->pid == 0) {
        dup2(input[0], 0);
        dup2(output[1], 1);
        execl(getenv("ASSAY_TEST_NODE"), "node", getenv("ASSAY_TEST_PROVIDER"), cert, key, (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    made->input = input[1];
    read_line(output[0], line, sizeof line);
    close(output[0]);
    json_t *ready = json_loads(line, 0, NULL);
    must(ready != NULL, line);
    snprintf(made->issuer, sizeof made->issuer, "%s", json_string_value(json_object_get(ready, "issuer")));
    snprintf(made->control, sizeof made->control, "%s", json_string_value(json_object_get(ready, "control")));
    json_decref(ready);
}

void provider_stop(provider *running)
{
    char command[128];
    close(running->input);
    kill(running->pid, SIGTERM);
    int status;
    for (int rounds = 0; rounds < 100 && waitpid(running->pid, &status, WNOHANG) == 0; rounds++)
        usleep(50000);
    kill(running->pid, SIGKILL); /* gone already, unless it hung */
    waitpid(running->pid, &status, WNOHANG);
    snprintf(command, sizeof command, "rm -rf '%s'", running->folder);
    if (system(command) != 0)
        fprintf(stderr, "provider: %s was left\n", running->folder);
    free(running->ca_pem);
}

typedef struct text {
    char bytes[65536];
    size_t len;
} text;

static size_t take(char *bytes, size_t size, size_t count, void *user_data)
{
    text *answer = user_data;
    size_t len = size * count;
    must(answer->len + len < sizeof answer->bytes, "long answer");
    memcpy(answer->bytes + answer->len, bytes, len);
    answer->len += len;
    answer->bytes[answer->len] = '\0';
    return len;
}

json_t *provider_control(provider *running, const char *path, const char *body)
{
    text *answer = calloc(1, sizeof *answer);
    char url[256];
    CURL *curl = curl_easy_init();
    must(answer != NULL && curl != NULL, "memory");
    snprintf(url, sizeof url, "%s%s", running->control, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    must(curl_easy_perform(curl) == CURLE_OK, url);
    curl_easy_cleanup(curl);
    json_t *json = json_loads(answer->bytes, 0, NULL);
    must(json != NULL && json_object_get(json, "error") == NULL, answer->bytes);
    free(answer);
    return json;
}
