/* convoy score: every row of a file through a model, the answers as POST /predict gives them. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/place.h"
#include "cli/reference.h"
#include "common/base/error.h"
#include "common/model/predict.h"
#include "common/source/source.h"
#include "common/version/version.h"

static const struct option_row OPTIONS[] = {
        { "model", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "NAME@ALIAS",
          "which version: NAME@champion, NAME@3, an alias or a number; else the pipeline's champion" },
        { "bundle", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "DIR",
          "a version in a folder, as `convoy models pull` leaves it; needs neither home nor pipeline" },
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
};

static const struct option_table TABLE = {
        .program = "convoy score",
        .summary = "Predicts every row of a CSV, ndjson or Arrow file and prints one JSON answer a line, without a "
                   "gateway",
        .operands = "FILE",
        .n_operands_min = 1,
        .n_operands_max = 1,
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = "At a bad row it ends: the answers to all rows before it are printed, and the error names its "
                    "line, or its\n"
                    "row counted from 1 without the header.\n"
                    "Exit codes: 0 every row is answered, 1 not.\n",
};

/* The first row that the source could not read. It reads whole batches, in any order. */
struct unreadable {
        bool is_met;
        struct fault fault;
};

static int on_reject(void *context, const struct fault *fault, const char *text, size_t n_bytes) {
        struct unreadable *unreadable = context;

        (void)text;
        (void)n_bytes;
        if (!unreadable->is_met || fault->row < unreadable->fault.row)
                unreadable->fault = *fault;
        unreadable->is_met = true;
        return 0;
}

static int open_version(const struct options *options, struct version *ret_version, struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct registry registry;
        int64_t number;
        int r;

        if (options_text(options, "bundle"))
                return version_load_folder(options_text(options, "bundle"), ret_version, fault);
        r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = reference_open(pipeline, options_text(options, "home"), options_text(options, "model"), &store,
                                   &registry, &number, fault);
        return r ? r : version_load(&registry, number, ret_version, fault);
}

/* The cells as canonical text, which is how a form would send them. */
static int read_row(const struct table *batch, size_t at, const struct schema *schema, struct predict_row *row,
                    char (*scratch)[VALUE_SCRATCH_BYTES], struct fault *fault) {
        int r = 0;

        predict_row_init(row, schema);
        for (size_t i = 0; i < batch->n_columns && !r; i++) {
                const struct column *column = &batch->columns[i];
                struct value value;
                const char *text;
                size_t n;

                if (!column_is_present(column, at))
                        continue;
                if (column->type == COLUMN_UTF8) {
                        text = column_text(column, at, &n);
                } else {
                        value = column->type == COLUMN_INT64
                                        ? (struct value){ .kind = VALUE_INT, .integer = column->int64[at] }
                                        : (struct value){ .kind = VALUE_FLOAT, .number = column->float64[at] };
                        text = value_format(&value, scratch[i], &n);
                }
                r = predict_row_add_text(row, column->name, strlen(column->name), text, n, fault);
        }
        return r;
}

static int score_batch(const struct version *version, const struct table *batch, int64_t n_before,
                       struct predict_row *row, char (*scratch)[VALUE_SCRATCH_BYTES], struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const struct predict_model named = { version->manifest.model, version->manifest.version };
        struct prediction prediction;
        int r = 0;

        for (size_t i = 0; i < batch->n_rows && !r; i++) {
                struct json_builder json = json_begin(&text, JSON_COMPACT);

                r = read_row(batch, i, version->bundle.schema, row, scratch, fault);
                if (!r)
                        r = predict_row(&version->bundle, row, &prediction, fault);
                if (r) {
                        fault->row = n_before + (int64_t)i;
                        break;
                }
                predict_put_json(&json, &version->bundle, row, &prediction, &named);
                r = json_end(&json);
                if (!r)
                        r = buffer_append(&text, "\n", 1);
        }
        /* by itself a short write says nothing of why, and what stays in the buffer fails again at the end */
        if (text.n_bytes && (fwrite(text.data, 1, text.n_bytes, stdout) != text.n_bytes || fflush(stdout)))
                return error_origin(errno ? -errno : -EIO, "writing the answers");
        return r;
}

static int score(const struct options *options, const char *path, struct fault *fault) {
        _cleanup_(version_finish) struct version version = VERSION_NULL;
        _cleanup_(source_close_pointer) struct source *source = NULL;
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(free_pointer) struct predict_row *row = calloc(1, sizeof(*row));
        _cleanup_(free_pointer) char(*scratch)[VALUE_SCRATCH_BYTES] = calloc(SCHEMA_COLUMNS_MAX, sizeof(*scratch));
        char uri[PLACE_BYTES];
        struct unreadable unreadable = { .fault = FAULT_NULL };
        struct table batch;
        int64_t n_before = 0;
        int r;

        if (!row || !scratch)
                return error_origin(-ENOMEM, "scoring");
        r = place_source(path, uri, fault);
        if (!r)
                r = open_version(options, &version, fault);
        /* a collection is named by the pipeline, which a bundle by itself does not need */
        if (!r && source_shown(path) != path)
                r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = source_open(&(struct source_options){ .uri = uri,
                                                          .database = pipeline ? pipeline->source.database : NULL,
                                                          .collection = pipeline ? pipeline->source.collection : NULL,
                                                          .schema = version.bundle.schema,
                                                          .on_reject = on_reject,
                                                          .on_reject_context = &unreadable },
                                &source, fault);
        while (!r) {
                r = source_read(source, &batch, fault);
                if (r)
                        break;
                /* until the first bad one the batch holds all rows of the file */
                if (unreadable.is_met && (int64_t)batch.n_rows > unreadable.fault.row - n_before)
                        batch.n_rows = (size_t)(unreadable.fault.row - n_before);
                if (!batch.n_rows)
                        break;
                r = score_batch(&version, &batch, n_before, row, scratch, fault);
                if (r == FAULT_E_INPUT)
                        fault_at(fault, source_shown(path), 0, 0);
                n_before += (int64_t)batch.n_rows;
                if (!r && unreadable.is_met)
                        break;
        }
        if (!r && unreadable.is_met) {
                *fault = unreadable.fault;
                fault_at(fault, source_shown(path), fault->line, fault->position);
                r = FAULT_E_INPUT;
        }
        return r;
}

/* fault_format() leaves the row out; here it is the only place there is. Counted from 1, as people do. */
static int end(int result, struct fault *fault) {
        char message[sizeof(fault->message)];

        if (result == FAULT_E_INPUT && fault->row >= 0 && !fault->line) {
                snprintf(message, sizeof(message), "row %" PRId64 ": %.990s", fault->row + 1, fault->message);
                memcpy(fault->message, message, sizeof(message));
        }
        return command_end(result, fault, COMMAND_FAILED);
}

int cmd_score(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        return end(score(options, options_operand(options, 0), &fault), &fault);
}
