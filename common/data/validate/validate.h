#pragma once

/*
 * Validation of a dataset
 *
 * One pure function over the batches of a dataset: statistics of every column, every rule of the schema, uniqueness of
 * the key, and drift against a baseline. Values are judged by schema_check() alone, the check that serves single rows
 * too. Batches and columns are spread over all cores; the report depends on the data alone.
 *
 * Memory beside the tables: about 3 MiB a thread, the key's index (unique.h), and what the statistics hold.
 *
 * A table is read by names. Its columns should have the schema's types (value_column_type()); a column of another type
 * is read as a source with types of its own would be (value.h), and what does not fit is an anomaly.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/data/anomaly.h"
#include "common/data/schema/schema.h"
#include "common/data/statistics/baseline.h"
#include "common/data/statistics/drift.h"
#include "common/data/statistics/sketch.h"
#include "common/data/table.h"

struct json_builder;

/* rows shown for each finding */
#define VALIDATE_EXAMPLES 3
/* columns that the schema does not know, named in a report */
#define VALIDATE_NEW_COLUMNS_MAX 64

/* Which columns a source had, where its tables always have those of the schema. All borrowed. */
struct validate_columns {
        const bool *missing;      /* of each schema column: the source had none of that name; NULL: it had all */
        const char *const *names; /* of columns that the schema does not know */
        size_t n_names;
        uint64_t n_new; /* such columns, with those whose names are not here */
};

struct validate_options {
        const struct schema *schema; /* borrowed; the report borrows it too */
        unsigned environment;        /* SCHEMA_TRAINING, SCHEMA_SERVING, … */
        /* The test set: its size, the classes of its label and its drift do not decide whether it is valid, and what
         * its source lacked is told of the train set, which has the same. */
        bool is_holdout;
        struct validate_columns columns;
        uint64_t n_rows_beside;          /* rows of the same source in another set, counted for min_examples */
        const struct baseline *baseline; /* borrowed for the call; NULL: drift is not checked */
};

struct validate_example {
        uint64_t row;                            /* 0-based, over all batches; sentences count from 1 */
        char value[TEXT_COUNTS_SHOWN_BYTES + 1]; /* as text, cut; "" for missing */
};

/* What is wrong with one column in one way. */
struct validate_finding {
        enum anomaly code;
        enum severity severity;
        char column[TABLE_NAME_BYTES]; /* "": the dataset */
        uint64_t n_rows;               /* that show it; 0 where rows do not count */
        size_t n_examples;
        struct validate_example examples[VALIDATE_EXAMPLES]; /* the first rows */
        char message[1024];                                  /* a sentence, without the column's name */
};

struct validate_report {
        const struct schema *schema;
        unsigned environment;
        uint64_t n_rows;
        size_t n_findings; /* errors before warnings; then the dataset first, the rest in the schema order */
        struct validate_finding *findings;
        struct sketch *sketches; /* n_columns of the schema */
        size_t n_drifts;
        struct drift *drifts;
};

/* 0 or -ENOMEM. Bad data is no failure: see the report. */
int validate_dataset(const struct validate_options *options, const struct table *tables, size_t n_tables,
                     struct validate_report **ret_report);
struct validate_report *validate_report_destroy(struct validate_report *report);
void validate_report_destroy_pointer(struct validate_report **report);

/* The first finding that is an error, or NULL: the dataset is valid. */
const struct validate_finding *validate_first_error(const struct validate_report *report);

/* Fills fault with a finding: code, column, first row, message. Returns FAULT_E_INPUT. */
int validate_fault(const struct validate_finding *finding, struct fault *fault);

/* The sentence of SCHEMA_MISSING_COLUMN, without the column's name. Asks whether the nearest of the names that the
 * schema does not know is meant, when one is near. Cut at n_bytes; returns ret_text. */
char *validate_describe_missing(const char *column, const char *environment, const char *const *names, size_t n_names,
                                char *ret_text, size_t n_bytes);

/* {"environment","rows","valid","anomalies":[{"column","code","severity","rows","fraction","message",
 *  "examples":[{"row","value"}]}],"drift":[{"column","measure","distance","threshold","null_quantile","alarm"}]} */
void validate_put_json(const struct validate_report *report, struct json_builder *json);

/* {"rows","columns":[{"name","statistics": as sketch_put_json()}]}. 0 or -ENOMEM. */
int validate_put_statistics(const struct validate_report *report, struct json_builder *json);
