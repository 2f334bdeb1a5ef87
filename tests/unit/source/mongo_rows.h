#pragma once

/* Rows of a small schema for the tests of what makes documents of rows. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/schema/schema.h"
#include "common/data/table.h"

static const char MONGO_ROWS_SCHEMA[] = "schema: 1\n"
                                        "environments: [TRAINING, SERVING]\n"
                                        "columns:\n"
                                        "  - {name: id, role: key, type: int}\n"
                                        "  - {name: weight, type: float}\n"
                                        "  - {name: colour, role: ignore, type: category}\n"
                                        "  - {name: zone, role: ignore, type: category, of: int}\n"
                                        "  - {name: ripe, role: label, type: bool}\n";

enum { ID, WEIGHT, COLOUR, ZONE, RIPE, N_COLUMNS };

static inline struct schema *mongo_rows_schema(void) {
        struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(schema_parse("schema.yaml", MONGO_ROWS_SCHEMA, strlen(MONGO_ROWS_SCHEMA), &fault, &schema), 0);
        return schema;
}

struct mongo_row {
        int64_t id;
        double weight;
        const char *colour, *zone; /* NULL: missing */
        int64_t ripe;              /* -1: missing */
};

static inline struct table_builder *mongo_rows_build(const struct schema *schema, const struct mongo_row *rows,
                                                     size_t n_rows) {
        struct table_builder *builder = NULL;

        assert_int_equal(table_builder_create(&builder), 0);
        for (size_t k = 0; k < schema->n_columns; k++)
                assert_int_equal(table_builder_add_column(builder, schema->columns[k].name,
                                                          value_column_type(schema->columns[k].type)),
                                 0);
        for (size_t i = 0; i < n_rows; i++) {
                const char *texts[] = { rows[i].colour, rows[i].zone };

                assert_int_equal(table_builder_add_int64(builder, ID, rows[i].id), 0);
                assert_int_equal(table_builder_add_float64(builder, WEIGHT, rows[i].weight), 0);
                for (size_t k = 0; k < 2; k++)
                        assert_int_equal(
                                texts[k] ? table_builder_add_text(builder, COLOUR + k, texts[k], strlen(texts[k]))
                                         : table_builder_add_missing(builder, COLOUR + k),
                                0);
                assert_int_equal(rows[i].ripe < 0 ? table_builder_add_missing(builder, RIPE)
                                                  : table_builder_add_int64(builder, RIPE, rows[i].ripe),
                                 0);
        }
        return builder;
}
