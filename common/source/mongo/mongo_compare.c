/* Mongo compare: two tables of one row. */

#include "common/source/mongo/mongo_compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/table.h"
#include "common/source/mongo/mongo_document.h"

struct mongo_compare {
        const struct schema *schema;
        const char *collection;
        bool *has; /* the reader wants to tell somebody */
        struct mongo_document_reader *reader;
        struct table_builder *there, *ours;
};

static int create_builder(const struct schema *schema, struct table_builder **ret_builder) {
        int r;

        r = table_builder_create(ret_builder);
        for (size_t i = 0; i < schema->n_columns && !r; i++)
                r = table_builder_add_column(*ret_builder, schema->columns[i].name,
                                             value_column_type(schema->columns[i].type));
        return error_trace(r);
}

int mongo_compare_create(const struct schema *schema, const char *collection, struct mongo_compare **ret_compare) {
        _cleanup_(mongo_compare_destroy_pointer) struct mongo_compare *compare = calloc(1, sizeof(*compare));
        int r;

        if (!compare)
                return error_origin(-ENOMEM, "comparing documents");
        compare->schema = schema;
        compare->collection = collection;
        compare->has = calloc(schema->n_columns + 1, sizeof(*compare->has));
        if (!compare->has)
                return error_origin(-ENOMEM, "comparing documents");
        r = mongo_document_reader_create(schema, compare->has, &compare->reader);
        if (!r)
                r = create_builder(schema, &compare->there);
        if (!r)
                r = create_builder(schema, &compare->ours);
        if (r)
                return error_trace(r);
        *ret_compare = steal(compare);
        return 0;
}

struct mongo_compare *mongo_compare_destroy(struct mongo_compare *compare) {
        if (!compare)
                return NULL;
        mongo_document_reader_destroy(compare->reader);
        table_builder_destroy(compare->there);
        table_builder_destroy(compare->ours);
        free(compare->has);
        free(compare);
        return NULL;
}

void mongo_compare_destroy_pointer(struct mongo_compare **compare) {
        *compare = mongo_compare_destroy(*compare);
}

static struct value read_cell(const struct column *column) {
        struct value value = VALUE_NULL;

        if (!column_is_present(column, 0))
                return value;
        if (column->type == COLUMN_INT64) {
                value.kind = VALUE_INT;
                value.integer = column->int64[0];
        } else if (column->type == COLUMN_FLOAT64) {
                value.kind = VALUE_FLOAT;
                value.number = column->float64[0];
        } else {
                value.kind = VALUE_TEXT;
                value.text = column_text(column, 0, &value.n_bytes);
        }
        return value;
}

static bool is_equal(const struct value *a, const struct value *b) {
        if (a->kind != b->kind)
                return false;
        switch (a->kind) {
        case VALUE_MISSING:
                return true;
        case VALUE_INT:
                return a->integer == b->integer;
        case VALUE_FLOAT:
                return a->number <= b->number && a->number >= b->number;
        case VALUE_TEXT:
                return a->n_bytes == b->n_bytes && !memcmp(a->text, b->text, a->n_bytes);
        }
        return false;
}

static char *show(const struct value *value, char ret_text[VALUE_QUOTE_BYTES]) {
        char scratch[VALUE_SCRATCH_BYTES];
        size_t n_bytes;
        const char *text = value_format(value, scratch, &n_bytes);

        return value_quote(value->kind == VALUE_MISSING ? NULL : text, n_bytes, ret_text);
}

static int refuse(const struct mongo_compare *compare, const char *name, const struct schema_column *column,
                  const struct value *there, const struct value *ours, int64_t row, struct fault *fault) {
        char seen[VALUE_QUOTE_BYTES], wanted[VALUE_QUOTE_BYTES];

        fault_at(fault, compare->collection, 0, 0);
        fault_in(fault, column->name, row);
        return fault_set(fault, "DOCUMENT_DIFFERS",
                         "document %s is there already with %s, where row %" PRId64
                         " has %s; it was not changed. --drop "
                         "replaces the whole collection",
                         name, show(there, seen), row + 1, show(ours, wanted));
}

/* What is there cannot be read as a row of the schema, so it is not this one. */
static int refuse_unreadable(const struct mongo_compare *compare, int64_t row, struct fault *fault) {
        char message[sizeof(fault->message)], column[sizeof(fault->column)];

        memcpy(message, fault->message, sizeof(message));
        memcpy(column, fault->column, sizeof(column));
        fault_at(fault, compare->collection, 0, 0);
        fault_in(fault, column, row);
        return fault_set(fault, "DOCUMENT_DIFFERS",
                         "row %" PRId64 " is there already, but otherwise: %.600s; it was not changed. --drop replaces "
                         "the whole collection",
                         row + 1, message);
}

int mongo_compare_documents(struct mongo_compare *compare, const uint8_t *there, size_t n_there, const uint8_t *ours,
                            size_t n_ours, int64_t row, struct fault *fault) {
        char name[MONGO_DOCUMENT_NAME_BYTES];
        struct table of_there, of_ours;
        int r;

        table_builder_clear(compare->there);
        table_builder_clear(compare->ours);
        r = mongo_document_append(compare->reader, ours, n_ours, row, compare->ours, fault);
        if (r)
                return error_trace(r);
        r = mongo_document_append(compare->reader, there, n_there, row, compare->there, fault);
        if (r)
                return r == FAULT_E_INPUT ? refuse_unreadable(compare, row, fault) : error_trace(r);
        of_there = table_builder_view(compare->there);
        of_ours = table_builder_view(compare->ours);
        for (size_t k = 0; k < compare->schema->n_columns; k++) {
                struct value a = read_cell(&of_there.columns[k]), b = read_cell(&of_ours.columns[k]);

                if (!is_equal(&a, &b))
                        return refuse(compare, mongo_document_name(there, n_there, name), &compare->schema->columns[k],
                                      &a, &b, row, fault);
        }
        return 0;
}
