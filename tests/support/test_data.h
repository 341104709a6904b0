/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_TEST_DATA_H
#define TESTS_SUPPORT_TEST_DATA_H

/* The shared test vectors, read in place from the folder that ASSAY_TEST_DATA names ("../shared/data" where it is not set). */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the folder is there; says where it was looked for if not. A test then calls skip(). */
bool test_data_is_there(void);
/* Path of a file in it, in a static buffer. */
const char *test_data_path(const char *name);
/* A whole file, terminated; free() it. NULL: not there. */
char *test_data_read(const char *name, size_t *len);
/* A file as JSON; a byte order mark is skipped. NULL: not there, or not JSON. */
json_t *test_data_json(const char *name);

/* Decode hexadecimal digits into @p out of @p size bytes; returns the number of bytes. Ends the test where they are none. */
size_t test_hex(const char *text, uint8_t *out, size_t size);
/* Text member of an object; "" where there is none. */
const char *test_text(const json_t *object, const char *name);

#endif
