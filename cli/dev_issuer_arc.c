/* SPDX-License-Identifier: MIT */
/* Azure Arc: whoever asks proves it may read a file that only the machine's administrators can. */

#include "dev_issuer_tokens.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_KEYS 64

/* Remember a key's file and content; the oldest is forgotten, and its file goes. */
static void remember(dev_issuer *issuer, const char *path, const char *content)
{
    (void)pthread_mutex_lock(&issuer->lock);
    if (json_array_size(issuer->arc_keys) >= MAX_KEYS) {
        (void)unlink(dev_jwt_text(json_array_get(issuer->arc_keys, 0), "path"));
        (void)json_array_remove(issuer->arc_keys, 0);
    }
    (void)json_array_append_new(issuer->arc_keys, json_pack("{s:s, s:s}", "path", path, "content", content));
    (void)pthread_mutex_unlock(&issuer->lock);
}

/* Each key is good for one answer. */
static bool spend(dev_issuer *issuer, const char *content)
{
    bool known = false;
    (void)pthread_mutex_lock(&issuer->lock);
    for (size_t i = 0; !known && i < json_array_size(issuer->arc_keys); i++) {
        const json_t *key = json_array_get(issuer->arc_keys, i);
        known = dev_same_secret(dev_jwt_text(key, "content"), content);
        if (known) {
            (void)unlink(dev_jwt_text(key, "path"));
            (void)json_array_remove(issuer->arc_keys, i);
        }
    }
    (void)pthread_mutex_unlock(&issuer->lock);
    return known;
}

void dev_arc_forget(dev_issuer *issuer)
{
    for (size_t i = 0; i < json_array_size(issuer->arc_keys); i++)
        (void)unlink(dev_jwt_text(json_array_get(issuer->arc_keys, i), "path"));
    (void)json_array_clear(issuer->arc_keys);
}

static bool write_key(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t len = strlen(content);
    bool written = fd >= 0 && write(fd, content, len) == (ssize_t)len;
    if (fd >= 0)
        written = close(fd) == 0 && written;
    return written;
}

/* Where the file really is; what the challenge says of it, in @p said, may differ. */
static char *place_of(const char *folder, const char *name, enum dev_fault_kind kind, char **said)
{
    const char *ending = kind == DEV_FAULT_ARC_TXT ? "txt" : "key";
    bool aside = kind == DEV_FAULT_ARC_OUTSIDE || kind == DEV_FAULT_ARC_SYMLINK;
    const char *base = strrchr(folder, '/') + 1;
    CLI_AUTO_FREE char *below = cli_format("%s/outside", folder);
    if (aside)
        (void)mkdir(below, 0700);
    char *path = cli_format("%s%s/%s.%s", folder, aside ? "/outside" : "", name, ending);
    *said = kind == DEV_FAULT_ARC_DOT_DOT   ? cli_format("%s/../%s/%s.%s", folder, base, name, ending)
            : kind == DEV_FAULT_ARC_SYMLINK ? cli_format("%s/%s.%s", folder, name, ending)
                                            : cli_strdup(path);
    return path;
}

static char *content_of(const dev_fault *fault)
{
    CLI_AUTO_FREE char *first = dev_random_guid();
    CLI_AUTO_FREE char *second = dev_random_guid();
    char *content = cli_format("%s%s", first, second);
    size_t len = strlen(content);
    size_t wanted = fault->kind == DEV_FAULT_ARC_LARGE && fault->value < 1 << 20 ? (size_t)fault->value : len;
    if (wanted <= len)
        return content;
    content = cli_realloc(content, wanted + 1);
    memset(content + len, 'x', wanted - len);
    content[wanted] = '\0';
    return content;
}

/* The file of one challenge, and its path for the header; NULL: it could not be written. */
static char *make_key(dev_call *call)
{
    enum dev_fault_kind kind = call->fault.kind;
    CLI_AUTO_FREE char *name = dev_random_guid();
    CLI_AUTO_FREE char *said = NULL;
    CLI_AUTO_FREE char *path = place_of(call->issuer->arc_folder, name, kind, &said);
    CLI_AUTO_FREE char *content = content_of(&call->fault);
    if (kind != DEV_FAULT_ARC_MISSING && !write_key(path, content))
        return NULL;
    remember(call->issuer, path, content);
    if (kind == DEV_FAULT_ARC_SYMLINK && symlink(path, said) != 0)
        return NULL;
    char *taken = said;
    said = NULL;
    return taken;
}

static void challenge(dev_call *call)
{
    CLI_AUTO_FREE char *path = make_key(call);
    if (path == NULL) {
        dev_imds_refuse(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "the key file could not be written");
        return;
    }
    CLI_AUTO_FREE char *value =
        cli_format("%s realm=%s", call->fault.kind == DEV_FAULT_ARC_OTHER_SCHEME ? "Negotiate" : "Basic", path);
    dev_imds_refuse(call, MHD_HTTP_UNAUTHORIZED, "the challenge must be answered");
    if (call->fault.kind != DEV_FAULT_ARC_NO_HEADER)
        dev_reply_header(call->reply, MHD_HTTP_HEADER_WWW_AUTHENTICATE, value);
}

bool dev_arc_check(dev_call *call)
{
    if (call->issuer->arc_folder == NULL) {
        dev_imds_refuse(call, MHD_HTTP_BAD_REQUEST, "There is no Arc agent: the issuer was started without its folder");
        return false;
    }
    const char *content = dev_request_credentials(call->connection, "Basic");
    if (content == NULL) {
        challenge(call);
        return false;
    }
    if (spend(call->issuer, content))
        return true;
    dev_imds_refuse(call, MHD_HTTP_UNAUTHORIZED, "the key is not the one of a challenge");
    return false;
}
