/* Scores: the table of a model's figures, each with the range that it can have. */

#include "proto/scores.h"

#include <math.h>

static const struct record_field scores_fields[] = {
        RECORD_DOUBLE(scores, f1, 0, 1),
        RECORD_DOUBLE(scores, precision, 0, 1),
        RECORD_DOUBLE(scores, recall, 0, 1),
        RECORD_DOUBLE_OR_NONE(scores, auc, 0, 1),
        RECORD_DOUBLE_OR_NONE(scores, pr_auc, 0, 1),
        RECORD_DOUBLE(scores, log_loss, 0, HUGE_VAL),
        RECORD_DOUBLE(scores, brier, 0, 1),
        RECORD_DOUBLE(scores, threshold, 0, 1),
        RECORD_INT(scores, n_rows, 0, INT64_MAX),
        RECORD_INT(scores, n_positives, 0, INT64_MAX),
};

const struct record scores_record = RECORD(scores, scores_fields);
