/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_MAPPING_H
#define TESTS_SUPPORT_MAPPING_H

/* Whether the mapping at an address has a flag in /proc/self/smaps, such as " dd " (left out of core files); -1: not to be told. */
int mapping_has_flag(const void *address, const char *flag);

#endif
