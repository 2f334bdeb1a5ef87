/* Stage, row: the spool's conditions end here. */

#include "services/stage/stage_row.h"

#include <assert.h>
#include <errno.h>

#include "common/base/error.h"

/* Makes a failure of the condition that the row is gone. */
static int expect_row(int r, int64_t number) {
        if (r <= 0)
                return error_trace(r);
        assert(r == SPOOL_E_NONE);
        return error_origin(-ESTALE, "row %lld of the inbox is gone; does another program write the spool?",
                            (long long)number);
}

static int commit(struct spool *spool, int r) {
        if (!r)
                r = spool_commit(spool);
        spool_rollback(spool);
        return error_trace(r);
}

int stage_row_end(struct spool *spool, int64_t number) {
        return error_trace(expect_row(spool_inbox_end(spool, number), number));
}

int stage_row_start(struct spool *spool, int64_t number, int64_t *ret_n_starts) {
        int r;

        r = spool_begin(spool);
        if (!r)
                r = expect_row(spool_inbox_start(spool, number, ret_n_starts), number);
        return error_trace(commit(spool, r));
}

int stage_row_release(struct spool *spool, int64_t number) {
        int r;

        r = spool_begin(spool);
        if (!r)
                r = expect_row(spool_inbox_release(spool, number), number);
        return error_trace(commit(spool, r));
}

int stage_row_defer(struct spool *spool, int64_t number, enum stage_retry kind, int64_t pause_ms) {
        int r;

        r = spool_begin(spool);
        if (!r)
                r = expect_row(spool_inbox_defer(spool, number, kind, pause_ms), number);
        return error_trace(commit(spool, r));
}

int stage_row_drop(struct spool *spool, int64_t number) {
        int r;

        r = spool_begin(spool);
        if (!r)
                r = stage_row_end(spool, number);
        return error_trace(commit(spool, r));
}
