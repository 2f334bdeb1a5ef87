#pragma once

/*
 * Scores
 *
 * The headline numbers of one model on the test rows; everything else is in metrics.json.
 */

#include <stdint.h>

#include "proto/record.h"

struct scores {
        int64_t n_rows;
        int64_t n_positives;
        double f1, precision, recall; /* at the model's stored threshold */
        double auc;                   /* ROC; NaN when the rows are of one class, as is pr_auc */
        double pr_auc;
        double log_loss, brier;
        double threshold; /* the probability at the stored margin */
};

#define SCORES_NULL \
        { 0 }

extern const struct record scores_record;
