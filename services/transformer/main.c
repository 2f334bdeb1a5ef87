/*
 * NAME
 *      convoy-transformer - turns raw train rows into numbers to learn from
 *
 * SUMMARY
 *      Fits the features on the raw train rows, by the schema and the parameters of the run, and writes the train
 *      matrix: the rows to learn from, then the slice that is kept for early stopping and the threshold. The test rows
 *      are not looked at.
 *
 * RECEIVES
 *      validator_to_transformer  raw datasets that keep the schema
 *
 * EMITS
 *      transformer_to_trainer    the same, and matrix and transform
 *
 * STORES
 *      blobs   the train matrix (Arrow, float32, NaN = missing; the features and then the label), transform.json
 *      runs/<run>/transformer.json, cache/<key>.json
 *
 * CONFIG
 *      pipeline.yaml for the store; how columns become features is ordered with the run (schema, transform, train.seed,
 *      train.stopping_fraction).
 *
 * DIAGNOSTICS
 *      One line per message; exit codes 0 stopped, 1 failed, 2 misconfigured. A run FAILED here with TRANSFORM_* has
 *      parameters that do not fit its schema, with TRAIN_ROWS_TOO_FEW too few rows.
 *
 * BUGS
 *      None known.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "proto/transformer_to_trainer.h"
#include "services/stage/stage.h"
#include "services/transformer/transform.h"

/* The run in hand, and its raw train rows, mapped. */
struct run {
        struct stage_work *work;
        struct arrow_file *file;
        struct table *tables;
        size_t n_forgotten; /* batches that are done with */
};

static void run_finish(struct run *run) {
        free(run->tables);
        arrow_file_close(run->file);
}

/* What was read needs no memory any longer. */
static int on_rows(void *context, int64_t n_done, int64_t n_rows) {
        struct run *run = context;

        while (run->n_forgotten < arrow_file_n_batches(run->file) &&
               arrow_file_first_row(run->file, run->n_forgotten + 1) <= n_done)
                run->n_forgotten++;
        arrow_file_forget_before(run->file, run->n_forgotten);
        stage_progress(run->work, n_done, n_rows, "rows");
        return stage_is_canceled(run->work);
}

static int open_rows(struct run *run, const char *sha256) {
        struct stage_work *work = run->work;
        char path[STORE_PATH_BYTES];
        int r;

        r = stage_fetch_blob(work, sha256, "the train rows", path);
        if (!r)
                r = arrow_file_open(path, &run->file, &work->fault);
        if (!r)
                r = arrow_file_batches(run->file, &run->tables, &work->fault);
        return error_trace(r);
}

static int store_transform(struct stage_work *work, const struct buffer *json, struct blob *ret_blob) {
        ret_blob->n_bytes = (int64_t)json->n_bytes;
        return error_trace(store_put_blob(work->store, json->data, json->n_bytes, ret_blob->sha256));
}

static int work(struct stage_work *work) {
        const struct validator_to_transformer *message = work->input;
        struct transformation *output = &((struct transformer_to_trainer *)work->output)->transformation;
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        _cleanup_(store_writer_destroy_pointer) struct store_writer *writer = NULL;
        _cleanup_(transform_result_finish) struct transform_result result = TRANSFORM_RESULT_NULL;
        _cleanup_(run_finish) struct run run = { .work = work };
        struct transform_input input = { .parameters = &message->order.parameters,
                                         .on_rows = on_rows,
                                         .context = &run };
        int r;

        r = stage_fetch_schema(work, &message->order, &schema);
        if (!r)
                r = open_rows(&run, message->ingestion.train.sha256);
        if (!r)
                r = store_writer_create(work->store, &writer);
        if (r)
                return error_trace(r);
        input.schema = schema;
        input.tables = run.tables;
        input.n_tables = arrow_file_n_batches(run.file);
        input.matrix_fd = store_writer_fd(writer);
        r = transform(&input, &result, &work->fault);
        if (r)
                return r == TRANSFORM_E_CANCELED ? STAGE_E_CANCELED : error_trace(r);

        r = store_writer_publish(writer, result.matrix.sha256, NULL);
        if (!r)
                r = store_transform(work, &result.transform, &output->transform);
        if (r)
                return error_trace(r);
        output->matrix.n_bytes = result.matrix.n_bytes;
        memcpy(output->matrix.sha256, result.matrix.sha256, sizeof(output->matrix.sha256));
        output->n_features = result.n_features;
        output->n_train_rows = result.n_train_rows;
        output->n_slice_rows = result.n_slice_rows;
        stage_count(work, "n_rows", result.n_train_rows + result.n_slice_rows);
        stage_count(work, "n_slice_rows", result.n_slice_rows);
        stage_count(work, "n_features", result.n_features);
        return 0;
}

/* Of the parameters of training only those that part the slice from the rest. */
static int cache_key(struct stage_work *work, struct buffer *key) {
        const struct validator_to_transformer *message = work->input;
        const struct parameters *parameters = &message->order.parameters;
        char text[64];
        int r;

        r = stage_key_text(key, "train", message->ingestion.train.sha256);
        if (!r)
                r = stage_key_text(key, "schema", message->order.schema.sha256);
        if (!r)
                r = stage_key_record(key, "transform", &transform_parameters_record, &parameters->transform);
        snprintf(text, sizeof(text), "%" PRId64, parameters->train.seed);
        if (!r)
                r = stage_key_text(key, "seed", text);
        snprintf(text, sizeof(text), "%.17g", parameters->train.stopping_fraction);
        if (!r)
                r = stage_key_text(key, "stopping_fraction", text);
        return error_trace(r);
}

static const struct stage_service SERVICE = {
        .stage = STAGE_TRANSFORMER,
        .summary = "turns raw train rows into numbers to learn from",
        .work = work,
        .cache_key = cache_key,
};

int main(int argc, char **argv) {
        return stage_main(&SERVICE, argc, argv);
}
