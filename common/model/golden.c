/* Golden rows: chosen by value and by chance, scored, and replayed both ways. */

#include "common/model/golden.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/random.h"

#define GOLDEN_SEED 1

/*
 * Choice
 */

struct choice {
        uint64_t rows[GOLDEN_ROWS_MAX]; /* ascending */
        size_t n_rows;
};

static void choose(struct choice *choice, uint64_t row) {
        size_t at = choice->n_rows;

        while (at && choice->rows[at - 1] >= row)
                at--;
        if (at < choice->n_rows && choice->rows[at] == row)
                return;
        memmove(choice->rows + at + 1, choice->rows + at, (choice->n_rows - at) * sizeof(*choice->rows));
        choice->rows[at] = row;
        choice->n_rows++;
}

/* What of a column has not been met yet: a flag for each value of its list, and one more for "missing". */
struct wanted {
        bool *is_met;
        size_t n_left;
};

/* The place of a cell among the flags, or SCHEMA_NO_VALUE. */
static size_t find_flag(const struct schema_column *column, const struct value *value) {
        if (value->kind == VALUE_MISSING)
                return column->n_values;
        if (value->kind == VALUE_TEXT)
                return schema_find_value(column, value->text, value->n_bytes);
        if (value->kind == VALUE_INT && column->n_values)
                return value->integer == 0 ? 0 : value->integer == 1 ? 1 : SCHEMA_NO_VALUE;
        return SCHEMA_NO_VALUE;
}

static void search_table(const struct schema_column *column, const struct table *table, uint64_t first_row,
                         struct wanted *wanted, struct choice *choice) {
        const struct column *cells = table_find(table, column->name);
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;
        size_t flag;

        /* nothing but missing values is wanted of numbers */
        if (!cells || (!column->n_values && !cells->validity))
                return;
        for (size_t i = 0; i < table->n_rows && choice->n_rows < GOLDEN_ROWS_MAX; i++) {
                if (!wanted->n_left || (wanted->n_left == 1 && !wanted->is_met[column->n_values] && !cells->validity))
                        return;
                if (value_from_column(column->type, cells, i, scratch, &value) != ANOMALY_NONE)
                        continue;
                flag = find_flag(column, &value);
                if (flag == SCHEMA_NO_VALUE || wanted->is_met[flag])
                        continue;
                wanted->is_met[flag] = true;
                wanted->n_left--;
                choose(choice, first_row + i);
        }
}

static int search_column(const struct schema_column *column, const struct table *tables, size_t n_tables,
                         struct choice *choice) {
        _cleanup_(free_pointer) bool *is_met = calloc(column->n_values + 1, sizeof(*is_met));
        struct wanted wanted = { is_met, column->n_values + 1 };
        uint64_t first_row = 0;

        if (!is_met)
                return error_origin(-ENOMEM, "choosing golden rows");
        for (size_t t = 0; t < n_tables; t++) {
                search_table(column, &tables[t], first_row, &wanted, choice);
                first_row += tables[t].n_rows;
        }
        return 0;
}

int golden_choose(const struct schema *schema, const struct table *tables, size_t n_tables,
                  uint64_t ret_rows[GOLDEN_ROWS_MAX], size_t *ret_n_rows) {
        struct random random = random_stream(GOLDEN_SEED, RANDOM_SALT_GOLDEN_ROWS, 0);
        struct choice choice = { .n_rows = 0 };
        uint64_t n_rows = 0;
        int r;

        for (size_t t = 0; t < n_tables; t++)
                n_rows += tables[t].n_rows;
        for (size_t i = 0; i < schema->n_columns && n_rows > GOLDEN_ROWS_MAX; i++) {
                if (schema->columns[i].role != SCHEMA_ROLE_FEATURE)
                        continue;
                r = search_column(&schema->columns[i], tables, n_tables, &choice);
                if (r)
                        return error_trace(r);
        }
        for (uint64_t row = 0; row < n_rows && n_rows <= GOLDEN_ROWS_MAX; row++)
                choose(&choice, row);
        while (choice.n_rows < GOLDEN_ROWS_MAX && n_rows > GOLDEN_ROWS_MAX)
                choose(&choice, random_below(&random, n_rows));
        memcpy(ret_rows, choice.rows, choice.n_rows * sizeof(*ret_rows));
        *ret_n_rows = choice.n_rows;
        return 0;
}

/*
 * Writing
 */

/* The feature columns of a table, in the schema's order; ret_columns has room for all. FAULT_E_INPUT for one that is
 * not there, or of another type than in `like` (NULL: any). */
static int project(const struct schema *schema, const struct table *table, const struct table *like,
                   struct column *ret_columns, struct table *ret_table, struct fault *fault) {
        size_t n = 0;

        for (size_t i = 0; i < schema->n_columns; i++) {
                const struct schema_column *column = &schema->columns[i];
                const struct column *cells = table_find(table, column->name);

                if (column->role != SCHEMA_ROLE_FEATURE)
                        continue;
                if (!cells || (like && cells->type != like->columns[n].type)) {
                        fault_in(fault, column->name, -1);
                        return fault_set(fault, anomaly_name(ANOMALY_SCHEMA_MISSING_COLUMN),
                                         "the column is not in all of the data");
                }
                ret_columns[n++] = *cells;
        }
        *ret_table = (struct table){ table->n_rows, n, ret_columns };
        return 0;
}

/* Copies the chosen rows of one table, first_row being the number of its first; ret_n_taken of them lie in it. */
static int take_rows(const struct table *table, uint64_t first_row, const struct choice *choice, size_t n_before,
                     struct table_builder *builder, size_t *ret_n_taken) {
        uint32_t rows[GOLDEN_ROWS_MAX];
        size_t n = 0;

        while (n_before + n < choice->n_rows && choice->rows[n_before + n] < first_row + table->n_rows) {
                rows[n] = (uint32_t)(choice->rows[n_before + n] - first_row);
                n++;
        }
        *ret_n_taken = n;
        return n ? error_trace(table_builder_add_rows(builder, table, rows, n)) : 0;
}

static int collect(const struct schema *schema, const struct table *tables, size_t n_tables,
                   struct table_builder *builder, struct fault *fault) {
        struct column shape_columns[SCHEMA_COLUMNS_MAX], columns[SCHEMA_COLUMNS_MAX];
        struct choice choice = { .n_rows = 0 };
        size_t n_taken = 0, n;
        uint64_t first_row = 0;
        struct table shape, table;
        int r;

        r = golden_choose(schema, tables, n_tables, choice.rows, &choice.n_rows);
        if (!r)
                r = project(schema, &tables[0], NULL, shape_columns, &shape, fault);
        for (size_t i = 0; !r && i < shape.n_columns; i++)
                r = table_builder_add_column(builder, shape.columns[i].name, shape.columns[i].type);
        for (size_t t = 0; !r && t < n_tables; t++) {
                r = project(schema, &tables[t], &shape, columns, &table, fault);
                if (!r)
                        r = take_rows(&table, first_row, &choice, n_taken, builder, &n);
                if (!r)
                        n_taken += n;
                first_row += tables[t].n_rows;
        }
        return error_trace(r);
}

static int write_rows(const struct table *rows, const float *margins, int fd, struct arrow_summary *ret_summary) {
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        struct column columns[SCHEMA_COLUMNS_MAX + 1];
        struct table table = { rows->n_rows, rows->n_columns + 1, columns };
        int r;

        memcpy(columns, rows->columns, rows->n_columns * sizeof(*columns));
        columns[rows->n_columns] = (struct column){ .name = GOLDEN_MARGIN, .type = COLUMN_FLOAT32, .float32 = margins };
        r = arrow_writer_create(fd, &table, NULL, 0, &writer);
        if (!r)
                r = arrow_writer_add(writer, &table);
        if (!r)
                r = arrow_writer_finish(writer, ret_summary);
        return error_trace(r);
}

int golden_write(const struct bundle *bundle, const struct table *tables, size_t n_tables, int fd,
                 struct arrow_summary *ret_summary, struct fault *fault) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        float margins[GOLDEN_ROWS_MAX];
        struct table rows;
        int r;

        if (!n_tables)
                return fault_set(fault, "GOLDEN_NO_ROWS", "there are no rows to choose from");
        r = table_builder_create(&builder);
        if (!r)
                r = collect(bundle->schema, tables, n_tables, builder, fault);
        if (r)
                return error_trace(r);
        rows = table_builder_view(builder);
        r = bundle_score(bundle, &rows, 1, margins, fault);
        if (!r)
                r = write_rows(&rows, margins, fd, ret_summary);
        return error_trace(r);
}

/*
 * Replay
 */

static int compare(const float *want, float got, size_t row, const char *way, struct fault *fault) {
        if (!memcmp(want, &got, sizeof(got)))
                return 0;
        fault_in(fault, "", (int64_t)row);
        return fault_set(fault, "GOLDEN_MISMATCH", "golden row %zu has margin %.9g, the bundle gives %.9g (%s)", row,
                         (double)*want, (double)got, way);
}

/* One row as the gateway scores it. */
static int score_row(const struct bundle *bundle, const struct table *table, size_t row, float *features,
                     float *ret_margin, struct fault *fault) {
        const struct schema *schema = bundle->schema;
        char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES];
        struct value values[SCHEMA_COLUMNS_MAX];
        int r;

        for (size_t i = 0; i < schema->n_columns; i++) {
                const struct column *cells = table_find(table, schema->columns[i].name);
                enum anomaly anomaly = ANOMALY_NONE;

                values[i] = (struct value)VALUE_NULL;
                if (cells && schema->columns[i].role == SCHEMA_ROLE_FEATURE)
                        anomaly = value_from_column(schema->columns[i].type, cells, row, scratch[i], &values[i]);
                if (anomaly != ANOMALY_NONE)
                        return value_fault(anomaly, schema->columns[i].type, schema->columns[i].name, (int64_t)row,
                                           NULL, 0, fault);
        }
        r = features_apply_row(bundle->features, values, features, fault);
        if (!r)
                forest_margins_row(bundle->forest, features, ret_margin);
        return r;
}

static int replay(const struct bundle *bundle, const struct table *rows, const float *want, struct fault *fault) {
        _cleanup_(free_pointer) float *features = calloc(features_n_outputs(bundle->features), sizeof(*features));
        float margins[GOLDEN_ROWS_MAX], margin = 0;
        int r;

        if (!features)
                return error_origin(-ENOMEM, "replaying golden rows");
        r = bundle_score(bundle, rows, 1, margins, fault);
        for (size_t i = 0; !r && i < rows->n_rows; i++) {
                r = compare(&want[i], margins[i], i, "in a batch", fault);
                if (!r)
                        r = score_row(bundle, rows, i, features, &margin, fault);
                if (!r)
                        r = compare(&want[i], margin, i, "by itself", fault);
        }
        return error_trace(r);
}

static int verify(const struct bundle *bundle, const char *path, struct fault *fault) {
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        const struct column *margins;
        struct table table;
        int r;

        r = arrow_file_open(path, &file, fault);
        if (r)
                return error_trace(r);
        if (arrow_file_n_batches(file) != 1 || arrow_file_n_rows(file) > GOLDEN_ROWS_MAX)
                return fault_set(fault, "GOLDEN_MALFORMED", "the file holds %" PRId64 " rows in %zu batches",
                                 arrow_file_n_rows(file), arrow_file_n_batches(file));
        r = arrow_file_batch(file, 0, &table, fault);
        if (r)
                return error_trace(r);
        margins = table.n_columns ? &table.columns[table.n_columns - 1] : NULL;
        if (!margins || strcmp(margins->name, GOLDEN_MARGIN) || margins->type != COLUMN_FLOAT32 || margins->validity)
                return fault_set(fault, "GOLDEN_MALFORMED", "the last column is not the float32 \"" GOLDEN_MARGIN "\"");
        table.n_columns--;
        return error_trace(replay(bundle, &table, margins->float32, fault));
}

int golden_verify(const struct bundle *bundle, const char *path, struct fault *fault) {
        int r = verify(bundle, path, fault);

        if (r == FAULT_E_INPUT)
                fault_at(fault, GOLDEN_FILE, 0, 0);
        return error_trace(r);
}
