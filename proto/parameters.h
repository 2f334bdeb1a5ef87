#pragma once

/*
 * Parameters
 *
 * Everything that governs a run, resolved once by the gateway from pipeline.yaml and the request, and carried through
 * the chain in the order. Paths, addresses and secrets are not among them; each daemon has its own (pipeline.h). As
 * JSON: record_put_json(&parameters_record, …).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"
#include "proto/setting.h"

struct config_node;

/* a pipeline's name, which is its model's as well, and the end */
#define PARAMETERS_NAME_BYTES 64
#define PARAMETERS_COLUMN_BYTES 128
#define PARAMETERS_COLUMNS_MAX 64
#define PARAMETERS_SETTINGS_MAX 48

/* A row belongs to test when xxh64(key bytes, salt) mod 10000 < test_ten_thousandths. */
struct split {
        int64_t salt;
        int64_t test_ten_thousandths; /* llround(test_ratio * 10000) */
};

enum scaling {
        SCALING_PASSTHROUGH,
        SCALING_STANDARD, /* less the mean, by the deviation */
        SCALING_MIN_MAX,  /* 0 … 1 */
        SCALING_N,
};

struct column_scaling {
        char name[PARAMETERS_COLUMN_BYTES];
        enum scaling scaling;
};

/* How numbers enter the matrix. */
struct transform_parameters {
        enum scaling numbers;
        size_t n_columns; /* those that differ */
        struct column_scaling columns[PARAMETERS_COLUMNS_MAX];
};

struct train_parameters {
        int64_t seed;
        int64_t num_boost_round;
        int64_t early_stopping_rounds; /* 0: train all rounds */
        double stopping_fraction;      /* of the train rows, kept for early stopping and the threshold */
        double threshold;              /* NaN: expected_f1, chosen on those rows; else this probability */
        size_t n_settings;
        struct setting settings[PARAMETERS_SETTINGS_MAX]; /* by name, each at most once; objective among them */
};

enum evaluate_mode {
        EVALUATE_MODE_IMPROVE, /* the candidate must be better by more than the threshold */
        EVALUATE_MODE_REFRESH, /* the candidate must not be worse by more than the margin */
        EVALUATE_MODE_N,
};

enum evaluate_on_accept {
        EVALUATE_ON_ACCEPT_PROMOTE,
        EVALUATE_ON_ACCEPT_CHALLENGER,
        EVALUATE_ON_ACCEPT_N,
};

struct evaluate_parameters {
        enum evaluate_mode mode;
        double threshold; /* improve: F1 of the candidate minus the champion's must be above */
        double margin;    /* refresh: so much may be lost */
        double min_score; /* F1 that must be reached whatever the champion has */
        int64_t min_test_positives;
        int64_t bootstrap; /* draws */
        enum evaluate_on_accept on_accept;
};

struct parameters {
        char name[PARAMETERS_NAME_BYTES]; /* of pipeline and model */
        struct split split;
        double max_bad_fraction; /* share of rows that may be set aside as unreadable; 0: the first fails the run */
        struct transform_parameters transform;
        struct train_parameters train;
        struct evaluate_parameters evaluate;
};

extern const struct record parameters_record;
extern const struct record transform_parameters_record;
extern const struct record train_parameters_record;

/* The defaults, for a pipeline of that name. */
void parameters_init(struct parameters *parameters, const char *name);

/* Reads name, source.max_bad_fraction, split, transform, train and evaluate of pipeline.yaml over the defaults; the
 * other keys of the top level are pipeline_load()'s. FAULT_E_INPUT with file, line, position and key. */
int parameters_load(const struct config_node *pipeline, struct parameters *ret_parameters, struct fault *fault);

/* Lays the body of `POST /training` over parameters: {"parameters": {"train": {…}, "evaluate": {…}}}, each in the shape
 * of pipeline.yaml. An empty body and {} change nothing. 0; -ENOMEM; or FAULT_E_INPUT with code
 *      JSON_*                 no JSON
 *      PARAMETER_FIXED        belongs to the pipeline, such as split.salt
 *      CONFIG_*, PARAMETER_*  unknown, of the wrong kind or out of range
 * and the fault's column naming the parameter. On failure parameters stay as they were. */
int parameters_override(struct parameters *parameters, const void *body, size_t n_bytes, struct fault *fault);

/* The value of an XGBoost parameter, or NULL when it is not set. Borrowed. */
const char *parameters_setting(const struct parameters *parameters, const char *name);

/* The scaling of a column of numbers. */
enum scaling parameters_scaling(const struct parameters *parameters, const char *column);
