/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_BEARER_FILE_H
#define ASSAY_FLOW_BEARER_FILE_H

/* The token that an issuer's own server asks for, from a file that somebody else keeps fresh. */

#include "base/failure.h"

/*
 * Read the file as it is now. ASSAY_OK with *authorization, "Bearer " and its token, for assay_release_wiped(); ASSAY_E_BEARER_FILE: unreadable, empty, too
 * long or not one token, with a note that shows nothing of what it holds; ASSAY_E_MEMORY.
 */
int assay_bearer_file_read(const char *path, char **authorization, assay_failure *failure);

#endif
