// The file calls of the C library, behind a hand that can let them fail, and its wall clock, which it can set.
//
// As a library of its own it stands in front of the C library's (LD_PRELOAD), and nothing of it is called by name. In a
// program that has it linked in, its calls take the place of the C library's.
#pragma once

#include <stdint.h>

// Asked before each call on a file below the folder, but for open, read and readdir: 0, or the errno with which the call
// fails. Told of each that has succeeded (`is_done`). `from` is the earlier name for `link` and `rename`, and empty
// otherwise.
typedef int (*faulty_observer)(const char *call, const char *path, const char *from, int is_done);

// From now on `observer` decides about files below `folder`; NULL ends that.
void faulty_observe(const char *folder, faulty_observer observer);

// From now on the wall clock of this process stands at that many seconds since 1970; 0 ends that.
void clock_stands_at(int64_t seconds);
