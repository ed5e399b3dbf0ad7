#ifndef CINTRINSICS_H
#define CINTRINSICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What Swift cannot say itself: four instructions, a flag, and some calls that Glibc's module hides. Everything here is
   thread-safe, and pure but for those calls. */

/* CRC32C (Castagnoli, reflected, initial value and final xor all ones) of `count` bytes, going on from `crc`:
   start with 0; crc32c(crc32c(0, a), b) is the checksum of a followed by b. Uses the processor's own instruction where
   it has one (SSE4.2, ARMv8 CRC), chosen once at load. */
uint32_t florin_crc32c(uint32_t crc, const void *bytes, size_t count);

/* The same in portable C: what the instruction is tested against, and what other processors use. */
uint32_t florin_crc32c_software(uint32_t crc, const void *bytes, size_t count);

/* Which of the two florin_crc32c uses: 1 for the instruction. */
int florin_crc32c_is_hardware(void);

/* The open flag O_DIRECT, whose value differs between processors and which Glibc's module hides. */
int florin_o_direct(void);

/* From now on the kernel kills this process when the thread that started it ends: prctl(PR_SET_PDEATHSIG, SIGKILL).
   0, or -1 and errno. A parent that was gone before is not noticed: ask getppid(2) afterwards. */
int florin_die_with_parent(void);

/* posix_spawn_file_actions_addclosefrom_np: the process to be started gets no descriptor from `first` up. `actions` is a
   posix_spawn_file_actions_t. 0, or an errno. */
int florin_spawn_closing_from(void *actions, int first);

/* From now on every allocation of at least `bytes` has pages of its own, which free() gives back to the system:
   mallopt(M_MMAP_THRESHOLD). 0, or -1. */
int florin_own_pages_from(int bytes);

/* Has the system back the pages that lie wholly within `bytes` at `address` with memory, now and in one go instead of
   at the first touch of each: madvise(MADV_POPULATE_WRITE). What they hold stays. A kernel that cannot (before 5.14)
   backs them when they are touched, as ever. */
void florin_populate(void *address, size_t bytes);

/* Whether `wanted` lies somewhere in `text`: memmem. */
bool florin_holds(const void *text, size_t length, const void *wanted, size_t count);

/* Gives the system what was freed and is still kept, of all threads: malloc_trim(0). */
void florin_trim(void);

/* Asks the processor for the cache line at `address`, which is going to be read and perhaps written. Does nothing else,
   whatever the address. */
static inline __attribute__((always_inline)) void florin_prefetch(const void *address) { __builtin_prefetch(address, 1); }

/* Tells the processor that this is a spin loop. */
static inline __attribute__((always_inline)) void florin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
