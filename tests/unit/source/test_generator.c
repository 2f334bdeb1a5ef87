/* The generator: what it draws follows its file, row by row and whatever the batch, and files at fault are refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/source/generator.h"
#include "tests/support/scratch.h"

/* Shops by town; whether a customer comes back depends on the shop within its town, and on the coat. */
static const char shops[] =
        "generator: 1\n"
        "draws:\n"
        "  - column: n\n"
        "    sequence: {first: 100}\n"
        "  - columns: [town, coat]\n"
        "    evidence: {shrink: 1}\n"
        "    table: [[Ulm, 1, 300, 30], [Ulm, 2, 100, 40], [Köln am Rhein bei Deutz, 1, 600, 130]]\n"
        "  - column: shop\n"
        "    given: town\n"
        "    evidence: {shrink: 10, weight: 0.5}\n"
        "    table:\n"
        "      Ulm: [[7, 100, 60], [8, 300, 100]]\n"
        "      Köln am Rhein bei Deutz: [[8, 500, 100], [9, 100, 30]]\n"
        "  - column: price\n"
        "    quantiles:\n"
        "      points: [[0, 10], [0.5, 20], [1, 100]]\n"
        "      floor: {value: 5, share: 0.25}\n"
        "      round_to: 0.5\n"
        "  - column: days\n"
        "    uniform: {min: -2, max: 2}\n"
        "  - column: back\n"
        "    label: {log_odds: -1.4}\n";

static const struct generator_column all[] = {
        { "n", COLUMN_INT64 },       { "town", COLUMN_UTF8 },  { "coat", COLUMN_INT64 }, { "shop", COLUMN_FLOAT64 },
        { "price", COLUMN_FLOAT64 }, { "days", COLUMN_INT64 }, { "back", COLUMN_INT64 },
};

enum { N, TOWN, COAT, SHOP, PRICE, DAYS, BACK };

static int create(struct scratch *scratch, const char *yaml, const struct generator_column *columns, size_t n_columns,
                  struct generator **ret_generator, struct fault *fault) {
        const char *path = scratch_path(scratch, "generator.yaml");

        assert_int_equal(file_replace(path, yaml, strlen(yaml)), 0);
        return generator_create(path, columns, n_columns, ret_generator, fault);
}

static struct table_builder *make(const struct generator *generator, const struct generator_column *columns,
                                  size_t n_columns, uint64_t seed, uint64_t first, size_t n_rows) {
        struct table_builder *builder;

        assert_int_equal(table_builder_create(&builder), 0);
        for (size_t i = 0; i < n_columns; i++)
                assert_int_equal(table_builder_add_column(builder, columns[i].name, columns[i].type), 0);
        assert_int_equal(generator_make(generator, seed, first, n_rows, builder), 0);
        assert_int_equal(table_builder_n_rows(builder), n_rows);
        return builder;
}

static bool text_is(const struct column *column, size_t row, const char *want) {
        size_t n_bytes;
        const char *text = column_text(column, row, &n_bytes);

        return n_bytes == strlen(want) && !memcmp(text, want, n_bytes);
}

/* Row `row` of one table is row `other_row` of the other. */
static void assert_same_row(const struct table *table, size_t row, const struct table *other, size_t other_row) {
        for (size_t i = 0; i < table->n_columns; i++) {
                const struct column *a = &table->columns[i], *b = &other->columns[i];

                if (a->type == COLUMN_UTF8) {
                        size_t n_a, n_b;
                        const char *text_a = column_text(a, row, &n_a), *text_b = column_text(b, other_row, &n_b);

                        assert_int_equal(n_a, n_b);
                        assert_memory_equal(text_a, text_b, n_a);
                } else if (a->type == COLUMN_INT64) {
                        assert_int_equal(a->int64[row], b->int64[other_row]);
                } else {
                        assert_memory_equal(&a->float64[row], &b->float64[other_row], sizeof(double));
                }
        }
}

static void test_rows_do_not_depend_on_how_they_are_cut(void **state) {
        enum { N_ROWS = 2000 };
        static const size_t cuts[] = { 1, 7, 255, 256, 257, 1999 };
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *whole = NULL;
        struct fault fault = FAULT_NULL;
        struct table want;

        assert_int_equal(create(*state, shops, all, N_ELEMENTS(all), &generator, &fault), 0);
        whole = make(generator, all, N_ELEMENTS(all), 1, 0, N_ROWS);
        want = table_builder_view(whole);
        for (size_t i = 0; i < N_ELEMENTS(cuts); i++) {
                size_t first = cuts[i], n_rows = N_ROWS - first < 700 ? N_ROWS - first : 700;
                _cleanup_(table_builder_destroy_pointer) struct table_builder *part = make(
                        generator, all, N_ELEMENTS(all), 1, first, n_rows);
                struct table seen = table_builder_view(part);

                for (size_t k = 0; k < n_rows; k++)
                        assert_same_row(&seen, k, &want, first + k);
        }
}

static void test_builder_is_appended_to(void **state) {
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *whole = NULL, *parts = NULL;
        struct fault fault = FAULT_NULL;
        struct table want, seen;

        assert_int_equal(create(*state, shops, all, N_ELEMENTS(all), &generator, &fault), 0);
        whole = make(generator, all, N_ELEMENTS(all), 9, 0, 600);
        parts = make(generator, all, N_ELEMENTS(all), 9, 0, 100);
        assert_int_equal(generator_make(generator, 9, 100, 500, parts), 0);
        want = table_builder_view(whole);
        seen = table_builder_view(parts);
        assert_int_equal(seen.n_rows, 600);
        for (size_t i = 0; i < 600; i++)
                assert_same_row(&seen, i, &want, i);
}

static void test_seeds_give_other_rows(void **state) {
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *one = NULL, *two = NULL, *again = NULL;
        struct digest_content digests[3] = { 0 };
        struct table tables[3];
        struct fault fault = FAULT_NULL;

        assert_int_equal(create(*state, shops, all, N_ELEMENTS(all), &generator, &fault), 0);
        one = make(generator, all, N_ELEMENTS(all), 1, 0, 1000);
        two = make(generator, all, N_ELEMENTS(all), 2, 0, 1000);
        again = make(generator, all, N_ELEMENTS(all), 1, 0, 1000);
        tables[0] = table_builder_view(one);
        tables[1] = table_builder_view(two);
        tables[2] = table_builder_view(again);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(table_add_content(&tables[i], &digests[i]), 0);
        assert_memory_equal(&digests[0], &digests[2], sizeof(digests[0]));
        assert_memory_not_equal(&digests[0], &digests[1], sizeof(digests[0]));
}

static void test_shares_follow_the_counts(void **state) {
        enum { N_ROWS = 100000 };
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        size_t n_ulm = 0, n_ulm_coat_2 = 0, n_ulm_shop_7 = 0, n_floor = 0, n_below_20 = 0, n_days[5] = { 0 };
        struct fault fault = FAULT_NULL;
        struct table table;

        assert_int_equal(create(*state, shops, all, N_ELEMENTS(all), &generator, &fault), 0);
        builder = make(generator, all, N_ELEMENTS(all), 3, 0, N_ROWS);
        table = table_builder_view(builder);
        for (size_t i = 0; i < N_ROWS; i++) {
                bool is_ulm = text_is(&table.columns[TOWN], i, "Ulm");
                int64_t shop = (int64_t)table.columns[SHOP].float64[i], days = table.columns[DAYS].int64[i];
                double price = table.columns[PRICE].float64[i];

                assert_int_equal(table.columns[N].int64[i], 100 + (int64_t)i);
                assert_true(is_ulm || text_is(&table.columns[TOWN], i, "Köln am Rhein bei Deutz"));
                assert_true(is_ulm ? shop == 7 || shop == 8 : shop == 8 || shop == 9);
                n_ulm += is_ulm;
                n_ulm_coat_2 += is_ulm && table.columns[COAT].int64[i] == 2;
                n_ulm_shop_7 += is_ulm && shop == 7;
                assert_true(fabs(price * 2 - rint(price * 2)) < 1e-9);
                assert_true(fabs(price - 5) < 1e-9 || (price >= 10 && price <= 100));
                n_floor += price < 6;
                n_below_20 += price < 20;
                assert_in_range(days + 2, 0, 4);
                n_days[days + 2]++;
        }
        assert_in_range(n_ulm, 39400, 40600);
        assert_in_range(n_ulm_coat_2, 9600, 10400);
        assert_in_range(n_ulm_shop_7, 9600, 10400);
        assert_in_range(n_floor, 24400, 25600);
        assert_in_range(n_below_20, 61000, 63000); /* 0.25 + 0.75 / 2, less what is rounded up to 20 */
        for (size_t i = 0; i < 5; i++)
                assert_in_range(n_days[i], 19500, 20500);
}

static double logit(double rate) {
        return log(rate / (1 - rate));
}

static void test_label_follows_the_evidence(void **state) {
        enum { N_ROWS = 400000 };
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        /* Ulm, coat 2, shop 7 by the formula in the head of a generator.yaml */
        double whole = 200.0 / 1000, cell = (40 + whole) / (100 + 1);
        double shops_whole = 290.0 / 1000, ulm = (160 + 10 * shops_whole) / (400 + 10),
               shop = (60 + 10 * ulm) / (100 + 10);
        double log_odds = -1.4 + (logit(cell) - logit(whole)) + 0.5 * (logit(shop) - logit(ulm));
        double want = 1 / (1 + exp(-log_odds)), deviation;
        size_t n_rows = 0, n_positive = 0;
        struct fault fault = FAULT_NULL;
        struct table table;

        assert_int_equal(create(*state, shops, all, N_ELEMENTS(all), &generator, &fault), 0);
        builder = make(generator, all, N_ELEMENTS(all), 4, 0, N_ROWS);
        table = table_builder_view(builder);
        for (size_t i = 0; i < N_ROWS; i++) {
                assert_in_range(table.columns[BACK].int64[i], 0, 1);
                if (!text_is(&table.columns[TOWN], i, "Ulm") || table.columns[COAT].int64[i] != 2 ||
                    table.columns[SHOP].float64[i] > 7.5)
                        continue;
                n_rows++;
                n_positive += table.columns[BACK].int64[i] == 1;
        }
        assert_in_range(n_rows, 9500, 10500);
        deviation = sqrt(want * (1 - want) / (double)n_rows);
        assert_true(fabs((double)n_positive / (double)n_rows - want) < 4 * deviation);
}

static void test_columns_come_as_they_are_asked_for(void **state) {
        static const struct generator_column some[] = {
                { "back", COLUMN_UTF8 }, { "nothing", COLUMN_INT64 }, { "days", COLUMN_FLOAT64 },
                { "shop", COLUMN_UTF8 }, { "back", COLUMN_FLOAT64 },  { "absent", COLUMN_UTF8 },
        };
        _cleanup_(generator_destroy_pointer) struct generator *generator = NULL, *full = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL, *reference = NULL;
        struct fault fault = FAULT_NULL;
        struct table seen, want;

        assert_int_equal(create(*state, shops, some, N_ELEMENTS(some), &generator, &fault), 0);
        assert_int_equal(create(*state, shops, all, N_ELEMENTS(all), &full, &fault), 0);
        assert_true(generator_makes(generator, 0));
        assert_false(generator_makes(generator, 1));
        builder = make(generator, some, N_ELEMENTS(some), 5, 0, 300);
        reference = make(full, all, N_ELEMENTS(all), 5, 0, 300);
        seen = table_builder_view(builder);
        want = table_builder_view(reference);
        for (size_t i = 0; i < 300; i++) {
                char digits[32];

                assert_true(text_is(&seen.columns[0], i, want.columns[BACK].int64[i] ? "1" : "0"));
                assert_false(column_is_present(&seen.columns[1], i));
                assert_int_equal((int64_t)seen.columns[2].float64[i], want.columns[DAYS].int64[i]);
                snprintf(digits, sizeof(digits), "%d", (int)want.columns[SHOP].float64[i]);
                assert_true(text_is(&seen.columns[3], i, digits));
                assert_int_equal((int64_t)seen.columns[4].float64[i], want.columns[BACK].int64[i]);
                assert_false(column_is_present(&seen.columns[5], i));
        }
}

static void test_impossible_types_are_refused(void **state) {
        static const struct {
                struct generator_column column;
                const char *want_words;
                int64_t want_line;
        } rows[] = {
                { { "town", COLUMN_INT64 }, "drawn as text, but an integer is wanted", 5 },
                { { "price", COLUMN_INT64 }, "drawn as a number, but an integer is wanted", 14 },
                { { "price", COLUMN_UTF8 }, "drawn as a number, but text is wanted", 14 },
                { { "n", COLUMN_UTF8 }, "drawn as a number, but text is wanted", 3 },
                { { "shop", COLUMN_FLOAT32 }, "drawn as a number, but a float is wanted", 8 },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct generator *generator = NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(create(*state, shops, &rows[i].column, 1, &generator, &fault), FAULT_E_INPUT);
                assert_null(generator);
                assert_string_equal(fault.code, "GENERATOR_INVALID");
                assert_non_null(strstr(fault.message, rows[i].want_words));
                assert_int_equal(fault.line, rows[i].want_line);
        }
}

static void test_bad_files_are_refused_with_their_place(void **state) {
        static const struct {
                const char *yaml; /* the list of draws, from line 3 on */
                const char *want_code;
                const char *want_words;
                int64_t want_line;
        } rows[] = {
                { "  - {column: a}\n", "GENERATOR_INVALID", "one of sequence, uniform", 3 },
                { "  - {column: a, sequence: {}, label: {log_odds: 0}}\n", "GENERATOR_INVALID", "one of sequence", 3 },
                { "  - {sequence: {}}\n", "GENERATOR_INVALID", "either column or columns", 3 },
                { "  - {columns: [a, b], sequence: {}}\n", "GENERATOR_INVALID", "only a table", 3 },
                { "  - {columns: [], table: [[1, 1]]}\n", "GENERATOR_INVALID", "names no column", 3 },
                { "  - {column: a, sequence: {}}\n  - {column: a, sequence: {}}\n", "GENERATOR_INVALID",
                  "above already", 4 },
                { "  - {column: a, sequence: {last: 3}}\n", "CONFIG_UNKNOWN_KEY", "last", 3 },
                { "  - {column: a, sequnce: {}}\n", "CONFIG_UNKNOWN_KEY", "sequence", 3 },
                { "  - {column: a, given: b, sequence: {}}\n", "GENERATOR_INVALID", "given goes with a table only", 3 },
                { "  - {column: a, uniform: {min: 3, max: 2}}\n", "CONFIG_OUT_OF_RANGE", "", 3 },
                { "  - {column: a, uniform: {min: 3}}\n", "CONFIG_MISSING_KEY", "max", 3 },
                { "  - {column: a, quantiles: {points: [[0, 1]]}}\n", "GENERATOR_INVALID", "two or more", 3 },
                { "  - {column: a, quantiles: {points: [[0.1, 1], [1, 2]]}}\n", "GENERATOR_INVALID", "share 0", 3 },
                { "  - {column: a, quantiles: {points: [[0, 1], [0.9, 2]]}}\n", "GENERATOR_INVALID", "share 1", 3 },
                { "  - {column: a, quantiles: {points: [[0, 1], [1, 0]]}}\n", "GENERATOR_INVALID", "must rise", 3 },
                { "  - {column: a, quantiles: {points: [[0, 1], [0, 2], [1, 3]]}}\n", "GENERATOR_INVALID", "rise", 3 },
                { "  - {column: a, quantiles: {points: [[0], [1, 3]]}}\n", "GENERATOR_INVALID", "SHARE, VALUE", 3 },
                { "  - {column: a, quantiles: {points: [[0, 1], [1, 3]], floor: {value: 1, share: 2}}}\n",
                  "CONFIG_OUT_OF_RANGE", "", 3 },
                { "  - column: a\n    table: []\n", "GENERATOR_INVALID", "list of cells", 4 },
                { "  - column: a\n    table: [[1, 2],\n            [1]]\n", "GENERATOR_INVALID", "1 value and its rows",
                  5 },
                { "  - column: a\n    table: [[1, 2],\n            [x, 2]]\n", "GENERATOR_INVALID", "all be integers",
                  5 },
                { "  - column: a\n    table: [[1, 2],\n            [0.5, 2]]\n", "GENERATOR_INVALID", "a text", 5 },
                { "  - column: a\n    table: [[1, 2],\n            [1, 3]]\n", "GENERATOR_INVALID", "already", 5 },
                { "  - column: a\n    table: [[1, -2]]\n", "CONFIG_OUT_OF_RANGE", "", 4 },
                { "  - column: a\n    table: [[1, 0], [2, 0]]\n", "GENERATOR_INVALID", "add up to 0", 4 },
                { "  - column: a\n    given: b\n    table: {1: [[1, 2]]}\n", "GENERATOR_INVALID",
                  "no column of a table", 4 },
                { "  - column: a\n    given: a\n    table: {1: [[1, 2]]}\n", "GENERATOR_INVALID",
                  "no column of a table", 4 },
                { "  - {column: b, sequence: {}}\n  - {column: a, given: b, table: {1: [[1, 2]]}}\n",
                  "GENERATOR_INVALID", "no column of a table", 4 },
                { "  - {column: b, table: [[1, 1], [2, 1]]}\n  - {column: a, given: b, table: {1: [[1, 2]]}}\n",
                  "GENERATOR_INVALID", "no cells are given for b 2", 4 },
                { "  - {column: b, table: [[1, 1]]}\n  - {column: a, given: b, table: {1: [[1, 2]], 3: [[1, 2]]}}\n",
                  "GENERATOR_INVALID", "has no value 3", 4 },
                { "  - {column: b, table: [[1, 1]]}\n  - {column: a, given: b, table: [[1, 2]]}\n", "GENERATOR_INVALID",
                  "a map from its values", 4 },
                { "  - column: a\n    evidence: {shrink: 1}\n    table: [[1, 5]]\n", "GENERATOR_INVALID",
                  "rows and positives", 5 },
                { "  - column: a\n    evidence: {shrink: 1}\n    table: [[1, 5, 6]]\n", "CONFIG_OUT_OF_RANGE", "", 5 },
                { "  - column: a\n    evidence: {shrink: 1}\n    table: [[1, 5, 0]]\n", "GENERATOR_INVALID",
                  "some rows", 4 },
                { "  - column: a\n    evidence: {shrink: 0}\n    table: [[1, 5, 1]]\n", "CONFIG_OUT_OF_RANGE", "", 4 },
                { "  - column: a\n    evidence: {weight: 1}\n    table: [[1, 5, 1]]\n", "CONFIG_MISSING_KEY", "shrink",
                  4 },
                { "  - {column: a, label: {}}\n", "CONFIG_MISSING_KEY", "log_odds", 3 },
                { "  []\n", "GENERATOR_INVALID", "makes no column", 3 },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct generator *generator = NULL;
                struct fault fault = FAULT_NULL;
                char yaml[1024];

                snprintf(yaml, sizeof(yaml), "generator: 1\ndraws:\n%s", rows[i].yaml);
                if (create(*state, yaml, NULL, 0, &generator, &fault) != FAULT_E_INPUT) {
                        generator_destroy(generator);
                        fail_msg("row %zu was taken: %s", i, rows[i].yaml);
                }
                assert_null(generator);
                if (strcmp(fault.code, rows[i].want_code) || !strstr(fault.message, rows[i].want_words) ||
                    fault.line != rows[i].want_line || fault.position < 1 || !strstr(fault.file, "generator.yaml"))
                        fail_msg("row %zu: %s, but %s:%ld:%ld: %s: %s", i, rows[i].yaml, fault.file, (long)fault.line,
                                 (long)fault.position, fault.code, fault.message);
        }
}

static void test_wrong_version_and_absent_file(void **state) {
        struct generator *generator = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(
                create(*state, "generator: 2\ndraws: [{column: a, sequence: {}}]\n", NULL, 0, &generator, &fault),
                FAULT_E_INPUT);
        assert_string_equal(fault.code, "CONFIG_OUT_OF_RANGE");
        fault = (struct fault)FAULT_NULL;
        assert_int_equal(generator_create(scratch_path(*state, "absent.yaml"), NULL, 0, &generator, &fault),
                         FAULT_E_INPUT);
        assert_non_null(strstr(fault.file, "absent.yaml"));
        assert_null(generator);
}

#define test(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_rows_do_not_depend_on_how_they_are_cut),
                test(test_builder_is_appended_to),
                test(test_seeds_give_other_rows),
                test(test_shares_follow_the_counts),
                test(test_label_follows_the_evidence),
                test(test_columns_come_as_they_are_asked_for),
                test(test_impossible_types_are_refused),
                test(test_bad_files_are_refused_with_their_place),
                test(test_wrong_version_and_absent_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
