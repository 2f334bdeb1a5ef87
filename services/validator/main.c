/*
 * NAME
 *      convoy-validator - lets only rows pass that keep the schema
 *
 * SUMMARY
 *      Holds the train and test rows against every rule of schema.yaml and, where a model answered when the run began,
 *      against the rows that it was trained on. Writes a report of statistics and anomalies, and the baseline against
 *      which later rows will be held.
 *
 * RECEIVES
 *      ingestor_to_validator     raw train and test datasets
 *
 * EMITS
 *      validator_to_transformer  the same, and report and baseline; nothing when a rule is broken
 *
 * STORES
 *      blobs   the report (JSON), baseline.json
 *      runs/<run>/validator.json, cache/<key>.json
 *
 * CONFIG
 *      pipeline.yaml for store and registry; schema and champion are ordered with the run.
 *
 * DIAGNOSTICS
 *      One line per message; exit codes 0 stopped, 1 failed, 2 misconfigured. A run FAILED here bears the first
 * anomaly, by the codes of TensorFlow Data Validation; its manifest has them all, under details.
 *      CHAMPION_UNREADABLE: the registry does not hold what the order names.
 *
 * BUGS
 *      Row numbers in the report are those of the dataset, not of the source.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "common/data/arrow/arrow.h"
#include "proto/validator_to_transformer.h"
#include "services/stage/stage.h"
#include "services/validator/examine.h"
#include "services/validator/reference.h"

enum { TRAIN, TEST, N_PARTS };

/* A dataset, mapped. */
struct part {
        const struct dataset *dataset;
        const char *what;
        int result; /* of fetching and opening it, and its fault */
        struct fault fault;
        struct arrow_file *file;
        struct table *tables;
};

/* The run in hand, and what was loaded for it. */
struct run {
        struct stage_work *work;
        struct part parts[N_PARTS];
        struct schema *schema;
        struct baseline *baseline;
        char baseline_digest[DIGEST_SHA256_BYTES];
        struct examination examination;
        bool missing[SCHEMA_COLUMNS_MAX]; /* of each schema column: the source has it not */
        const char *new_columns[INGESTION_COLUMNS_MAX];
};

static void run_destroy(struct run **run) {
        if (!*run)
                return;
        for (size_t i = 0; i < N_PARTS; i++) {
                free((*run)->parts[i].tables);
                arrow_file_close((*run)->parts[i].file);
        }
        examination_finish(&(*run)->examination);
        baseline_destroy((*run)->baseline);
        schema_destroy((*run)->schema);
        free(*run);
}

/* Verifying is reading all bytes, so both are read side by side. Each is opened at once, as long as its path is good.
 */
static int fetch_part(void *context, size_t part, int worker _unused_) {
        struct run *run = context;
        struct part *it = &run->parts[part];
        char path[STORE_PATH_BYTES];

        it->result = store_fault(store_fetch_blob(run->work->store, it->dataset->sha256, path), it->what, &it->fault);
        if (!it->result)
                it->result = arrow_file_open(path, &it->file, &it->fault);
        return 0;
}

static int read_part(struct stage_work *work, struct part *part) {
        if (part->result == FAULT_E_INPUT)
                work->fault = part->fault;
        return part->result ? error_trace(part->result)
                            : error_trace(arrow_file_batches(part->file, &part->tables, &work->fault));
}

static int open_all(struct run *run) {
        struct stage_work *work = run->work;
        const struct ingestor_to_validator *message = work->input;
        int r;

        run->parts[TRAIN].dataset = &message->ingestion.train;
        run->parts[TRAIN].what = "the train rows";
        run->parts[TEST].dataset = &message->ingestion.test;
        run->parts[TEST].what = "the test rows";
        r = stage_fetch_schema(work, &message->order, &run->schema);
        if (!r)
                r = parallel_for(N_PARTS, fetch_part, run);
        for (size_t i = 0; i < N_PARTS && !r; i++)
                r = read_part(work, &run->parts[i]);
        if (!r)
                r = reference_read(work->registry_store, &message->order, &run->baseline, run->baseline_digest,
                                   &work->fault);
        return error_trace(r);
}

static int on_rows(void *context, int64_t n_done, int64_t n_total) {
        stage_progress(context, n_done, n_total, "rows");
        return stage_is_canceled(context);
}

/* What the ingestor saw of the source's columns. */
static struct validate_columns tell_columns(struct run *run) {
        const struct ingestion *ingestion = &((const struct ingestor_to_validator *)run->work->input)->ingestion;

        for (size_t i = 0; i < ingestion->n_missing; i++) {
                const char *name = ingestion->missing[i].name;
                const struct schema_column *column = schema_find(run->schema, name, strlen(name));

                if (column)
                        run->missing[column - run->schema->columns] = true;
        }
        for (size_t i = 0; i < ingestion->n_new; i++)
                run->new_columns[i] = ingestion->new[i].name;
        return (struct validate_columns){ .missing = run->missing,
                                          .names = run->new_columns,
                                          .n_names = ingestion->n_new,
                                          .n_new = (uint64_t)ingestion->n_new_columns };
}

static int examine_all(struct run *run) {
        const struct part *parts = run->parts;
        struct examine_input input = {
                .schema = run->schema,
                .columns = tell_columns(run),
                .train = parts[TRAIN].tables,
                .n_train = arrow_file_n_batches(parts[TRAIN].file),
                .test = parts[TEST].tables,
                .n_test = arrow_file_n_batches(parts[TEST].file),
                .baseline = run->baseline,
                .baseline_digest = run->baseline ? run->baseline_digest : NULL,
                .on_rows = on_rows,
                .context = run->work,
        };
        int r;

        r = examine(&input, &run->examination);
        return r == EXAMINE_E_CANCELED ? STAGE_E_CANCELED : error_trace(r);
}

static int store_text(struct stage_work *work, const struct buffer *text, struct blob *ret_blob) {
        ret_blob->n_bytes = (int64_t)text->n_bytes;
        return error_trace(store_put_blob(work->store, text->data, text->n_bytes, ret_blob->sha256));
}

/* What the manifest says beyond the messages, also of a run that ends here. */
static int write_details(const struct run *run, const char *report, struct buffer *details) {
        const struct buffer *anomalies = &run->examination.anomalies;
        struct json_builder json = json_begin(details, JSON_COMPACT);

        json_begin_object(&json);
        json_key_text(&json, "report", report);
        json_key_raw(&json, "anomalies", buffer_text(anomalies), anomalies->n_bytes);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

static int work(struct stage_work *work) {
        struct validation *output = &((struct validator_to_transformer *)work->output)->validation;
        _cleanup_(run_destroy) struct run *run = calloc(1, sizeof(*run));
        int r;

        if (!run)
                return error_origin(-ENOMEM, "validating");
        run->work = work;
        run->examination = (struct examination)EXAMINATION_NULL;
        r = open_all(run);
        if (!r)
                r = examine_all(run);
        if (!r)
                r = store_text(work, &run->examination.report, &output->report);
        if (!r)
                r = store_text(work, &run->examination.baseline, &output->baseline);
        if (!r)
                r = write_details(run, output->report.sha256, &work->details);
        if (r)
                return error_trace(r);
        if (run->examination.n_warnings)
                log_warn("run=%s n_warnings=%" PRId64 " n_drifted=%" PRId64 " %s", work->envelope->run,
                         run->examination.n_warnings, run->examination.n_drifted,
                         buffer_text(&run->examination.warnings));
        output->n_warnings = run->examination.n_warnings;
        stage_count(work, "n_rows", run->parts[TRAIN].dataset->n_rows + run->parts[TEST].dataset->n_rows);
        stage_count(work, "n_errors", run->examination.n_errors);
        stage_count(work, "n_warnings", run->examination.n_warnings);
        stage_count(work, "n_drifted", run->examination.n_drifted);
        work->n_drifted = run->examination.n_farthest;
        memcpy(work->drifted, run->examination.farthest, sizeof(work->drifted));
        if (run->examination.is_valid)
                return 0;
        work->fault = run->examination.fault;
        return FAULT_E_INPUT;
}

/* The source's columns: the datasets do not show them, and the report does. */
static int key_columns(struct buffer *key, const struct ingestion *ingestion) {
        char n_new[24];
        int r;

        snprintf(n_new, sizeof(n_new), "%" PRId64, ingestion->n_new_columns);
        r = stage_key_text(key, "n_new", n_new);
        for (size_t i = 0; i < ingestion->n_new && !r; i++)
                r = stage_key_text(key, "new", ingestion->new[i].name);
        for (size_t i = 0; i < ingestion->n_missing && !r; i++)
                r = stage_key_text(key, "missing", ingestion->missing[i].name);
        return error_trace(r);
}

static int cache_key(struct stage_work *work, struct buffer *key) {
        const struct ingestor_to_validator *message = work->input;
        char baseline[DIGEST_SHA256_BYTES] = "";
        bool has_baseline;
        int r;

        r = reference_find(work->registry_store, &message->order, &has_baseline, baseline, &work->fault);
        if (!r)
                r = key_columns(key, &message->ingestion);
        if (!r)
                r = stage_key_text(key, "train", message->ingestion.train.sha256);
        if (!r)
                r = stage_key_text(key, "test", message->ingestion.test.sha256);
        if (!r)
                r = stage_key_text(key, "schema", message->order.schema.sha256);
        if (!r)
                r = stage_key_text(key, "baseline", baseline);
        return error_trace(r);
}

static const struct stage_service SERVICE = {
        .stage = STAGE_VALIDATOR,
        .summary = "lets only rows pass that keep the schema",
        .uses_registry = true,
        .work = work,
        .cache_key = cache_key,
};

int main(int argc, char **argv) {
        return stage_main(&SERVICE, argc, argv);
}
