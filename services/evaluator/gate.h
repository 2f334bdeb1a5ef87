#pragma once

/*
 * Gate
 *
 * Whether a candidate may be published and promoted. F1 values are compared as exact rationals 2TP / (2TP + FP + FN);
 * limits are decimals with nine digits after the point. Pure: no clock, no store.
 *
 *   both modes   positives in test >= min_test_positives, else INSUFFICIENT_DATA
 *                F1 >= min_score, else F1_BELOW_MINIMUM
 *   no champion  accepted
 *   champion below min_score itself: it need only be exceeded (F1_NOT_ABOVE_CHAMPION)
 *   improve      F1 - champion's F1 > threshold (F1_NOT_IMPROVED), and the low quantile of the paired bootstrap > 0
 *                (IMPROVEMENT_UNCERTAIN)
 *   refresh      the low quantile > -margin (MAY_BE_WORSE)
 *
 * A champion whose own schema cannot read the rows (CHAMPION_INCOMPATIBLE) is not compared with: an otherwise good
 * candidate is accepted, and only a person may promote it. One that has seen the test rows, so that too few are left to
 * compare on (CHAMPION_SAW_TEST_ROWS), blocks the candidate.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/model/metrics.h"
#include "proto/parameters.h"
#include "proto/reason.h"
#include "services/evaluator/bootstrap.h"

/* the low quantile of the paired bootstrap that both modes look at, and the seed of its draws */
#define GATE_QUANTILE 0.01
#define GATE_SEED 1

enum {
        GATE_E_CANCELED = FAULT_E_INPUT + 1,
};

enum gate_champion {
        GATE_CHAMPION_NONE,
        GATE_CHAMPION_COMPARED,
        GATE_CHAMPION_INCOMPATIBLE,
        GATE_CHAMPION_SAW_TEST_ROWS,
};

struct gate_input {
        const struct evaluate_parameters *parameters;
        struct confusion candidate; /* on all test rows */
        enum gate_champion champion;
        const char *obstacle;           /* INCOMPATIBLE: why the champion cannot read the rows; borrowed */
        int64_t cells[BOOTSTRAP_CELLS]; /* COMPARED: the rows that both held out, by label and decisions */

        /* Asked now and then; true ends it with GATE_E_CANCELED. May be NULL. */
        bool (*is_canceled)(void *context);
        void *context;
};

struct gate_result {
        bool accepted;
        bool may_promote;
        bool has_interval;
        struct bootstrap_interval interval; /* of candidate's F1 - champion's */
        size_t n_reasons;
        struct reason reasons[REASONS_MAX]; /* why not, all that apply */
};

/* 0, GATE_E_CANCELED or -ENOMEM. */
int gate_decide(const struct gate_input *input, struct gate_result *ret_result);
