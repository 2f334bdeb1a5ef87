/* Labels: one column, one place in a list of two. */

#include "common/model/labels.h"

#include "common/base/cleanup.h"

static int refuse(const struct schema_column *label, enum anomaly anomaly, const struct value *value, size_t row,
                  struct fault *fault) {
        char scratch[VALUE_SCRATCH_BYTES];
        const char *seen;
        size_t n;

        seen = value_format(value, scratch, &n);
        return schema_fault(label, anomaly, (int64_t)row, seen, n, fault);
}

static int read_one(const struct schema_column *label, const struct column *column, size_t row, uint8_t *ret_label,
                    struct fault *fault) {
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;
        enum anomaly anomaly;
        size_t place;

        anomaly = value_from_column(label->type, column, row, scratch, &value);
        if (anomaly == ANOMALY_NONE && value.kind == VALUE_MISSING)
                anomaly = ANOMALY_FEATURE_TYPE_NOT_PRESENT;
        if (anomaly != ANOMALY_NONE)
                return refuse(label, anomaly, &value, row, fault);
        if (value.kind == VALUE_INT)
                place = value.integer == 0 ? 0 : value.integer == 1 ? 1 : SCHEMA_NO_VALUE;
        else
                place = schema_find_value(label, value.text, value.n_bytes);
        if (place == SCHEMA_NO_VALUE)
                return refuse(label, ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES, &value, row, fault);
        *ret_label = (uint8_t)place;
        return 0;
}

int labels_read(const struct schema *schema, const struct table *table, uint8_t *ret_labels, struct fault *fault) {
        const struct schema_column *label = &schema->columns[schema->label];
        const struct column *column = table_find(table, label->name);
        int r;

        if (label->n_values != 2 || !column)
                fault_in(fault, label->name, -1);
        if (label->n_values != 2)
                return fault_set(fault, "LABEL_NOT_BINARY", "the label has %zu values; two are wanted",
                                 label->n_values);
        if (!column)
                return fault_set(fault, anomaly_name(ANOMALY_SCHEMA_MISSING_COLUMN), "the label is not in the data");
        for (size_t i = 0; i < table->n_rows; i++) {
                r = read_one(label, column, i, &ret_labels[i], fault);
                if (r)
                        return r;
        }
        return 0;
}
