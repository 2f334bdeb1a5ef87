/* convoy data generate: a table of options, and batches from the generator to a file. */

#include "cli/data_generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/place.h"
#include "cli/rows.h"
#include "common/base/error.h"
#include "common/source/source.h"
#include "common/source/source_generate.h"

enum { URI_BYTES = 128 };

static const struct option_row OPTIONS[] = {
        COMMAND_OPTION_PIPELINE,
        { "rows", NULL, "50000", OPTION_INT, 1, 1e12, NULL, "N", "how many" },
        { "seed", NULL, "1", OPTION_INT, 0, 9e15, NULL, "S", "other seeds give other rows" },
        { "out", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "FILE", "where to; - is standard output" },
        { "no-label", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL,
          "leave the label out, as who asks for predictions does" },
        { "format", NULL, NULL, OPTION_CHOICE, 0, 0, "csv|ndjson|arrow", NULL, "what to write; else by FILE's name" },
};

static const struct option_table TABLE = {
        .program = "convoy data generate",
        .summary = "Makes rows that look and train like the pipeline's real ones",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
};

/* The batch without one column; columns has room for the others. */
static struct table leave_out(const struct table *batch, const char *name, struct column *columns) {
        struct table rest = { .n_rows = batch->n_rows, .columns = columns };

        for (size_t i = 0; i < batch->n_columns; i++)
                if (strcmp(batch->columns[i].name, name))
                        columns[rest.n_columns++] = batch->columns[i];
        return rest;
}

static int copy(struct source *source, const char *left_out, struct rows *rows, struct fault *fault) {
        struct column columns[SCHEMA_COLUMNS_MAX];
        struct table batch;
        int r;

        do {
                r = source_read(source, &batch, fault);
                if (r || !batch.n_rows)
                        break;
                if (left_out)
                        batch = leave_out(&batch, left_out, columns);
                r = rows_add(rows, &batch, fault);
        } while (!r);
        return r ? r : rows_finish(rows, fault);
}

/* A file of nothing but commas helps nobody: the generator must draw what training wants. Returns FAULT_E_INPUT for the
 * first column that it does not. */
static int check_draws(const struct source *source, const struct pipeline *pipeline, const struct schema *schema,
                       struct fault *fault) {
        for (size_t i = 0; i < schema->n_columns; i++) {
                if (source_has_column(source, i) || !schema_column_is_required(&schema->columns[i], SCHEMA_TRAINING))
                        continue;
                fault_at(fault, pipeline->folder, 0, 0);
                fault_in(fault, schema->columns[i].name, -1);
                return fault_set(fault, "GENERATOR_INVALID",
                                 "the schema requires it, but generator.yaml does not draw it; let generator.yaml draw "
                                 "the schema's columns, or remove it and give --source your own rows");
        }
        return 0;
}

/* *ret_refused: the exit code of FAULT_E_INPUT. */
static int generate(const struct options *options, const char *out, enum command_exit *ret_refused,
                    struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        _cleanup_(source_close_pointer) struct source *source = NULL;
        _cleanup_(rows_destroy_pointer) struct rows *rows = NULL;
        const char *word = options_text(options, "format");
        enum rows_format format = ROWS_CSV;
        char uri[URI_BYTES];
        int r = 0;

        snprintf(uri, sizeof(uri), SOURCE_GENERATE_SCHEME "rows=%" PRId64 ",seed=%" PRId64,
                 options_int(options, "rows"), options_int(options, "seed"));
        if (word || strcmp(out, "-"))
                r = rows_format_parse(word, out, &format, fault);
        if (!r)
                r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = schema_load(pipeline->schema, fault, &schema);
        if (!r)
                r = source_open(
                        &(struct source_options){ .uri = uri, .pipeline_path = pipeline->folder, .schema = schema },
                        &source, fault);
        if (!r) {
                r = check_draws(source, pipeline, schema, fault);
                *ret_refused = r ? COMMAND_FAILED : COMMAND_MISCONFIGURED;
        }
        if (!r)
                r = rows_create(out, format, schema, &rows, fault);
        if (r)
                return r;
        return copy(source, options_flag(options, "no-label") ? schema->columns[schema->label].name : NULL, rows,
                    fault);
}

int data_generate(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        enum command_exit refused = COMMAND_MISCONFIGURED;
        const char *out;
        int r, exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        out = options_text(options, "out");
        if (!out || !*out) {
                command_fail("--out is missing; say where to: --out FILE, or --out - for standard output");
                return COMMAND_MISCONFIGURED;
        }
        r = generate(options, out, &refused, &fault);
        return command_end(r, &fault, refused);
}
