/*
 * Validation, gathering: each column of each batch is a unit of work that gives a sketch and a count of deviations; the
 * units are joined in the order of the batches. What the deviations amount to stands in validate_conclude.c.
 */

#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/data/validate/validate.h"
#include "common/data/validate/validate_internal.h"

/* batches whose sketches are held at once */
#define ROUND_BATCHES 16

struct unit {
        struct sketch sketch;
        struct validate_deviations deviations;
};

/* What the threads need that gather the statistics of one round of tables. */
struct gathering {
        const struct validate_options *options;
        const struct table *tables;
        size_t n_columns;
        size_t first_table;              /* of this round */
        uint64_t starts[ROUND_BATCHES];  /* first row of each table of the round */
        struct unit *units;              /* n_columns for each table of the round */
        struct sketch_scratch **scratch; /* one for each thread, made when it is needed */
};

/* Validates every row, the slow and exact way, and notes what deviates. */
static void validate_rows(const struct gathering *gathering, const struct schema_column *column,
                          const struct column *rows, size_t n_rows, uint64_t start,
                          struct validate_deviations *deviations) {
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value;
        enum anomaly anomaly;

        for (size_t i = 0; i < n_rows; i++) {
                anomaly = value_from_column(column->type, rows, i, scratch, &value);
                if (!anomaly)
                        anomaly = schema_check(column, gathering->options->environment, &value);
                if (anomaly)
                        validate_deviations_add(deviations, anomaly, start + i, 1);
        }
}

static bool is_fine(const struct gathering *gathering, const struct schema_column *column, enum anomaly type_anomaly,
                    const struct value *value) {
        return !type_anomaly && !schema_check(column, gathering->options->environment, value);
}

/* Where the least and the greatest value are within the range, all are. */
static bool numbers_are_fine(const struct gathering *gathering, const struct schema_column *column,
                             const struct sketch *sketch) {
        double ends[] = { sketch->min, sketch->max };
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;

        /* where doubles have no place for every int, look at the ints themselves */
        if (column->type != VALUE_TYPE_FLOAT && sketch->n_present && (ends[0] <= -0x1p53 || ends[1] >= 0x1p53))
                return false;
        for (size_t i = 0; i < N_ELEMENTS(ends) && sketch->n_present; i++)
                if (!is_fine(gathering, column, value_from_double(column->type, ends[i], scratch, &value), &value))
                        return false;
        return true;
}

/* Counts the values of a closed list by their places; false as soon as there is another. */
static int count_closed_list(const struct schema_column *column, const struct column *rows, size_t n_rows,
                             struct sketch *sketch, bool *ret_is_closed) {
        uint32_t counts[SCHEMA_VALUES_MAX] = { 0 };
        size_t n_missing = 0;

        *ret_is_closed = false;
        for (size_t i = 0; i < n_rows; i++) {
                size_t n_bytes, place;
                const char *text;

                if (!column_is_present(rows, i)) {
                        n_missing++;
                        continue;
                }
                text = column_text(rows, i, &n_bytes);
                place = schema_find_value(column, text, n_bytes);
                if (place == SCHEMA_NO_VALUE)
                        return 0;
                counts[place]++;
        }
        sketch_add_missing(sketch, n_missing);
        for (size_t i = 0; i < column->n_values; i++) {
                int r = sketch_add_text(sketch, column->values[i].text, column->values[i].n_bytes, counts[i]);

                if (r)
                        return error_trace(r);
        }
        *ret_is_closed = true;
        return 0;
}

/* Plain ASCII of ordinary length needs no look at each row. */
static bool texts_are_plain(const struct column *rows, size_t n_rows) {
        const char *text = rows->text + rows->offsets[0];
        size_t n_bytes = (size_t)(rows->offsets[n_rows] - rows->offsets[0]);

        for (size_t i = 0; i < n_rows; i++)
                if (rows->offsets[i + 1] - rows->offsets[i] > VALUE_TEXT_BYTES_MAX)
                        return false;
        for (size_t i = 0; i < n_bytes; i++)
                if (text[i] & 0x80)
                        return false;
        return true;
}

static int gather_texts(const struct schema_column *column, const struct column *rows, size_t n_rows,
                        struct sketch_scratch *scratch, struct sketch *sketch, bool *ret_is_fine) {
        int r;

        *ret_is_fine = false;
        if (!n_rows) {
                *ret_is_fine = true;
                return 0;
        }
        if (column->n_values) {
                r = count_closed_list(column, rows, n_rows, sketch, ret_is_fine);
                if (r || *ret_is_fine)
                        return error_trace(r);
        } else if (column->type == VALUE_TYPE_CATEGORY) {
                *ret_is_fine = texts_are_plain(rows, n_rows);
        }
        return error_trace(sketch_add(sketch, rows, n_rows, scratch));
}

/* A column of another type: its values are brought to the schema's first; what does not fit counts as missing. */
static int gather_foreign(const struct schema_column *column, const struct column *rows, size_t n_rows,
                          struct sketch_scratch *scratch, struct sketch *sketch) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        char room[VALUE_SCRATCH_BYTES];
        struct table table;
        int r;

        r = table_builder_create(&builder);
        if (!r)
                r = table_builder_add_column(builder, column->name, value_column_type(column->type));
        for (size_t i = 0; i < n_rows && !r; i++) {
                struct value value = VALUE_NULL;

                (void)value_from_column(column->type, rows, i, room, &value);
                r = value_append(&value, builder, 0);
        }
        if (r)
                return error_trace(r);
        table = table_builder_view(builder);
        return error_trace(sketch_add(sketch, &table.columns[0], n_rows, scratch));
}

static int gather_column(const struct gathering *gathering, const struct schema_column *column,
                         const struct column *rows, size_t n_rows, uint64_t start, struct sketch_scratch *scratch,
                         struct unit *unit) {
        const struct value missing = VALUE_NULL;
        bool is_right = rows->type == value_column_type(column->type), values_are_fine = false;
        int r;

        if (!is_right) {
                r = gather_foreign(column, rows, n_rows, scratch, &unit->sketch);
        } else if (rows->type == COLUMN_UTF8) {
                r = gather_texts(column, rows, n_rows, scratch, &unit->sketch, &values_are_fine);
        } else {
                r = sketch_add(&unit->sketch, rows, n_rows, scratch);
                values_are_fine = !r && numbers_are_fine(gathering, column, &unit->sketch);
        }
        if (r)
                return error_trace(r);
        if (!schema_column_is_checked(column, gathering->options->environment))
                return 0;
        if (!values_are_fine || (unit->sketch.n_missing && !is_fine(gathering, column, ANOMALY_NONE, &missing)))
                validate_rows(gathering, column, rows, n_rows, start, &unit->deviations);
        return 0;
}

static int gather_unit(void *context, size_t number, int worker) {
        const struct gathering *gathering = context;
        size_t place = number % gathering->n_columns, batch = number / gathering->n_columns;
        const struct schema_column *column = &gathering->options->schema->columns[place];
        const struct table *table = &gathering->tables[gathering->first_table + batch];
        const struct column *rows = table_find(table, column->name);
        struct unit *unit = &gathering->units[number];
        const struct value missing = VALUE_NULL;
        enum anomaly anomaly;
        int r;

        sketch_init(&unit->sketch, column->type, gathering->first_table + batch);
        if (!gathering->scratch[worker]) {
                r = sketch_scratch_create(&gathering->scratch[worker]);
                if (r)
                        return error_trace(r);
        }
        if (rows)
                return error_trace(gather_column(gathering, column, rows, table->n_rows, gathering->starts[batch],
                                                 gathering->scratch[worker], unit));
        sketch_add_missing(&unit->sketch, table->n_rows);
        anomaly = schema_check(column, gathering->options->environment, &missing);
        if (anomaly && table->n_rows)
                validate_deviations_add(&unit->deviations, anomaly, gathering->starts[batch], table->n_rows);
        return 0;
}

struct round {
        struct gathering gathering;
        size_t n_threads;
        size_t n_units;
        size_t n_batches;
        struct sketch *sketches; /* of the whole, borrowed, as the deviations are */
        struct validate_deviations *deviations;
};

static void round_finish(struct round *round) {
        for (size_t i = 0; i < round->n_threads && round->gathering.scratch; i++)
                sketch_scratch_destroy(round->gathering.scratch[i]);
        for (size_t i = 0; i < round->n_units && round->gathering.units; i++)
                sketch_finish(&round->gathering.units[i].sketch);
        free(round->gathering.scratch);
        free(round->gathering.units);
}

static int join_column(void *context, size_t place, int worker _unused_) {
        struct round *round = context;

        for (size_t i = 0; i < round->n_batches; i++) {
                struct unit *unit = &round->gathering.units[i * round->gathering.n_columns + place];
                int r = sketch_merge(&round->sketches[place], &unit->sketch);

                if (r)
                        return error_trace(r);
                validate_deviations_merge(&round->deviations[place], &unit->deviations);
                sketch_finish(&unit->sketch);
                *unit = (struct unit){ 0 };
        }
        return 0;
}

int validate_gather(const struct validate_options *options, const struct table *tables, size_t n_tables,
                    struct sketch *sketches, struct validate_deviations *deviations) {
        size_t n_columns = options->schema->n_columns, n_max = n_tables < ROUND_BATCHES ? n_tables : ROUND_BATCHES;
        _cleanup_(round_finish) struct round round = {
                .gathering = { .options = options, .tables = tables, .n_columns = n_columns },
                .n_threads = (size_t)parallel_n_threads(),
                .n_units = n_columns * n_max,
                .sketches = sketches,
                .deviations = deviations,
        };
        struct gathering *gathering = &round.gathering;
        uint64_t start = 0;
        int r;

        gathering->scratch = calloc(round.n_threads, sizeof(struct sketch_scratch *));
        gathering->units = calloc(round.n_units + 1, sizeof(*gathering->units));
        if (!gathering->scratch || !gathering->units)
                return error_origin(-ENOMEM, "validating");
        for (; gathering->first_table < n_tables; gathering->first_table += round.n_batches) {
                round.n_batches = n_tables - gathering->first_table < n_max ? n_tables - gathering->first_table : n_max;
                for (size_t i = 0; i < round.n_batches; i++) {
                        gathering->starts[i] = start;
                        start += tables[gathering->first_table + i].n_rows;
                }
                r = parallel_for(round.n_batches * n_columns, gather_unit, gathering);
                if (!r)
                        r = parallel_for(n_columns, join_column, &round);
                if (r)
                        return error_trace(r);
        }
        return 0;
}
