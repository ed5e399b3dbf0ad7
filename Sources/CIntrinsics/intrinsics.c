#define _GNU_SOURCE
#include "CIntrinsics.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

/* Eight tables of 256 entries ("slicing by eight"): eight bytes a step instead of one. Filled once, before main. */
static uint32_t table[8][256];

uint32_t florin_crc32c_software(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    crc = ~crc;
    while (count >= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24]
            ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
        p += 8;
        count -= 8;
    }
    while (count--) crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#define HARDWARE 1
__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint64_t state = (uint32_t)~crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = __builtin_ia32_crc32di(state, word);
        p += 8;
        count -= 8;
    }
    uint32_t rest = (uint32_t)state;
    while (count--) rest = __builtin_ia32_crc32qi(rest, *p++);
    return ~rest;
}
static int has_hardware(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
}
#elif defined(__aarch64__)
#define HARDWARE 1
__attribute__((target("crc"))) static uint32_t crc32c_hardware(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    crc = ~crc;
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
        p += 8;
        count -= 8;
    }
    while (count--) crc = __crc32cb(crc, *p++);
    return ~crc;
}
static int has_hardware(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

static int hardware;

/* Runs before main, on one thread, so nothing below needs a lock or an atomic. */
__attribute__((constructor)) static void prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++)
            table[slice][byte] = table[slice - 1][byte] >> 8 ^ table[0][table[slice - 1][byte] & 0xff];
#ifdef HARDWARE
    hardware = has_hardware();
#endif
}

uint32_t florin_crc32c(uint32_t crc, const void *bytes, size_t count) {
#ifdef HARDWARE
    if (hardware) return crc32c_hardware(crc, bytes, count);
#endif
    return florin_crc32c_software(crc, bytes, count);
}

int florin_crc32c_is_hardware(void) { return hardware; }

int florin_o_direct(void) { return O_DIRECT; }

int florin_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

int florin_spawn_closing_from(void *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

bool florin_holds(const void *text, size_t length, const void *wanted, size_t count) {
    return memmem(text, length, wanted, count) != NULL;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void florin_populate(void *address, size_t bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)address + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)address + bytes) / page * page;
    /* Best effort: whoever touches a page that is not there gets it then. */
    if (first < end) (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
}

void florin_trim(void) { malloc_trim(0); }

int florin_own_pages_from(int bytes) { return mallopt(M_MMAP_THRESHOLD, bytes) == 1 ? 0 : -1; }
