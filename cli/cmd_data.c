/* convoy data generate: synthetic rows with the real statistics. */

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
        .program = "convoy data",
        .summary = "Makes rows that look and train like the pipeline's real ones: convoy data generate --rows N --out "
                   "FILE",
        .operands = "generate",
        .n_operands_min = 1,
        .n_operands_max = 1,
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

static int generate(const struct options *options, const char *out, struct fault *fault) {
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
        if (!r)
                r = rows_create(out, format, schema, &rows, fault);
        if (r)
                return r;
        return copy(source, options_flag(options, "no-label") ? schema->columns[schema->label].name : NULL, rows,
                    fault);
}

int cmd_data(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        const char *out;
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        out = options_text(options, "out");
        if (strcmp(options_operand(options, 0), "generate") || !out) {
                command_fail("usage: convoy data generate --rows N --seed S --out FILE");
                return COMMAND_MISCONFIGURED;
        }
        return command_end(generate(options, out, &fault), &fault, COMMAND_MISCONFIGURED);
}
