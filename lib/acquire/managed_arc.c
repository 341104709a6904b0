/* SPDX-License-Identifier: MIT */
#include "acquire/managed.h"

#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Arc proves that the caller may read a file of the agent: the first answer names the file, its content goes with the second request (Microsoft, "Authenticate against Azure resources
 * with Azure Arc-enabled servers"). Whoever answers at that port chooses the name, so nothing but a key of the agent's own folder is ever sent.
 */

#define ARC_FOLDER "/var/opt/azcmagent/tokens"
#define ARC_SUFFIX ".key"
#define ARC_ROW 47

static int refuse(assay_managed *managed, const char *why)
{
    return assay_managed_fail(managed, ASSAY_E_SOURCE_ANSWER, ARC_ROW, "the Arc agent %s", why);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The path in `Basic realm=PATH`, with or without quotes. */
static bool find_realm(const char *challenge, assay_span *path)
{
    static const char scheme[] = "Basic", parameter[] = "realm=";
    if (strncasecmp(challenge, scheme, sizeof scheme - 1) != 0 || !is_blank(challenge[sizeof scheme - 1]))
        return false;
    const char *at = challenge + sizeof scheme;
    while (is_blank(*at))
        at++;
    if (strncasecmp(at, parameter, sizeof parameter - 1) != 0)
        return false;
    at += sizeof parameter - 1;
    *path = assay_span_of(at);
    if (path->len >= 2 && at[0] == '"' && at[path->len - 1] == '"')
        *path = (assay_span){at + 1, path->len - 2};
    while (path->len > 0 && is_blank(path->ptr[path->len - 1]))
        path->len--;
    return true;
}

static bool ends_in_suffix(assay_span name)
{
    size_t len = sizeof ARC_SUFFIX - 1;
    return name.len > len && memcmp(name.ptr + name.len - len, ARC_SUFFIX, len) == 0;
}

/* The name of a file that lies directly in the folder, terminated; false: anything else. */
static bool name_in_folder(assay_span path, const char *folder, char *name, size_t size)
{
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (path.len < len + 2 || memcmp(path.ptr, folder, len) != 0 || path.ptr[len] != '/')
        return false;
    assay_span rest = {path.ptr + len + 1, path.len - len - 1};
    if (rest.len >= size || memchr(rest.ptr, '/', rest.len) != NULL || memchr(rest.ptr, '\0', rest.len) != NULL)
        return false;
    if (rest.ptr[0] == '.' || !ends_in_suffix(rest))
        return false;
    memcpy(name, rest.ptr, rest.len);
    name[rest.len] = '\0';
    return true;
}

/* The folder first, then a name without a slash and not through a link: there is no way out of it (case 69). */
static int open_key(const char *folder, const char *name)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return -1;
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = errno;
    (void)close(at);
    errno = error;
    return fd;
}

static int refuse_open(assay_managed *managed, int error)
{
    if (error == EACCES || error == EPERM)
        return assay_managed_fail(managed, ASSAY_E_TOKEN_FILE_ACCESS, ARC_ROW,
                                  "this user can't read the Arc agent's key");
    if (error == ENOENT || error == ENOTDIR)
        return assay_managed_fail(managed, ASSAY_E_TOKEN_FILE_MISSING, ARC_ROW,
                                  "the key that the Arc agent named is not there");
    if (error == ELOOP)
        return refuse(managed, "named a key that is a link");
    return assay_managed_fail(managed, ASSAY_E_SYSTEM, ARC_ROW, "the Arc agent's key can't be opened");
}

static bool read_whole(int fd, char *bytes, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t got = read(fd, bytes + *len, size - *len);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return false;
        *len += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* It becomes the value of a header. */
static bool is_header_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

static int take_key(assay_managed *managed, const char *key, size_t len)
{
    if (len > ASSAY_LIMIT_ARC_KEY_BYTES)
        return assay_managed_fail(managed, ASSAY_E_TOKEN_FILE_SIZE, ARC_ROW,
                                  "the Arc agent's key is longer than %d bytes", ASSAY_LIMIT_ARC_KEY_BYTES);
    while (len > 0 && (is_blank(key[len - 1]) || key[len - 1] == '\n' || key[len - 1] == '\r'))
        len--;
    if (len == 0)
        return assay_managed_fail(managed, ASSAY_E_TOKEN_FILE_EMPTY, ARC_ROW, "the Arc agent's key is empty");
    if (!is_header_text(key, len))
        return assay_managed_fail(managed, ASSAY_E_TOKEN_FILE_CONTENT, ARC_ROW,
                                  "the Arc agent's key has bytes that no header can have");
    assay_secret_clear(&managed->authorization);
    assay_secret_put(&managed->authorization, "Basic ");
    assay_secret_add(&managed->authorization, key, len);
    return managed->authorization.failed ? ASSAY_E_MEMORY : ASSAY_OK;
}

static int read_key(assay_managed *managed, int fd)
{
    struct stat status;
    char key[ASSAY_LIMIT_ARC_KEY_BYTES + 1];
    size_t len = 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return assay_managed_fail(managed, ASSAY_E_TOKEN_FILE_TYPE, ARC_ROW,
                                  "the key that the Arc agent named is no regular file");
    int code = read_whole(fd, key, sizeof key, &len)
                   ? take_key(managed, key, len)
                   : assay_managed_fail(managed, ASSAY_E_SYSTEM, ARC_ROW, "the Arc agent's key can't be read");
    assay_wipe(key, sizeof key);
    return code;
}

int assay_managed_prove(assay_managed *managed, const assay_http_response *response)
{
    assay_span path = {NULL, 0};
    char name[256];
    const char *folder = managed->machine.settings->arc_folder;
    folder = folder != NULL ? folder : ARC_FOLDER;
    if (response->www_authenticate == NULL)
        return refuse(managed, "did not say where its key lies");
    if (!find_realm(response->www_authenticate, &path))
        return refuse(managed, "asks for another proof than its key");
    if (!name_in_folder(path, folder, name, sizeof name))
        return refuse(managed, "named a file that is no key in its folder");
    int fd = open_key(folder, name);
    if (fd < 0)
        return refuse_open(managed, errno);
    int code = read_key(managed, fd);
    (void)close(fd);
    return code;
}
