// Loaded into RecordBench (LD_PRELOAD) while it writes thousands of runs that are only to be read: nothing is forced to the
// disk, and that is all that differs.
#include <unistd.h>

int fsync(int file) {
    (void)file;
    return 0;
}

int fdatasync(int file) {
    (void)file;
    return 0;
}
