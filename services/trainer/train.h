#pragma once

/*
 * Train
 *
 * The trainer's work: learns from the first rows of the train matrix where they lie, and decides on the slice, its
 * last rows, how many rounds count and from which margin on the answer is yes. The margins that decide are those of the
 * finished model, evaluated by the forest that will answer (common/model/forest.h). Nothing here has seen a test row.
 *
 * Where `train.threshold` is a probability, that is the threshold; else the one of the best expected F1 on the slice
 * (common/model/threshold.h, also for probabilities that do not fit the labels, and for a slice with labels of
 * one class). The slice is kept from learning even where all rounds are trained (early_stopping_rounds 0) or
 * the threshold is fixed, so that runs with equal seeds learn from the same rows.
 *
 * Structs in, structs out: no store, no clock but libxgboost's stop watch. The same matrix, parameters and libxgboost
 * give the same bytes with any number of threads.
 */

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/table.h"
#include "proto/parameters.h"
#include "proto/trainer_to_evaluator.h"

enum {
        TRAIN_E_CANCELED = FAULT_E_INPUT + 1, /* on_round() asked for it */
};

/* All borrowed for the call. */
struct train_input {
        const struct train_parameters *parameters;
        const struct table *tables; /* the batches of the train matrix (services/transformer writes it) */
        size_t n_tables;
        int64_t n_train_rows; /* of them, the first */
        int64_t n_slice_rows; /* of them, the last */
        int n_threads;        /* of libxgboost; 0: the CPUs in the affinity mask */

        /* After each round, from the calling thread: rounds done, and the most that there will be. Nonzero cancels. May
         * be NULL. */
        int (*on_round)(void *context, int64_t n_done, int64_t n_rounds);
        void *context;
};

struct train_result {
        struct buffer model;        /* model.ubj */
        struct candidate candidate; /* all of it but the name of the blob, which the caller stores */
        struct threshold threshold; /* how candidate.decision came about */
};

#define TRAIN_RESULT_NULL \
        { 0 }

/*
 * 0; TRAIN_E_CANCELED; a negative errno; or FAULT_E_INPUT:
 *      PARAMETER_INVALID   a parameter that libxgboost does not take; the fault's column is its name
 *      DATA_INVALID        an infinite feature; the fault's column is its name
 *      LABEL_ONE_CLASS     the rows to learn from have one label; the fault's column is the label's name
 *      SLICE_EMPTY         no row was kept to choose the threshold on, and it is not fixed
 *      MATRIX_INVALID      the tables are no train matrix, or do not have the rows that are said
 *      MODEL_*             the model is of a kind that the forest does not evaluate
 */
int train(const struct train_input *input, struct train_result *ret_result, struct fault *fault);
void train_result_finish(struct train_result *result);
