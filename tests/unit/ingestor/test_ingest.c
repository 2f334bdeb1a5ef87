/* Ingest: who falls to which side, and that the files depend on the rows alone. */

#include <inttypes.h>
#include <sched.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "tests/unit/ingestor/intake.h"

static double weight_of(int64_t id) {
        return (double)(id % 1000) / 8;
}

/* Rows first … first+n-1 as CSV with a header; ids are scattered. */
static void append_csv(struct buffer *text, int64_t first, int64_t n) {
        if (!text->n_bytes)
                assert_int_equal(buffer_append_text(text, "id,weight,colour,ripe\n"), 0);
        for (int64_t i = first; i < first + n; i++)
                assert_int_equal(buffer_printf(text, "%" PRId64 ",%g,%s,%d\n", i * 7919, weight_of(i),
                                               i % 3 ? "red" : "green", i % 5 == 0),
                                 0);
}

static void write_csv(struct intake *intake, int64_t n) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        append_csv(&text, 0, n);
        intake_write(intake, "rows.csv", text.data, text.n_bytes);
}

static void write_ndjson(struct intake *intake, int64_t n) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        for (int64_t i = 0; i < n; i++)
                assert_int_equal(
                        buffer_printf(&text, "{\"ripe\":%s,\"colour\":\"%s\",\"id\":%" PRId64 ",\"weight\":%g}\n",
                                      i % 5 ? "false" : "true", i % 3 ? "red" : "green", i * 7919, weight_of(i)),
                        0);
        intake_write(intake, "rows.ndjson", text.data, text.n_bytes);
}

/* The same rows in batches of n_batch. */
static void write_arrow(struct intake *intake, int64_t n, int64_t n_batch) {
        static const char *const names[] = { "id", "weight", "colour", "ripe" };
        static const enum column_type types[] = { COLUMN_INT64, COLUMN_FLOAT64, COLUMN_UTF8, COLUMN_INT64 };
        const char *path = scratch_path(intake->scratch, "rows.arrow");
        struct arrow_writer *writer = NULL;
        struct arrow_summary summary;
        struct table_builder *builder;
        struct table table;
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_int_equal(table_builder_create(&builder), 0);
        for (size_t k = 0; k < 4; k++)
                assert_int_equal(table_builder_add_column(builder, names[k], types[k]), 0);
        table = table_builder_view(builder);
        assert_int_equal(arrow_writer_create(fileno(file), &table, NULL, 0, &writer), 0);
        for (int64_t i = 0; i < n; i++) {
                const char *colour = i % 3 ? "red" : "green";

                assert_int_equal(table_builder_add_int64(builder, 0, i * 7919), 0);
                assert_int_equal(table_builder_add_float64(builder, 1, weight_of(i)), 0);
                assert_int_equal(table_builder_add_text(builder, 2, colour, strlen(colour)), 0);
                assert_int_equal(table_builder_add_int64(builder, 3, i % 5 == 0), 0);
                if ((i + 1) % n_batch && i + 1 < n)
                        continue;
                table = table_builder_view(builder);
                assert_int_equal(arrow_writer_add(writer, &table), 0);
                table_builder_clear(builder);
        }
        assert_int_equal(arrow_writer_finish(writer, &summary), 0);
        arrow_writer_destroy(writer);
        table_builder_destroy(builder);
        fclose(file);
        snprintf(intake->uri, sizeof(intake->uri), "file://%s", path);
}

/* The rule as design and split.h say it, in other words. */
static bool is_test(const struct intake *intake, int64_t id) {
        uint8_t bytes[8];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)((uint64_t)id >> (8 * i));
        return digest_xxh64(bytes, sizeof(bytes), (uint64_t)intake->parameters.split.salt) % 10000 <
               (uint64_t)intake->parameters.split.test_ten_thousandths;
}

static void test_rows_fall_to_the_side_of_their_key(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };
        _cleanup_(free_pointer) int64_t *train = NULL, *test = NULL;
        int64_t n_train = 0, n_test = 0;

        write_csv(intake, 5000);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(ingestion.n_rows, 5000);
        assert_int_equal(ingestion.n_bad, 0);
        assert_false(ingestion.has_rejected);
        assert_int_equal(ingestion.train.n_rows + ingestion.test.n_rows, 5000);
        assert_in_range(ingestion.test.n_rows, 1150, 1350);
        train = intake_numbers(intake, &ingestion.train, "id");
        test = intake_numbers(intake, &ingestion.test, "id");
        for (int64_t i = 0; i < 5000; i++) {
                if (is_test(intake, i * 7919))
                        assert_int_equal(test[n_test++], i * 7919);
                else
                        assert_int_equal(train[n_train++], i * 7919);
        }
}

static void test_values_stay_with_their_rows(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };
        struct arrow_file *file;
        struct table batch;
        const char *text;
        size_t n;

        write_csv(intake, 1000);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        file = intake_open(intake, &ingestion.test);
        assert_int_equal(arrow_file_batch(file, 0, &batch, &intake->fault), 0);
        assert_int_equal(batch.n_columns, 4);
        for (size_t i = 0; i < batch.n_rows; i++) {
                int64_t row = batch.columns[0].int64[i] / 7919;

                assert_memory_equal(&batch.columns[1].float64[i], &(double){ weight_of(row) }, sizeof(double));
                text = column_text(&batch.columns[2], i, &n);
                assert_memory_equal(text, row % 3 ? "red" : "green", n);
                assert_int_equal(batch.columns[3].int64[i], row % 5 == 0);
        }
        assert_string_equal(arrow_file_note(file, "convoy.part"), "test");
        assert_string_equal(arrow_file_note(file, "convoy.split.salt"), "7");
        assert_string_equal(arrow_file_note(file, "convoy.split.test_ten_thousandths"), "2500");
        assert_string_equal(arrow_file_note(file, "convoy.schema"), intake->schema->digest);
        arrow_file_close(file);
}

static void check_same(const struct ingestion *a, const struct ingestion *b) {
        assert_string_equal(a->train.sha256, b->train.sha256);
        assert_string_equal(a->train.content, b->train.content);
        assert_string_equal(a->test.sha256, b->test.sha256);
        assert_string_equal(a->test.content, b->test.content);
        assert_int_equal(a->train.n_bytes, b->train.n_bytes);
}

static void test_bytes_depend_on_the_rows_alone(void **state) {
        static const int64_t batches[] = { 777, 65536, 20000 };
        struct intake *intake = *state;
        struct ingestion want = { 0 }, ingestion = { 0 };
        struct arrow_file *file;
        struct table batch;

        write_csv(intake, 200000);
        assert_int_equal(intake_run(intake, &want), 0);
        assert_string_not_equal(want.train.sha256, want.test.sha256);
        file = intake_open(intake, &want.train);
        assert_int_equal(arrow_file_n_batches(file), 3);
        for (size_t b = 0; b < 2; b++) {
                assert_int_equal(arrow_file_batch(file, b, &batch, &intake->fault), 0);
                assert_int_equal(batch.n_rows, TABLE_BATCH_ROWS);
        }
        arrow_file_close(file);
        intake_use_store(intake, "other");
        write_ndjson(intake, 200000);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        check_same(&ingestion, &want);
        for (size_t i = 0; i < N_ELEMENTS(batches); i++) {
                write_arrow(intake, 200000, batches[i]);
                assert_int_equal(intake_run(intake, &ingestion), 0);
                check_same(&ingestion, &want);
        }
}

static void test_bytes_do_not_depend_on_the_number_of_threads(void **state) {
        struct intake *intake = *state;
        struct ingestion want = { 0 }, ingestion = { 0 };
        cpu_set_t all, one;
        int cpu = 0;

        write_csv(intake, 150000);
        assert_int_equal(intake_run(intake, &want), 0);
        assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
        while (!CPU_ISSET(cpu, &all))
                cpu++;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
        intake_use_store(intake, "other");
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
        check_same(&ingestion, &want);
}

static void test_appended_rows_move_no_old_row(void **state) {
        struct intake *intake = *state;
        struct ingestion before = { 0 }, after = { 0 };
        _cleanup_(free_pointer) int64_t *train_before = NULL, *train_after = NULL, *test_before = NULL,
                                        *test_after = NULL;

        write_csv(intake, 3000);
        assert_int_equal(intake_run(intake, &before), 0);
        train_before = intake_numbers(intake, &before.train, "id");
        test_before = intake_numbers(intake, &before.test, "id");
        write_csv(intake, 4000);
        assert_int_equal(intake_run(intake, &after), 0);
        train_after = intake_numbers(intake, &after.train, "id");
        test_after = intake_numbers(intake, &after.test, "id");
        assert_true(after.train.n_rows > before.train.n_rows && after.test.n_rows > before.test.n_rows);
        assert_memory_equal(train_before, train_after, (size_t)before.train.n_rows * sizeof(*train_before));
        assert_memory_equal(test_before, test_after, (size_t)before.test.n_rows * sizeof(*test_before));
}

static void test_content_does_not_depend_on_order(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct intake *intake = *state;
        struct ingestion forth = { 0 }, back = { 0 };

        write_csv(intake, 500);
        assert_int_equal(intake_run(intake, &forth), 0);
        append_csv(&text, 250, 250);
        append_csv(&text, 0, 250);
        intake_write(intake, "back.csv", text.data, text.n_bytes);
        assert_int_equal(intake_run(intake, &back), 0);
        assert_string_not_equal(forth.train.sha256, back.train.sha256);
        assert_string_equal(forth.train.content, back.train.content);
        assert_string_equal(forth.test.content, back.test.content);
}

static void test_another_salt_deals_anew(void **state) {
        struct intake *intake = *state;
        struct ingestion one = { 0 }, other = { 0 };

        write_csv(intake, 500);
        assert_int_equal(intake_run(intake, &one), 0);
        intake->parameters.split.salt = 8;
        assert_int_equal(intake_run(intake, &other), 0);
        assert_string_not_equal(one.train.content, other.train.content);
}

/* Counts how often each weight stands on a side. */
static void count_weights(struct intake *intake, const struct dataset *dataset, int64_t counts[100]) {
        struct arrow_file *file = intake_open(intake, dataset);
        struct table batch;

        for (size_t b = 0; b < arrow_file_n_batches(file); b++) {
                assert_int_equal(arrow_file_batch(file, b, &batch, &intake->fault), 0);
                for (size_t i = 0; i < batch.n_rows; i++)
                        counts[(size_t)batch.columns[0].float64[i]]++;
        }
        arrow_file_close(file);
}

static void test_without_a_key_equal_rows_stay_together(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };
        int64_t train[100] = { 0 }, test[100] = { 0 }, n_test = 0;

        intake_use_schema(intake, INTAKE_KEYLESS_SCHEMA);
        assert_int_equal(buffer_append_text(&text, "weight,ripe\n"), 0);
        for (int i = 0; i < 400; i++)
                assert_int_equal(buffer_printf(&text, "%d,%d\n", i % 100, i % 2), 0);
        intake_write(intake, "rows.csv", text.data, text.n_bytes);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        count_weights(intake, &ingestion.train, train);
        count_weights(intake, &ingestion.test, test);
        for (size_t i = 0; i < 100; i++) {
                assert_int_equal(train[i] + test[i], 4);
                assert_true(train[i] == 0 || test[i] == 0);
                n_test += test[i] > 0;
        }
        assert_in_range(n_test, 12, 40);
}

static void test_text_keys_are_dealt_by_their_bytes(void **state) {
        static const char schema[] = "schema: 1\n"
                                     "environments: [TRAINING, SERVING]\n"
                                     "columns:\n"
                                     "  - {name: name, role: key, type: category}\n"
                                     "  - {name: place, role: ignore, type: int}\n"
                                     "  - {name: ripe, role: label, type: bool}\n"
                                     "  - {name: weight, type: float}\n";
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(free_pointer) int64_t *test = NULL;
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };
        int64_t n_test = 0;
        char key[32];

        intake_use_schema(intake, schema);
        assert_int_equal(buffer_append_text(&text, "name,place,ripe,weight\n"), 0);
        for (int i = 0; i < 300; i++)
                assert_int_equal(buffer_printf(&text, "fruit %d,%d,0,1\n", i, i), 0);
        intake_write(intake, "rows.csv", text.data, text.n_bytes);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        test = intake_numbers(intake, &ingestion.test, "place");
        for (int i = 0; i < 300; i++) {
                snprintf(key, sizeof(key), "fruit %d", i);
                if (digest_xxh64(key, strlen(key), 7) % 10000 < 2500)
                        assert_int_equal(test[n_test++], i);
        }
        assert_int_equal(n_test, ingestion.test.n_rows);
}

struct listener {
        int n_calls;
        int cancel_at; /* the call that says so; 0: none */
        int64_t n_done, n_total;
};

static bool hear_cancel(void *context) {
        struct listener *listener = context;

        return ++listener->n_calls == listener->cancel_at;
}

static void hear_progress(void *context, int64_t n_done, int64_t n_total) {
        struct listener *listener = context;

        assert_true(n_done > listener->n_done);
        assert_true(n_total == -1 || n_total >= n_done);
        listener->n_done = n_done;
        listener->n_total = n_total;
}

static void test_progress_is_told_in_rows(void **state) {
        struct intake *intake = *state;
        struct listener listener = { 0 };
        struct ingestion ingestion = { 0 };

        write_arrow(intake, 200000, 65536);
        intake->input.on_progress = hear_progress;
        intake->input.context = &listener;
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(listener.n_done, 200000);
        assert_int_equal(listener.n_total, 200000);
}

static void test_cancel_between_batches_leaves_nothing(void **state) {
        struct intake *intake = *state;
        struct listener listener = { .cancel_at = 3 };
        struct ingestion ingestion = { 0 };

        write_csv(intake, 200000);
        intake->input.is_canceled = hear_cancel;
        intake->input.context = &listener;
        assert_int_equal(intake_run(intake, &ingestion), INGEST_E_CANCELED);
        assert_int_equal(listener.n_calls, 3);
        assert_int_equal(ingestion.n_rows, 0);
        assert_int_equal(intake_count_files(intake, "store"), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, intake_setup, intake_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_rows_fall_to_the_side_of_their_key),
                test(test_values_stay_with_their_rows),
                test(test_bytes_depend_on_the_rows_alone),
                test(test_bytes_do_not_depend_on_the_number_of_threads),
                test(test_appended_rows_move_no_old_row),
                test(test_content_does_not_depend_on_order),
                test(test_another_salt_deals_anew),
                test(test_without_a_key_equal_rows_stay_together),
                test(test_text_keys_are_dealt_by_their_bytes),
                test(test_progress_is_told_in_rows),
                test(test_cancel_between_batches_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
