/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAULT_FAILING_MEMORY_H
#define TESTS_FAULT_FAILING_MEMORY_H

/*
 * An allocator whose allocations fail in turn, and a sweep over those of one operation. It takes the place of that of the whole program, so one file of a
 * program includes this.
 */

#include "base/memory.h"

#include <assay/error.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* The allocator of the whole program, with a switch for the thread under test. Sanitizers and valgrind bring their own, so there nothing fails. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static _Thread_local bool armed, for_good;
static _Thread_local long countdown, seen;
/* Live blocks of this thread: the issuer's threads have theirs. */
static _Thread_local long blocks;

#ifdef SANITIZED
enum { CAN_FAIL = 0 };
#else
enum { CAN_FAIL = 1 };
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static bool fails(void)
{
    if (!armed)
        return false;
    seen++;
    if (countdown == 0)
        return for_good;
    if (--countdown > 0)
        return false;
    return true;
}

static void *made(void *memory)
{
    if (memory == NULL)
        errno = ENOMEM;
    else
        blocks++;
    return memory;
}

void *malloc(size_t size)
{
    return made(fails() ? NULL : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return made(fails() ? NULL : __libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return malloc(size);
    if (fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = fails() ? NULL : __libc_memalign(alignment, size);
    return made(*memory) == NULL ? ENOMEM : 0;
}

/* The pages of secrets; the allocator's own do not come through here. */
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    long at = fails() ? -1 : syscall(SYS_mmap, address, size, protection, flags, fd, offset);
    return at == -1 ? (made(NULL), MAP_FAILED) : made((void *)at);
}

int munmap(void *address, size_t size)
{
    blocks--;
    return (int)syscall(SYS_munmap, address, size);
}

void free(void *memory)
{
    if (memory != NULL)
        blocks--;
    __libc_free(memory);
}
#endif

static void arm(long number, bool permanently)
{
    countdown = number;
    for_good = permanently;
    seen = 0;
    armed = true;
}

static void disarm(void)
{
    armed = false;
}

typedef int operation(void);

/* What may come of an operation that lacked memory: it worked all the same, or it says so, or the network could not be used. */
static bool is_honest(int code)
{
    int category = assay_code_category(code);
    return code == ASSAY_OK || category == ASSAY_CATEGORY_INTERNAL || category == ASSAY_CATEGORY_KEYS ||
           category == ASSAY_CATEGORY_NETWORK;
}

/* OpenSSL takes some failures of memory for a wrong signature or an unusable key: that refuses, which is safe. */
static bool is_safe(int code)
{
    return is_honest(code) || code == ASSAY_E_SIGNATURE || code == ASSAY_E_CONFIG_KEYS || code == ASSAY_E_CONFIG_CA ||
           code == ASSAY_E_KEY_UNKNOWN || code == ASSAY_E_CONFIG_CLAIM;
}

static void sweep(const char *name, operation *work, long stride)
{
    if (!CAN_FAIL) {
        assert_int_equal(work(), ASSAY_OK);
        print_message("%s: the sanitizer has its own allocator; run once without failures\n", name);
        return;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(work(), ASSAY_OK);
    arm(0, false);
    assert_int_equal(work(), ASSAY_OK);
    disarm();
    long count = seen, odd = 0, failed = 0, runs = 0;
    int64_t live = assay_live_allocations();
    long before = 0;
    for (int permanently = 0; permanently < 2; permanently++) {
        for (long k = 1; k <= count + 2; k += permanently ? stride * 3 : stride) {
            arm(k, permanently != 0);
            int code = work();
            disarm();
            runs++;
            failed += code != ASSAY_OK;
            odd += !is_honest(code);
            if (!is_safe(code))
                print_message("%s: allocation %ld: %s\n", name, k, assay_code_name(code));
            assert_true(is_safe(code));
            /* What a validator caches (prepared contexts, the last failure) comes and goes; a leak would add up over the runs. */
            assert_in_range(assay_live_allocations() - live + 16, 0, 32);
            if (k == 1 && permanently == 0)
                before = blocks;
        }
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(work(), ASSAY_OK);
    long grown = blocks - before;
    print_message("%s: %ld allocations, %ld runs, %ld failed (%ld of them as a refusal), %ld blocks more than before\n",
                  name, count, runs, failed, odd, grown);
    assert_in_range(assay_live_allocations() - live + 2, 0, 4);
    assert_true(grown < 200); /* caches of OpenSSL; a leak would be one a run */
}

#endif
