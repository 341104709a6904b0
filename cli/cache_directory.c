/* SPDX-License-Identifier: MIT */
/* Where this user's kept tokens lie unless told otherwise (XDG Base Directory Specification: $XDG_CACHE_HOME, or ~/.cache). */

#include "token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The specification: a relative path is invalid and to be ignored. */
static const char *absolute(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] == '/' ? value : NULL;
}

static bool make(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The library refuses a folder that others could use; then an exchange for each run is what is left, and the reason is told. */
static bool is_private(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & 077) == 0;
}

char *cache_directory(void)
{
    const char *base = absolute("XDG_CACHE_HOME");
    const char *home = absolute("HOME");
    if (base == NULL && home == NULL)
        return NULL;
    CLI_AUTO_FREE char *parent = base != NULL ? cli_strdup(base) : cli_format("%s/.cache", home);
    char *path = cli_format("%s/assay", parent);
    if (make(parent) && make(path) && is_private(path))
        return path;
    fprintf(stderr, "assay token: kept tokens can't be shared in %s: it must be a folder of this user with mode 0700\n",
            path);
    free(path);
    return NULL;
}
