/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_PACE_H
#define TESTS_SUPPORT_PACE_H

/* How fast this process is, for tests that bound a time or repeat something very often. */

#include <stdbool.h>
#include <stddef.h>

/* Built with a sanitizer. */
bool pace_is_sanitized(void);
bool pace_is_valgrind(void);
/* Either: times say little. */
bool pace_is_slowed(void);
/* AddressSanitizer's allocator, unlike the C library's, is locked for ever in a child if a thread of the parent was in it. */
bool pace_has_fragile_allocator(void);

/* @p often where a check can be repeated; a fiftieth, and at least 1, under valgrind, which looks at memory and not at results. */
size_t pace_rounds(size_t often);
/* The step through all cases of a kind: 1, and under valgrind @p stride. */
size_t pace_stride(size_t stride);

#endif
