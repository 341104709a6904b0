/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SOURCE_TEXT_H
#define TESTS_SUPPORT_SOURCE_TEXT_H

/* Files of the source tree as text, for tests that hold documents against the code. */

#include <stddef.h>

/* A file of the source tree, terminated; free() it. */
char *source_text_read(const char *name);
/* The next fenced block of JSON from *cursor on; NULL: no more. */
const char *source_text_block(const char **cursor, size_t *len);

#endif
