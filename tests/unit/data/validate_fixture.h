#pragma once

/* For tests of validation: a schema with a column of each kind, good datasets of it, and what is found. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/validate/validate.h"

static const char *const schema_text =
        "schema: 1\n"
        "environments: [TRAINING, SERVING]\n"
        "dataset: {min_examples: 3, min_examples_ratio: 0.5, new_columns: warning}\n"
        "drift: {severity: error}\n"
        "columns:\n"
        "  - {name: id, role: key, type: int, min: 0}\n"
        "  - {name: age, type: int, min: 18, max: 120}\n"
        "  - {name: size, type: float, min: 0.5, max: 99, severity: warning}\n"
        "  - {name: sex, type: category, values: [f, m]}\n"
        "  - {name: zone, type: category, of: int, values: [1, 2, 3], min_fraction: 0.5, missing: keep,\n"
        "     min_domain_mass: 0.5, unknown: missing}\n"
        "  - {name: tame, type: bool}\n"
        "  - {name: note, role: ignore, type: category, required_in: []}\n"
        "  - {name: y, role: label, type: bool}\n";

enum { ID, AGE, SIZE, SEX, ZONE, TAME, NOTE, Y, N_COLUMNS };

static inline struct schema *make_schema(void) {
        struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;

        if (schema_parse("test.yaml", schema_text, strlen(schema_text), &fault, &schema))
                fail_msg("%d: %s", (int)fault.line, fault.message);
        return schema;
}

/* A good dataset of n_rows in batches of n_batch. */
struct dataset {
        size_t n_tables;
        struct table_builder *builders[64];
        struct table tables[64];
};

static inline void dataset_finish(struct dataset *dataset) {
        for (size_t i = 0; i < dataset->n_tables; i++)
                table_builder_destroy(dataset->builders[i]);
}

static inline void add_good_row(struct table_builder *builder, uint64_t row) {
        static const char *const sexes[] = { "f", "m" }, *const zones[] = { "1", "2", "3" };
        char note[24];

        snprintf(note, sizeof(note), "n%d", (int)(row % 1000));
        assert_int_equal(table_builder_add_int64(builder, ID, (int64_t)row * 3), 0);
        assert_int_equal(table_builder_add_int64(builder, AGE, 18 + (int64_t)(row % 103)), 0);
        assert_int_equal(table_builder_add_float64(builder, SIZE, 0.5 + (double)(row % 90) + (double)row / 1e6), 0);
        assert_int_equal(table_builder_add_text(builder, SEX, sexes[row % 2], 1), 0);
        assert_int_equal(table_builder_add_text(builder, ZONE, zones[row % 3], 1), 0);
        assert_int_equal(table_builder_add_int64(builder, TAME, row % 2), 0);
        assert_int_equal(table_builder_add_text(builder, NOTE, note, strlen(note)), 0);
        assert_int_equal(table_builder_add_int64(builder, Y, row % 5 == 0), 0);
}

static inline void add_columns(struct table_builder *builder, const struct schema *schema) {
        for (size_t i = 0; i < schema->n_columns; i++)
                assert_int_equal(table_builder_add_column(builder, schema->columns[i].name,
                                                          value_column_type(schema->columns[i].type)),
                                 0);
}

static inline void dataset_make(struct dataset *dataset, const struct schema *schema, uint64_t n_rows,
                                uint64_t n_batch) {
        *dataset = (struct dataset){ 0 };
        for (uint64_t row = 0; row < n_rows; row++) {
                if (row % n_batch == 0) {
                        assert_int_equal(table_builder_create(&dataset->builders[dataset->n_tables]), 0);
                        add_columns(dataset->builders[dataset->n_tables++], schema);
                }
                add_good_row(dataset->builders[dataset->n_tables - 1], row);
        }
        for (size_t i = 0; i < dataset->n_tables; i++)
                dataset->tables[i] = table_builder_view(dataset->builders[i]);
}

static inline struct validate_report *validate(const struct schema *schema, unsigned environment,
                                               const struct table *tables, size_t n_tables) {
        const struct validate_options options = { .schema = schema, .environment = environment };
        struct validate_report *report = NULL;

        assert_int_equal(validate_dataset(&options, tables, n_tables, &report), 0);
        return report;
}

static const struct validate_finding *find(const struct validate_report *report, const char *column,
                                           enum anomaly code) {
        for (size_t i = 0; i < report->n_findings; i++)
                if (report->findings[i].code == code && !strcmp(report->findings[i].column, column))
                        return &report->findings[i];
        return NULL;
}
