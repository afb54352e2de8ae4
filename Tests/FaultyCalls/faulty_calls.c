// Stands in front of the C library's file calls (LD_PRELOAD) and lets the n-th of them fail.
//
// The calls of all threads are counted together, each kind by itself, and only those on files below
// one folder. The environment says what is to happen:
//
//   FAULTY_FOLDER  the folder
//   FAULTY_LOG     a file that gets a line for each call: number, name, path, and the fault
//   FAULTY_CALL    the call that is hit: open (of a file that may be new), write, fsync, fdatasync, ftruncate, link,
//                  unlink, rename, mkdir, fallocate, read (and pread), readdir
//   FAULTY_NUMBER  which of them, from 1
//   FAULTY_FAULT   kill (before the call), killed (after it), short (half of a write), torn (half of a write, and killed),
//                  delay and a number of milliseconds (before it), or an errno's number
//
// A program that has it linked in may decide itself instead, but for open, read and readdir; see faulty_calls.h.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faulty_calls.h"

enum call { WRITE, FSYNC, FDATASYNC, FTRUNCATE, LINK, UNLINK, RENAME, MKDIR, FALLOCATE, OPEN, READ, READDIR, CALLS };
static const char *const names[CALLS] = {"write", "fsync",  "fdatasync", "ftruncate", "link",
                                         "unlink", "rename", "mkdir",     "fallocate", "open",  "read",      "readdir"};
static atomic_int counts[CALLS];

enum fault { NONE, SHORT, TORN, KILLED, ERROR };

// A call, and what it is about.
struct place {
    enum call call;
    const char *from;
    char path[4096];
};

static char observed[4096];
static _Atomic(faulty_observer) observer;

void faulty_observe(const char *folder, faulty_observer new_observer) {
    snprintf(observed, sizeof observed, "%s", folder);
    atomic_store(&observer, new_observer);
}

static faulty_observer observer_of(const struct place *place) {
    if (place->call >= OPEN) return NULL;
    faulty_observer found = atomic_load(&observer);
    return found && !strncmp(place->path, observed, strlen(observed)) ? found : NULL;
}

static struct place named(enum call call, const char *path, const char *from) {
    struct place place = {.call = call, .from = from};
    snprintf(place.path, sizeof place.path, "%s", path);
    return place;
}

static struct place opened(enum call call, int file) {
    struct place place = {.call = call, .from = ""};
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, place.path, sizeof place.path - 1);
    place.path[length < 0 ? 0 : length] = 0;
    return place;
}

static void log_call(const struct place *place, int number, const char *fault) {
    const char *log = getenv("FAULTY_LOG");
    if (!log) return;
    char line[8192];
    int length = snprintf(
        line, sizeof line, "%d %s %s%s%s\n", number, names[place->call], place->path, *fault ? " " : "", fault);
    if (length >= (int)sizeof line) length = sizeof line - 1;
    long file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || syscall(SYS_write, file, line, length) != length) abort();
    syscall(SYS_close, file);
}

// Counts the call, and decides what becomes of it; sets errno where it is to fail.
static enum fault decide(const struct place *place) {
    faulty_observer ask = observer_of(place);
    if (ask) {
        int code = ask(names[place->call], place->path, place->from, 0);
        if (code) errno = code;
        return code ? ERROR : NONE;
    }
    const char *folder = getenv("FAULTY_FOLDER");
    if (!folder || strncmp(place->path, folder, strlen(folder))) return NONE;
    int number = atomic_fetch_add(&counts[place->call], 1) + 1;
    const char *wanted = getenv("FAULTY_CALL"), *which = getenv("FAULTY_NUMBER"), *fault = getenv("FAULTY_FAULT");
    if (!wanted || !which || !fault || strcmp(wanted, names[place->call]) || atoi(which) != number) {
        log_call(place, number, "");
        return NONE;
    }
    log_call(place, number, fault);
    if (!strcmp(fault, "kill")) syscall(SYS_kill, getpid(), SIGKILL);
    if (!strcmp(fault, "killed")) return KILLED;
    if (!strcmp(fault, "short")) return SHORT;
    if (!strcmp(fault, "torn")) return TORN;
    if (!strncmp(fault, "delay ", 6)) {
        usleep(atoi(fault + 6) * 1000);
        return NONE;
    }
    errno = atoi(fault);
    return ERROR;
}

static long done(enum fault fault, const struct place *place, long result) {
    if (fault == KILLED || fault == TORN) syscall(SYS_kill, getpid(), SIGKILL);
    faulty_observer tell = result < 0 ? NULL : observer_of(place);
    if (tell) tell(names[place->call], place->path, place->from, 1);
    return result;
}

static int open_file(const char *path, int flags, mode_t mode) {
    if (!(flags & O_CREAT)) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    struct place place = named(OPEN, path, "");
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_file(path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t count) {
    struct place place = opened(WRITE, file);
    enum fault fault = decide(&place);
    if (fault == ERROR) return -1;
    int is_part = (fault == SHORT || fault == TORN) && count > 1;
    return done(fault, &place, syscall(SYS_write, file, bytes, is_part ? count / 2 : count));
}

// Whether a call that only reads, of which there are many, may be one that counts.
static int counts_reads(void) { return getenv("FAULTY_FOLDER") != NULL; }

ssize_t read(int file, void *bytes, size_t count) {
    if (!counts_reads()) return syscall(SYS_read, file, bytes, count);
    struct place place = opened(READ, file);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_read, file, bytes, count));
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    if (!counts_reads()) return syscall(SYS_pread64, file, bytes, count, offset);
    struct place place = opened(READ, file);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_pread64, file, bytes, count, offset));
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t offset) { return pread(file, bytes, count, offset); }

struct dirent *readdir(DIR *folder) {
    // Looked up each time: threads share what is static.
    struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
    if (!counts_reads()) return real(folder);
    struct place place = opened(READDIR, dirfd(folder));
    return decide(&place) == ERROR ? NULL : real(folder);
}

int fsync(int file) {
    struct place place = opened(FSYNC, file);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_fsync, file));
}

int fdatasync(int file) {
    struct place place = opened(FDATASYNC, file);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_fdatasync, file));
}

int ftruncate(int file, off_t length) {
    struct place place = opened(FTRUNCATE, file);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_ftruncate, file, length));
}

int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

int link(const char *from, const char *to) {
    struct place place = named(LINK, to, from);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char *path) {
    struct place place = named(UNLINK, path, "");
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int rename(const char *from, const char *to) {
    struct place place = named(RENAME, to, from);
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int mkdir(const char *path, mode_t mode) {
    struct place place = named(MKDIR, path, "");
    enum fault fault = decide(&place);
    return fault == ERROR ? -1 : done(fault, &place, syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

// Gives the error instead of setting it.
int posix_fallocate(int file, off_t offset, off_t length) {
    struct place place = opened(FALLOCATE, file);
    enum fault fault = decide(&place);
    if (fault == ERROR) return errno;
    return done(fault, &place, syscall(SYS_fallocate, file, 0, offset, length)) ? errno : 0;
}

int posix_fallocate64(int file, off64_t offset, off64_t length) { return posix_fallocate(file, offset, length); }
