// Loaded into `runner` (LD_PRELOAD): how long it waited for the disk. The file that TIME_SYNCS names, of 16 bytes, has the
// nanoseconds in fsync and fdatasync, and how many of them there were.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic(long long) *totals;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("TIME_SYNCS");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) abort();
    totals = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (totals == MAP_FAILED) abort();
    close(file);
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int timed(long call, int file) {
    long long start = now();
    int result = (int)syscall(call, file);
    atomic_fetch_add(&totals[0], now() - start);
    atomic_fetch_add(&totals[1], 1);
    return result;
}

int fsync(int file) { return timed(SYS_fsync, file); }
int fdatasync(int file) { return timed(SYS_fdatasync, file); }
