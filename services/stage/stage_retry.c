/* Retry: storage and network come back. */

#include "services/stage/stage_retry.h"

#include <errno.h>
#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/random.h"

bool stage_retry_is_worthwhile(int error) {
        static const int passing[] = { /* the disk is full, away, read-only, someone else's for now */
                                       ENOSPC, EDQUOT, EIO, EROFS, ENOENT, ENOTDIR, EACCES, EPERM, ESTALE, ENODEV,
                                       ENXIO, EBUSY,
                                       /* the network */
                                       ETIMEDOUT, ECONNREFUSED, ECONNRESET, ECONNABORTED, ENOTCONN, EHOSTUNREACH,
                                       EHOSTDOWN, ENETUNREACH, ENETDOWN, ENETRESET, EADDRNOTAVAIL, EPIPE, EREMOTEIO,
                                       /* this machine, for now */
                                       EAGAIN, EINTR, ENOMEM, EMFILE, ENFILE, ECANCELED
        };

        for (size_t i = 0; i < N_ELEMENTS(passing); i++)
                if (error == -passing[i])
                        return true;
        return false;
}

int64_t stage_retry_pause_ms(int64_t n_failed) {
        struct random chance = random_stream((uint64_t)clock_monotonic_ns(), RANDOM_SALT_COURIER, (uint64_t)n_failed);
        int64_t pause = STAGE_RETRY_FIRST_MS;

        for (int64_t i = 0; i < n_failed && pause < STAGE_RETRY_MOST_MS; i++)
                pause *= 2;
        if (pause > STAGE_RETRY_MOST_MS)
                pause = STAGE_RETRY_MOST_MS;
        return pause + (int64_t)random_below(&chance, (uint64_t)pause / 4 + 1);
}
