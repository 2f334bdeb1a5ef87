/* Documents of rows: natural types, missing values left out, ids, and the batch that holds them. */

#include "common/source/mongo/mongo_load_batch.h"

#include <bson/bson.h>

#include "common/base/cleanup.h"
#include "common/source/mongo/mongo_document.h"
#include "tests/unit/source/mongo_rows.h"

static const struct mongo_row ROWS[] = {
        { 7, 1.5, "red", "3", 1 },
        { INT64_C(5000000000), -0.25, NULL, "5000000000", 0 },
        { INT32_MIN, 1e300, "dark \"blue\"", NULL, -1 },
        { (INT64_C(1) << 31), 0, "", "-2147483648", 1 },
};
static const char *const DOCUMENTS[] = {
        "{ \"_id\" : { \"$numberInt\" : \"7\" }, \"id\" : { \"$numberInt\" : \"7\" }, "
        "\"weight\" : { \"$numberDouble\" : \"1.5\" }, \"colour\" : \"red\", \"zone\" : { \"$numberInt\" : \"3\" }, "
        "\"ripe\" : true }",
        "{ \"_id\" : { \"$numberLong\" : \"5000000000\" }, \"id\" : { \"$numberLong\" : \"5000000000\" }, "
        "\"weight\" : { \"$numberDouble\" : \"-0.25\" }, \"zone\" : { \"$numberLong\" : \"5000000000\" }, "
        "\"ripe\" : false }",
        "{ \"_id\" : { \"$numberInt\" : \"-2147483648\" }, \"id\" : { \"$numberInt\" : \"-2147483648\" }, "
        "\"weight\" : { \"$numberDouble\" : \"1.0000000000000000525e+300\" }, \"colour\" : \"dark \\\"blue\\\"\" }",
        "{ \"_id\" : { \"$numberLong\" : \"2147483648\" }, \"id\" : { \"$numberLong\" : \"2147483648\" }, "
        "\"weight\" : { \"$numberDouble\" : \"0.0\" }, \"colour\" : \"\", \"zone\" : { \"$numberInt\" : "
        "\"-2147483648\" }, \"ripe\" : true }",
};

static void add_rows(struct mongo_load_batch *batch, const struct schema *schema, const struct table *table) {
        struct mongo_id id;

        for (size_t i = 0; i < table->n_rows; i++) {
                assert_true(mongo_id_of_key(schema, table, i, &id));
                assert_int_equal(mongo_load_batch_add(batch, schema, table, i, &id, (int64_t)i + 100), 0);
        }
}

static void rows_become_documents_of_natural_types(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = mongo_rows_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = mongo_rows_build(schema, ROWS,
                                                                                                  N_ELEMENTS(ROWS));
        struct table table = table_builder_view(builder);
        struct mongo_load_batch batch;
        bson_t document;
        char *json;

        (void)state;
        assert_int_equal(mongo_load_batch_init(&batch), 0);
        add_rows(&batch, schema, &table);
        assert_int_equal(batch.n_documents, N_ELEMENTS(ROWS));
        for (size_t i = 0; i < batch.n_documents; i++) {
                assert_int_equal(batch.documents[i].row, i + 100);
                assert_true(
                        bson_init_static(&document, mongo_load_batch_document(&batch, i), batch.documents[i].n_bytes));
                json = bson_as_canonical_extended_json(&document, NULL);
                assert_string_equal(json, DOCUMENTS[i]);
                bson_free(json);
        }
        mongo_load_batch_finish(&batch);
}

static void documents_become_the_same_rows_again(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = mongo_rows_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = mongo_rows_build(schema, ROWS,
                                                                                                  N_ELEMENTS(ROWS) - 1);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *again = mongo_rows_build(schema, NULL, 0);
        _cleanup_(mongo_document_reader_destroy_pointer) struct mongo_document_reader *reader = NULL;
        struct table table = table_builder_view(builder), back;
        struct digest_content want = DIGEST_CONTENT_NULL, got = DIGEST_CONTENT_NULL;
        struct mongo_load_batch batch;
        struct fault fault = FAULT_NULL;
        bool has[N_COLUMNS] = { 0 };

        (void)state;
        assert_int_equal(mongo_load_batch_init(&batch), 0);
        add_rows(&batch, schema, &table);
        assert_int_equal(mongo_document_reader_create(schema, has, &reader), 0);
        for (size_t i = 0; i < batch.n_documents; i++)
                assert_int_equal(mongo_document_append(reader, mongo_load_batch_document(&batch, i),
                                                       batch.documents[i].n_bytes, (int64_t)i, again, &fault),
                                 0);
        back = table_builder_view(again);
        assert_int_equal(back.n_rows, table.n_rows);
        assert_int_equal(table_add_content(&table, &want), 0);
        assert_int_equal(table_add_content(&back, &got), 0);
        assert_memory_equal(&got, &want, sizeof(got));
        mongo_load_batch_finish(&batch);
}

static void a_document_is_found_by_its_id(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = mongo_rows_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = mongo_rows_build(schema, ROWS,
                                                                                                  N_ELEMENTS(ROWS));
        struct table table = table_builder_view(builder);
        struct mongo_load_batch batch;
        struct mongo_id id = { .integer = ROWS[2].id };

        (void)state;
        assert_int_equal(mongo_load_batch_init(&batch), 0);
        assert_int_equal(mongo_load_batch_find(&batch, &id), SIZE_MAX);
        add_rows(&batch, schema, &table);
        assert_int_equal(mongo_load_batch_find(&batch, &id), 2);
        id.integer++;
        assert_int_equal(mongo_load_batch_find(&batch, &id), SIZE_MAX);
        mongo_load_batch_clear(&batch);
        id.integer--;
        assert_int_equal(mongo_load_batch_find(&batch, &id), SIZE_MAX);
        assert_int_equal(batch.bytes.n_bytes, 0);
        mongo_load_batch_finish(&batch);
}

static void a_batch_is_bounded_by_documents_and_by_bytes(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = mongo_rows_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        static char long_text[60001];
        struct mongo_row row = { 1, 1, "red", NULL, 1 };
        struct mongo_load_batch batch;
        struct table table;
        size_t n[2] = { 0 };

        (void)state;
        memset(long_text, 'x', sizeof(long_text) - 1);
        assert_int_equal(mongo_load_batch_init(&batch), 0);
        for (size_t k = 0; k < 2; k++) {
                row.colour = k ? long_text : "red";
                builder = mongo_rows_build(schema, &row, 1);
                table = table_builder_view(builder);
                while (!mongo_load_batch_is_full(&batch)) {
                        struct mongo_id id = { .integer = (int64_t)n[k]++ };

                        assert_int_equal(mongo_load_batch_add(&batch, schema, &table, 0, &id, 0), 0);
                }
                mongo_load_batch_clear(&batch);
                builder = table_builder_destroy(builder);
        }
        assert_int_equal(n[0], MONGO_LOAD_BATCH_DOCUMENTS);
        assert_int_equal(n[1], MONGO_LOAD_BATCH_BYTES / 60000 + 1);
        mongo_load_batch_finish(&batch);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_become_documents_of_natural_types),
                cmocka_unit_test(documents_become_the_same_rows_again),
                cmocka_unit_test(a_document_is_found_by_its_id),
                cmocka_unit_test(a_batch_is_bounded_by_documents_and_by_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
