// One command on many hosts, with libssh2 and nothing else: what a login and a command cost at least.
//
//     fan_out USER KEY KNOWN_HOSTS PORT AT_ONCE COMMAND <ADDRESSES
//
// For each line of ADDRESSES it connects, verifies the host key, logs in with KEY, runs COMMAND and closes the connection,
// with AT_ONCE hosts under way at any time. Writes the address, the exit status and the output of each; ends with status 1
// and the reason where anything fails.
#include <arpa/inet.h>
#include <errno.h>
#include <libssh2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum stage { CONNECTING, HANDSHAKE, LOGIN, OPENING, STARTING, READING, CLOSING };

struct host {
    char address[INET_ADDRSTRLEN];
    int socket;
    enum stage stage;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    char output[4096];
    size_t length;
};

static const char *user, *command, *key;
static size_t key_length;
static int port;
static LIBSSH2_KNOWNHOSTS *known;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "r");
    if (!file) fail("%s: %s", path, strerror(errno));
    char *text = malloc(1 << 16);
    *length = fread(text, 1, (1 << 16) - 1, file);
    text[*length] = 0;
    fclose(file);
    return text;
}

static void start(struct host *host) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host->address, &to.sin_addr) != 1) fail("%s is no address", host->address);
    host->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (host->socket < 0) fail("%s: %s", host->address, strerror(errno));
    if (connect(host->socket, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        fail("%s: %s", host->address, strerror(errno));
    host->stage = CONNECTING;
}

static void verify(struct host *host) {
    size_t length;
    int type, kind = LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW;
    const char *offered = libssh2_session_hostkey(host->session, &length, &type);
    struct libssh2_knownhost *entry;
    if (libssh2_knownhost_checkp(known, host->address, port, offered, length, kind, &entry)
        != LIBSSH2_KNOWNHOST_CHECK_MATCH)
        fail("%s has another host key", host->address);
}

// Does what can be done without waiting; returns 1 when the host is done.
static int advance(struct host *host) {
    for (;;) {
        int code = 0;
        switch (host->stage) {
        case CONNECTING: {
            socklen_t size = sizeof code;
            getsockopt(host->socket, SOL_SOCKET, SO_ERROR, &code, &size);
            if (code) fail("%s: %s", host->address, strerror(code));
            host->session = libssh2_session_init();
            libssh2_session_set_blocking(host->session, 0);
            // As the runner does: sshd computes X25519 with slower code.
            libssh2_session_method_pref(host->session, LIBSSH2_METHOD_KEX, "ecdh-sha2-nistp256");
            libssh2_session_method_pref(host->session, LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519");
            break;
        }
        case HANDSHAKE:
            code = libssh2_session_handshake(host->session, host->socket);
            if (!code) verify(host);
            break;
        case LOGIN:
            code = libssh2_userauth_publickey_frommemory(
                host->session, user, strlen(user), NULL, 0, key, key_length, "");
            break;
        case OPENING:
            host->channel = libssh2_channel_open_session(host->session);
            if (!host->channel) code = libssh2_session_last_errno(host->session);
            break;
        case STARTING:
            code = libssh2_channel_exec(host->channel, command);
            break;
        case READING: {
            ssize_t count = libssh2_channel_read(
                host->channel, host->output + host->length, sizeof host->output - 1 - host->length);
            if (count > 0) {
                host->length += count;
                continue;
            }
            code = count < 0 ? (int)count : libssh2_channel_eof(host->channel) ? 0 : LIBSSH2_ERROR_EAGAIN;
            break;
        }
        case CLOSING:
            code = libssh2_channel_close(host->channel);
            if (!code) code = libssh2_channel_wait_closed(host->channel);
            if (code) break;
            printf("%s %d %.*s", host->address, libssh2_channel_get_exit_status(host->channel),
                   (int)host->length, host->output);
            libssh2_channel_free(host->channel);
            libssh2_session_disconnect(host->session, "done");
            libssh2_session_free(host->session);
            close(host->socket);
            return 1;
        }
        if (code == LIBSSH2_ERROR_EAGAIN) return 0;
        if (code) {
            char *message = "";
            libssh2_session_last_error(host->session, &message, NULL, 0);
            fail("%s, stage %d: %s (%d)", host->address, host->stage, message, code);
        }
        host->stage++;
    }
}

int main(int count, char **arguments) {
    if (count != 7) fail("usage: fan_out USER KEY KNOWN_HOSTS PORT AT_ONCE COMMAND <ADDRESSES");
    user = arguments[1];
    key = read_file(arguments[2], &key_length);
    port = atoi(arguments[4]);
    int limit = atoi(arguments[5]);
    command = arguments[6];
    if (limit < 1 || libssh2_init(0)) fail("cannot begin");
    LIBSSH2_SESSION *none = libssh2_session_init();
    known = libssh2_knownhost_init(none);
    if (libssh2_knownhost_readfile(known, arguments[3], LIBSSH2_KNOWNHOST_FILE_OPENSSH) < 0)
        fail("%s cannot be read", arguments[3]);
    struct host **under_way = calloc(limit, sizeof *under_way);
    struct pollfd *polled = calloc(limit, sizeof *polled);
    int busy = 0, is_last = 0;
    while (!is_last || busy) {
        while (!is_last && busy < limit) {
            struct host *host = calloc(1, sizeof *host);
            if (scanf("%15s", host->address) != 1) {
                is_last = 1;
                free(host);
                break;
            }
            start(host);
            under_way[busy++] = host;
        }
        for (int n = 0; n < busy; n++) {
            struct host *host = under_way[n];
            int directions = host->session ? libssh2_session_block_directions(host->session) : 0;
            int writes = host->stage == CONNECTING || (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND);
            polled[n] = (struct pollfd){.fd = host->socket, .events = writes ? POLLOUT : POLLIN};
            if (directions & LIBSSH2_SESSION_BLOCK_INBOUND) polled[n].events |= POLLIN;
        }
        if (busy && poll(polled, busy, -1) < 0) fail("poll: %s", strerror(errno));
        // From the last on, so that the last one can take the place of one that is done.
        for (int n = busy - 1; n >= 0; n--) {
            if (!polled[n].revents || !advance(under_way[n])) continue;
            free(under_way[n]);
            under_way[n] = under_way[--busy];
        }
    }
    libssh2_knownhost_free(known);
    libssh2_session_free(none);
    libssh2_exit();
    return 0;
}
