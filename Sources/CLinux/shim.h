#include <spawn.h>
#include <sys/timex.h>

// Declared here since spawn.h has them under _GNU_SOURCE alone, which Swift does not define.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
