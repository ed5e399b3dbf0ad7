// Counts what a thread allocates and copies, for a program that holds it to a number. In its process these functions
// stand before the C library's, which they call by its other names for them.

#include "counted_memory.h"

#include <errno.h>
#include <stddef.h>

static __thread struct counted_memory counted __attribute__((tls_model("initial-exec")));

struct counted_memory counted_memory(void) { return counted; }

__attribute__((noinline)) void counted_mark(void) { __asm__ volatile(""); }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

typedef uint64_t word __attribute__((may_alias, aligned(1)));

void *malloc(size_t size) {
    counted.allocations += 1;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    counted.allocations += 1;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    counted.allocations += 1;
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    counted.allocations += 1;
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *allocated = memalign(alignment, size);
    if (allocated == NULL) return ENOMEM;
    *memory = allocated;
    return 0;
}

// By hand: the C library's own are found by these names only.
void *memmove(void *to, const void *from, size_t count) {
    counted.copied_bytes += count;
    char *target = to;
    const char *source = from;
    size_t words = count / sizeof(word), rest = count % sizeof(word);
    if ((uintptr_t)target - (uintptr_t)source >= count) {
        for (; words > 0; words--, target += sizeof(word), source += sizeof(word)) *(word *)target = *(const word *)source;
        for (; rest > 0; rest--) *target++ = *source++;
    } else {
        target += count;
        source += count;
        for (; rest > 0; rest--) *--target = *--source;
        for (; words > 0; words--) {
            target -= sizeof(word);
            source -= sizeof(word);
            *(word *)target = *(const word *)source;
        }
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t count) { return memmove(to, from, count); }

