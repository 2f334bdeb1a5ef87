#pragma once

/*
 * Transform
 *
 * The transformer's work: fits the features on the raw train rows and writes the train matrix, an Arrow file of
 * float32 columns without validity, NaN where a value is missing: the features' outputs in their order, then the label
 * as 0 and 1 under the schema's name for it. All columns of a batch stand at one distance, so that the features are a
 * matrix for table_as_matrix() and the label lies beside them.
 *
 * The rows to learn from come first; the slice, kept from learning for early stopping and the threshold, comes last, in
 * batches of its own. Which rows it is, is decided by their keys, or their content where the schema has no key, and by
 * train.seed (common/data/split.h). Within either part rows keep their order.
 *
 * Structs in, structs and a file out: no store, no clock. The work is fanned over all cores, and the bytes do not
 * depend on how many there are.
 */

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/arrow/arrow.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "proto/parameters.h"

enum {
        TRANSFORM_E_CANCELED = FAULT_E_INPUT + 1, /* on_rows() asked for it */
};

/* All borrowed for the call. */
struct transform_input {
        const struct schema *schema;
        const struct parameters *parameters;
        const struct table *tables; /* the raw train rows, at most TABLE_BATCH_ROWS in each */
        size_t n_tables;
        int matrix_fd; /* an empty file; stays the caller's, to sync and to publish */

        /* After each table, in order, from one of the working threads, never from two at once: rows done of all rows.
         * Nonzero cancels. May be NULL. */
        int (*on_rows)(void *context, int64_t n_done, int64_t n_rows);
        void *context;
};

struct transform_result {
        struct buffer transform; /* transform.json */
        struct arrow_summary matrix;
        int64_t n_features;
        int64_t n_train_rows; /* of the matrix, the first */
        int64_t n_slice_rows; /* of the matrix, the last; may be none */
};

#define TRANSFORM_RESULT_NULL \
        { 0 }

/*
 * 0; TRANSFORM_E_CANCELED; a negative errno; or FAULT_E_INPUT, naming column and row where one is at fault (rows count
 * from the first table's first):
 *      TRANSFORM_*             the parameters scale a column that cannot be scaled, or there are too many features
 *      LABEL_*, anomaly codes  a row that the validator should have refused
 *      TRAIN_ROWS_TOO_FEW      no row is left to learn from
 */
int transform(const struct transform_input *input, struct transform_result *ret_result, struct fault *fault);
void transform_result_finish(struct transform_result *result);
