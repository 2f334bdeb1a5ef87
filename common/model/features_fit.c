/* Features: what is learned of the train rows. */

#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/features_internal.h"

struct spread {
        int64_t n;
        double sum, min, max;
        double mean, squares;
};

static bool read_number(const struct column *column, size_t row, double *ret_number) {
        if (!column_is_present(column, row))
                return false;
        *ret_number = column->type == COLUMN_FLOAT64 ? column->float64[row] : (double)column->int64[row];
        return isfinite(*ret_number);
}

/* Two passes over the tables in their order, so the figures depend on the rows alone. */
static struct spread measure(const struct feature *feature, const struct table *tables, size_t n_tables) {
        struct spread spread = { .min = INFINITY, .max = -INFINITY };
        double number;

        for (int pass = 0; pass < 2; pass++) {
                for (size_t t = 0; t < n_tables; t++) {
                        const struct column *column = table_find(&tables[t], feature->column->name);

                        for (size_t i = 0; i < tables[t].n_rows; i++) {
                                if (!read_number(column, i, &number))
                                        continue;
                                if (pass) {
                                        spread.squares += (number - spread.mean) * (number - spread.mean);
                                        continue;
                                }
                                spread.n++;
                                spread.sum += number;
                                spread.min = fmin(spread.min, number);
                                spread.max = fmax(spread.max, number);
                        }
                }
                spread.mean = spread.n ? spread.sum / (double)spread.n : 0;
        }
        return spread;
}

static int check_tables(const struct feature *feature, const struct table *tables, size_t n_tables,
                        struct fault *fault) {
        for (size_t t = 0; t < n_tables; t++) {
                const struct column *column = table_find(&tables[t], feature->column->name);

                if (!column)
                        return fault_set(fault, anomaly_name(ANOMALY_SCHEMA_MISSING_COLUMN),
                                         "the column is not in the data");
                if (column->type != value_column_type(feature->column->type))
                        return fault_set(fault, "TRANSFORM_COLUMN_TYPE", "the column does not hold values of type %s",
                                         value_type_name(feature->column->type));
        }
        return 0;
}

static void fit_one(struct feature *feature, enum features_scaling scaling, const struct table *tables,
                    size_t n_tables) {
        struct spread spread = measure(feature, tables, n_tables);
        double shift = spread.min, unit = spread.max - spread.min;

        feature->scaling = scaling;
        if (!spread.n)
                return;
        /* a mean of equal values may be off by a rounding, and would scale them to anything */
        if (scaling == FEATURES_SCALING_STANDARD && spread.max > spread.min) {
                shift = spread.mean;
                unit = sqrt(spread.squares / (double)spread.n);
        }
        /* values so far apart that no double spans them are left as they are */
        if (!isfinite(shift) || !isfinite(unit))
                return;
        feature->shift = shift;
        feature->unit = unit > 0 ? unit : 1;
}

static int find_choice(struct features *features, const char *name, struct feature **ret_feature, struct fault *fault) {
        for (size_t i = 0; i < features->n_features; i++) {
                struct feature *feature = &features->features[i];

                if (strcmp(feature->column->name, name))
                        continue;
                if (!features_is_number(feature->column)) {
                        fault_in(fault, name, -1);
                        return fault_set(fault, "TRANSFORM_NOT_A_NUMBER",
                                         "only int and float columns that pass unencoded can be scaled");
                }
                *ret_feature = feature;
                return 0;
        }
        fault_in(fault, name, -1);
        return fault_set(fault, "TRANSFORM_UNKNOWN_COLUMN", "the schema has no feature of that name");
}

int features_fit(const struct schema *schema, const struct features_choice *choices, size_t n_choices,
                 const struct table *tables, size_t n_tables, struct features **ret_features, struct fault *fault) {
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        struct feature *feature = NULL;
        int r;

        r = features_create(schema, &features);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_choices; i++) {
                r = find_choice(features, choices[i].column, &feature, fault);
                if (r)
                        return r;
                feature->scaling = FEATURES_SCALING_PASSTHROUGH;
                feature->shift = 0;
                feature->unit = 1;
                if (choices[i].scaling == FEATURES_SCALING_PASSTHROUGH)
                        continue;
                r = check_tables(feature, tables, n_tables, fault);
                if (r) {
                        fault_in(fault, choices[i].column, -1);
                        return r;
                }
                fit_one(feature, choices[i].scaling, tables, n_tables);
        }
        *ret_features = steal(features);
        return 0;
}
