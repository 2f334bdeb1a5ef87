/* Train: the matrix as the booster wants it, the booster, and a threshold by its margins. */

#include "services/trainer/train.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/model/booster.h"
#include "common/model/forest.h"

enum {
        PIECE_ROWS = 4096,
        PARAMETERS_OWN = 3, /* num_boost_round, early_stopping_rounds, seed */
};

/* The matrix cut in two: batches[0 … n_train-1] to learn from, the rest the slice. */
struct parts {
        size_t n_features, n_batches, n_train;
        const char **names; /* of the features */
        const char *label;
        struct booster_batch *batches;
};

static void parts_finish(struct parts *parts) {
        free(parts->names);
        free(parts->batches);
}

void train_result_finish(struct train_result *result) {
        if (result)
                buffer_finish(&result->model);
}

static int matrix_fault(struct fault *fault, const char *sentence) {
        return fault_set(fault, "MATRIX_INVALID", "the train matrix %s", sentence);
}

static int take_batch(struct parts *parts, const struct table *table, struct fault *fault) {
        struct table_matrix matrix;

        if (table->n_columns != parts->n_features + 1 || !table_as_matrix(table, &matrix))
                return matrix_fault(fault, "has a batch that is no matrix of float32");
        parts->batches[parts->n_batches++] = (struct booster_batch){ .values = matrix.values,
                                                                     .n_rows = matrix.n_rows,
                                                                     .distance_bytes = matrix.distance * sizeof(float),
                                                                     .labels = matrix.values +
                                                                               parts->n_features * matrix.distance };
        return 0;
}

static int parts_init(const struct train_input *input, struct parts *parts, struct fault *fault) {
        const struct table *first = input->tables;
        int64_t n_rows = 0;
        int r;

        if (!input->n_tables || first->n_columns < 2)
                return matrix_fault(fault, "is empty");
        parts->n_features = first->n_columns - 1;
        parts->label = first->columns[parts->n_features].name;
        parts->names = calloc(parts->n_features, sizeof(*parts->names));
        parts->batches = calloc(input->n_tables, sizeof(*parts->batches));
        if (!parts->names || !parts->batches)
                return error_origin(-ENOMEM, "training");
        for (size_t k = 0; k < parts->n_features; k++)
                parts->names[k] = first->columns[k].name;
        for (size_t t = 0; t < input->n_tables; t++) {
                if (n_rows == input->n_train_rows && !parts->n_train)
                        parts->n_train = t;
                r = take_batch(parts, &input->tables[t], fault);
                if (r)
                        return error_trace(r);
                n_rows += (int64_t)input->tables[t].n_rows;
        }
        if (n_rows == input->n_train_rows)
                parts->n_train = input->n_tables;
        if (!parts->n_train || n_rows != input->n_train_rows + input->n_slice_rows)
                return matrix_fault(fault, "does not have the rows that its message says");
        return 0;
}

/* Early, and in words of its own: libxgboost learns from such rows without a complaint. */
static int check_labels(const struct parts *parts, struct fault *fault) {
        bool is_seen[2] = { false, false };

        for (size_t b = 0; b < parts->n_train; b++)
                for (size_t i = 0; i < parts->batches[b].n_rows; i++)
                        is_seen[parts->batches[b].labels[i] > 0.5f] = true;
        if (is_seen[false] && is_seen[true])
                return 0;
        fault_in(fault, parts->label, -1);
        return fault_set(fault, "LABEL_ONE_CLASS", "all rows to learn from have the same label");
}

/*
 * Boosting
 */

static int on_round(void *context, size_t n_done, size_t n_rounds, double logloss _unused_) {
        const struct train_input *input = context;

        return input->on_round(input->context, (int64_t)n_done, (int64_t)n_rounds);
}

static int boost(const struct train_input *input, const struct parts *parts, struct booster_result *ret_result,
                 struct fault *fault) {
        struct booster_parameter parameters[PARAMETERS_SETTINGS_MAX + PARAMETERS_OWN];
        const struct train_parameters *given = input->parameters;
        char n_rounds[24], n_stopping[24], seed[24];
        struct booster_input booster = { .train = parts->batches,
                                         .n_train = parts->n_train,
                                         .stop = parts->batches + parts->n_train,
                                         .n_stop = parts->n_batches - parts->n_train,
                                         .n_features = parts->n_features,
                                         .feature_names = parts->names,
                                         .parameters = parameters,
                                         .n_threads = input->n_threads,
                                         .on_round = input->on_round ? on_round : NULL,
                                         .context = (void *)input };
        int r;

        snprintf(n_rounds, sizeof(n_rounds), "%" PRId64, given->num_boost_round);
        snprintf(n_stopping, sizeof(n_stopping), "%" PRId64, given->early_stopping_rounds);
        snprintf(seed, sizeof(seed), "%" PRId64, given->seed);
        for (size_t i = 0; i < given->n_settings; i++)
                parameters[booster.n_parameters++] = (struct booster_parameter){ given->settings[i].name,
                                                                                 given->settings[i].value };
        parameters[booster.n_parameters++] = (struct booster_parameter){ "num_boost_round", n_rounds };
        parameters[booster.n_parameters++] = (struct booster_parameter){ "early_stopping_rounds", n_stopping };
        parameters[booster.n_parameters++] = (struct booster_parameter){ "seed", seed };
        r = booster_train(&booster, ret_result, fault);
        return r == BOOSTER_E_CANCELED ? TRAIN_E_CANCELED : error_trace(r);
}

/*
 * The threshold
 */

struct scoring {
        const struct forest *forest;
        const struct booster_batch *batch;
        const float **columns;
        float *margins;
};

static int score_piece(void *context, size_t piece, int worker _unused_) {
        const struct scoring *scoring = context;
        size_t n_features = forest_n_features(scoring->forest), first = piece * PIECE_ROWS;
        size_t n = scoring->batch->n_rows - first;
        _cleanup_(free_pointer) const float **columns = calloc(n_features, sizeof(*columns));

        if (!columns)
                return error_origin(-ENOMEM, "scoring the slice");
        for (size_t k = 0; k < n_features; k++)
                columns[k] = scoring->columns[k] + first;
        forest_margins(scoring->forest, columns, n < PIECE_ROWS ? n : PIECE_ROWS, scoring->margins + first);
        return 0;
}

static int score_batch(const struct forest *forest, const struct booster_batch *batch, float *margins) {
        _cleanup_(free_pointer) const float **columns = calloc(forest_n_features(forest), sizeof(*columns));
        struct scoring scoring = { forest, batch, columns, margins };

        if (!columns)
                return error_origin(-ENOMEM, "scoring the slice");
        for (size_t k = 0; k < forest_n_features(forest); k++)
                columns[k] = batch->values + k * (batch->distance_bytes / sizeof(float));
        return error_trace(parallel_for((batch->n_rows + PIECE_ROWS - 1) / PIECE_ROWS, score_piece, &scoring));
}

static int choose(const struct train_input *input, const struct parts *parts, const struct forest *forest,
                  struct threshold *ret_threshold) {
        size_t n_rows = (size_t)input->n_slice_rows, n_done = 0;
        _cleanup_(free_pointer) float *margins = calloc(n_rows + 1, sizeof(*margins));
        _cleanup_(free_pointer) float *labels = calloc(n_rows + 1, sizeof(*labels));
        int r;

        if (!margins || !labels)
                return error_origin(-ENOMEM, "choosing the threshold on %zu rows", n_rows);
        for (size_t b = parts->n_train; b < parts->n_batches; b++) {
                const struct booster_batch *batch = &parts->batches[b];

                r = score_batch(forest, batch, margins + n_done);
                if (r)
                        return error_trace(r);
                memcpy(labels + n_done, batch->labels, batch->n_rows * sizeof(*labels));
                n_done += batch->n_rows;
        }
        r = threshold_choose(margins, labels, n_rows, ret_threshold);
        /* train() has refused an empty slice, so there are rows */
        assert(r <= 0);
        return error_trace(r);
}

static int decide(const struct train_input *input, const struct parts *parts, const struct buffer *model,
                  struct threshold *ret_threshold, struct fault *fault) {
        _cleanup_(forest_destroy_pointer) struct forest *forest = NULL;
        int r;

        r = forest_create(model->data, model->n_bytes, &forest, fault);
        if (r)
                return error_trace(r);
        if (forest_objective(forest) != FOREST_OBJECTIVE_LOGISTIC || forest_n_outputs(forest) != 1)
                return fault_set(fault, "MODEL_UNSUPPORTED", "the model does not tell two classes apart");
        if (isnan(input->parameters->threshold))
                return error_trace(choose(input, parts, forest, ret_threshold));
        if (threshold_fix(input->parameters->threshold, ret_threshold) == 0)
                return 0;
        fault_in(fault, "threshold", -1);
        return fault_set(fault, "PARAMETER_INVALID", "threshold is %g, but must lie between 0 and 1",
                         input->parameters->threshold);
}

int train(const struct train_input *input, struct train_result *ret_result, struct fault *fault) {
        _cleanup_(booster_result_finish) struct booster_result booster = BOOSTER_RESULT_NULL;
        _cleanup_(parts_finish) struct parts parts = { 0 };
        struct threshold threshold = THRESHOLD_NULL;
        struct train_result result;
        int r;

        r = parts_init(input, &parts, fault);
        if (!r)
                r = check_labels(&parts, fault);
        if (!r && isnan(input->parameters->threshold) && !input->n_slice_rows)
                return fault_set(fault, "SLICE_EMPTY",
                                 "%" PRId64 " train rows leave none to choose the threshold on; more rows, a larger "
                                 "stopping_fraction or a fixed threshold would",
                                 input->n_train_rows);
        if (!r)
                r = boost(input, &parts, &booster, fault);
        if (!r)
                r = decide(input, &parts, &booster.model, &threshold, fault);
        if (r)
                return error_trace(r);
        result = (struct train_result){
                .model = booster.model,
                .threshold = threshold,
                .candidate = { .n_rounds = (int64_t)booster.n_rounds,
                               .n_trained = (int64_t)booster.n_trained,
                               .logloss = booster.logloss,
                               .decision = { .method = threshold.method,
                                             .probability = threshold.probability,
                                             .margin = threshold.margin },
                               .booster_ms = (booster.booster_ns + 500000) / 1000000 },
        };
        booster_version(result.candidate.xgboost);
        booster.model = (struct buffer)BUFFER_NULL;
        *ret_result = result;
        return 0;
}
