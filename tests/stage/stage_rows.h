#pragma once

/* Made-up rows for the binaries of ingestor and validator: a schema, a pipeline that reads rows.csv, and an order. */

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/store/store.h"
#include "proto/pipeline.h"
#include "tests/stage/stage_samples.h"

#define ROWS_PIPELINE \
        "name: fruit\nschema: schema.yaml\nsource: {uri: '${FIXTURE_SOURCE:-file://rows.csv}'}\n" \
        "split: {salt: 7, test_ratio: 0.25}\nstore: {uri: 'file://store'}\n"

#define ROWS_SCHEMA \
        "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n" \
        "  - {name: id, role: key, type: int}\n" \
        "  - {name: weight, type: float}\n" \
        "  - {name: colour, type: category, values: [red, green]}\n" \
        "  - {name: ripe, role: label, type: bool}\n"

/* A store below the home, as the daemon has it; the caller closes it. */
static inline struct store *rows_store(const struct fixture *fixture, const char *name) {
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;
        char uri[720], path[700];

        fixture_path(fixture, name, path);
        snprintf(uri, sizeof(uri), "file://%s", path);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        return store;
}

static inline void rows_prepare(struct fixture *fixture) {
        assert_int_equal(
                file_replace(scratch_path(fixture->scratch, "pipeline.yaml"), ROWS_PIPELINE, strlen(ROWS_PIPELINE)), 0);
        assert_int_equal(file_replace(scratch_path(fixture->scratch, "schema.yaml"), ROWS_SCHEMA, strlen(ROWS_SCHEMA)),
                         0);
}

/* What the gateway would order; the schema is put into the store. */
static inline void rows_order(struct fixture *fixture, struct order *ret_order) {
        _cleanup_(store_close_pointer) struct store *store = rows_store(fixture, "store");
        static struct pipeline pipeline;
        struct fault fault = FAULT_NULL;

        assert_int_equal(pipeline_load(fixture->scratch->folder, &pipeline, &fault), 0);
        ret_order->parameters = pipeline.parameters;
        ret_order->schema.n_bytes = (int64_t)strlen(ROWS_SCHEMA);
        assert_int_equal(store_put_blob(store, ROWS_SCHEMA, strlen(ROWS_SCHEMA), ret_order->schema.sha256), 0);
        strcpy(ret_order->cause, "test");
}

/* rows.csv as text. */
static inline void rows_write_text(struct fixture *fixture, const struct buffer *text) {
        assert_int_equal(file_replace(scratch_path(fixture->scratch, "rows.csv"), text->data, text->n_bytes), 0);
}

/* rows.csv: n good rows, ids from first, whose weights begin at `first` as well, and then more text (NULL: none). */
static inline void rows_write_csv(struct fixture *fixture, int first, int n, const char *more) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        assert_int_equal(buffer_append_text(&text, "id,weight,colour,ripe\n"), 0);
        for (int i = first; i < first + n; i++)
                assert_int_equal(
                        buffer_printf(&text, "%d,%d,%s,%d\n", i, first + i % 97, i % 3 ? "red" : "green", i % 4 == 0),
                        0);
        assert_int_equal(buffer_append_text(&text, more ? more : ""), 0);
        rows_write_text(fixture, &text);
}
