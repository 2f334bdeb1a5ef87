/* Runs of documents become the rows that they become one by one, whatever layout they have and however it changes. */

#include "tests/unit/source/mongo_world.h"

#include <bson/bson.h>
#include <math.h>

#include "common/base/cleanup.h"
#include "common/base/random.h"

/* A field of that name, mostly of the type that becomes its column. */
static void append_any(bson_t *document, const char *name, struct random *random) {
        static const char *const texts[] = {
                "a", "", "\xc3\xa4", "\xff", "fifteen bytes!\xc3", "more than the sixteen bytes \xc3\xa4"
        };
        uint64_t chance = random_below(random, 60);
        /* the macros of libbson look twice at what they are given */
        const char *text = texts[random_below(random, N_ELEMENTS(texts))];

        if (chance == 1)
                BSON_APPEND_NULL(document, name);
        else if (chance == 2)
                BSON_APPEND_DOUBLE(document, name, (double)random_below(random, 3));
        else if (chance == 3)
                BSON_APPEND_INT64(document, name, INT64_C(1) << (50 + random_below(random, 6)));
        else if (chance == 4)
                BSON_APPEND_UTF8(document, name, text);
        else if (chance == 5)
                BSON_APPEND_BOOL(document, name, true);
        else if (chance == 6)
                BSON_APPEND_DOUBLE(document, name, random_below(random, 2) ? (double)NAN : -0.0);
        else if (*name == 'c')
                BSON_APPEND_UTF8(document, name, chance % 2 ? "a" : "a text that is longer");
        else if (*name == 'f')
                BSON_APPEND_DOUBLE(document, name, (double)random_below(random, 1000) / 8);
        else if (*name == 'b')
                BSON_APPEND_BOOL(document, name, random_below(random, 2));
        else
                BSON_APPEND_INT32(document, name, (int32_t)random_below(random, 100));
}

/* Of one of several layouts, which change now and then. */
static void fill(bson_t *document, size_t number, struct random *random) {
        static const char *const layouts[][7] = { { "_id", "i", "f", "b", "c", "n", "y" },
                                                  { "f", "_id", "b", "stranger", "y", "c", "i" },
                                                  { "_id", "i", "f", "b", "c", "y" },
                                                  { "i", "f" } };
        const char *const *layout = layouts[number / 100 % N_ELEMENTS(layouts)];

        for (size_t k = 0; k < N_ELEMENTS(layouts[0]) && layout[k]; k++) {
                if (random_below(random, 200))
                        append_any(document, layout[k], random);
                if (!random_below(random, 500))
                        append_any(document, "i", random);
        }
}

/* Each by itself on the heap, so that a byte too far is found; some are broken. */
static struct mongo_span make(size_t number, struct random *random) {
        bson_t document = BSON_INITIALIZER;
        size_t n_bytes;
        uint8_t *bytes;

        fill(&document, number, random);
        n_bytes = document.len;
        bytes = malloc(n_bytes);
        assert_non_null(bytes);
        memcpy(bytes, bson_get_data(&document), n_bytes);
        bson_destroy(&document);
        if (!random_below(random, 50))
                bytes[random_below(random, n_bytes)] ^= (uint8_t)(1 + random_below(random, 255));
        return (struct mongo_span){ bytes, n_bytes };
}

/* Returns the number of documents that are no rows; ret_bad says which. */
static size_t append_singly(struct world *world, const struct mongo_span *documents, size_t n, size_t *ret_bad) {
        size_t n_bad = 0;

        for (size_t i = 0; i < n; i++) {
                size_t n_rows = table_builder_n_rows(world->builder);

                if (!mongo_document_append(world->reader, documents[i].bytes, documents[i].n_bytes, (int64_t)i,
                                           world->builder, &world->fault))
                        continue;
                table_builder_truncate(world->builder, n_rows);
                ret_bad[n_bad++] = i;
        }
        return n_bad;
}

/* The same in runs of any length. */
static size_t append_runs(struct world *world, const struct mongo_span *documents, size_t n, struct random *random,
                          size_t *ret_bad) {
        size_t n_bad = 0;

        for (size_t i = 0; i < n;) {
                size_t n_rows = table_builder_n_rows(world->builder), n_run = 1 + random_below(random, 300), n_done = 0;
                int r;

                n_run = n_run < n - i ? n_run : n - i;
                r = mongo_document_append_run(world->reader, documents + i, n_run, (int64_t)i, world->builder, &n_done,
                                              &world->fault);
                assert_true(n_done <= n_run && (r || n_done));
                i += n_done;
                if (!r)
                        continue;
                assert_int_equal(r, FAULT_E_INPUT);
                assert_int_equal(world->fault.row, i);
                table_builder_truncate(world->builder, n_rows + n_done);
                ret_bad[n_bad++] = i++;
        }
        return n_bad;
}

static void test_runs_become_what_single_documents_become(void **state) {
        enum { N = 6000 };
        static size_t want_bad[N], bad[N];
        static struct mongo_span documents[N];
        struct digest_content want_content = DIGEST_CONTENT_NULL, content = DIGEST_CONTENT_NULL;
        struct random random = random_stream(1, RANDOM_SALT_MONGO, 0);
        struct world *world = *state, *other = NULL;
        struct table want, found;
        size_t n_bad;

        assert_int_equal(setup((void **)&other), 0);
        for (size_t i = 0; i < N; i++)
                documents[i] = make(i, &random);
        n_bad = append_singly(world, documents, N, want_bad);
        assert_true(n_bad > 100 && n_bad < N / 2);
        assert_int_equal(append_runs(other, documents, N, &random, bad), n_bad);
        assert_memory_equal(bad, want_bad, n_bad * sizeof(*bad));
        assert_memory_equal(other->has, world->has, sizeof(world->has));
        want = table_builder_view(world->builder);
        found = table_builder_view(other->builder);
        assert_int_equal(found.n_rows, want.n_rows);
        for (size_t k = 0; k < want.n_columns; k++)
                assert_int_equal(!found.columns[k].validity, !want.columns[k].validity);
        assert_int_equal(table_add_content(&want, &want_content), 0);
        assert_int_equal(table_add_content(&found, &content), 0);
        assert_memory_equal(&content, &want_content, sizeof(content));
        for (size_t i = 0; i < N; i++)
                free((void *)(uintptr_t)documents[i].bytes);
        teardown((void **)&other);
}

/* More text than room is made for at once, and columns that no document has. */
static void test_long_texts_and_missing_columns(void **state) {
        enum { N = 40, N_TEXT = 9000 };
        struct world *world = *state;
        bson_t document = BSON_INITIALIZER;
        struct mongo_span documents[N];
        struct table table;
        size_t n_done, n_bytes;
        char *text = malloc(N_TEXT);

        assert_non_null(text);
        memset(text, 'x', N_TEXT);
        BSON_APPEND_INT32(&document, "i", 5);
        bson_append_utf8(&document, "c", 1, text, N_TEXT);
        for (size_t i = 0; i < N; i++)
                documents[i] = (struct mongo_span){ bson_get_data(&document), document.len };
        for (size_t i = 0; i < N; i += n_done)
                assert_int_equal(mongo_document_append_run(world->reader, documents + i, N - i, (int64_t)i,
                                                           world->builder, &n_done, &world->fault),
                                 0);
        table = table_builder_view(world->builder);
        assert_int_equal(table.n_rows, N);
        for (size_t i = 0; i < N; i++) {
                assert_int_equal(table.columns[0].int64[i], 5);
                assert_false(column_is_present(&table.columns[1], i));
                assert_memory_equal(column_text(&table.columns[3], i, &n_bytes), text, N_TEXT);
                assert_int_equal(n_bytes, N_TEXT);
                assert_false(column_is_present(&table.columns[4], i));
        }
        bson_destroy(&document);
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_runs_become_what_single_documents_become, setup, teardown),
                cmocka_unit_test_setup_teardown(test_long_texts_and_missing_columns, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
