#pragma once

/*
 * Intake of a test
 *
 * A scratch folder with a store, a schema and parameters: what ingest() takes. As cmocka fixtures: intake_setup and
 * intake_teardown, and then `struct intake *intake = *state`.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/data/arrow/arrow.h"
#include "services/ingestor/ingest.h"
#include "tests/support/scratch.h"

static const char INTAKE_SCHEMA[] = "schema: 1\n"
                                    "environments: [TRAINING, SERVING]\n"
                                    "columns:\n"
                                    "  - {name: id, role: key, type: int}\n"
                                    "  - {name: weight, type: float}\n"
                                    "  - {name: colour, type: category, values: [red, green]}\n"
                                    "  - {name: ripe, role: label, type: bool}\n";

static const char INTAKE_KEYLESS_SCHEMA[] = "schema: 1\n"
                                            "environments: [TRAINING, SERVING]\n"
                                            "columns:\n"
                                            "  - {name: weight, type: float}\n"
                                            "  - {name: ripe, role: label, type: bool}\n";

struct intake {
        void *scratch;
        struct store *store;
        struct schema *schema;
        struct parameters parameters;
        char uri[1100];
        struct ingest_input input;
        struct fault fault;
};

static inline void intake_use_schema(struct intake *intake, const char *text) {
        schema_destroy(intake->schema);
        intake->schema = NULL;
        assert_int_equal(schema_parse("schema.yaml", text, strlen(text), &intake->fault, &intake->schema), 0);
        intake->input.schema = intake->schema;
}

/* The store lies in a folder of that name; what lay there before stays. */
static inline void intake_use_store(struct intake *intake, const char *name) {
        char uri[1100];

        store_close(intake->store);
        intake->store = NULL;
        snprintf(uri, sizeof(uri), "file://%s", scratch_path(intake->scratch, name));
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &intake->store, &intake->fault), 0);
        intake->input.store = intake->store;
}

static inline int intake_setup(void **state) {
        struct intake *intake = calloc(1, sizeof(*intake));

        assert_non_null(intake);
        assert_int_equal(scratch_setup(&intake->scratch), 0);
        intake->fault = (struct fault)FAULT_NULL;
        parameters_init(&intake->parameters, "fruit");
        intake->parameters.split = (struct split){ .salt = 7, .test_ten_thousandths = 2500 };
        intake->input = (struct ingest_input){ .parameters = &intake->parameters,
                                               .source_uri = intake->uri,
                                               .pipeline_folder = ((struct scratch *)intake->scratch)->folder };
        intake_use_schema(intake, INTAKE_SCHEMA);
        intake_use_store(intake, "store");
        *state = intake;
        return 0;
}

static inline int intake_teardown(void **state) {
        struct intake *intake = *state;
        int r;

        store_close(intake->store);
        schema_destroy(intake->schema);
        r = scratch_teardown(&intake->scratch);
        free(intake);
        return r;
}

/* Writes a file into the folder and makes it the source. */
static inline void intake_write(struct intake *intake, const char *name, const void *bytes, size_t n_bytes) {
        const char *path = scratch_path(intake->scratch, name);

        assert_int_equal(file_replace(path, bytes, n_bytes), 0);
        snprintf(intake->uri, sizeof(intake->uri), "file://%s", path);
}

static inline void intake_write_text(struct intake *intake, const char *name, const char *text) {
        intake_write(intake, name, text, strlen(text));
}

static inline int intake_run(struct intake *intake, struct ingestion *ret_ingestion) {
        intake->fault = (struct fault)FAULT_NULL;
        return ingest(&intake->input, ret_ingestion, &intake->fault);
}

/* A dataset of the store; the caller closes it. */
static inline struct arrow_file *intake_open(struct intake *intake, const struct dataset *dataset) {
        char path[STORE_PATH_BYTES];
        struct arrow_file *file;

        assert_int_equal(store_fetch_blob(intake->store, dataset->sha256, path), 0);
        assert_int_equal(arrow_file_open(path, &file, &intake->fault), 0);
        assert_int_equal(arrow_file_n_rows(file), dataset->n_rows);
        return file;
}

/* All values of an int64 column, one after the other, missing as INT64_MIN. The caller frees them. */
static inline int64_t *intake_numbers(struct intake *intake, const struct dataset *dataset, const char *name) {
        int64_t *numbers = calloc((size_t)dataset->n_rows + 1, sizeof(*numbers));
        struct arrow_file *file = intake_open(intake, dataset);
        size_t n = 0;

        assert_non_null(numbers);
        for (size_t b = 0; b < arrow_file_n_batches(file); b++) {
                struct table batch;
                const struct column *column;

                assert_int_equal(arrow_file_batch(file, b, &batch, &intake->fault), 0);
                column = table_find(&batch, name);
                assert_non_null(column);
                assert_int_equal(column->type, COLUMN_INT64);
                for (size_t i = 0; i < batch.n_rows; i++)
                        numbers[n++] = column_is_present(column, i) ? column->int64[i] : INT64_MIN;
        }
        arrow_file_close(file);
        return numbers;
}

/* Files of the store, blobs and whatever was left half done. */
static int intake_n_files;

static inline int intake_count_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
        (void)path;
        (void)status;
        (void)walk;
        intake_n_files += kind == FTW_F;
        return 0;
}

static inline int intake_count_files(struct intake *intake, const char *name) {
        const char *path = scratch_path(intake->scratch, name);

        intake_n_files = 0;
        if (file_exists(path))
                assert_int_equal(nftw(path, intake_count_one, 16, FTW_PHYS), 0);
        return intake_n_files;
}
