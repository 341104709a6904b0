/* SPDX-License-Identifier: MIT */

/*
 * Runs a fuzz target without a fuzzer: each file of the folders given, once. The target aborts on what it dislikes.
 * Inputs that once failed are kept in the corpus, so this is the regression test of each target.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: the file can't be read. */
static int run_file(const char *name, size_t size)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        return 0;
    uint8_t *data = malloc(size == 0 ? 1 : size);
    int whole = data != NULL && fread(data, 1, size, file) == size;
    (void)fclose(file);
    if (whole)
        (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return whole;
}

/* Number of inputs of one folder; -1: it can't be read. */
static long run_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return -1;
    long count = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL && count >= 0; entry = readdir(entries)) {
        char name[4096];
        struct stat status;
        int len = snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof name || stat(name, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        /* Written before the run, so that an abort tells which input it was. */
        fprintf(stderr, "%s\n", name);
        count = run_file(name, (size_t)status.st_size) ? count + 1 : -1;
    }
    (void)closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    long total = 0;
    for (int i = 1; i < argc; i++) {
        long count = run_folder(argv[i]);
        if (count < 0) {
            fprintf(stderr, "%s: can't be read\n", argv[i]);
            return 1;
        }
        printf("%s: %ld inputs\n", argv[i], count);
        total += count;
    }
    /* An empty corpus proves nothing. */
    return total > 0 ? 0 : 1;
}
