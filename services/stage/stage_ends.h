#pragma once

/*
 * Stage, ends: what the spool remembers of a run, and what the neighbours are told, each time in one transaction.
 *
 * The done row of a run keeps both messages of its end, so that the stage can answer again without store or work: the
 * length of the notice to the gateway as 4 bytes little-endian, the notice, and the message to the next stage, which is
 * empty when there was none.
 */

#include "common/bus/courier.h"
#include "common/bus/spool.h"
#include "services/stage/stage_job.h"

enum {
        _STAGE_ENDS_E_SUCCESS,
        STAGE_ENDS_E_CANCELED, /* there is a tombstone, and nothing was changed */
        STAGE_ENDS_E_FOREIGN,  /* done keeps what another build understands, and nothing was changed */
};

struct stage_ends {
        enum stage stage;
        struct spool *spool; /* borrowed, as the courier */
        struct courier *courier;
        int64_t sequence; /* of the next message */
        struct buffer notice, message, kept;
};

void stage_ends_finish(struct stage_ends *ends);

/* An envelope for the next message about the run of another envelope. */
void stage_ends_envelope(struct stage_ends *ends, const struct envelope *about, struct envelope *ret_envelope);

/* Ends a job as job->end says: inbox row out, done row, notice and next message in, and sends them. With may_cancel a
 * tombstone comes first: STAGE_ENDS_E_CANCELED. Else 0 or a negative errno. */
int stage_ends_write(struct stage_ends *ends, const struct stage_job *job, bool may_cancel);

/* Answers a later attempt of a run that has ended well from what done keeps, and ends the job's inbox row. job->end and
 * job->output are used for it. 0, STAGE_ENDS_E_FOREIGN, or a negative errno. */
int stage_ends_repeat(struct stage_ends *ends, struct stage_job *job, const struct spool_done *done);

/* Within the open transaction: tells the gateway that the run FAILED here because its message was refused. */
int stage_ends_post_refusal(struct stage_ends *ends, const struct envelope *about, const struct fault *fault);
