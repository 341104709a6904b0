/* SPDX-License-Identifier: MIT */
#include "support/pace.h"

#include <stdlib.h>
#include <string.h>

bool pace_is_sanitized(void)
{
    const char *sanitized = getenv("ASSAY_SANITIZED");
    return sanitized != NULL && strcmp(sanitized, "none") != 0;
}

bool pace_is_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

bool pace_is_slowed(void)
{
    return pace_is_sanitized() || pace_is_valgrind();
}

bool pace_has_fragile_allocator(void)
{
    const char *sanitized = getenv("ASSAY_SANITIZED");
    return sanitized != NULL && strstr(sanitized, "address") != NULL;
}

size_t pace_rounds(size_t often)
{
    if (!pace_is_valgrind())
        return often;
    return often < 50 ? 1 : often / 50;
}

size_t pace_stride(size_t stride)
{
    return pace_is_valgrind() ? stride : 1;
}
