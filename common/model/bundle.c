/* Bundle: four files that must fit each other, and scoring in pieces. */

#include "common/model/bundle.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/base/parallel.h"

#define THRESHOLD_VERSION 1

enum { PIECE_ROWS = 4096 };

int bundle_save_threshold(const struct threshold *threshold, struct buffer *json) {
        struct json_builder builder = json_begin(json, JSON_PRETTY);

        json_begin_object(&builder);
        json_key_int64(&builder, "threshold", THRESHOLD_VERSION);
        json_key_text(&builder, "method", threshold_method_name(threshold->method));
        /* as a double, so that any reader gets exactly this float: the shortest digits of a float, read as a double and
         * rounded again, may give its neighbour */
        json_key_double(&builder, "margin", (double)threshold->margin);
        json_key_double(&builder, "probability", threshold->probability);
        json_end_object(&builder);
        return error_trace(json_end(&builder));
}

int bundle_load_threshold(const void *json, size_t n_bytes, struct threshold *ret_threshold, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        struct threshold threshold = THRESHOLD_NULL;
        const struct json_value *root;
        const char *method = NULL;
        int64_t version;
        double margin = 0;
        int r;

        r = json_parse(json, n_bytes, fault, &document);
        if (r)
                return error_trace(r);
        root = json_root(document);
        r = json_need_int(root, "threshold", THRESHOLD_VERSION, THRESHOLD_VERSION, fault, &version);
        if (!r)
                r = json_need_text(root, "method", fault, &method);
        if (!r)
                r = json_need_double(root, "margin", fault, &margin);
        if (!r)
                r = json_need_double(root, "probability", fault, &threshold.probability);
        if (r)
                return r;
        while (threshold.method < THRESHOLD_N_METHODS && strcmp(method, threshold_method_name(threshold.method)))
                threshold.method++;
        threshold.margin = (float)margin;
        if (threshold.method == THRESHOLD_N_METHODS || !isfinite(threshold.margin) ||
            islessgreater((double)threshold.margin, margin))
                return fault_set(fault, "THRESHOLD_INVALID", "method %s with margin %g is no threshold", method,
                                 margin);
        *ret_threshold = threshold;
        return 0;
}

void bundle_finish(struct bundle *bundle) {
        if (!bundle)
                return;
        forest_destroy(bundle->forest);
        features_destroy(bundle->features);
        schema_destroy(bundle->schema);
        *bundle = (struct bundle)BUNDLE_NULL;
}

static int compare_names(const struct bundle *bundle, struct fault *fault) {
        size_t n = features_n_outputs(bundle->features);
        const char *wanted;

        if (forest_n_features(bundle->forest) != n)
                return fault_set(fault, "BUNDLE_FEATURES", "the model wants %zu features, the transform gives %zu",
                                 forest_n_features(bundle->forest), n);
        for (size_t i = 0; i < n; i++) {
                wanted = forest_feature_name(bundle->forest, i);
                if (wanted && strcmp(wanted, features_output_name(bundle->features, i)))
                        return fault_set(fault, "BUNDLE_FEATURES",
                                         "feature %zu of the model is %s, the transform gives %s", i, wanted,
                                         features_output_name(bundle->features, i));
        }
        if (forest_n_outputs(bundle->forest) != 1 || forest_objective(bundle->forest) != FOREST_OBJECTIVE_LOGISTIC)
                return fault_set(fault, "BUNDLE_OBJECTIVE", "the model does not tell two classes apart");
        return 0;
}

/* A fault's line is kept: whoever read the file has told it. */
static int name_file(const char *name, int r, struct fault *fault) {
        if (r == FAULT_E_INPUT)
                fault_at(fault, name, fault->line, fault->position);
        return error_trace(r);
}

int bundle_load(const struct bundle_parts *parts, struct bundle *ret_bundle, struct fault *fault) {
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        int r;

        r = schema_parse(BUNDLE_SCHEMA, parts->schema.data, parts->schema.n_bytes, fault, &bundle.schema);
        if (r)
                return error_trace(r);
        r = features_load(bundle.schema, parts->transform.data, parts->transform.n_bytes, &bundle.features, fault);
        if (r)
                return name_file(BUNDLE_TRANSFORM, r, fault);
        r = bundle_load_threshold(parts->threshold.data, parts->threshold.n_bytes, &bundle.threshold, fault);
        if (r)
                return name_file(BUNDLE_THRESHOLD, r, fault);
        r = forest_create(parts->model.data, parts->model.n_bytes, &bundle.forest, fault);
        if (!r)
                r = compare_names(&bundle, fault);
        if (r)
                return name_file(BUNDLE_MODEL, r, fault);
        *ret_bundle = bundle;
        bundle = (struct bundle)BUNDLE_NULL;
        return 0;
}

struct scoring {
        const struct bundle *bundle;
        const struct table *tables;
        size_t n_tables;
        float *margins;
        pthread_mutex_t lock;
        struct fault *fault; /* of the earliest row at fault */
};

/* The table, and the row in it, at which a piece begins; every table is cut into pieces of its own. */
static const struct table *find_piece(const struct scoring *scoring, size_t piece, size_t *ret_first,
                                      size_t *ret_rows_before) {
        const struct table *table = scoring->tables;
        size_t rows_before = 0, n_pieces;

        while ((n_pieces = (table->n_rows + PIECE_ROWS - 1) / PIECE_ROWS) <= piece) {
                piece -= n_pieces;
                rows_before += table->n_rows;
                table++;
        }
        *ret_first = piece * PIECE_ROWS;
        *ret_rows_before = rows_before;
        return table;
}

static void keep_earliest(struct scoring *scoring, struct fault *fault, size_t rows_before) {
        if (fault->row >= 0)
                fault->row += (int64_t)rows_before;
        pthread_mutex_lock(&scoring->lock);
        if (!scoring->fault->code[0] || fault->row < scoring->fault->row)
                *scoring->fault = *fault;
        pthread_mutex_unlock(&scoring->lock);
}

static int score_piece(void *context, size_t piece, int worker _unused_) {
        struct scoring *scoring = context;
        size_t first, rows_before, n_rows, n_outputs = features_n_outputs(scoring->bundle->features);
        const struct table *table = find_piece(scoring, piece, &first, &rows_before);
        _cleanup_(free_pointer) struct column *columns = calloc(table->n_columns, sizeof(*columns));
        _cleanup_(free_pointer) const float **outputs = calloc(n_outputs, sizeof(*outputs));
        _cleanup_(free_pointer) float *matrix = NULL;
        struct fault fault = FAULT_NULL;
        struct table slice;
        int r;

        n_rows = table->n_rows - first < PIECE_ROWS ? table->n_rows - first : PIECE_ROWS;
        matrix = calloc(n_outputs * n_rows, sizeof(*matrix));
        if (!columns || !outputs || !matrix)
                return error_origin(-ENOMEM, "scoring %zu rows", n_rows);
        slice = table_slice(table, first, n_rows, columns);
        r = features_apply(scoring->bundle->features, &slice, matrix, n_rows, &fault);
        if (r == FAULT_E_INPUT)
                keep_earliest(scoring, &fault, rows_before + first);
        if (r)
                return r;
        for (size_t k = 0; k < n_outputs; k++)
                outputs[k] = matrix + k * n_rows;
        forest_margins(scoring->bundle->forest, outputs, n_rows, scoring->margins + rows_before + first);
        return 0;
}

int bundle_score(const struct bundle *bundle, const struct table *tables, size_t n_tables, float *ret_margins,
                 struct fault *fault) {
        struct scoring scoring = { bundle, tables, n_tables, ret_margins, PTHREAD_MUTEX_INITIALIZER, fault };
        size_t n_pieces = 0;
        int r;

        fault->code[0] = 0;
        for (size_t i = 0; i < n_tables; i++)
                n_pieces += (tables[i].n_rows + PIECE_ROWS - 1) / PIECE_ROWS;
        r = parallel_for(n_pieces, score_piece, &scoring);
        pthread_mutex_destroy(&scoring.lock);
        return error_trace(r);
}
