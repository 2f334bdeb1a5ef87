/*
 * NAME
 *      convoy-ingestor - reads rows and deals them to train and test
 *
 * SUMMARY
 *      Reads the pipeline's source to its end, in bounded memory, and stores its rows as they are in two datasets.
 * Which one a row belongs to depends on the hash of its key alone, so rows that are added later move none of the old.
 *
 * RECEIVES
 *      gateway_to_ingestor    a run request: parameters, digest of the schema
 *
 * EMITS
 *      ingestor_to_validator  the datasets' digests and counts
 *
 * STORES
 *      blobs   train and test rows (Arrow IPC, uncompressed), and the rows that could not be read, with reasons
 *      runs/<run>/ingestor.json
 *
 * CONFIG
 *      source of pipeline.yaml, which is this machine's own and never travels: generate:rows=N,seed=S, file://PATH of
 * a CSV, ndjson or Arrow IPC file, or mongodb:// and mongodb+srv:// with a database and a collection. split and
 * max_bad_fraction are ordered with the run.
 *
 * DIAGNOSTICS
 *      One line per message; exit codes 0 stopped, 1 failed, 2 misconfigured. A run FAILED here names file, line and
 *      column: EMPTY_SOURCE, BAD_ROWS_TOO_MANY, KEY_MISSING, SOURCE_*, FILE_*, CSV_*, JSON_*, BSON_*, ARROW_*, or an
 * anomaly of TensorFlow Data Validation's names.
 *
 *      A server of MongoDB that is away, restarts or steps down is waited for, with a warning a try: first within
 * the work, which goes on after the last document, then by putting the run off.
 *
 * BUGS
 *      A CSV file is read by one thread.
 */

#include "common/base/error.h"
#include "common/source/source.h"
#include "proto/gateway_to_ingestor.h"
#include "services/ingestor/ingest.h"
#include "services/stage/stage.h"

static bool is_canceled(void *context) {
        return stage_is_canceled(context);
}

static void on_progress(void *context, int64_t n_done, int64_t n_total) {
        stage_progress(context, n_done, n_total, "rows");
}

static int work(struct stage_work *work) {
        const struct gateway_to_ingestor *message = work->input;
        struct ingestion *output = &((struct ingestor_to_validator *)work->output)->ingestion;
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        struct ingest_input input = {
                .parameters = &message->order.parameters,
                .source_uri = work->pipeline->source.uri,
                .database = work->pipeline->source.database,
                .collection = work->pipeline->source.collection,
                .pipeline_folder = work->pipeline->folder,
                .store = work->store,
                .is_canceled = is_canceled,
                .on_progress = on_progress,
                .context = work,
        };
        int r;

        r = stage_fetch_schema(work, &message->order, &schema);
        if (r)
                return error_trace(r);
        input.schema = schema;
        r = ingest(&input, output, &work->fault);
        if (r)
                return r == INGEST_E_CANCELED ? STAGE_E_CANCELED : error_trace(r);
        stage_count(work, "n_rows", output->n_rows);
        stage_count(work, "n_train_rows", output->train.n_rows);
        stage_count(work, "n_test_rows", output->test.n_rows);
        stage_count(work, "n_bad_rows", output->n_bad);
        return 0;
}

static int check(const struct pipeline *pipeline, const struct options *options _unused_, struct fault *fault) {
        int r;

        r = source_check(pipeline->source.uri, fault);
        if (r)
                fault_in(fault, "source.uri", -1);
        return error_trace(r);
}

static const struct stage_service SERVICE = {
        .stage = STAGE_INGESTOR,
        .summary = "reads rows and deals them to train and test",
        .check = check,
        .work = work,
};

int main(int argc, char **argv) {
        return stage_main(&SERVICE, argc, argv);
}
