#pragma once

/*
 * evaluator_to_pusher: a verdict
 *
 * Whether the candidate is good enough, the numbers that say so, and the rows with which a bundle is checked.
 */

#include "proto/envelope.h"
#include "proto/reason.h"
#include "proto/scores.h"
#include "proto/trainer_to_evaluator.h"

struct verdict {
        bool accepted;
        bool may_promote;         /* accepted, but false: only a person makes it champion (CHAMPION_INCOMPATIBLE) */
        int64_t compared_version; /* the champion it was measured against; 0: there was none to compare with */
        size_t n_reasons;         /* why it was not accepted, or may not be promoted */
        struct reason reasons[REASONS_MAX];
        struct scores candidate;
        bool has_champion;
        struct scores champion; /* on the same rows */
        struct blob metrics;    /* metrics.json */
        struct blob golden;     /* golden.arrow: rows with the exact margins expected */
        bool has_report;
        struct blob report; /* report.html */
};

struct evaluator_to_pusher {
        struct order order;
        struct ingestion ingestion;
        struct validation validation;
        struct transformation transformation;
        struct candidate candidate;
        struct verdict verdict;
};

#define EVALUATOR_TO_PUSHER_NULL \
        { 0 }

extern const struct record verdict_record;

extern const struct record evaluator_to_pusher_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int evaluator_to_pusher_pack(const struct evaluator_to_pusher *message, const struct envelope *envelope,
                             struct buffer *frame);
int evaluator_to_pusher_unpack(const struct envelope *envelope, struct evaluator_to_pusher *ret_message,
                               struct fault *fault);
void evaluator_to_pusher_finish(struct evaluator_to_pusher *message);
