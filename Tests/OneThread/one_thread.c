#define _GNU_SOURCE
#include "one_thread.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

// The runtime asks this, where it is set, to find a turn for a task that may run anywhere.
typedef __attribute__((swiftcall)) void (*enqueuer)(void *job, void *usual);
extern enqueuer swift_task_enqueueGlobal_hook;
extern __attribute__((swiftcall)) void swift_task_enqueueMainExecutor(void *job);
extern struct dispatch_queue_s _dispatch_main_q;

static atomic_bool has_begun;

static __attribute__((swiftcall)) void enqueue(void *job, void *usual) {
    (void)usual;
    swift_task_enqueueMainExecutor(job);
}

void one_thread_begin(void) {
    swift_task_enqueueGlobal_hook = enqueue;
    atomic_store(&has_begun, 1);
}

// Takes the place of the library's, in a program that has this linked in.
void dispatch_async(void *queue, void *block) {
    static _Atomic(void (*)(void *, void *)) usual;
    if (!usual) usual = (void (*)(void *, void *))dlsym(RTLD_NEXT, "dispatch_async");
    usual(atomic_load(&has_begun) ? &_dispatch_main_q : queue, block);
}
