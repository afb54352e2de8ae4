// One thread for a whole program, so that a seed repeats all that it does.
#pragma once

// From now on all tasks, and all work for any dispatch queue, have their turns on the main thread, in the order in which
// they ask for them. Called before the program's first task; what is to happen after a delay is not in that order.
void one_thread_begin(void);
