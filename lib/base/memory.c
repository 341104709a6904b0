/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#ifdef ASSAY_COUNT_ALLOCATIONS
#include <stdatomic.h>
static atomic_uint_fast64_t allocations;
static atomic_int_fast64_t live;

uint64_t assay_allocation_count(void)
{
    return atomic_load(&allocations);
}

int64_t assay_live_allocations(void)
{
    return atomic_load(&live);
}
#endif

/* Count a new block, or one that took another's place; nothing in the library as it is shipped. */
static inline void *counted(void *memory, bool replaced)
{
#ifdef ASSAY_COUNT_ALLOCATIONS
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    if (memory != NULL && !replaced)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
#else
    (void)replaced;
#endif
    return memory;
}

static inline void count_release(const void *memory)
{
#ifdef ASSAY_COUNT_ALLOCATIONS
    if (memory != NULL)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
#else
    (void)memory;
#endif
}

void *assay_alloc(size_t size)
{
    return counted(malloc(size == 0 ? 1 : size), false);
}

void *assay_zalloc(size_t size)
{
    return assay_zalloc_array(1, size);
}

void *assay_zalloc_array(size_t count, size_t size)
{
    return counted(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size), false);
}

void *assay_realloc(void *memory, size_t size)
{
    bool replaced = memory != NULL;
    return counted(realloc(memory, size == 0 ? 1 : size), replaced);
}

void *assay_alloc_aligned(size_t alignment, size_t size)
{
    void *memory = NULL;
    return counted(posix_memalign(&memory, alignment, size) == 0 ? memory : NULL, false);
}

void assay_release(void *memory)
{
    count_release(memory);
    free(memory);
}

void *assay_memdup(const void *bytes, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = assay_alloc(len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *assay_strdup(const char *text)
{
    return assay_memdup(text, strlen(text));
}

void assay_wipe(void *memory, size_t size)
{
    if (memory == NULL || size == 0)
        return;
    memset(memory, 0, size);
    /* The compiler must believe that the zeros are read. */
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}

void assay_release_wiped(void *memory, size_t size)
{
    assay_wipe(memory, size);
    assay_release(memory);
}
