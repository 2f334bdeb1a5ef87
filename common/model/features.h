#pragma once

/*
 * Features
 *
 * The transform from raw rows to the model's inputs: fitted on train, saved in the bundle as transform.json, applied to
 * batches by transformer and evaluator and to single rows by the gateway. Both ways go through the same function for
 * each cell, so the floats are the same to the bit.
 *
 * How a column is turned into numbers is the schema's `encoded`: pass, map or one-hot over the declared values. Numbers
 * that pass may also be scaled by what was seen in train: `standard`, (x - mean) / deviation, or `min_max`, (x - min) /
 * (max - min). Missing values and values outside the closed list have the outcome that the schema declares; a missing
 * value the model may see is NaN in every output of its column. Key and label never become a feature.
 *
 * Inputs are taken by name: any order of the same columns gives the same floats. A features object never changes after
 * it is made and may be shared by threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"

enum features_scaling {
        FEATURES_SCALING_PASSTHROUGH,
        FEATURES_SCALING_STANDARD,
        FEATURES_SCALING_MIN_MAX,
        FEATURES_N_SCALINGS,
};

/* Which column is scaled how. */
struct features_choice {
        const char *column; /* borrowed for the call */
        enum features_scaling scaling;
};

struct features;

/* Whether a column can be scaled: an int or float feature that passes. */
static inline bool features_is_number(const struct schema_column *column) {
        return column->role == SCHEMA_ROLE_FEATURE && column->encoding.kind == SCHEMA_ENCODING_PASS &&
               column->type != VALUE_TYPE_BOOL;
}

/* "passthrough", "standard", "min_max": the words of pipeline.yaml, in the order of proto's enum scaling. Borrowed
 * forever. */
const char *features_scaling_name(enum features_scaling scaling);

/*
 * Fits on the tables of the train set (none is needed where nothing is scaled). Of choices for one column the last
 * holds. Missing values and infinities are left out. The schema is borrowed for the life of the features. FAULT_E_INPUT
 * (TRANSFORM_*) when a choice names no column, or one that is not a number that passes, or when the tables do not hold
 * it; -ENOMEM. A column without two different values scales to 0.
 */
int features_fit(const struct schema *schema, const struct features_choice *choices, size_t n_choices,
                 const struct table *tables, size_t n_tables, struct features **ret_features, struct fault *fault);

/* Reads transform.json. It must be of this schema: every output is compared. FAULT_E_INPUT, or -ENOMEM. */
int features_load(const struct schema *schema, const void *json, size_t n_bytes, struct features **ret_features,
                  struct fault *fault);
struct features *features_destroy(struct features *features);
void features_destroy_pointer(struct features **features);

/* Appends transform.json; the same features give the same bytes. Everything that is needed to repeat the transform
 * elsewhere is in it: for each matrix column its operation, what the values stand for, and the outcomes. */
int features_save(const struct features *features, struct buffer *json);

size_t features_n_outputs(const struct features *features);

/* The name of a matrix column; borrowed. */
const char *features_output_name(const struct features *features, size_t output);

/*
 * Transforms a batch: output k of row i is written to ret_matrix[k * distance + i], distance >= n_rows. Columns that
 * are not features are not looked at, and one of another type than the schema's is read by the rules for sources with
 * types (value.h), as when a champion's schema calls float what is int by now. FAULT_E_INPUT naming column and row when
 * a value may not be transformed (the schema rejects it, or the column is absent): such rows are for the validator to
 * refuse beforehand.
 */
int features_apply(const struct features *features, const struct table *table, float *ret_matrix, size_t distance,
                   struct fault *fault);

/* Transforms one row: values in the order of the schema's columns, n_outputs floats out. Allocates nothing. */
int features_apply_row(const struct features *features, const struct value *values, float *ret_row,
                       struct fault *fault);
