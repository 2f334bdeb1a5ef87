/* Ids: the same one by whatever type it lies there, and one for each row without a key. */

#include "common/source/mongo/mongo_id.h"

#include <bson/bson.h>

#include "common/base/cleanup.h"
#include "common/source/mongo/mongo_keys.h"
#include "tests/unit/source/mongo_rows.h"

static bool read_id(const bson_t *document, struct mongo_id *ret_id) {
        struct mongo_field field;

        return mongo_field_find(bson_get_data(document), document->len, "_id", &field) &&
               mongo_id_of_field(&field, ret_id);
}

static void a_number_is_the_same_id_of_any_type(void **state) {
        const struct mongo_id want = { .integer = 17 };
        const struct digest_content digest = mongo_id_digest(&want);
        bson_t *documents[] = { BCON_NEW("_id", BCON_INT32(17)), BCON_NEW("_id", BCON_INT64(17)),
                                BCON_NEW("_id", BCON_DOUBLE(17)) };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(documents); i++) {
                struct digest_content got;
                struct mongo_id id;

                assert_true(read_id(documents[i], &id));
                got = mongo_id_digest(&id);
                assert_memory_equal(&got, &digest, sizeof(got));
                bson_destroy(documents[i]);
        }
}

static void an_id_that_no_row_can_have_is_none(void **state) {
        bson_t *documents[] = { BCON_NEW("_id", BCON_DOUBLE(17.5)), BCON_NEW("_id", BCON_DOUBLE(1e300)),
                                BCON_NEW("_id", BCON_BOOL(true)), BCON_NEW("_id", BCON_NULL) };
        struct mongo_id id;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(documents); i++) {
                assert_false(read_id(documents[i], &id));
                bson_destroy(documents[i]);
        }
}

static void what_is_appended_is_read_again(void **state) {
        static const struct mongo_id ids[] = {
                { .integer = 0 },
                { .integer = -VALUE_INT_MAX },
                { .is_text = true, .text = "", .n_bytes = 0 },
                { .is_text = true, .text = "a\0b", .n_bytes = 3 },
        };
        struct mongo_id id;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
                bson_t document = BSON_INITIALIZER;

                assert_int_equal(mongo_id_append(&ids[i], "_id", &document), 0);
                assert_true(read_id(&document, &id));
                assert_int_equal(id.is_text, ids[i].is_text);
                assert_int_equal(id.integer, ids[i].integer);
                assert_int_equal(id.n_bytes, ids[i].n_bytes);
                if (id.n_bytes)
                        assert_memory_equal(id.text, ids[i].text, id.n_bytes);
                bson_destroy(&document);
        }
}

static void a_content_is_counted(void **state) {
        const struct digest_content content = { .low = 0x1234, .high = 0xabcd };
        char scratch[MONGO_ID_SCRATCH_BYTES];
        struct mongo_id id;

        (void)state;
        mongo_id_of_content(&content, 1, scratch, &id);
        assert_true(id.is_text);
        assert_string_equal(id.text, "000000000000abcd0000000000001234-1");
        mongo_id_of_content(&content, INT64_MAX, scratch, &id);
        assert_string_equal(id.text, "000000000000abcd0000000000001234-9223372036854775807");
        assert_int_equal(id.n_bytes, strlen(id.text));
}

static void ids_are_shown_as_people_write_them(void **state) {
        struct mongo_id id = { .integer = -5 };
        char text[VALUE_QUOTE_BYTES];

        (void)state;
        assert_string_equal(mongo_id_show(&id, text), "-5");
        id = (struct mongo_id){ .is_text = true, .text = "k\n1", .n_bytes = 3 };
        assert_string_equal(mongo_id_show(&id, text), "\"k?1\"");
}

static void keys_are_remembered(void **state) {
        struct mongo_keys keys = MONGO_KEYS_NULL;

        (void)state;
        for (int64_t i = 0; i < 10000; i++) {
                struct digest_content digest = { .low = (uint64_t)(i % 100), .high = (uint64_t)(i / 100) };

                assert_int_equal(mongo_keys_get(&keys, &digest), 0);
                assert_int_equal(mongo_keys_put(&keys, &digest, i + 1), 0);
        }
        assert_int_equal(keys.n_used, 10000);
        for (int64_t i = 0; i < 10000; i++) {
                struct digest_content digest = { .low = (uint64_t)(i % 100), .high = (uint64_t)(i / 100) };

                assert_int_equal(mongo_keys_get(&keys, &digest), i + 1);
                assert_int_equal(mongo_keys_put(&keys, &digest, -1), 0);
                assert_int_equal(mongo_keys_get(&keys, &digest), -1);
        }
        assert_int_equal(keys.n_used, 10000);
        mongo_keys_clear(&keys);
        assert_int_equal(mongo_keys_get(&keys, &(struct digest_content){ 1, 1 }), 0);
        mongo_keys_finish(&keys);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_number_is_the_same_id_of_any_type),
                cmocka_unit_test(an_id_that_no_row_can_have_is_none),
                cmocka_unit_test(what_is_appended_is_read_again),
                cmocka_unit_test(a_content_is_counted),
                cmocka_unit_test(ids_are_shown_as_people_write_them),
                cmocka_unit_test(keys_are_remembered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
