/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

static size_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

/* A failure is no reason to do without the memory: an old kernel does not know the advice. */
static void leave_out_of_dumps(void *pages, size_t room)
{
#if defined(MADV_DONTDUMP)
    (void)madvise(pages, room, MADV_DONTDUMP); /* Linux */
#elif defined(MADV_NOCORE)
    (void)madvise(pages, room, MADV_NOCORE); /* FreeBSD */
#else
    (void)pages;
    (void)room;
#endif
}

void *assay_alloc_pages(size_t size, size_t *room)
{
    *room = 0;
    size_t page = page_size();
    if (size > SIZE_MAX - page)
        return NULL;
    size_t whole = size == 0 ? page : (size + page - 1) / page * page;
    void *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (counted(pages == MAP_FAILED ? NULL : pages, false) == NULL)
        return NULL;
    leave_out_of_dumps(pages, whole);
    *room = whole;
    return pages;
}

void assay_release_pages(void *pages, size_t room)
{
    if (pages == NULL)
        return;
    assay_wipe(pages, room);
    count_release(pages);
    (void)munmap(pages, room);
}
