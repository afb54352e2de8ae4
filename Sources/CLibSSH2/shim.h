#include <libssh2.h>
#include <stddef.h>
#include <sys/epoll.h>

/* GNU functions that are declared for C only under _GNU_SOURCE, which Swift's Glibc module is not built with.
   Without <sys/socket.h>, or this module would claim its constants, which belong to Glibc. */
struct sockaddr;
int accept4(int socket, struct sockaddr *address, unsigned int *length, int flags);
int eventfd(unsigned int count, int flags);
size_t malloc_usable_size(void *memory);
int pthread_setname_np(unsigned long thread, const char *name);
void *memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length);

/* libssh2_session_callback_set() takes every callback as void *; these keep the types checked. */

static inline void shim_set_transport(LIBSSH2_SESSION *session, LIBSSH2_SEND_FUNC((*send)),
                                      LIBSSH2_RECV_FUNC((*receive)))
{
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)send);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)receive);
}

static inline void shim_set_disconnect(LIBSSH2_SESSION *session, LIBSSH2_DISCONNECT_FUNC((*disconnect)))
{
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_DISCONNECT, (void *)disconnect);
}
