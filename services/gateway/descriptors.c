/* Descriptors: RLIMIT_NOFILE, dealt out. */

#include "services/gateway/descriptors.h"

#include <errno.h>
#include <sys/resource.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "services/gateway/linger.h"

enum {
        FILES_RESERVED = 96,     /* spool, store, sockets of the line and their wake-ups: some forty, and room */
        LOOP_FILES_RESERVED = 8, /* listener, epoll, wake-up, and connections between accept and a close at once */
        CONNECTIONS_MIN = 8,
};

int descriptors_fit(int n_loops, struct descriptors *descriptors, struct fault *fault) {
        size_t n_reserved = FILES_RESERVED + LINGERS_MAX + LOOP_FILES_RESERVED * (size_t)n_loops, n_free;
        struct descriptors wanted = *descriptors;
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit))
                return error_origin(-errno, "reading the limit of open files");
        if (limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                if (setrlimit(RLIMIT_NOFILE, &limit))
                        return error_origin(-errno, "raising the limit of open files");
        }
        if (limit.rlim_max < n_reserved + CONNECTIONS_MIN)
                return fault_set(fault, "OPEN_FILES_TOO_FEW",
                                 "this process may open %zu files, and needs %zu; raise the hard limit (ulimit -Hn)",
                                 (size_t)limit.rlim_max, n_reserved + CONNECTIONS_MIN);
        n_free = limit.rlim_max - n_reserved;
        if (wanted.refusals_max > n_free / 4)
                wanted.refusals_max = n_free / 4;
        if (wanted.connections_max > n_free - wanted.refusals_max) {
                wanted.connections_max = n_free - wanted.refusals_max;
                log_warn("%zu connections are served at a time instead of %zu, since this process may open %zu files",
                         wanted.connections_max, descriptors->connections_max, (size_t)limit.rlim_max);
        }
        *descriptors = wanted;
        return 0;
}
