/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_FILE_H
#define ASSAY_BASE_FILE_H

/* Files that the configuration names. */

#include "base/failure.h"

/*
 * Read a whole file of at most @p size bytes into @p buffer; *len is how many there are. Never waits for a writer, as that of a FIFO.
 * ASSAY_OK; otherwise @p code, with a note that shows the path and why, but nothing of what was read, which may stand in the buffer.
 */
int assay_file_read(const char *path, char *buffer, size_t size, size_t *len, int code, assay_failure *failure);

#endif
