/* Listen: the first socket takes the port for itself alone, then shares it with the others. */

#include "services/gateway/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/error.h"

enum {
        LISTEN_BACKLOG = 1024,
        FIRST_LOOKS = 4,
        FIRST_PAUSE_MS = 5,
        RIVAL_LOOKS = 200, /* a millisecond apart */
};

bool listen_is_loopback(const char *address) {
        struct in6_addr six;
        struct in_addr four;

        if (inet_pton(AF_INET, address, &four) == 1)
                return ntohl(four.s_addr) >> 24 == 127;
        return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static int share(int fd) {
        const int on = 1;

        return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ? -errno : 0;
}

static int open_one(const struct addrinfo *address, bool is_shared, int *ret_fd) {
        _cleanup_(close_descriptor) int fd = -1;
        const int on = 1;

        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || (is_shared && share(fd)) ||
            bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, LISTEN_BACKLOG))
                return -errno;
        *ret_fd = steal_descriptor(&fd);
        return 0;
}

/* The first socket. Two that bind at once may both be refused when they listen: then each waits for a moment of its own
 * and tries again, until one is there first and the other is refused when it binds. */
static int open_first(const struct addrinfo *address, int *ret_fd) {
        int r = -EADDRINUSE;

        for (int i = 0; r == -EADDRINUSE && i < FIRST_LOOKS; i++) {
                if (i)
                        poll(NULL, 0, (int)(clock_monotonic_ns() / 1000 % FIRST_PAUSE_MS));
                r = open_one(address, false, ret_fd);
        }
        return r;
}

/* Joins the first socket, which listens. A rival that has bound the port as well, before either listened, has lost, but
 * holds it for another moment. */
static int open_another(const struct addrinfo *address, int *ret_fd) {
        int r = -EADDRINUSE;

        for (int i = 0; r == -EADDRINUSE && i < RIVAL_LOOKS; i++) {
                if (i)
                        poll(NULL, 0, 1);
                r = open_one(address, true, ret_fd);
        }
        return r;
}

/* The port of a bound socket. */
static int find_port(int fd, int *ret_port) {
        struct sockaddr_storage bound;
        socklen_t n = sizeof(bound);
        char service[8];

        if (getsockname(fd, (struct sockaddr *)&bound, &n))
                return -errno;
        if (getnameinfo((struct sockaddr *)&bound, n, NULL, 0, service, sizeof(service), NI_NUMERICSERV))
                return -EIO;
        *ret_port = (int)strtol(service, NULL, 10);
        return 0;
}

/* Writes the port into the address. */
static int set_port(const char *address, int port, struct addrinfo **found) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE };
        char service[8];

        if (*found)
                freeaddrinfo(*found);
        *found = NULL;
        snprintf(service, sizeof(service), "%d", port);
        return getaddrinfo(address, service, &hints, found);
}

int listen_open(const char *address, int *port, int n, int *fds, struct fault *fault) {
        struct addrinfo *found = NULL;
        int r;

        if (set_port(address, *port, &found))
                return fault_set(fault, "ADDRESS_INVALID", "%s is not a numeric IPv4 or IPv6 address", address);
        r = open_first(found, &fds[0]);
        if (!r && !*port) {
                r = find_port(fds[0], port);
                if (!r && set_port(address, *port, &found))
                        r = -EIO;
        }
        if (!r && n > 1)
                r = share(fds[0]);
        for (int i = 1; !r && i < n; i++)
                r = open_another(found, &fds[i]);
        if (found)
                freeaddrinfo(found);
        if (r == -EADDRINUSE)
                return fault_set(fault, "PORT_TAKEN",
                                 "port %d on %s is taken by another process; stop it or choose another port with "
                                 "--port or CONVOY_PORT",
                                 *port, address);
        if (r == -EADDRNOTAVAIL || r == -EACCES)
                return fault_set(fault, "ADDRESS_UNAVAILABLE", "cannot listen on %s port %d: %s", address, *port,
                                 strerror(-r));
        return r ? error_origin(r, "listening on %s port %d", address, *port) : 0;
}
