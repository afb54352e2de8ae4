// Stands in front of the C library's file calls (LD_PRELOAD) and lets the n-th of them fail.
//
// The calls of all threads are counted together, each kind by itself, and only those on files below
// one folder. The environment says what is to happen:
//
//   FAULTY_FOLDER  the folder
//   FAULTY_LOG     a file that gets a line for each call: number, name, path, and the fault
//   FAULTY_CALL    the call that is hit: write, fsync, fdatasync, ftruncate, link, unlink, rename, mkdir, fallocate
//   FAULTY_NUMBER  which of them, from 1
//   FAULTY_FAULT   kill (before the call), killed (after it), short (half of a write), or an errno's number
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { WRITE, FSYNC, FDATASYNC, FTRUNCATE, LINK, UNLINK, RENAME, MKDIR, FALLOCATE, CALLS };
static const char *const names[CALLS] = {"write", "fsync",  "fdatasync", "ftruncate", "link",
                                         "unlink", "rename", "mkdir",     "fallocate"};
static atomic_int counts[CALLS];

enum fault { NONE, SHORT, KILLED, ERROR };

static void log_call(enum call call, int number, const char *path, const char *fault) {
    const char *log = getenv("FAULTY_LOG");
    if (!log) return;
    char line[4096];
    int length = snprintf(line, sizeof line, "%d %s %s%s%s\n", number, names[call], path, *fault ? " " : "", fault);
    if (length >= (int)sizeof line) length = sizeof line - 1;
    long file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || syscall(SYS_write, file, line, length) != length) abort();
    syscall(SYS_close, file);
}

// Counts the call, and decides what becomes of it; sets errno where it is to fail.
static enum fault decide(enum call call, const char *path) {
    const char *folder = getenv("FAULTY_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder))) return NONE;
    int number = atomic_fetch_add(&counts[call], 1) + 1;
    const char *wanted = getenv("FAULTY_CALL"), *which = getenv("FAULTY_NUMBER"), *fault = getenv("FAULTY_FAULT");
    if (!wanted || !which || !fault || strcmp(wanted, names[call]) || atoi(which) != number) {
        log_call(call, number, path, "");
        return NONE;
    }
    log_call(call, number, path, fault);
    if (!strcmp(fault, "kill")) syscall(SYS_kill, getpid(), SIGKILL);
    if (!strcmp(fault, "killed")) return KILLED;
    if (!strcmp(fault, "short")) return SHORT;
    errno = atoi(fault);
    return ERROR;
}

static enum fault decide_file(enum call call, int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return NONE;
    path[length] = 0;
    return decide(call, path);
}

static long done(enum fault fault, long result) {
    if (fault == KILLED) syscall(SYS_kill, getpid(), SIGKILL);
    return result;
}

ssize_t write(int file, const void *bytes, size_t count) {
    enum fault fault = decide_file(WRITE, file);
    if (fault == ERROR) return -1;
    return done(fault, syscall(SYS_write, file, bytes, fault == SHORT && count > 1 ? count / 2 : count));
}

int fsync(int file) {
    enum fault fault = decide_file(FSYNC, file);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_fsync, file));
}

int fdatasync(int file) {
    enum fault fault = decide_file(FDATASYNC, file);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_fdatasync, file));
}

int ftruncate(int file, off_t length) {
    enum fault fault = decide_file(FTRUNCATE, file);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_ftruncate, file, length));
}

int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

int link(const char *from, const char *to) {
    enum fault fault = decide(LINK, to);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char *path) {
    enum fault fault = decide(UNLINK, path);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int rename(const char *from, const char *to) {
    enum fault fault = decide(RENAME, to);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int mkdir(const char *path, mode_t mode) {
    enum fault fault = decide(MKDIR, path);
    return fault == ERROR ? -1 : done(fault, syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

// Gives the error instead of setting it.
int posix_fallocate(int file, off_t offset, off_t length) {
    enum fault fault = decide_file(FALLOCATE, file);
    if (fault == ERROR) return errno;
    return done(fault, syscall(SYS_fallocate, file, 0, offset, length) ? errno : 0);
}

int posix_fallocate64(int file, off64_t offset, off64_t length) { return posix_fallocate(file, offset, length); }
