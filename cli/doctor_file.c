/* SPDX-License-Identifier: MIT */
/* assay doctor: the token file: where it lies, who may read it, whether it is being replaced. */

#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAYER "token-file"
#define LIMIT_BYTES ((size_t)64 << 10) /* the library reads no longer one */
#define DEFAULT_TOKEN "/var/run/secrets/kubernetes.io/serviceaccount/token"

/* Where the webhook has put it, from version 1.6.0 on and before. The variable counts; programs with one of these built in break. */
static const char *const usual_paths[] = {
    "/var/run/secrets/azure/wi/token/azure-identity-token",
    "/var/run/secrets/azure/tokens/azure-identity-token",
};

static const char *usual_path_there(void)
{
    for (size_t i = 0; i < CLI_COUNT_OF(usual_paths); i++)
        if (access(usual_paths[i], F_OK) == 0)
            return usual_paths[i];
    return NULL;
}

static void say_absent(doctor *d)
{
    const char *there = usual_path_there();
    if (there != NULL)
        doctor_say(d, LAYER, "path", DOCTOR_WARNING, 51, "no file is named, but %s is there: give it with --token-file",
                   there);
    else
        doctor_say(d, LAYER, "path", DOCTOR_SKIPPED, 0, "no file is named");
}

static void fail_open(doctor *d, int reason)
{
    const char *there = usual_path_there();
    if (reason == ENOENT || reason == ENOTDIR || reason == ENAMETOOLONG)
        doctor_fail(d, LAYER, "file", 51, CLI_EXIT_USAGE, "%s is not there%s%s", doctor_path(d->token_path),
                    there == NULL ? "" : ", but this is: ", there == NULL ? "" : there);
    else if (reason == EACCES)
        doctor_fail(d, LAYER, "file", 52, CLI_EXIT_USAGE, "%s may not be read by user %u", doctor_path(d->token_path),
                    (unsigned)geteuid());
    else
        doctor_fail(d, LAYER, "file", 53, CLI_EXIT_USAGE, "%s can't be read: %s", doctor_path(d->token_path),
                    strerror(reason));
    d->missing = "the token file can't be read";
}

static void trim(cli_text *token)
{
    static const char blanks[] = " \t\r\n\v\f";
    size_t start = 0;
    while (start < token->len && strchr(blanks, token->ptr[start]) != NULL && token->ptr[start] != '\0')
        start++;
    while (token->len > start && token->ptr[token->len - 1] != '\0' &&
           strchr(blanks, token->ptr[token->len - 1]) != NULL)
        token->len--;
    token->len -= start;
    if (start > 0)
        memmove(token->ptr, token->ptr + start, token->len);
    if (token->ptr != NULL)
        token->ptr[token->len] = '\0';
}

static void say_status(doctor *d, const struct stat *status)
{
    char changed[40];
    cli_time_distance((int64_t)status->st_mtime, d->now, changed, sizeof changed);
    /* The mode is told and never judged: kubelet makes the file 0644 for users other than root. */
    doctor_say(d, LAYER, "file", DOCTOR_OK, 0,
               "%s, mode %04o, of user %u and group %u, read as user %u, %" PRIdMAX " bytes, changed %s", d->token_path,
               (unsigned)(status->st_mode & 07777), (unsigned)status->st_uid, (unsigned)status->st_gid,
               (unsigned)geteuid(), (intmax_t)status->st_size, changed);
}

/* A file that is itself a mount point is a subPath mount, which kubelet never updates (Kubernetes, "Volumes", "Using subPath"). */
static bool is_mount_point(const char *path)
{
    CLI_AUTO_FREE char *real = realpath(path, NULL);
    FILE *mounts = real == NULL ? NULL : fopen("/proc/self/mountinfo", "re");
    CLI_AUTO_FREE char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    while (mounts != NULL && !found && getline(&line, &capacity, mounts) > 0) {
        /* The fifth field is the mount point (proc(5)). */
        const char *field = line;
        for (int i = 0; i < 4 && field != NULL; i++) {
            field = strchr(field, ' ');
            field = field == NULL ? NULL : field + 1;
        }
        size_t len = strlen(real);
        found = field != NULL && strncmp(field, real, len) == 0 && field[len] == ' ';
    }
    if (mounts != NULL)
        (void)fclose(mounts);
    return found;
}

static void check_place(doctor *d)
{
    const char *variable = doctor_variable("AZURE_FEDERATED_TOKEN_FILE");
    if (strcmp(d->token_path, DEFAULT_TOKEN) == 0)
        doctor_say(d, LAYER, "path", DOCTOR_WARNING, 7,
                   "this is the pod's token for the API server; the one for Azure is in a volume of its own");
    else if (d->credential->token_file != NULL && variable != NULL && strcmp(variable, d->credential->token_file) != 0)
        doctor_say(d, LAYER, "path", DOCTOR_WARNING, 51, "--token-file is not what AZURE_FEDERATED_TOKEN_FILE says: %s",
                   doctor_path(variable));
    if (is_mount_point(d->token_path))
        doctor_say(d, LAYER, "mount", DOCTOR_WARNING, 54,
                   "the file is mounted by itself (subPath): it will never be replaced");
}

static void check_content(doctor *d, int fd)
{
    int reason = doctor_read_open(fd, LIMIT_BYTES, &d->token);
    if (reason != 0 && reason != EFBIG) {
        fail_open(d, reason);
        return;
    }
    trim(&d->token);
    const char *why = NULL;
    if (reason == EFBIG)
        why = "the file is longer than 65536 bytes";
    else if (d->token.len == 0)
        why = "the file is empty";
    else if (memchr(d->token.ptr, '\0', d->token.len) != NULL)
        why = "the file holds a NUL byte";
    if (why == NULL)
        return;
    doctor_fail(d, LAYER, "content", 53, CLI_EXIT_USAGE, "%s", why);
    cli_text_wipe(&d->token);
    d->missing = "the token file holds no token";
}

void doctor_token_file(doctor *d)
{
    if (d->token_path == NULL)
        d->token_path = d->credential->token_file;
    if (d->token_path == NULL) {
        say_absent(d);
        return;
    }
    int fd = open(d->token_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        fail_open(d, errno);
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    if (S_ISREG(status.st_mode)) {
        say_status(d, &status);
        check_place(d);
        check_content(d, fd);
    } else {
        doctor_fail(d, LAYER, "file", 53, CLI_EXIT_USAGE, "%s is not a regular file", doctor_path(d->token_path));
        d->missing = "the token file can't be read";
    }
    (void)close(fd);
}
