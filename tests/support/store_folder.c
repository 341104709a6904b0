/* SPDX-License-Identifier: MIT */
#include "support/store_folder.h"

#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char store_folder[64], store_directory[96];

int store_folder_open(void **state)
{
    (void)state;
    snprintf(store_folder, sizeof store_folder, "/tmp/assay-store-XXXXXX");
    assert_non_null(mkdtemp(store_folder));
    snprintf(store_directory, sizeof store_directory, "%s/keys", store_folder);
    return 0;
}

/* Files of the directories that a test can have made, then these. */
static void empty(const char *path)
{
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(name) != 0)
            (void)rmdir(name);
    }
    if (listing != NULL)
        (void)closedir(listing);
}

int store_folder_remove(void **state)
{
    (void)state;
    (void)chmod(store_directory, 0700);
    empty(store_directory);
    empty(store_folder);
    return rmdir(store_folder);
}

const char *store_only_file(const char *ending)
{
    static char path[512];
    int found = 0;
    DIR *listing = opendir(store_directory);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < strlen(ending) || strcmp(entry->d_name + len - strlen(ending), ending) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", store_directory, entry->d_name);
        found++;
    }
    (void)closedir(listing);
    assert_true(found <= 1);
    return found == 1 ? path : NULL;
}

char *store_read_path(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(ASSAY_LIMIT_STORE_BYTES);
    assert_true(file != NULL && text != NULL);
    *len = fread(text, 1, ASSAY_LIMIT_STORE_BYTES, file);
    (void)fclose(file);
    return text;
}

void store_write_path(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len && close(fd) == 0);
}

int store_wait_for(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}
