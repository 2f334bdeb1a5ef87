/* Transform: tables become pieces of the matrix on all cores, and are written in their order. */

#include "services/transformer/transform.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/data/split.h"
#include "common/model/features.h"
#include "common/model/labels.h"

/* What one table becomes: columns one after the other, each with room for one value more than it has rows. */
struct piece {
        int64_t first_row;
        size_t n_train, n_slice;
        float *slice; /* kept until all rows to learn from are written */
};

/* One transformation as it is being made, shared by its threads. */
struct transform {
        const struct transform_input *input;
        const struct features *features;
        uint64_t salt;
        int64_t ten_thousandths;
        int64_t n_rows;
        size_t n_columns;
        struct column *columns; /* names and types; the values are those of the batch being written */
        struct piece *pieces;   /* one for each table */
        struct arrow_writer *writer;
        struct fault *fault;

        pthread_mutex_t lock;
        pthread_cond_t turned;
        size_t turn;   /* the table whose piece may be written */
        size_t failed; /* the first table that cannot be; n_tables: none */
};

static void transform_finish(struct transform *transform) {
        for (size_t t = 0; transform->pieces && t < transform->input->n_tables; t++)
                free(transform->pieces[t].slice);
        free(transform->pieces);
        free(transform->columns);
        arrow_writer_destroy(transform->writer);
        pthread_mutex_destroy(&transform->lock);
        pthread_cond_destroy(&transform->turned);
}

void transform_result_finish(struct transform_result *result) {
        if (result)
                buffer_finish(&result->transform);
}

/*
 * Fitting
 */

/* Every number as `numbers` says, and then the columns that are named, which must be such numbers. */
static int fit(const struct transform_input *input, struct features **ret_features, struct fault *fault) {
        const struct transform_parameters *parameters = &input->parameters->transform;
        struct features_choice choices[SCHEMA_COLUMNS_MAX + PARAMETERS_COLUMNS_MAX];
        size_t n = 0;

        for (size_t i = 0; i < input->schema->n_columns; i++) {
                const struct schema_column *column = &input->schema->columns[i];

                if (features_is_number(column) && parameters->numbers != SCALING_PASSTHROUGH)
                        choices[n++] = (struct features_choice){ column->name,
                                                                 (enum features_scaling)parameters->numbers };
        }
        for (size_t i = 0; i < parameters->n_columns; i++)
                choices[n++] = (struct features_choice){ parameters->columns[i].name,
                                                         (enum features_scaling)parameters->columns[i].scaling };
        return error_trace(
                features_fit(input->schema, choices, n, input->tables, input->n_tables, ret_features, fault));
}

/*
 * A piece
 */

/* Marks the rows of the slice with 1, the others with 0. */
static int mark_slice(const struct transform *transform, const struct table *table, uint8_t *ret_is_slice,
                      struct fault *fault) {
        const struct schema *schema = transform->input->schema;
        const struct schema_column *key = schema->key == SCHEMA_NO_VALUE ? NULL : &schema->columns[schema->key];
        const struct column *column = key ? table_find(table, key->name) : NULL;
        int r;

        if (key && (!column || column->type != value_column_type(key->type))) {
                fault_in(fault, key->name, -1);
                return fault_set(fault, anomaly_name(ANOMALY_SCHEMA_MISSING_COLUMN), "the key is not in the data");
        }
        r = split_table(table, key ? key->name : NULL, transform->salt, transform->ten_thousandths, ret_is_slice);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < table->n_rows; i++) {
                if (ret_is_slice[i] == SPLIT_NO_KEY)
                        return schema_fault(key, ANOMALY_FEATURE_TYPE_NOT_PRESENT, (int64_t)i, NULL, 0, fault);
                ret_is_slice[i] = ret_is_slice[i] == SPLIT_TEST;
        }
        return 0;
}

/* Parts a column: the slice's rows go to slice, the others move together. Both have room for one value more. */
static void part(float *column, const uint8_t *is_slice, size_t n_rows, float *slice) {
        size_t n_train = 0, n_slice = 0;

        for (size_t i = 0; i < n_rows; i++) {
                float value = column[i];

                column[n_train] = value;
                slice[n_slice] = value;
                n_train += !is_slice[i];
                n_slice += is_slice[i];
        }
}

/* Makes a table's piece: its rows to learn from in ret_train, columns at the distance of n_rows + 1. */
static int make_piece(const struct transform *transform, size_t at, float **ret_train, struct fault *fault) {
        const struct table *table = &transform->input->tables[at];
        size_t n = table->n_rows, distance = n + 1, n_features = transform->n_columns - 1, n_slice = 0;
        _cleanup_(free_pointer) float *train = malloc(transform->n_columns * distance * sizeof(float));
        _cleanup_(free_pointer) uint8_t *bytes = malloc(n + 1);
        struct piece *piece = &transform->pieces[at];
        int r;

        if (!train || !bytes)
                return error_origin(-ENOMEM, "transforming %zu rows", n);
        r = labels_read(transform->input->schema, table, bytes, fault);
        for (size_t i = 0; !r && i < n; i++)
                train[n_features * distance + i] = bytes[i];
        if (!r)
                r = features_apply(transform->features, table, train, distance, fault);
        if (!r)
                r = mark_slice(transform, table, bytes, fault);
        if (r)
                return error_trace(r);

        for (size_t i = 0; i < n; i++)
                n_slice += bytes[i];
        piece->slice = malloc(transform->n_columns * (n_slice + 1) * sizeof(float));
        if (!piece->slice)
                return error_origin(-ENOMEM, "transforming %zu rows", n);
        for (size_t k = 0; k < transform->n_columns; k++)
                part(train + k * distance, bytes, n, piece->slice + k * (n_slice + 1));
        piece->n_slice = n_slice;
        piece->n_train = n - n_slice;
        *ret_train = steal(train);
        return 0;
}

/*
 * Writing
 */

static int write_batch(struct transform *transform, const float *values, size_t distance, size_t n_rows) {
        struct table batch = { .n_rows = n_rows, .n_columns = transform->n_columns, .columns = transform->columns };

        for (size_t k = 0; k < transform->n_columns; k++)
                transform->columns[k].float32 = values + k * distance;
        return error_trace(arrow_writer_add(transform->writer, &batch));
}

/* Waits until all tables before this one are written; false when one of them cannot be. */
static bool wait_for_turn(struct transform *transform, size_t table) {
        bool is_mine;

        pthread_mutex_lock(&transform->lock);
        while (transform->turn != table && transform->failed > table)
                pthread_cond_wait(&transform->turned, &transform->lock);
        is_mine = transform->turn == table;
        pthread_mutex_unlock(&transform->lock);
        return is_mine;
}

static void end_turn(struct transform *transform, size_t table, int result, const struct fault *fault) {
        pthread_mutex_lock(&transform->lock);
        if (!result) {
                transform->turn = table + 1;
        } else if (table < transform->failed) {
                transform->failed = table;
                *transform->fault = *fault;
                if (fault->row >= 0)
                        transform->fault->row += transform->pieces[table].first_row;
        }
        pthread_cond_broadcast(&transform->turned);
        pthread_mutex_unlock(&transform->lock);
}

static int transform_table(void *context, size_t at, int worker _unused_) {
        struct transform *transform = context;
        const struct table *table = &transform->input->tables[at];
        _cleanup_(free_pointer) float *train = NULL;
        struct fault fault = FAULT_NULL;
        int r;

        r = make_piece(transform, at, &train, &fault);
        if (!r && !wait_for_turn(transform, at))
                return -ECANCELED;
        if (!r)
                r = write_batch(transform, train, table->n_rows + 1, transform->pieces[at].n_train);
        if (!r && transform->input->on_rows &&
            transform->input->on_rows(transform->input->context,
                                      transform->pieces[at].first_row + (int64_t)table->n_rows, transform->n_rows))
                r = TRANSFORM_E_CANCELED;
        end_turn(transform, at, r, &fault);
        return r;
}

/* The slices of all pieces, one after the other, in full batches. */
static int write_slices(struct transform *transform) {
        size_t distance = TABLE_BATCH_ROWS, n_held = 0, n_taken, n;
        _cleanup_(free_pointer) float *batch = malloc(transform->n_columns * distance * sizeof(float));
        int r;

        if (!batch)
                return error_origin(-ENOMEM, "writing the slice");
        for (size_t t = 0; t < transform->input->n_tables; t++) {
                const struct piece *piece = &transform->pieces[t];

                for (n_taken = 0; n_taken < piece->n_slice; n_taken += n) {
                        n = piece->n_slice - n_taken;
                        n = n < distance - n_held ? n : distance - n_held;
                        for (size_t k = 0; k < transform->n_columns; k++)
                                memcpy(batch + k * distance + n_held, piece->slice + k * (piece->n_slice + 1) + n_taken,
                                       n * sizeof(float));
                        n_held += n;
                        if (n_held < distance)
                                continue;
                        r = write_batch(transform, batch, distance, n_held);
                        if (r)
                                return error_trace(r);
                        n_held = 0;
                }
        }
        return error_trace(write_batch(transform, batch, distance, n_held));
}

/*
 * All of it
 */

static int transform_init(struct transform *transform) {
        const struct transform_input *input = transform->input;
        struct table shape;
        int r;

        transform->columns = calloc(transform->n_columns, sizeof(*transform->columns));
        transform->pieces = calloc(input->n_tables + 1, sizeof(*transform->pieces));
        if (!transform->columns || !transform->pieces)
                return error_origin(-ENOMEM, "transforming");
        for (size_t k = 0; k < transform->n_columns; k++) {
                transform->columns[k].type = COLUMN_FLOAT32;
                transform->columns[k].name = k < transform->n_columns - 1
                                                     ? features_output_name(transform->features, k)
                                                     : input->schema->columns[input->schema->label].name;
        }
        for (size_t t = 0; t < input->n_tables; t++) {
                transform->pieces[t].first_row = transform->n_rows;
                transform->n_rows += (int64_t)input->tables[t].n_rows;
        }
        shape = (struct table){ .n_columns = transform->n_columns, .columns = transform->columns };
        r = arrow_writer_create(input->matrix_fd, &shape, NULL, 0, &transform->writer);
        return error_trace(r);
}

static int write_matrix(struct transform *transform, struct transform_result *result) {
        int r;

        r = parallel_for(transform->input->n_tables, transform_table, transform);
        if (r)
                return error_trace(r);
        for (size_t t = 0; t < transform->input->n_tables; t++) {
                result->n_train_rows += (int64_t)transform->pieces[t].n_train;
                result->n_slice_rows += (int64_t)transform->pieces[t].n_slice;
        }
        if (!result->n_train_rows)
                return fault_set(transform->fault, "TRAIN_ROWS_TOO_FEW",
                                 "of %" PRId64 " train rows none is left to learn from", transform->n_rows);
        r = write_slices(transform);
        if (!r)
                r = arrow_writer_finish(transform->writer, &result->matrix);
        return error_trace(r);
}

int transform(const struct transform_input *input, struct transform_result *ret_result, struct fault *fault) {
        _cleanup_(transform_result_finish) struct transform_result result = TRANSFORM_RESULT_NULL;
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        const struct train_parameters *train = &input->parameters->train;
        _cleanup_(transform_finish) struct transform transform = { .input = input,
                                                                   .salt = split_stopping_salt(train->seed),
                                                                   .ten_thousandths = llround(train->stopping_fraction *
                                                                                              SPLIT_PARTS),
                                                                   .fault = fault,
                                                                   .lock = PTHREAD_MUTEX_INITIALIZER,
                                                                   .turned = PTHREAD_COND_INITIALIZER,
                                                                   .failed = input->n_tables };
        int r;

        if (input->schema->n_outputs >= TABLE_COLUMNS_MAX)
                return fault_set(fault, "TRANSFORM_TOO_WIDE", "the features make %zu matrix columns, at most %d fit",
                                 input->schema->n_outputs, TABLE_COLUMNS_MAX - 1);
        r = fit(input, &features, fault);
        if (r)
                return error_trace(r);
        transform.features = features;
        transform.n_columns = features_n_outputs(features) + 1;
        r = transform_init(&transform);
        if (!r)
                r = features_save(features, &result.transform);
        if (!r)
                r = write_matrix(&transform, &result);
        if (r)
                return error_trace(r);
        result.n_features = (int64_t)features_n_outputs(features);
        *ret_result = result;
        result = (struct transform_result)TRANSFORM_RESULT_NULL;
        return 0;
}
