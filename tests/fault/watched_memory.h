/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAULT_WATCHED_MEMORY_H
#define TESTS_FAULT_WATCHED_MEMORY_H

/*
 * An allocator that searches every block for a marker before it is freed. It takes the place of that of the whole program, so one file of a program includes
 * this.
 */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* Sanitizers and valgrind bring their own allocator, so there nothing is seen, and the tests skip. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#define MARKERS_MAX 4
/* Bytes of a marker that are looked for: enough to be no chance, few enough to notice what was overwritten in part only. */
#define NEEDLE_BYTES 12

typedef struct needle {
    unsigned char bytes[NEEDLE_BYTES];
} needle;

static needle needles[MARKERS_MAX];
static size_t needle_count;
static atomic_bool armed;
static atomic_long holding;

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

/* Whether any part of a marker stands in the block. Not with memmem(), which may allocate. */
static bool holds(const unsigned char *block, size_t size)
{
    for (size_t at = 0; at + NEEDLE_BYTES <= size; at++) {
        for (size_t i = 0; i < needle_count; i++) {
            if (block[at] == needles[i].bytes[0] && memcmp(block + at, needles[i].bytes, NEEDLE_BYTES) == 0)
                return true;
        }
    }
    return false;
}

/* Without what its former owner left there, for which the new one is not to blame. */
static void *cleared(void *memory)
{
    if (memory != NULL)
        memset(memory, 0, malloc_usable_size(memory));
    return memory;
}

void *malloc(size_t size)
{
    return cleared(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return cleared(__libc_calloc(count, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = cleared(__libc_memalign(alignment, size));
    return *memory == NULL ? 12 : 0;
}

void free(void *memory)
{
    if (memory != NULL && atomic_load(&armed) && holds(memory, malloc_usable_size(memory)))
        atomic_fetch_add(&holding, 1);
    __libc_free(memory);
}

/* The pages of secrets. */
int munmap(void *address, size_t size)
{
    if (atomic_load(&armed) && holds(address, size))
        atomic_fetch_add(&holding, 1);
    return (int)syscall(SYS_munmap, address, size);
}

/* Always to another place, so that the old one is searched. */
void *realloc(void *memory, size_t size)
{
    void *moved = malloc(size);
    if (moved == NULL || memory == NULL)
        return moved;
    size_t old = malloc_usable_size(memory);
    memcpy(moved, memory, old < size ? old : size);
    free(memory);
    return moved;
}
#endif

/* Look for parts of a marker from now on: its beginning and its end. */
static void mark(const void *marker, size_t len)
{
    assert_true(len >= NEEDLE_BYTES && needle_count + 2 <= MARKERS_MAX);
    memcpy(needles[needle_count++].bytes, marker, NEEDLE_BYTES);
    memcpy(needles[needle_count++].bytes, (const char *)marker + len - NEEDLE_BYTES, NEEDLE_BYTES);
}

static void watch(void)
{
    atomic_store(&holding, 0);
    atomic_store(&armed, true);
}

static void unwatch(const char *what)
{
    atomic_store(&armed, false);
    long found = atomic_load(&holding);
    if (found != 0)
        print_error("%s: %ld blocks were freed that hold a secret\n", what, found);
    assert_int_equal(found, 0);
}

static int forget(void **state)
{
    (void)state;
    needle_count = 0;
    atomic_store(&armed, false);
    return 0;
}

/* The test would be worth nothing if it saw nothing. */
static void sees_what_is_left(void)
{
    static const char canary[] = "a secret that nobody overwrites";
    mark(canary, sizeof canary - 1);
    watch();
    char *volatile left = strdup(canary);
    char *volatile grown = realloc(left, 4096);
    free(grown);
    atomic_store(&armed, false);
    long seen = atomic_load(&holding);
    needle_count = 0;
    if (seen == 0) {
        print_message("this program does not have its own allocator here\n");
        skip();
    }
    assert_int_equal(seen, 2);
}

#endif
