/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_MEMORY_H
#define ASSAY_BASE_MEMORY_H

/* Allocation and the one cleanup idiom: locals start NULL, carry ASSAY_CLEANUP, and are handed on by ASSAY_STEAL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Uninitialised and zeroed memory; NULL when there is none. Size 0 gives a valid pointer. */
void *assay_alloc(size_t size);
void *assay_zalloc(size_t size);
/* count * size with an overflow check, zeroed. */
void *assay_zalloc_array(size_t count, size_t size);
void *assay_realloc(void *memory, size_t size);
/* Aligned to @p alignment, a power of two and a multiple of the size of a pointer. Not initialised. */
void *assay_alloc_aligned(size_t alignment, size_t size);
void assay_release(void *memory);
/* Copies of bytes; both are terminated, so that text can be copied too. */
void *assay_memdup(const void *bytes, size_t len);
char *assay_strdup(const char *text);
/* Overwrite, in a way that the compiler keeps. */
void assay_wipe(void *memory, size_t size);
/* Wipe and release; NULL is allowed. */
void assay_release_wiped(void *memory, size_t size);
/* Whole pages, zeroed, that hold at least @p size bytes and stay out of core dumps where the system can leave them out: for secrets. *room is how many bytes
 * they hold. NULL: none to be had. */
void *assay_alloc_pages(size_t size, size_t *room);
/* Wipe and give back; NULL is allowed. */
void assay_release_pages(void *pages, size_t room);

#ifdef ASSAY_COUNT_ALLOCATIONS
/* Allocations of this library so far, and how many of them live; only in the build that the tests link. */
uint64_t assay_allocation_count(void);
int64_t assay_live_allocations(void);
#endif

#define ASSAY_CLEANUP(function) __attribute__((cleanup(function)))
/* Defines `void NAME_p(TYPE **)` for ASSAY_CLEANUP from a destructor that accepts NULL. */
#define ASSAY_DEFINE_CLEANUP(type, destructor)                                                                         \
    static inline void destructor##_p(type **pointer)                                                                  \
    {                                                                                                                  \
        destructor(*pointer);                                                                                          \
    }
#define ASSAY_STEAL(pointer)                                                                                           \
    __extension__({                                                                                                    \
        __typeof__(pointer) stolen_ = (pointer);                                                                       \
        (pointer) = NULL;                                                                                              \
        stolen_;                                                                                                       \
    })

static inline void assay_release_p(void *pointer)
{
    assay_release(*(void **)pointer);
}
#define ASSAY_AUTO_RELEASE ASSAY_CLEANUP(assay_release_p)

#define ASSAY_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
