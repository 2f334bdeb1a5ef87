/* Drift: known distances, alarms for real shifts, and few for none. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json_builder.h"
#include "common/base/random.h"
#include "common/data/statistics/drift.h"

#define NEAR(a, b, distance) assert_true(fabs((a) - (b)) <= (distance))

static const char *const schema_text = "schema: 1\n"
                                       "environments: [TRAINING, SERVING]\n"
                                       "columns:\n"
                                       "  - {name: size, type: float}\n"
                                       "  - {name: age, type: int, drift: {threshold: 0.01, severity: error}}\n"
                                       "  - {name: kind, type: category, values: [a, b, c]}\n"
                                       "  - {name: flag, type: bool}\n"
                                       "  - {name: other, type: int, drift: off}\n"
                                       "  - {name: y, role: label, type: bool}\n";

struct rows {
        struct table_builder *builder;
        struct table table;
        struct sketch sketches[6];
};

static struct schema *make_schema(void) {
        struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(schema_parse("test.yaml", schema_text, strlen(schema_text), &fault, &schema), 0);
        return schema;
}

static void rows_finish(struct rows *rows) {
        for (size_t i = 0; i < N_ELEMENTS(rows->sketches); i++)
                sketch_finish(&rows->sketches[i]);
        table_builder_destroy(rows->builder);
}

/* Rows drawn from a stream; shift moves numbers and shares. */
static void rows_make(struct rows *rows, const struct schema *schema, size_t n_rows, uint64_t seed, double shift) {
        static const char *const kinds[] = { "a", "b", "c" };
        struct sketch_scratch *scratch = NULL;
        struct random random = random_stream(seed, RANDOM_SALT_SKETCH, n_rows);

        *rows = (struct rows){ 0 };
        assert_int_equal(table_builder_create(&rows->builder), 0);
        for (size_t i = 0; i < schema->n_columns; i++)
                assert_int_equal(table_builder_add_column(rows->builder, schema->columns[i].name,
                                                          value_column_type(schema->columns[i].type)),
                                 0);
        for (size_t i = 0; i < n_rows; i++) {
                double size = -log(1.0 - random_uniform(&random)) * (1.0 + shift);
                double age = 18.0 + 60.0 * pow(random_uniform(&random), 2.0 + shift);
                double kind = random_uniform(&random);
                size_t place = kind < 0.6 + shift / 4.0 ? 0 : kind < 0.9 + shift / 10.0 ? 1 : 2;

                if (i % 50)
                        assert_int_equal(table_builder_add_float64(rows->builder, 0, size), 0);
                else
                        assert_int_equal(table_builder_add_missing(rows->builder, 0), 0);
                assert_int_equal(table_builder_add_int64(rows->builder, 1, (int64_t)age), 0);
                assert_int_equal(table_builder_add_text(rows->builder, 2, kinds[place], 1), 0);
                assert_int_equal(table_builder_add_int64(rows->builder, 3, random_uniform(&random) < 0.2 + shift / 3),
                                 0);
                assert_int_equal(table_builder_add_int64(rows->builder, 4, (int64_t)(shift * 1000)), 0);
                assert_int_equal(table_builder_add_int64(rows->builder, 5, i % 2), 0);
        }
        rows->table = table_builder_view(rows->builder);
        assert_int_equal(sketch_scratch_create(&scratch), 0);
        for (size_t i = 0; i < schema->n_columns; i++) {
                sketch_init(&rows->sketches[i], schema->columns[i].type, 0);
                assert_int_equal(sketch_add(&rows->sketches[i], &rows->table.columns[i], n_rows, scratch), 0);
        }
        sketch_scratch_destroy(scratch);
}

static void test_distances(void **state _unused_) {
        static const struct {
                enum drift_measure measure;
                uint64_t reference[3], current[3];
                double want;
        } rows[] = {
                { DRIFT_JENSEN_SHANNON_DIVERGENCE, { 5, 5, 0 }, { 50, 50, 0 }, 0.0 },
                { DRIFT_JENSEN_SHANNON_DIVERGENCE, { 5, 0, 0 }, { 0, 7, 0 }, 1.0 },
                /* 1/2 (log2 4/3) + 1/2 (1/2 log2 2/3 + 1/2) */
                { DRIFT_JENSEN_SHANNON_DIVERGENCE, { 4, 0, 0 }, { 2, 0, 2 }, 0.31127812445913283 },
                { DRIFT_JENSEN_SHANNON_DIVERGENCE, { 0, 0, 0 }, { 1, 2, 3 }, 0.0 },
                { DRIFT_L_INFINITY, { 5, 5, 0 }, { 50, 50, 0 }, 0.0 },
                { DRIFT_L_INFINITY, { 5, 5, 0 }, { 10, 0, 0 }, 0.5 },
                { DRIFT_L_INFINITY, { 1, 1, 2 }, { 3, 1, 0 }, 0.5 },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                NEAR(drift_distance(rows[i].measure, rows[i].reference, rows[i].current, 3), rows[i].want, 1e-12);
}

static void test_edges_and_cells(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(rows_finish) struct rows rows;
        const struct baseline_column *column;
        uint64_t n = 0;

        rows_make(&rows, schema, 6000, 1, 0.0);
        assert_int_equal(baseline_create(schema, rows.sketches, &rows.table, 1, &baseline), 0);
        assert_int_equal(baseline->n_rows, 6000);
        assert_int_equal(baseline->n_columns, 5);
        assert_null(baseline_find(baseline, "y"));
        column = baseline_find(baseline, "size");
        assert_int_equal(column->n_edges, BASELINE_BINS - 1);
        assert_int_equal(column->n_cells, BASELINE_BINS + 1);
        assert_int_equal(column->counts[BASELINE_BINS], 120);
        for (size_t i = 0; i < column->n_cells; i++) {
                if (i < BASELINE_BINS)
                        assert_in_range(column->counts[i], 5880 / 30 - 20, 5880 / 30 + 20);
                n += column->counts[i];
        }
        assert_int_equal(n, 6000);
        column = baseline_find(baseline, "kind");
        assert_int_equal(column->n_cells, 5);
        assert_string_equal(column->values[2], "c");
        assert_in_range(column->counts[0], 3400, 3800);
        assert_int_equal(column->counts[3], 0);
        column = baseline_find(baseline, "flag");
        assert_int_equal(column->counts[0] + column->counts[1], 6000);
        /* one value: no edge, one bin, and missing */
        column = baseline_find(baseline, "other");
        assert_int_equal(column->n_edges, 0);
        assert_int_equal(column->counts[0], 6000);
}

/* Many values: the sketch is sampled, the counts are not. */
static void test_counts_are_exact(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(rows_finish) struct rows rows;
        const struct baseline_column *column;
        uint64_t want[BASELINE_BINS + 1] = { 0 };

        rows_make(&rows, schema, 60000, 1, 0.0);
        assert_true(sketch_is_approximate(&rows.sketches[0]));
        assert_int_equal(baseline_create(schema, rows.sketches, &rows.table, 1, &baseline), 0);
        column = baseline_find(baseline, "size");
        for (size_t i = 0; i < 60000; i++) {
                size_t bin = 0;

                while (bin < column->n_edges && rows.table.columns[0].float64[i] > column->edges[bin])
                        bin++;
                want[column_is_present(&rows.table.columns[0], i) ? bin : column->n_cells - 1]++;
        }
        assert_memory_equal(column->counts, want, sizeof(want));
}

static void test_round_trip(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(baseline_destroy_pointer) struct baseline *back = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(buffer_finish) struct buffer again = BUFFER_NULL;
        _cleanup_(rows_finish) struct rows rows;
        struct fault fault = FAULT_NULL;
        struct json_builder json;

        rows_make(&rows, schema, 500, 1, 0.0);
        assert_int_equal(baseline_create(schema, rows.sketches, &rows.table, 1, &baseline), 0);
        json = json_begin(&text, JSON_COMPACT);
        baseline_put_json(baseline, &json);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(baseline_parse(buffer_text(&text), text.n_bytes, &fault, &back), 0);
        json = json_begin(&again, JSON_COMPACT);
        baseline_put_json(back, &json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(buffer_text(&text), buffer_text(&again));
}

static void test_malformed(void **state _unused_) {
        static const char *const texts[] = {
                "",
                "[]",
                "{\"baseline\":2,\"rows\":1,\"columns\":[]}",
                "{\"baseline\":1,\"rows\":-1,\"columns\":[]}",
                "{\"baseline\":1,\"rows\":1}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"x\"}]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"int\",\"edges\":[1],\"counts\":[1]}"
                "]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"int\",\"edges\":[2,1],"
                "\"counts\":[1,0,0,0]}]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"int\",\"edges\":[1],"
                "\"counts\":[1,1,0]}]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"int\",\"edges\":[1],"
                "\"counts\":[0,0,0]}]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"int\",\"edges\":[1],"
                "\"counts\":[1,0,0,0,0]}]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"bool\",\"values\":[\"0\"],"
                "\"counts\":[1,0,0]}]}",
                "{\"baseline\":1,\"rows\":1,\"columns\":[{\"name\":\"a\",\"type\":\"category of string\","
                "\"values\":[5],\"counts\":[1,0,0]}]}",
        };

        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                struct baseline *baseline = NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(baseline_parse(texts[i], strlen(texts[i]), &fault, &baseline), FAULT_E_INPUT);
                assert_null(baseline);
                assert_true(*fault.code && *fault.message);
        }
}

/* Holds n rows of one seed against m of another, and counts alarms. */
static size_t count_alarms(size_t n, size_t m, uint64_t seed, double shift, size_t *ret_n_checked) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(rows_finish) struct rows reference;
        _cleanup_(rows_finish) struct rows current;
        struct drift drifts[5];
        size_t n_drifts = 0, n_alarms = 0;

        rows_make(&reference, schema, m, 2 * seed, 0.0);
        rows_make(&current, schema, n, 2 * seed + 1, shift);
        assert_int_equal(baseline_create(schema, reference.sketches, &reference.table, 1, &baseline), 0);
        assert_int_equal(drift_check(schema, baseline, current.sketches, &current.table, 1, drifts, &n_drifts), 0);
        assert_int_equal(n_drifts, 4);
        for (size_t i = 0; i < n_drifts; i++) {
                assert_int_equal(drifts[i].column, i);
                assert_int_equal(drifts[i].measure, i < 2 ? DRIFT_JENSEN_SHANNON_DIVERGENCE : DRIFT_L_INFINITY);
                assert_int_equal(drifts[i].severity, i == 1 ? SEVERITY_ERROR : SEVERITY_WARNING);
                n_alarms += drifts[i].is_alarm;
        }
        *ret_n_checked += n_drifts;
        return n_alarms;
}

/* Unchanged data fire in about 1 % of columns at most, whatever the sizes; a bare threshold of 0.01 would at 300 rows
 * fire nearly always. The seeds are fixed, so the counts are too. */
static void test_false_alarms(void **state _unused_) {
        static const struct {
                size_t n, m, n_trials;
        } sizes[] = {
                { 300, 300, 100 }, { 300, 3000, 100 }, { 3000, 3000, 25 }, { 3000, 300, 60 }, { 30000, 30000, 6 }
        };

        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                size_t n_alarms = 0, n_checked = 0;

                for (uint64_t seed = 0; seed < sizes[i].n_trials; seed++)
                        n_alarms += count_alarms(sizes[i].n, sizes[i].m, 1000 + seed, 0.0, &n_checked);
                print_message("n=%zu m=%zu: %zu of %zu columns alarmed\n", sizes[i].n, sizes[i].m, n_alarms, n_checked);
                assert_true((double)n_alarms <= 0.02 * (double)n_checked);
        }
}

static void test_real_shifts_fire(void **state _unused_) {
        size_t n_checked = 0;

        assert_int_equal(count_alarms(300, 30000, 1, 2.0, &n_checked), 4);
        assert_int_equal(count_alarms(3000, 3000, 1, 0.8, &n_checked), 4);
        assert_int_equal(count_alarms(30000, 30000, 1, 0.8, &n_checked), 4);
}

static void test_null_repeats(void **state _unused_) {
        static const uint64_t reference[] = { 100, 300, 0, 50 }, current[] = { 90, 310, 0, 40 };
        double a = 0.0, b = 0.0;

        assert_int_equal(drift_null(DRIFT_JENSEN_SHANNON_DIVERGENCE, reference, current, 4, 1, &a), 0);
        assert_int_equal(drift_null(DRIFT_JENSEN_SHANNON_DIVERGENCE, reference, current, 4, 1, &b), 0);
        NEAR(a, b, 0.0);
        /* (1/450 + 1/440) / (8 ln 2) times the 99 % quantile of chi-square with 2 degrees of freedom, 9.21 */
        NEAR(a, 9.21 * (1 / 450.0 + 1 / 440.0) / (8 * M_LN2), 0.0008);
        /* two cells: 2.576 standard errors of a difference of shares */
        assert_int_equal(
                drift_null(DRIFT_L_INFINITY, (const uint64_t[]){ 500, 500 }, (const uint64_t[]){ 500, 500 }, 2, 1, &a),
                0);
        NEAR(a, 2.576 * sqrt(0.25 * 2 / 1000.0), 0.004);
}

static void test_only_what_both_know(void **state _unused_) {
        static const char text[] = "schema: 1\n"
                                   "environments: [TRAINING, SERVING]\n"
                                   "columns:\n"
                                   "  - {name: age, type: float}\n"
                                   "  - {name: kind, type: int}\n"
                                   "  - {name: fresh, type: int}\n"
                                   "  - {name: y, role: label, type: bool}\n";
        _cleanup_(schema_destroy_pointer) struct schema *old = make_schema();
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(rows_finish) struct rows rows;
        struct fault fault = FAULT_NULL;
        struct drift drifts[3];
        struct sketch sketches[4];
        size_t n_drifts = 0;

        rows_make(&rows, old, 500, 1, 0.0);
        assert_int_equal(baseline_create(old, rows.sketches, &rows.table, 1, &baseline), 0);
        assert_int_equal(schema_parse("t", text, strlen(text), &fault, &schema), 0);
        for (size_t i = 0; i < 4; i++) {
                sketch_init(&sketches[i], schema->columns[i].type, 0);
                sketch_add_missing(&sketches[i], 500);
        }
        assert_int_equal(drift_check(schema, baseline, sketches, NULL, 0, drifts, &n_drifts), 0);
        assert_int_equal(n_drifts, 1);
        assert_int_equal(drifts[0].column, 0);
        /* all of it missing is as far as can be */
        assert_true(drifts[0].is_alarm && drifts[0].distance > 0.99);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_distances),           cmocka_unit_test(test_edges_and_cells),
                cmocka_unit_test(test_counts_are_exact),    cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_malformed),           cmocka_unit_test(test_false_alarms),
                cmocka_unit_test(test_real_shifts_fire),    cmocka_unit_test(test_null_repeats),
                cmocka_unit_test(test_only_what_both_know),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
