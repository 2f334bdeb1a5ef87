/*
 * quality PIPELINE SOURCE FOLDER SALT [OVERRIDES]
 *
 * What the line learns, without the daemons: the hearts of ingestor, transformer and trainer one after the other, for
 * one split salt. Writes to FOLDER what quality.py needs to do the same with Python's libraries (matrix.arrow, and
 * test.arrow: features, label and margin of the test rows), and prints one line of JSON. OVERRIDES is a body of POST
 * /training.
 */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/json_builder.h"
#include "common/data/arrow/arrow.h"
#include "common/model/bundle.h"
#include "common/model/labels.h"
#include "common/model/metrics.h"
#include "proto/pipeline.h"
#include "services/ingestor/ingest.h"
#include "services/trainer/train.h"
#include "services/transformer/transform.h"

/* An Arrow file, mapped, with all its batches. */
struct rows {
        struct arrow_file *file;
        struct table *tables;
        size_t n_tables, n_rows;
};

struct quality {
        const char *folder;
        struct pipeline pipeline;
        struct schema *schema;
        struct store *store;
        struct ingestion ingestion;
        struct rows train, test, matrix;
        struct transform_result transform;
        struct train_result result;
        struct bundle bundle;
        struct metrics metrics;
        float *margins;
        uint8_t *labels;
        int64_t ingest_ns, transform_ns, train_ns;
        struct fault fault;
};

static void rows_finish(struct rows *rows) {
        free(rows->tables);
        arrow_file_close(rows->file);
}

static int rows_open(const char *path, struct rows *rows, struct fault *fault) {
        int r;

        r = arrow_file_open(path, &rows->file, fault);
        if (r)
                return r;
        rows->n_tables = arrow_file_n_batches(rows->file);
        rows->n_rows = (size_t)arrow_file_n_rows(rows->file);
        rows->tables = calloc(rows->n_tables + 1, sizeof(*rows->tables));
        if (!rows->tables)
                return error_origin(-ENOMEM, "reading %s", path);
        for (size_t b = 0; b < rows->n_tables && !r; b++)
                r = arrow_file_batch(rows->file, b, &rows->tables[b], fault);
        return r;
}

static int open_dataset(struct quality *quality, const char *sha256, struct rows *rows) {
        char path[STORE_PATH_BYTES];
        int r;

        r = store_fetch_blob(quality->store, sha256, path);
        return r ? error_origin(-EIO, "the store has lost %s (%d)", sha256, r) : rows_open(path, rows, &quality->fault);
}

static int make_rows(struct quality *quality, const char *uri) {
        struct ingest_input input = { .parameters = &quality->pipeline.parameters,
                                      .schema = quality->schema,
                                      .source_uri = uri,
                                      .pipeline_folder = quality->pipeline.folder,
                                      .store = quality->store };
        int64_t start = clock_monotonic_ns();
        int r;

        r = ingest(&input, &quality->ingestion, &quality->fault);
        quality->ingest_ns = clock_monotonic_ns() - start;
        if (!r)
                r = open_dataset(quality, quality->ingestion.train.sha256, &quality->train);
        if (!r)
                r = open_dataset(quality, quality->ingestion.test.sha256, &quality->test);
        return r;
}

static int make_matrix(struct quality *quality) {
        struct transform_input input = { .schema = quality->schema,
                                         .parameters = &quality->pipeline.parameters,
                                         .tables = quality->train.tables,
                                         .n_tables = quality->train.n_tables };
        int64_t start = clock_monotonic_ns();
        char path[4096];
        int r;

        snprintf(path, sizeof(path), "%s/matrix.arrow", quality->folder);
        input.matrix_fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (input.matrix_fd < 0)
                return error_origin(-errno, "creating %s", path);
        r = transform(&input, &quality->transform, &quality->fault);
        quality->transform_ns = clock_monotonic_ns() - start;
        close(input.matrix_fd);
        return r ? r : rows_open(path, &quality->matrix, &quality->fault);
}

static int make_model(struct quality *quality) {
        struct train_input input = { .parameters = &quality->pipeline.parameters.train,
                                     .tables = quality->matrix.tables,
                                     .n_tables = quality->matrix.n_tables,
                                     .n_train_rows = quality->transform.n_train_rows,
                                     .n_slice_rows = quality->transform.n_slice_rows };
        int64_t start = clock_monotonic_ns();
        int r;

        r = train(&input, &quality->result, &quality->fault);
        quality->train_ns = clock_monotonic_ns() - start;
        return r;
}

static int score(struct quality *quality) {
        const struct schema *schema = quality->schema;
        const struct transform_result *transform = &quality->transform;
        _cleanup_(buffer_finish) struct buffer threshold = BUFFER_NULL;
        struct bundle_parts parts;
        size_t n = 0;
        int r;

        quality->margins = calloc(quality->test.n_rows + 1, sizeof(*quality->margins));
        quality->labels = calloc(quality->test.n_rows + 1, sizeof(*quality->labels));
        if (!quality->margins || !quality->labels)
                return error_origin(-ENOMEM, "scoring");
        r = bundle_save_threshold(&quality->result.threshold, &threshold);
        parts = (struct bundle_parts){ { schema->bytes, schema->n_bytes },
                                       { transform->transform.data, transform->transform.n_bytes },
                                       { quality->result.model.data, quality->result.model.n_bytes },
                                       { threshold.data, threshold.n_bytes } };
        if (!r)
                r = bundle_load(&parts, &quality->bundle, &quality->fault);
        if (!r)
                r = bundle_score(&quality->bundle, quality->test.tables, quality->test.n_tables, quality->margins,
                                 &quality->fault);
        for (size_t t = 0; t < quality->test.n_tables && !r; t++) {
                r = labels_read(schema, &quality->test.tables[t], quality->labels + n, &quality->fault);
                n += quality->test.tables[t].n_rows;
        }
        return r ? r
                 : metrics_compute(quality->margins, quality->labels, quality->test.n_rows,
                                   quality->bundle.threshold.margin, &quality->metrics);
}

/* One batch of test.arrow: features, label, margin. */
static int write_batch(struct quality *quality, struct arrow_writer *writer, struct column *columns, size_t n_columns,
                       size_t at, size_t first) {
        size_t n = quality->test.tables[at].n_rows, n_features = n_columns - 2;
        _cleanup_(free_pointer) float *values = calloc(n_columns * n + 1, sizeof(*values));
        struct table batch = { n, n_columns, columns };
        int r;

        if (!values)
                return error_origin(-ENOMEM, "writing the test rows");
        r = features_apply(quality->bundle.features, &quality->test.tables[at], values, n, &quality->fault);
        for (size_t i = 0; i < n; i++)
                values[n_features * n + i] = quality->labels[first + i];
        memcpy(values + (n_features + 1) * n, quality->margins + first, n * sizeof(*values));
        for (size_t k = 0; k < n_columns; k++)
                columns[k].float32 = values + k * n;
        return r ? r : arrow_writer_add(writer, &batch);
}

static int write_test(struct quality *quality) {
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = -1;
        size_t n_features = features_n_outputs(quality->bundle.features), n_columns = n_features + 2, first = 0;
        _cleanup_(free_pointer) struct column *columns = calloc(n_columns, sizeof(*columns));
        struct arrow_summary summary;
        struct table shape = { 0, n_columns, columns };
        char path[4096];
        int r;

        if (!columns)
                return error_origin(-ENOMEM, "writing the test rows");
        for (size_t k = 0; k < n_columns; k++)
                columns[k] = (struct column){ .type = COLUMN_FLOAT32,
                                              .name = k < n_features ? features_output_name(quality->bundle.features, k)
                                                      : k == n_features ? "label"
                                                                        : "margin" };
        snprintf(path, sizeof(path), "%s/test.arrow", quality->folder);
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (fd < 0)
                return error_origin(-errno, "creating %s", path);
        r = arrow_writer_create(fd, &shape, NULL, 0, &writer);
        for (size_t t = 0; t < quality->test.n_tables && !r; t++) {
                r = write_batch(quality, writer, columns, n_columns, t, first);
                first += quality->test.tables[t].n_rows;
        }
        return r ? r : arrow_writer_finish(writer, &summary);
}

static double milliseconds(int64_t ns) {
        return round((double)ns / 1e4) / 100;
}

static int print(const struct quality *quality) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        const struct candidate *candidate = &quality->result.candidate;
        int r;

        json_begin_object(&json);
        json_key_int64(&json, "salt", quality->pipeline.parameters.split.salt);
        json_key_int64(&json, "n_train_rows", quality->transform.n_train_rows);
        json_key_int64(&json, "n_slice_rows", quality->transform.n_slice_rows);
        json_key_int64(&json, "n_test_rows", (int64_t)quality->test.n_rows);
        json_key_int64(&json, "n_rounds", candidate->n_rounds);
        json_key_text(&json, "method", threshold_method_name(candidate->decision.method));
        json_key_double(&json, "threshold", candidate->decision.probability);
        json_key_double(&json, "margin", (double)candidate->decision.margin);
        json_key_double(&json, "auc", quality->metrics.roc_auc);
        json_key_double(&json, "f1", quality->metrics.f1);
        json_key_double(&json, "ingest_ms", milliseconds(quality->ingest_ns));
        json_key_double(&json, "transform_ms", milliseconds(quality->transform_ns));
        json_key_double(&json, "train_ms", milliseconds(quality->train_ns));
        json_key_int64(&json, "booster_ms", candidate->booster_ms);
        json_key(&json, "train");
        record_put_json(&train_parameters_record, &quality->pipeline.parameters.train, &json);
        json_end_object(&json);
        r = json_end(&json);
        if (!r)
                puts(buffer_text(&text));
        return r;
}

static int run(struct quality *quality, char **argv) {
        char uri[4096];
        int r;

        r = pipeline_load(argv[1], &quality->pipeline, &quality->fault);
        if (!r && argv[5])
                r = parameters_override(&quality->pipeline.parameters, argv[5], strlen(argv[5]), &quality->fault);
        if (!r)
                r = schema_load(quality->pipeline.schema, &quality->fault, &quality->schema);
        if (r)
                return r;
        quality->folder = argv[3];
        quality->pipeline.parameters.split.salt = strtoll(argv[4], NULL, 10);
        snprintf(uri, sizeof(uri), "file://%.4000s/store", quality->folder);
        r = store_open(&(struct store_options){ .uri = uri }, &quality->store, &quality->fault);
        if (!r)
                r = make_rows(quality, argv[2]);
        if (!r)
                r = make_matrix(quality);
        if (!r)
                r = make_model(quality);
        if (!r)
                r = score(quality);
        if (!r)
                r = write_test(quality);
        return r ? r : print(quality);
}

static void quality_finish(struct quality *quality) {
        free(quality->margins);
        free(quality->labels);
        bundle_finish(&quality->bundle);
        train_result_finish(&quality->result);
        transform_result_finish(&quality->transform);
        rows_finish(&quality->matrix);
        rows_finish(&quality->test);
        rows_finish(&quality->train);
        store_close(quality->store);
        schema_destroy(quality->schema);
}

int main(int argc, char **argv) {
        static struct quality quality = { .fault = FAULT_NULL };
        char text[FAULT_TEXT_BYTES];
        int r;

        if (argc < 5 || argc > 6) {
                fprintf(stderr, "usage: %s PIPELINE SOURCE FOLDER SALT [OVERRIDES]\n", argv[0]);
                return 2;
        }
        r = run(&quality, argv);
        if (r)
                fprintf(stderr, "%s: %s\n", quality.fault.code, fault_format(&quality.fault, text, sizeof(text)));
        quality_finish(&quality);
        return r ? 1 : 0;
}
