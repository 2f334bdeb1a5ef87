#pragma once

/*
 * Booster
 *
 * The one door to libxgboost: trains on column-major batches where they lie, without a second copy of them, and gives
 * the model's bytes, which do not depend on the number of threads.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/fault.h"

enum {
        BOOSTER_E_CANCELED = FAULT_E_INPUT + 1, /* on_round() asked for it */
};

enum {
        BOOSTER_ROUNDS_MAX = 1 << 20,
        BOOSTER_ROUNDS_DEFAULT = 500,
        BOOSTER_STOPPING_ROUNDS_DEFAULT = 20,
};

/* Some rows, borrowed for the length of booster_train(). NaN is missing. */
struct booster_batch {
        const float *values; /* the first value of the first column; a column's values stand side by side */
        size_t n_rows;
        size_t distance_bytes; /* from one column's first value to the next column's; a multiple of 4 */
        const float *labels;   /* n_rows */
};

/* A setting under XGBoost's own name, as text: "max_depth", "6". Borrowed. */
struct booster_parameter {
        const char *name;
        const char *value;
};

struct booster_input {
        const struct booster_batch *train; /* the rows to learn from, at least one */
        size_t n_train;                    /* batches */
        const struct booster_batch *stop;  /* the rows that early stopping looks at; may be none */
        size_t n_stop;                     /* batches */
        size_t n_features;
        const char *const *feature_names;           /* n_features; written into the model */
        const struct booster_parameter *parameters; /* the last of equal names holds */
        size_t n_parameters;
        int n_threads; /* 0: the CPUs in the affinity mask */

        /* After each round, from the thread that called booster_train(): rounds done, most rounds there will be, and
         * the logloss over the stop rows (NaN when it is not watched). Nonzero cancels. May be NULL. */
        int (*on_round)(void *context, size_t n_done, size_t n_rounds, double logloss);
        void *context;
};

struct booster_result {
        struct buffer model; /* UBJSON, cut to the rounds that count */
        size_t n_rounds;     /* rounds in the model */
        size_t n_trained;    /* rounds trained */
        double logloss;      /* over the stop rows after n_rounds; NaN when it was not watched */
        int64_t booster_ns;  /* time inside libxgboost: matrices, rounds, evaluation, cutting, saving */
};

#define BOOSTER_RESULT_NULL \
        { 0 }

/*
 * Trains. Unless given otherwise: objective binary:logistic, tree_method hist, max_depth 5, eta 0.1, min_child_weight
 * 10, seed 0, num_boost_round 500, early_stopping_rounds 20 (0 = all rounds; watched only where there are stop rows).
 * With early stopping the model is cut to the round of the least metric (logloss, or the objective's own default
 * metric), else it holds all rounds.
 *
 * Returns FAULT_E_INPUT (code PARAMETER_INVALID, the fault's column is the parameter's name) for an unknown parameter
 * or value, (code DATA_INVALID) for rows that XGBoost refuses, such as infinite features; BOOSTER_E_CANCELED; or a
 * negative errno.
 */
int booster_train(const struct booster_input *input, struct booster_result *ret_result, struct fault *fault);
void booster_result_finish(struct booster_result *result);

/* The version of the libxgboost that is loaded, "1.7.4". */
void booster_version(char ret_text[32]);

/* The path of the libxgboost that is loaded. 0; -ENOENT when it is part of the program itself; -ENAMETOOLONG. */
int booster_library(char *ret_path, size_t n_bytes);
