/* Statistics: exact where they promise it, near where they may be, the same however the work is cut. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/base/random.h"
#include "common/data/statistics/radix_sort.h"
#include "common/data/statistics/sketch.h"
#include "common/data/statistics/value_counts.h"

#define NEAR(a, b, distance) assert_true(fabs((a) - (b)) <= (distance))

struct rows {
        struct table_builder *builder;
        struct table table;
};

static void rows_finish(struct rows *rows) {
        table_builder_destroy(rows->builder);
}

static void rows_make(struct rows *rows, enum column_type type) {
        rows->builder = NULL;
        assert_int_equal(table_builder_create(&rows->builder), 0);
        assert_int_equal(table_builder_add_column(rows->builder, "x", type), 0);
}

static const struct column *rows_view(struct rows *rows) {
        rows->table = table_builder_view(rows->builder);
        return &rows->table.columns[0];
}

static void sketch_one(struct sketch *sketch, enum value_type type, const struct column *column, size_t n_rows) {
        _cleanup_(sketch_scratch_destroy_pointer) struct sketch_scratch *scratch = NULL;

        assert_int_equal(sketch_scratch_create(&scratch), 0);
        sketch_init(sketch, type, 0);
        assert_int_equal(sketch_add(sketch, column, n_rows, scratch), 0);
}

static struct json *to_json(const struct sketch *sketch, struct buffer *text) {
        struct json_builder builder = json_begin(text, JSON_COMPACT);
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;

        assert_int_equal(sketch_put_json(sketch, &builder), 0);
        assert_int_equal(json_end(&builder), 0);
        assert_int_equal(json_parse(buffer_text(text), text->n_bytes, &fault, &json), 0);
        return json;
}

static void test_radix(void **state _unused_) {
        enum { N = 5000 };
        static double values[N], spare[N];
        struct random random = random_stream(1, RANDOM_SALT_SKETCH, 0);

        for (size_t i = 0; i < N; i++)
                values[i] = (random_uniform(&random) - 0.5) * pow(10.0, (double)random_below(&random, 40) - 20.0);
        values[17] = (double)INFINITY;
        values[18] = (double)-INFINITY;
        values[19] = 0.0;
        radix_sort(values, spare, N);
        for (size_t i = 1; i < N; i++)
                assert_true(values[i - 1] <= values[i]);
        assert_true(isinf(values[0]) && isinf(values[N - 1]));
        radix_sort(values, spare, 0);
        radix_sort(values, spare, 1);
}

static void test_numbers(void **state _unused_) {
        static const double seen[] = { 4, 2, 2, 8, 4, 2, 1, 1 };
        _cleanup_(rows_finish) struct rows rows;
        _cleanup_(sketch_finish) struct sketch sketch;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        _cleanup_(free_pointer) struct number_run *runs = NULL;
        const struct json_value *top = NULL;
        struct json_array_iterator elements;
        size_t n_runs;
        int64_t value = 0;
        double number = 0;

        rows_make(&rows, COLUMN_FLOAT64);
        for (size_t i = 0; i < N_ELEMENTS(seen); i++)
                assert_int_equal(table_builder_add_float64(rows.builder, 0, seen[i]), 0);
        assert_int_equal(table_builder_add_missing(rows.builder, 0), 0);
        assert_int_equal(table_builder_add_float64(rows.builder, 0, (double)NAN), 0);
        sketch_one(&sketch, VALUE_TYPE_FLOAT, rows_view(&rows), 10);
        assert_int_equal(sketch.n_present, 8);
        assert_int_equal(sketch.n_missing, 2);
        NEAR(sketch.mean, 3.0, 1e-12);
        NEAR(sketch_deviation(&sketch), sqrt(38.0 / 8.0), 1e-12);
        NEAR(sketch.min, 1.0, 0.0);
        NEAR(sketch.max, 8.0, 0.0);
        assert_int_equal(sketch_runs(&sketch, &runs, &n_runs), 0);
        assert_int_equal(n_runs, 4);
        NEAR(sketch_quantile(runs, n_runs, 0.0), 1.0, 0.0);
        NEAR(sketch_quantile(runs, n_runs, 0.25), 1.0, 0.0);
        NEAR(sketch_quantile(runs, n_runs, 0.26), 2.0, 0.0);
        NEAR(sketch_quantile(runs, n_runs, 1.0), 8.0, 0.0);
        json = to_json(&sketch, &text);
        assert_int_equal(json_count(json_get(json_root(json), "histogram")), SKETCH_HISTOGRAM_BINS);
        top = json_get(json_root(json), "top");
        assert_int_equal(json_count(top), 4);
        elements = json_iterate_array(top);
        assert_true(json_next_element(&elements, &top));
        assert_true(json_as_double(json_get(top, "value"), &number) && number >= 2 && number <= 2);
        assert_true(json_as_int64(json_get(top, "count"), &value) && value == 3);
        assert_true(json_as_int64(json_get(json_root(json), "distinct"), &value) && value == 4);
}

static void test_histogram_holds_all(void **state _unused_) {
        _cleanup_(rows_finish) struct rows rows;
        _cleanup_(sketch_finish) struct sketch sketch;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        const struct json_value *element = NULL;
        struct json_array_iterator elements;
        int64_t count = 0, n = 0;

        rows_make(&rows, COLUMN_INT64);
        for (int64_t i = -50; i < 150; i++)
                assert_int_equal(table_builder_add_int64(rows.builder, 0, i), 0);
        sketch_one(&sketch, VALUE_TYPE_INT, rows_view(&rows), 200);
        json = to_json(&sketch, &text);
        elements = json_iterate_array(json_get(json_root(json), "histogram"));
        while (json_next_element(&elements, &element)) {
                assert_true(json_as_int64(json_get(element, "count"), &count));
                assert_in_range(count, 9, 11);
                n += count;
        }
        assert_int_equal(n, 200);
}

static void test_odd_columns(void **state _unused_) {
        static const double odd[][3] = {
                { 5.0, 5.0, 5.0 },
                { (double)INFINITY, 1.0, 2.0 },
                { (double)INFINITY, (double)-INFINITY, 0.0 },
                { -1.7e308, 1.7e308, 0.0 },
        };

        for (size_t i = 0; i <= N_ELEMENTS(odd); i++) {
                _cleanup_(rows_finish) struct rows rows;
                _cleanup_(sketch_finish) struct sketch sketch;
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                _cleanup_(json_destroy_pointer) struct json *json = NULL;

                rows_make(&rows, COLUMN_FLOAT64);
                for (size_t j = 0; j < 3; j++)
                        assert_int_equal(i < N_ELEMENTS(odd) ? table_builder_add_float64(rows.builder, 0, odd[i][j])
                                                             : table_builder_add_missing(rows.builder, 0),
                                         0);
                sketch_one(&sketch, VALUE_TYPE_FLOAT, rows_view(&rows), 3);
                json = to_json(&sketch, &text);
                assert_int_equal(sketch.n_present + sketch.n_missing, 3);
        }
}

static void test_texts(void **state _unused_) {
        static const char *const seen[] = { "b", "a", "b", "", "c", "a", "b" };
        _cleanup_(rows_finish) struct rows rows;
        _cleanup_(sketch_finish) struct sketch sketch;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        const struct json_value *top = NULL;
        struct json_array_iterator elements;
        int64_t count = 0;

        rows_make(&rows, COLUMN_UTF8);
        for (size_t i = 0; i < N_ELEMENTS(seen); i++)
                assert_int_equal(table_builder_add_text(rows.builder, 0, seen[i], strlen(seen[i])), 0);
        sketch_one(&sketch, VALUE_TYPE_CATEGORY, rows_view(&rows), N_ELEMENTS(seen));
        assert_int_equal(sketch.n_present, 6);
        assert_int_equal(sketch.n_missing, 1);
        json = to_json(&sketch, &text);
        elements = json_iterate_array(json_get(json_root(json), "top"));
        assert_true(json_next_element(&elements, &top));
        assert_string_equal(json_text(json_get(top, "value")), "b");
        assert_true(json_as_int64(json_get(top, "count"), &count) && count == 3);
        assert_null(json_get(json_root(json), "mean"));
}

/* A row's number: many different ones, and every tenth the same. */
static double draw(uint64_t row) {
        struct random random = random_stream(3, RANDOM_SALT_SKETCH, row);

        return row % 10 ? floor(random_uniform(&random) * 1e6) : 77.0;
}

enum { N_MANY = 300000 };

static void add_many(struct rows *rows, uint64_t from, uint64_t to) {
        rows_make(rows, COLUMN_FLOAT64);
        for (uint64_t i = from; i < to; i++)
                assert_int_equal(table_builder_add_float64(rows->builder, 0, draw(i)), 0);
}

/* Gathers all rows in parts of n_part rows, merged in order. */
static void gather(size_t n_part, struct sketch *sketch) {
        _cleanup_(sketch_scratch_destroy_pointer) struct sketch_scratch *scratch = NULL;

        assert_int_equal(sketch_scratch_create(&scratch), 0);
        sketch_init(sketch, VALUE_TYPE_FLOAT, UINT64_MAX);
        for (uint64_t from = 0; from < N_MANY; from += n_part) {
                uint64_t to = from + n_part < N_MANY ? from + n_part : N_MANY;
                _cleanup_(sketch_finish) struct sketch part;
                _cleanup_(rows_finish) struct rows rows;

                add_many(&rows, from, to);
                sketch_init(&part, VALUE_TYPE_FLOAT, from);
                assert_int_equal(sketch_add(&part, rows_view(&rows), to - from, scratch), 0);
                assert_int_equal(sketch_merge(sketch, &part), 0);
        }
}

static void test_many_values(void **state _unused_) {
        static const size_t parts[] = { 700, 5000, 65536, N_MANY };
        static double sorted[N_MANY], spare[N_MANY];
        double mean = 0.0, squares = 0.0;

        for (uint64_t i = 0; i < N_MANY; i++)
                mean += (sorted[i] = draw(i)) / N_MANY;
        for (uint64_t i = 0; i < N_MANY; i++)
                squares += (sorted[i] - mean) * (sorted[i] - mean);
        radix_sort(sorted, spare, N_MANY);
        for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
                _cleanup_(sketch_finish) struct sketch sketch;
                _cleanup_(free_pointer) struct number_run *runs = NULL;
                uint64_t n = 0, frequent = 0;
                size_t n_runs;

                gather(parts[i], &sketch);
                assert_true(sketch_is_approximate(&sketch));
                assert_int_equal(sketch.n_present, N_MANY);
                NEAR(sketch.mean, mean, 1e-6);
                NEAR(sketch_deviation(&sketch), sqrt(squares / N_MANY), 1e-6);
                assert_int_equal(sketch_runs(&sketch, &runs, &n_runs), 0);
                assert_true(n_runs < 120000);
                for (size_t j = 0; j < n_runs; j++)
                        n += runs[j].count;
                assert_int_equal(n, N_MANY);
                for (int step = 1; step < 200; step++) {
                        double share = step * 0.005;
                        double got = sketch_quantile(runs, n_runs, share);
                        double low = sorted[(size_t)fmax(0.0, (share - 0.0025) * N_MANY - 1)];
                        double high = sorted[(size_t)fmin(N_MANY - 1.0, (share + 0.0025) * N_MANY)];

                        assert_true(got >= low && got <= high);
                }
                for (size_t j = 0; j < sketch.numbers.n_runs; j++)
                        if (fabs(sketch.numbers.runs[j].value - 77.0) < 0.5)
                                frequent = sketch.numbers.runs[j].count;
                assert_true(sketch.numbers.n_dropped <= N_MANY / VALUE_COUNTS_KEPT);
                assert_true(frequent <= N_MANY / 10 + 5 && frequent + sketch.numbers.n_dropped >= N_MANY / 10);
        }
}

static void test_same_parts_same_answer(void **state _unused_) {
        _cleanup_(sketch_finish) struct sketch a;
        _cleanup_(sketch_finish) struct sketch b;
        _cleanup_(buffer_finish) struct buffer text_a = BUFFER_NULL;
        _cleanup_(buffer_finish) struct buffer text_b = BUFFER_NULL;

        gather(65536, &a);
        gather(65536, &b);
        json_destroy(to_json(&a, &text_a));
        json_destroy(to_json(&b, &text_b));
        assert_string_equal(buffer_text(&text_a), buffer_text(&text_b));
}

/* Exact and sampled sketches merge either way round. */
static void test_merge_few_and_many(void **state _unused_) {
        for (int is_few_first = 0; is_few_first < 2; is_few_first++) {
                _cleanup_(sketch_finish) struct sketch many;
                _cleanup_(sketch_finish) struct sketch few;
                _cleanup_(rows_finish) struct rows rows;
                _cleanup_(free_pointer) struct number_run *runs = NULL;
                struct sketch *into = is_few_first ? &few : &many, *from = is_few_first ? &many : &few;
                size_t n_runs;
                uint64_t n = 0;

                gather(65536, &many);
                rows_make(&rows, COLUMN_FLOAT64);
                for (size_t i = 0; i < 1000; i++)
                        assert_int_equal(table_builder_add_float64(rows.builder, 0, -5.0), 0);
                sketch_one(&few, VALUE_TYPE_FLOAT, rows_view(&rows), 1000);
                assert_false(sketch_is_approximate(&few));
                assert_int_equal(sketch_merge(into, from), 0);
                assert_true(sketch_is_approximate(into));
                assert_int_equal(into->n_present, N_MANY + 1000);
                NEAR(into->min, -5.0, 0.0);
                assert_int_equal(sketch_runs(into, &runs, &n_runs), 0);
                for (size_t i = 0; i < n_runs; i++)
                        n += runs[i].count;
                assert_int_equal(n, N_MANY + 1000);
        }
}

static void test_many_texts(void **state _unused_) {
        _cleanup_(rows_finish) struct rows rows;
        _cleanup_(sketch_finish) struct sketch sketch;
        uint64_t frequent = 0;
        char text[200];

        rows_make(&rows, COLUMN_UTF8);
        memset(text, 'x', sizeof(text));
        for (int i = 0; i < 50000; i++) {
                snprintf(text + 150, sizeof(text) - 150, "%d", i % 5 ? i : 0);
                assert_int_equal(table_builder_add_text(rows.builder, 0, text, strlen(text)), 0);
        }
        sketch_one(&sketch, VALUE_TYPE_CATEGORY, rows_view(&rows), 50000);
        assert_true(sketch_is_approximate(&sketch));
        assert_int_equal(sketch.n_present, 50000);
        for (size_t i = 0; i < sketch.texts.n_entries; i++)
                frequent = sketch.texts.entries[i].count > frequent ? sketch.texts.entries[i].count : frequent;
        assert_true(sketch.texts.n_entries <= VALUE_COUNTS_EXACT_MAX);
        assert_true(sketch.texts.n_dropped <= 50000 / VALUE_COUNTS_KEPT);
        assert_true(frequent <= 10000 && frequent + sketch.texts.n_dropped >= 10000);
}

static void test_select(void **state _unused_) {
        for (uint64_t seed = 0; seed < 200; seed++) {
                struct random random = random_stream(seed, RANDOM_SALT_SKETCH, 0);
                uint64_t counts[50], nth;
                size_t n = 1 + random_below(&random, 50), at = random_below(&random, n), n_above = 0, n_equal = 0;

                for (size_t i = 0; i < n; i++)
                        counts[i] = random_below(&random, 8);
                nth = value_counts_select(counts, n, at);
                for (size_t i = 0; i < n; i++) {
                        n_above += counts[i] > nth;
                        n_equal += counts[i] == nth;
                }
                assert_true(n_above <= at && at < n_above + n_equal);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_radix),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_histogram_holds_all),
                cmocka_unit_test(test_odd_columns),
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_many_values),
                cmocka_unit_test(test_same_parts_same_answer),
                cmocka_unit_test(test_merge_few_and_many),
                cmocka_unit_test(test_many_texts),
                cmocka_unit_test(test_select),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
