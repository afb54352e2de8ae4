// Stands in front of the C library's wall clock (LD_PRELOAD) and moves it, for one process and as often as a test wants.
//
// MOVED_CLOCK names a file of two numbers of eight bytes: by how many seconds the clock is wrong, and for how many the
// machine has slept, which the clock that goes on through sleep shows too. The clock that stands still in sleep stays.
//
// A program that has it linked in may set its wall clock itself instead; see faulty_calls.h.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "faulty_calls.h"

struct times {
    int64_t error, slept;
};

static const volatile struct times *moved;
static _Atomic int64_t standing;

void clock_stands_at(int64_t seconds) { atomic_store(&standing, seconds); }

__attribute__((constructor)) static void map_error(void) {
    const char *path = getenv("MOVED_CLOCK");
    if (!path) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) abort();
    void *page = mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    close(file);
    moved = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (is_wall && atomic_load(&standing)) *now = (struct timespec){.tv_sec = atomic_load(&standing)};
    if (result || !moved) return result;
    if (is_wall) now->tv_sec += moved->error + moved->slept;
    if (clock == CLOCK_BOOTTIME) now->tv_sec += moved->slept;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *copy) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (copy) *copy = now.tv_sec;
    return now.tv_sec;
}
