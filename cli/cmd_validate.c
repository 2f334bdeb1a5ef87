/* convoy validate: a file held against the schema, as the validator of the line does it. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/json_builder.h"
#include "common/data/arrow/arrow.h"
#include "common/data/validate/validate.h"
#include "common/source/source.h"

enum {
        UNREADABLE_SHOWN = 10,
        KNOWN_BYTES = 512,
};

static const char ENVIRONMENT_UNKNOWN[] = "ENVIRONMENT_UNKNOWN";

static const struct option_row OPTIONS[] = {
        COMMAND_OPTION_PIPELINE,
        { "environment", NULL, "TRAINING", OPTION_TEXT, 0, 0, NULL, "NAME",
          "environment of the schema: what must be there" },
        COMMAND_OPTION_JSON("the report and the statistics"),
};

static const struct option_table TABLE = {
        .program = "convoy validate",
        .summary = "Holds a CSV, ndjson or Arrow file against the pipeline's schema and prints its statistics",
        .operands = "FILE",
        .n_operands_min = 1,
        .n_operands_max = 1,
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = "Sentences count rows from 1, without a CSV file's header and without rows that cannot be read;\n"
                    "\"row\" of --json counts from 0.\n"
                    "Exit codes: 0 the file is valid, 1 it is not.\n",
};

struct validation {
        const char *path;
        bool is_json;
        struct schema *schema;
        unsigned environment;
        int64_t n_unreadable;
        char temporary[PLACE_BYTES]; /* holds the rows while they are looked at; "" when there is none */
        struct source *source;       /* its columns' names are borrowed */
        bool *missing;               /* of each schema column */
        const char **names;          /* of columns that the schema does not know */
        struct arrow_file *file;
        struct table *tables;
        size_t n_tables;
        struct validate_report *report;
};

static void validation_finish(struct validation *validation) {
        validate_report_destroy(validation->report);
        free(validation->tables);
        arrow_file_close(validation->file);
        if (*validation->temporary)
                unlink(validation->temporary);
        free(validation->names);
        free(validation->missing);
        source_close(validation->source);
        schema_destroy(validation->schema);
}

static int on_reject(void *context, const struct fault *fault, const char *row, size_t n_row) {
        struct validation *validation = context;
        char text[FAULT_TEXT_BYTES];

        (void)row;
        (void)n_row;
        if (validation->n_unreadable++ < UNREADABLE_SHOWN)
                fprintf(stderr, "%s: %s\n", fault->code, fault_format(fault, text, sizeof(text)));
        return 0;
}

static int copy(struct source *source, int fd, struct fault *fault) {
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        struct arrow_summary summary;
        struct table batch;
        int r;

        do {
                r = source_read(source, &batch, fault);
                if (!r && !writer)
                        r = arrow_writer_create(fd, &batch, NULL, 0, &writer);
                if (!r && batch.n_rows)
                        r = arrow_writer_add(writer, &batch);
        } while (!r && batch.n_rows);
        return r ? r : error_trace(arrow_writer_finish(writer, &summary));
}

/* Puts the rows into a file that can be mapped, so that memory does not bound their number. */
static int gather(struct validation *validation, const char *uri, const struct pipeline_source *place,
                  struct fault *fault) {
        _cleanup_(close_descriptor) int fd = -1;
        const char *folder = getenv("TMPDIR");
        char temporary[PLACE_BYTES];
        int r;

        r = source_open(&(struct source_options){ .uri = uri,
                                                  .database = place->database,
                                                  .collection = place->collection,
                                                  .schema = validation->schema,
                                                  .on_reject = on_reject,
                                                  .on_reject_context = validation },
                        &validation->source, fault);
        if (r)
                return r;
        snprintf(temporary, sizeof(temporary), "%s/convoy-validate-XXXXXX", folder && *folder ? folder : "/tmp");
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno, "making %s", temporary);
        memcpy(validation->temporary, temporary, sizeof(temporary));
        r = copy(validation->source, fd, fault);
        return r ? r : arrow_file_open(validation->temporary, &validation->file, fault);
}

/* What the file's columns were; the rows gathered have the schema's. */
static int tell_columns(struct validation *validation, struct validate_columns *ret_columns) {
        size_t n_columns = validation->schema->n_columns, n_names = source_n_unknown(validation->source);

        validation->missing = calloc(n_columns, sizeof(*validation->missing));
        validation->names = calloc(n_names + 1, sizeof(*validation->names));
        if (!validation->missing || !validation->names)
                return error_origin(-ENOMEM, "validating");
        for (size_t i = 0; i < n_columns; i++)
                validation->missing[i] = !source_has_column(validation->source, i);
        for (size_t i = 0; i < n_names; i++)
                validation->names[i] = source_unknown(validation->source, i);
        *ret_columns = (struct validate_columns){ validation->missing, validation->names, n_names, n_names };
        return 0;
}

static int validate(struct validation *validation, struct fault *fault) {
        struct validate_options options = { .schema = validation->schema, .environment = validation->environment };
        int r;

        validation->n_tables = arrow_file_n_batches(validation->file);
        r = tell_columns(validation, &options.columns);
        if (!r)
                r = arrow_file_batches(validation->file, &validation->tables, fault);
        return r ? r
                 : error_trace(
                           validate_dataset(&options, validation->tables, validation->n_tables, &validation->report));
}

static bool is_valid(const struct validation *validation) {
        return !validation->n_unreadable && !validate_first_error(validation->report);
}

static int print_as_json(const struct validation *validation) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        int r;

        json_begin_object(&json);
        json_key_text(&json, "file", source_shown(validation->path));
        json_key_bool(&json, "valid", is_valid(validation));
        json_key_int64(&json, "unreadable", validation->n_unreadable);
        json_key(&json, "report");
        validate_put_json(validation->report, &json);
        json_key(&json, "statistics");
        r = validate_put_statistics(validation->report, &json);
        json_end_object(&json);
        if (!r)
                r = json_end(&json);
        if (r)
                return error_trace(r);
        fputs(buffer_text(&text), stdout);
        return 0;
}

static void print_finding(const struct validate_finding *finding) {
        printf("%s: %s%s%s: %s", severity_name(finding->severity), finding->column, *finding->column ? ": " : "",
               anomaly_name(finding->code), finding->message);
        for (size_t i = 0; i < finding->n_examples; i++)
                printf("%s row %" PRIu64, i ? "," : "; see", finding->examples[i].row + 1);
        printf("\n");
}

static int print_column(const struct schema_column *column, const struct sketch *sketch) {
        _cleanup_(free_pointer) struct number_run *runs = NULL;
        char distinct[32] = "many";
        uint64_t n_distinct;
        size_t n_runs = 0;
        int r;

        if (sketch_n_distinct(sketch, &n_distinct))
                snprintf(distinct, sizeof(distinct), "%" PRIu64, n_distinct);
        printf("%-24s %-18s %10" PRIu64 " %10s", column->name, value_type_name(column->type), sketch->n_missing,
               distinct);
        if (!sketch_is_text(sketch) && sketch->n_present) {
                r = sketch_runs(sketch, &runs, &n_runs);
                if (r)
                        return error_trace(r);
                printf(" %12.6g %12.6g %12.6g %12.6g", sketch->mean, sketch->min,
                       n_runs ? sketch_quantile(runs, n_runs, 0.5) : 0, sketch->max);
        }
        printf("\n");
        return 0;
}

static int print_in_words(const struct validation *validation) {
        const struct validate_report *report = validation->report;
        _cleanup_(buffer_finish) struct buffer number = BUFFER_NULL;
        int r;

        r = progress_put_number((int64_t)report->n_rows, &number);
        if (r)
                return error_trace(r);
        printf("%-24s %-18s %10s %10s %12s %12s %12s %12s\n", "COLUMN", "TYPE", "MISSING", "DISTINCT", "MEAN", "MIN",
               "MEDIAN", "MAX");
        for (size_t i = 0; i < report->schema->n_columns && !r; i++)
                r = print_column(&report->schema->columns[i], &report->sketches[i]);
        for (size_t i = 0; i < report->n_findings; i++)
                print_finding(&report->findings[i]);
        printf("%s: %s row%s, %s", source_shown(validation->path), buffer_text(&number), report->n_rows == 1 ? "" : "s",
               is_valid(validation) ? "valid" : "not valid");
        if (validation->n_unreadable)
                printf("; besides, %" PRId64 " row%s that cannot be read", validation->n_unreadable,
                       validation->n_unreadable == 1 ? "" : "s");
        printf("\n");
        return error_trace(r);
}

static int refuse_environment(const struct schema *schema, const char *name, struct fault *fault) {
        char known[KNOWN_BYTES] = "";
        size_t n = 0;

        for (size_t i = 0; i < schema->n_environments && n < sizeof(known); i++)
                n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", schema->environments[i]);
        fault_in(fault, "--environment", -1);
        return fault_set(fault, ENVIRONMENT_UNKNOWN, "the schema has no environment %.64s; it has %s", name, known);
}

static int run(struct validation *validation, const struct options *options, struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        const char *environment = options_text(options, "environment");
        char uri[PLACE_BYTES];
        size_t at;
        int r;

        r = place_source(validation->path, uri, fault);
        if (!r)
                r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = schema_load(pipeline->schema, fault, &validation->schema);
        if (r)
                return r;
        at = schema_find_environment(validation->schema, environment);
        if (at == SIZE_MAX)
                return refuse_environment(validation->schema, environment, fault);
        validation->environment = (unsigned)at;
        r = gather(validation, uri, &pipeline->source, fault);
        return r ? r : validate(validation, fault);
}

int cmd_validate(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(validation_finish) struct validation validation = { 0 };
        struct fault fault = FAULT_NULL;
        int r, exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        validation.path = options_operand(options, 0);
        if (!strcmp(validation.path, "-")) {
                command_fail("standard input cannot be validated, since its kind is told from a file; write it to one");
                return COMMAND_MISCONFIGURED;
        }
        r = run(&validation, options, &fault);
        if (!r)
                r = options_flag(options, "json") ? print_as_json(&validation) : print_in_words(&validation);
        if (r)
                return command_end(r, &fault,
                                   strcmp(fault.code, ENVIRONMENT_UNKNOWN) ? COMMAND_FAILED : COMMAND_MISCONFIGURED);
        return is_valid(&validation) ? COMMAND_DONE : COMMAND_FAILED;
}
