/*
 * NAME
 *      convoy-evaluator - decides whether a candidate is good enough
 *
 * SUMMARY
 *      Scores candidate and champion on the same raw test rows, each through its own transform and at its own stored
 *      threshold, and gates: metrics, a paired bootstrap, reasons. Writes the golden rows by which a bundle proves
 *      itself.
 *
 * RECEIVES
 *      trainer_to_evaluator  a candidate
 *
 * EMITS
 *      evaluator_to_pusher   a verdict with its numbers, accepted or not
 *
 * STORES
 *      blobs   metrics.json, golden.arrow
 *      runs/<run>/evaluator.json, cache/<key>.json
 *
 * CONFIG
 *      pipeline.yaml for store and registry; the champion is the one of the registry at this moment.
 *
 * DIAGNOSTICS
 *      One line per message; exit codes 0 stopped, 1 failed, 2 misconfigured. TEST_ROWS_CHANGED: the rows scored are
 *      not those that the ingestor recorded. CHAMPION_UNREADABLE: it is never "no champion".
 *
 * BUGS
 *      None known.
 */

#include "services/evaluator/evaluate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/data/arrow/arrow.h"
#include "common/model/golden.h"
#include "common/version/version.h"
#include "proto/lineage.h"
#include "services/stage/stage.h"

/* The run in hand, and what was loaded for it. */
struct run {
        struct stage_work *work;
        const struct trainer_to_evaluator *message;
        struct bundle candidate;
        struct version champion_version;
        struct evaluate_champion champion;
        bool has_champion;
        struct arrow_file *file;
        struct table *tables;
        size_t n_tables;
        struct evaluation evaluation;
};

static void run_destroy(struct run **run) {
        if (!*run)
                return;
        evaluation_finish(&(*run)->evaluation);
        version_finish(&(*run)->champion_version);
        bundle_finish(&(*run)->candidate);
        arrow_file_close((*run)->file);
        free((*run)->tables);
        free(*run);
}

/* The champion's number as the registry has it now, 0 for none. */
static int find_champion(struct stage_work *work, const char *model, struct registry *ret_registry,
                         int64_t *ret_version) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        char what[REGISTRY_MODEL_BYTES + 32];
        int r;

        if (!aliases)
                return error_origin(-ENOMEM, "looking for the champion");
        r = registry_init(ret_registry, work->registry_store, model);
        if (!r)
                r = registry_read_aliases(ret_registry, aliases);
        if (!r)
                *ret_version = aliases_find(aliases, ALIASES_CHAMPION);
        snprintf(what, sizeof(what), "the aliases of %s", model);
        return store_fault_as(r, "CHAMPION_UNREADABLE", what, &work->fault);
}

static int load_champion(struct run *run) {
        struct stage_work *work = run->work;
        struct fault fault = FAULT_NULL;
        char text[sizeof(fault.message)];
        struct registry registry;
        int64_t number = ALIASES_NONE;
        int r;

        r = find_champion(work, run->message->order.parameters.name, &registry, &number);
        if (r || number == ALIASES_NONE)
                return error_trace(r);
        r = version_load(&registry, number, &run->champion_version, &fault);
        if (!r)
                r = lineage_read_split(run->champion_version.manifest.text.data,
                                       run->champion_version.manifest.text.n_bytes, &run->champion.split, &fault);
        if (r == FAULT_E_INPUT)
                return fault_set(&work->fault, "CHAMPION_UNREADABLE", "version %" PRId64 " cannot be read: %s", number,
                                 fault_format(&fault, text, sizeof(text)));
        if (r)
                return error_trace(r);
        run->champion.bundle = &run->champion_version.bundle;
        run->champion.version = number;
        run->has_champion = true;
        return 0;
}

static int map_blob(struct stage_work *work, const struct blob *blob, const char *what, struct file_map *ret_map) {
        return store_fault(store_map_blob(work->store, blob->sha256, ret_map), what, &work->fault);
}

static int load_candidate(struct run *run) {
        _cleanup_(file_unmap) struct file_map schema = FILE_MAP_NULL, transform = FILE_MAP_NULL, model = FILE_MAP_NULL;
        _cleanup_(buffer_finish) struct buffer threshold = BUFFER_NULL;
        const struct decision *decision = &run->message->candidate.decision;
        const struct threshold chosen = { .method = decision->method,
                                          .margin = decision->margin,
                                          .probability = decision->probability };
        struct bundle_parts parts;
        int r;

        r = map_blob(run->work, &run->message->order.schema, "the schema", &schema);
        if (!r)
                r = map_blob(run->work, &run->message->transformation.transform, "the transform", &transform);
        if (!r)
                r = map_blob(run->work, &run->message->candidate.model, "the model", &model);
        if (!r)
                r = bundle_save_threshold(&chosen, &threshold);
        if (r)
                return error_trace(r);
        parts = (struct bundle_parts){ .schema = { schema.data, schema.n_bytes },
                                       .transform = { transform.data, transform.n_bytes },
                                       .model = { model.data, model.n_bytes },
                                       .threshold = { threshold.data, threshold.n_bytes } };
        return error_trace(bundle_load(&parts, &run->candidate, &run->work->fault));
}

/* Maps the test rows, whose digest was verified while fetching, and counts them against the ingestor's record. */
static int open_test_rows(struct run *run) {
        const struct dataset *test = &run->message->ingestion.test;
        struct stage_work *work = run->work;
        char path[STORE_PATH_BYTES];
        int r;

        r = stage_fetch_blob(work, test->sha256, "the test rows", path);
        if (!r)
                r = arrow_file_open(path, &run->file, &work->fault);
        if (r)
                return error_trace(r);
        if (arrow_file_n_rows(run->file) != test->n_rows)
                return fault_set(&work->fault, "TEST_ROWS_CHANGED",
                                 "the ingestor recorded %" PRId64 " test rows, here are %" PRId64, test->n_rows,
                                 arrow_file_n_rows(run->file));
        run->n_tables = arrow_file_n_batches(run->file);
        return error_trace(arrow_file_batches(run->file, &run->tables, &work->fault));
}

static int store_golden(struct run *run, struct blob *ret_blob) {
        _cleanup_(store_writer_destroy_pointer) struct store_writer *writer = NULL;
        struct arrow_summary summary;
        int r;

        r = store_writer_create(run->work->store, &writer);
        if (!r)
                r = golden_write(&run->candidate, run->tables, run->n_tables, store_writer_fd(writer), &summary,
                                 &run->work->fault);
        if (!r)
                r = store_writer_publish(writer, summary.sha256, ret_blob->sha256);
        if (r)
                return error_trace(r);
        ret_blob->n_bytes = (int64_t)summary.n_bytes;
        return 0;
}

static int store_metrics(struct run *run, struct blob *ret_blob) {
        const struct buffer *json = &run->evaluation.json;

        ret_blob->n_bytes = (int64_t)json->n_bytes;
        return error_trace(store_put_blob(run->work->store, json->data, json->n_bytes, ret_blob->sha256));
}

static bool is_canceled(void *context) {
        return stage_is_canceled(context);
}

static int score_and_decide(struct run *run) {
        struct verdict *verdict = &((struct evaluator_to_pusher *)run->work->output)->verdict;
        const struct evaluate_input input = {
                .parameters = &run->message->order.parameters,
                .candidate = &run->candidate,
                .champion = run->has_champion ? &run->champion : NULL,
                .tables = run->tables,
                .n_tables = run->n_tables,
                .is_canceled = is_canceled,
                .context = run->work,
        };
        struct blob metrics, golden;
        int r;

        r = evaluate(&input, &run->evaluation, &run->work->fault);
        if (r == EVALUATE_E_CANCELED || (!r && stage_is_canceled(run->work)))
                return STAGE_E_CANCELED;
        if (!r)
                r = store_metrics(run, &metrics);
        if (!r)
                r = store_golden(run, &golden);
        if (r)
                return error_trace(r);
        evaluation_verdict(&input, &run->evaluation, verdict);
        verdict->metrics = metrics;
        verdict->golden = golden;
        return 0;
}

static int work(struct stage_work *work) {
        _cleanup_(run_destroy) struct run *run = calloc(1, sizeof(*run));
        const struct verdict *verdict = &((struct evaluator_to_pusher *)work->output)->verdict;
        int r;

        if (!run)
                return error_origin(-ENOMEM, "evaluating");
        run->work = work;
        run->message = work->input;
        stage_progress(work, 0, run->message->ingestion.test.n_rows, "rows");
        r = load_candidate(run);
        if (!r)
                r = open_test_rows(run);
        if (!r && stage_is_canceled(work))
                return STAGE_E_CANCELED;
        if (!r)
                r = load_champion(run);
        if (!r)
                r = score_and_decide(run);
        if (r)
                return error_trace(r);
        stage_progress(work, run->message->ingestion.test.n_rows, run->message->ingestion.test.n_rows, "rows");
        stage_count(work, "n_rows", run->message->ingestion.test.n_rows);
        stage_count(work, "accepted", verdict->accepted);
        return 0;
}

static int cache_key(struct stage_work *work, struct buffer *key) {
        const struct trainer_to_evaluator *message = work->input;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char champion[DIGEST_SHA256_BYTES] = "";
        struct registry registry;
        int64_t number = ALIASES_NONE;
        int r;

        r = find_champion(work, message->order.parameters.name, &registry, &number);
        if (!r && number != ALIASES_NONE)
                r = store_fault(registry_read_manifest(&registry, number, &manifest), "the champion", &work->fault);
        if (!r && number != ALIASES_NONE)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, champion);
        if (!r)
                r = stage_key_text(key, "champion", champion);
        if (!r)
                r = stage_key_text(key, "test", message->ingestion.test.sha256);
        if (!r)
                r = stage_key_text(key, "schema", message->order.schema.sha256);
        if (!r)
                r = stage_key_text(key, "transform", message->transformation.transform.sha256);
        if (!r)
                r = stage_key_text(key, "model", message->candidate.model.sha256);
        if (!r)
                r = stage_key_record(key, "decision", &decision_record, &message->candidate.decision);
        if (!r)
                r = stage_key_record(key, "parameters", &parameters_record, &message->order.parameters);
        return error_trace(r);
}

static const struct stage_service SERVICE = {
        .stage = STAGE_EVALUATOR,
        .summary = "decides whether a candidate is good enough",
        .uses_registry = true,
        .work = work,
        .cache_key = cache_key,
};

int main(int argc, char **argv) {
        return stage_main(&SERVICE, argc, argv);
}
