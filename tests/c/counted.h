/* Counts every allocation of the process, those of Rust and of libzstd too: a program's malloc goes
 * before libc's, for the libraries that it links to as well. The stack of a worker is none: it is
 * mapped, and only the pages of it exist that were touched. */
#ifndef COUNTED_H
#define COUNTED_H

#include "check.h"
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>

static atomic_size_t taken, most;

/* glibc's own, under names that stay theirs. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

/* With what glibc writes in front of it. */
static size_t cost(void *memory)
{
    return memory ? malloc_usable_size(memory) + sizeof(size_t) : 0;
}

static void *took(void *memory)
{
    size_t now = atomic_fetch_add(&taken, cost(memory)) + cost(memory);
    size_t before = atomic_load(&most);
    while (before < now && !atomic_compare_exchange_weak(&most, &before, now)) {
    }
    return memory;
}

void *malloc(size_t size)
{
    return took(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return took(__libc_calloc(count, size));
}

void *memalign(size_t alignment, size_t size)
{
    return took(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    void *memory = memalign(alignment, size);
    if (!memory) {
        return ENOMEM;
    }
    *out = memory;
    return 0;
}

void *realloc(void *old, size_t size)
{
    size_t before = cost(old);
    void *memory = __libc_realloc(old, size);
    if (!memory && size > 0) {
        return NULL; /* The old one stays. */
    }
    if (memory == old) {
        atomic_fetch_sub(&taken, before);
        return took(memory);
    }
    took(memory); /* There were both while it was copied. */
    atomic_fetch_sub(&taken, before);
    return memory;
}

void free(void *memory)
{
    atomic_fetch_sub(&taken, cost(memory));
    __libc_free(memory);
}

/* Starts measuring the peak; returns the bytes in use. */
static inline size_t begin(void)
{
    size_t now = atomic_load(&taken);
    atomic_store(&most, now);
    return now;
}

/* The peak since then. */
static inline size_t peak(size_t begun)
{
    return atomic_load(&most) - begun;
}

/* Prints a measurement and checks it against a bound. */
static inline void expect(size_t found, size_t at_most)
{
    printf("%s: %zu bytes, expected at most %zu\n", row, found, at_most);
    fflush(stdout);
    CHECK(found <= at_most);
}

#endif
