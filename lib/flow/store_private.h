/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_STORE_PRIVATE_H
#define ASSAY_FLOW_STORE_PRIVATE_H

/* What the store*.c files share. */

#include "flow/store.h"

#include <sys/stat.h>

struct assay_store {
    int fd; /* the directory */
};

/* Room for the name of a file: a record's name, a process, a random number, an ending. */
#define ASSAY_STORE_FILE 128
#define ASSAY_STORE_TEMPORARY ".tmp"

/* Open a file of the directory, never by a link and without waiting; mode 0600 where it is made. -1 with errno. */
int assay_store_open_file(const assay_store *store, const char *name, int flags);
/* What is wrong with a file, for it to be read or locked; NULL: nothing. */
const char *assay_store_vet(const struct stat *found);
/* Say what the system answered; returns ASSAY_E_STORE. */
int assay_store_refuse(assay_failure *failure, const char *what, const char *name, int error);
/* For ASSAY_CLEANUP. */
void assay_store_close_fd(int *fd);

#endif
