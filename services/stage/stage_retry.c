/* Retry: storage and network come back; memory that is not there may have been another's peak, or never was there. */

#include "services/stage/stage_retry.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "common/base/backoff.h"
#include "common/base/cleanup.h"

static bool is_among(int error, const int *errors, size_t n_errors) {
        for (size_t i = 0; i < n_errors; i++)
                if (error == -errors[i])
                        return true;
        return false;
}

enum stage_retry stage_retry_kind(int error) {
        static const int away[] = { /* the disk is full, away, read-only, someone else's for now */
                                    ENOSPC, EDQUOT, EIO, EROFS, ENOENT, ENOTDIR, EACCES, EPERM, ESTALE, ENODEV, ENXIO,
                                    EBUSY,
                                    /* the network */
                                    ETIMEDOUT, ECONNREFUSED, ECONNRESET, ECONNABORTED, ENOTCONN, EHOSTUNREACH,
                                    EHOSTDOWN, ENETUNREACH, ENETDOWN, ENETRESET, EADDRNOTAVAIL, EPIPE, EREMOTEIO,
                                    /* what asks for it */
                                    EAGAIN, EINTR
        };
        static const int lacking[] = { ENOMEM, EMFILE, ENFILE };

        if (is_among(error, away, N_ELEMENTS(away)))
                return STAGE_RETRY_PATIENT;
        return is_among(error, lacking, N_ELEMENTS(lacking)) ? STAGE_RETRY_SHORT : STAGE_RETRY_NEVER;
}

int64_t stage_retry_pause_ms(int64_t n_deferrals) {
        static const struct backoff backoff = { STAGE_RETRY_FIRST_MS, STAGE_RETRY_MS_MAX, RANDOM_SALT_RETRY };

        return backoff_pause_ms(&backoff, n_deferrals + 1);
}

bool stage_retry_is_over(int error, int64_t n_deferrals, int64_t waited_ms, struct fault *ret_reason) {
        enum stage_retry kind = stage_retry_kind(error);

        assert(kind != STAGE_RETRY_NEVER);
        if (kind == STAGE_RETRY_SHORT && n_deferrals >= STAGE_RETRY_FEW) {
                if (error == -ENOMEM)
                        fault_set(ret_reason, "OUT_OF_MEMORY",
                                  "the machine has not the memory for this run; give it more, or the run fewer rows");
                else
                        fault_set(ret_reason, "OUT_OF_FILES",
                                  "too many files are open; raise the limit (ulimit -n), or end what holds them");
                return true;
        }
        if (kind == STAGE_RETRY_PATIENT && waited_ms >= STAGE_RETRY_LIMIT_MS) {
                fault_set(ret_reason, "STORE_UNAVAILABLE",
                          "store or network could not be reached for a day; the stage's log says more");
                return true;
        }
        return false;
}
