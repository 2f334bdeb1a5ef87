#pragma once

/*
 * Stage, row: changes of the row whose message is at hand.
 *
 * Only this daemon takes rows out of its inbox, so a row that is gone is no condition for anybody to handle, nor to be
 * taken for one of another module: it is the failure -ESTALE, after which the daemon cannot say what its spool holds.
 */

#include <stdint.h>

#include "common/bus/spool.h"
#include "services/stage/stage_retry.h"

/* Within the open transaction: the message has ended. */
int stage_row_end(struct spool *spool, int64_t number);

/* Each in a transaction of its own: counts a beginning of work, takes it back, lets the message rest for pause_ms, or
 * ends it and nothing else. */
int stage_row_start(struct spool *spool, int64_t number, int64_t *ret_n_starts);
int stage_row_release(struct spool *spool, int64_t number);
int stage_row_defer(struct spool *spool, int64_t number, enum stage_retry kind, int64_t pause_ms);
int stage_row_drop(struct spool *spool, int64_t number);
