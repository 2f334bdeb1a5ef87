#pragma once

/* A schema with a column of each type, a reader of documents by it, and the rows that they become. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/table.h"
#include "common/data/value.h"
#include "common/source/mongo/mongo_document.h"

static const char SCHEMA[] = "schema: 1\n"
                             "environments: [TRAINING, SERVING]\n"
                             "columns:\n"
                             "  - {name: i, type: int}\n"
                             "  - {name: f, type: float}\n"
                             "  - {name: b, type: bool}\n"
                             "  - {name: c, type: category, values: [a, b]}\n"
                             "  - {name: n, type: category, of: int, values: [1, 2]}\n"
                             "  - {name: y, role: label, type: bool}\n";

struct world {
        struct schema *schema;
        bool has[6];
        struct mongo_document_reader *reader;
        struct table_builder *builder;
        struct fault fault;
};

static inline int setup(void **state) {
        struct world *world = calloc(1, sizeof(*world));

        world->fault = (struct fault)FAULT_NULL;
        if (schema_parse("schema.yaml", SCHEMA, strlen(SCHEMA), &world->fault, &world->schema))
                fail_msg("%s", world->fault.message);
        assert_int_equal(mongo_document_reader_create(world->schema, world->has, &world->reader), 0);
        assert_int_equal(table_builder_create(&world->builder), 0);
        for (size_t k = 0; k < world->schema->n_columns; k++)
                assert_int_equal(table_builder_add_column(world->builder, world->schema->columns[k].name,
                                                          value_column_type(world->schema->columns[k].type)),
                                 0);
        *state = world;
        return 0;
}

static inline int teardown(void **state) {
        struct world *world = *state;

        table_builder_destroy(world->builder);
        mongo_document_reader_destroy(world->reader);
        schema_destroy(world->schema);
        free(world);
        return 0;
}
