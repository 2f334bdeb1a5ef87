#pragma once

/* A run's datasets in the store of the fixture's home, of the made-up rows of tests/support/world.h. */

#include <fcntl.h>

#include "common/data/arrow/arrow.h"
#include "common/store/store.h"
#include "proto/pipeline.h"
#include "proto/transformer_to_trainer.h"
#include "proto/validator_to_transformer.h"
#include "services/transformer/transform.h"
#include "tests/stage/stage_samples.h"
#include "tests/support/world.h"

static inline struct store *world_store(const struct fixture *fixture) {
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;
        char uri[800];

        snprintf(uri, sizeof(uri), "file://%s/store", fixture->home);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        return store;
}

/* Opens the blob; the caller closes the file. */
static inline struct arrow_file *world_open(struct store *store, const char *sha256) {
        struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_fetch_blob(store, sha256, path), 0);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        return file;
}

/* Stores the rows as an Arrow file. */
static inline void world_put_rows(struct store *store, const struct table *table, struct dataset *ret_dataset) {
        struct digest_content content = DIGEST_CONTENT_NULL;
        struct store_writer *writer = NULL;
        struct arrow_writer *arrow = NULL;
        struct arrow_summary summary;

        assert_int_equal(store_writer_create(store, &writer), 0);
        assert_int_equal(arrow_writer_create(store_writer_fd(writer), table, NULL, 0, &arrow), 0);
        assert_int_equal(arrow_writer_add(arrow, table), 0);
        assert_int_equal(arrow_writer_finish(arrow, &summary), 0);
        assert_int_equal(store_writer_publish(writer, summary.sha256, ret_dataset->sha256), 0);
        assert_int_equal(table_add_content(table, &content), 0);
        digest_content_format(&content, ret_dataset->content);
        ret_dataset->n_rows = summary.n_rows;
        ret_dataset->n_bytes = summary.n_bytes;
        arrow_writer_destroy(arrow);
        store_writer_destroy(writer);
}

/* What the validator would have sent about n_rows train rows. */
static inline void world_order(struct fixture *fixture, size_t n_rows, struct validator_to_transformer *ret_message) {
        static struct ingestor_to_validator sample;
        struct store *store = world_store(fixture);
        struct schema *schema = world_schema(world_schema_text);
        struct table_builder *builder = world_rows(schema, 0, n_rows);
        struct table table = table_builder_view(builder);

        sample_fill(fixture, (int64_t)n_rows, &sample);
        memset(ret_message, 0, sizeof(*ret_message));
        ret_message->order = sample.order;
        ret_message->ingestion = sample.ingestion;
        ret_message->order.schema.n_bytes = (int64_t)strlen(world_schema_text);
        assert_int_equal(
                store_put_blob(store, world_schema_text, strlen(world_schema_text), ret_message->order.schema.sha256),
                0);
        world_put_rows(store, &table, &ret_message->ingestion.train);
        strcpy(ret_message->validation.report.sha256, ret_message->order.schema.sha256);
        strcpy(ret_message->validation.baseline.sha256, ret_message->order.schema.sha256);
        table_builder_destroy(builder);
        schema_destroy(schema);
        store_close(store);
}

/* What the transformer would have sent then; made by its heart. */
static inline void world_transform(struct fixture *fixture, const struct validator_to_transformer *message,
                                   struct transformer_to_trainer *ret_message) {
        struct transformation *transformation = &ret_message->transformation;
        struct schema *schema = world_schema(world_schema_text);
        struct transform_result result = TRANSFORM_RESULT_NULL;
        struct store *store = world_store(fixture);
        struct arrow_file *file = world_open(store, message->ingestion.train.sha256);
        struct store_writer *writer = NULL;
        struct fault fault = FAULT_NULL;
        struct table table;
        struct transform_input input = {
                .schema = schema, .parameters = &message->order.parameters, .tables = &table, .n_tables = 1
        };

        memset(ret_message, 0, sizeof(*ret_message));
        ret_message->order = message->order;
        ret_message->ingestion = message->ingestion;
        ret_message->validation = message->validation;
        assert_int_equal(arrow_file_n_batches(file), 1);
        assert_int_equal(arrow_file_batch(file, 0, &table, &fault), 0);
        assert_int_equal(store_writer_create(store, &writer), 0);
        input.matrix_fd = store_writer_fd(writer);
        assert_int_equal(transform(&input, &result, &fault), 0);
        assert_int_equal(store_writer_publish(writer, result.matrix.sha256, transformation->matrix.sha256), 0);
        assert_int_equal(store_put_blob(store, result.transform.data, result.transform.n_bytes,
                                        transformation->transform.sha256),
                         0);
        transformation->matrix.n_bytes = result.matrix.n_bytes;
        transformation->transform.n_bytes = (int64_t)result.transform.n_bytes;
        transformation->n_features = result.n_features;
        transformation->n_train_rows = result.n_train_rows;
        transformation->n_slice_rows = result.n_slice_rows;
        transform_result_finish(&result);
        store_writer_destroy(writer);
        arrow_file_close(file);
        store_close(store);
        schema_destroy(schema);
}

/* Changes one byte of a blob. */
static inline void world_spoil(const struct fixture *fixture, const char *sha256) {
        struct store *store = world_store(fixture);
        char name[STORE_NAME_BYTES], path[1400];
        uint8_t byte;
        int fd;

        store_blob_name(sha256, name);
        snprintf(path, sizeof(path), "%s/store/%s", fixture->home, name);
        assert_int_equal(chmod(path, 0600), 0);
        fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, 100), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
        close(fd);
        store_close(store);
}
