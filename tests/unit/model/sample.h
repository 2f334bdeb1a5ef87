#pragma once

/*
 * Sample
 *
 * Made-up rows that something can be learned from: a few discrete and continuous features, missing values in some, and
 * a label. Column-major in one block, as a train matrix has them. And libxgboost itself as the oracle of its margins.
 */

#include <stddef.h>

#include "common/model/booster.h"

enum {
        SAMPLE_N_FEATURES = 6,
};

struct sample {
        size_t n_rows;
        size_t distance; /* floats between columns, a little more than n_rows */
        float *values;
        float *labels;
        float *classes; /* 0, 1, 2 */
        const float *columns[SAMPLE_N_FEATURES];
        struct booster_batch batches[64];
        size_t n_batches;
};

extern const char *const sample_names[SAMPLE_N_FEATURES];

void sample_init(struct sample *sample, size_t n_rows, unsigned seed);
void sample_finish(struct sample *sample);

/* Trains on all but the last tenth, which is for stopping; fails the test when that fails. pairs: name, value, …, NULL.
 */
void sample_train(const struct sample *sample, const char *const *pairs, struct booster_result *ret_result);

/* libxgboost's answer for rows [n_rows][n_features], row-major: margins when is_margin, else what predict() gives.
 * ret_values has room for n_rows * n_outputs. */
void oracle_predict(const struct buffer *model, const float *rows, size_t n_rows, size_t n_features, int is_margin,
                    size_t n_outputs, float *ret_values);
