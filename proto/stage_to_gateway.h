#pragma once

/*
 * stage_to_gateway: how a stage ended
 *
 * Sent by courier in the transaction that ends the stage's work, so every end is told once at least.
 */

#include "common/data/table.h"
#include "proto/envelope.h"
#include "proto/run_state.h"

#define STAGE_TO_GATEWAY_COUNTS_MAX 16
#define STAGE_TO_GATEWAY_DRIFTED_MAX 16
#define STAGE_TO_GATEWAY_NAME_BYTES 48
#define STAGE_TO_GATEWAY_CODE_BYTES 64
/* code of the error of a run that FAILED because a message about it was refused; the message says by whom and why */
#define STAGE_TO_GATEWAY_REJECTED "MESSAGE_REJECTED"

/* A number about what came out: "n_rows" 50000. */
struct count {
        char name[STAGE_TO_GATEWAY_NAME_BYTES];
        int64_t value;
};

/* A column whose values are no longer those that the champion learned from. */
struct drifted_column {
        char column[TABLE_NAME_BYTES];
        double distance; /* 0 to 1, by the measure that schema.yaml names for it */
};

/* A fault, as it travels. */
struct run_error {
        char code[STAGE_TO_GATEWAY_CODE_BYTES];
        char message[1024];
        char column[128]; /* "" when none */
        char file[256];   /* name only, without its folders; "" when none */
        int64_t line;     /* 1-based; 0 when unknown */
        int64_t position;
        int64_t row; /* 0-based; -1 when unknown */
};

struct stage_to_gateway {
        enum stage stage;
        enum run_state state; /* SUCCEEDED, SKIPPED, FAILED or CANCELED */
        int64_t started_at;   /* milliseconds since 1970 */
        int64_t finished_at;
        int64_t work_ms; /* measured with the monotonic clock */
        size_t n_counts;
        struct count counts[STAGE_TO_GATEWAY_COUNTS_MAX];
        size_t n_drifted;
        struct drifted_column drifted[STAGE_TO_GATEWAY_DRIFTED_MAX]; /* validator: the farthest ones, farthest first */
        int64_t booster_ms;                                          /* trainer: inside libxgboost; 0 elsewhere */

        /* The run ends here, SUCCEEDED and not accepted, though later stages never saw it: "INSUFFICIENT_DATA". "" when
         * the run goes on. */
        char ends_run[STAGE_TO_GATEWAY_CODE_BYTES];
        bool has_error;
        struct run_error error; /* when FAILED */
};

#define STAGE_TO_GATEWAY_NULL \
        { 0 }

extern const struct record count_record;
extern const struct record drifted_column_record;
extern const struct record run_error_record;

/* Between a fault and the form in which it travels; of a path only the last part is told. */
void run_error_from_fault(struct run_error *ret_error, const struct fault *fault);

extern const struct record stage_to_gateway_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int stage_to_gateway_pack(const struct stage_to_gateway *message, const struct envelope *envelope,
                          struct buffer *frame);
int stage_to_gateway_unpack(const struct envelope *envelope, struct stage_to_gateway *ret_message, struct fault *fault);
void stage_to_gateway_finish(struct stage_to_gateway *message);
