/* The `encoded` part of a column: which matrix columns are made from it, and with which numbers. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/data/schema/schema_column.h"
#include "common/data/value_number.h"

static int make_outputs(struct schema_column *column, size_t n_outputs) {
        column->encoding.outputs = calloc(n_outputs, sizeof(*column->encoding.outputs));
        if (!column->encoding.outputs)
                return error_origin(-ENOMEM, "reading %s", column->name);
        return 0;
}

static int add_output(struct schema_column *column, const char *name, size_t value) {
        struct schema_output *output = &column->encoding.outputs[column->encoding.n_outputs++];

        output->value = value;
        return error_trace(schema_copy_text(name, &output->name));
}

/* Nothing declared: the number itself, or NAME_VALUE for each value. */
static int encode_plainly(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        bool is_category = column->type == VALUE_TYPE_CATEGORY || column->type == VALUE_TYPE_CATEGORY_INT;
        char name[TABLE_NAME_BYTES];
        int r;

        column->encoding.kind = is_category ? SCHEMA_ENCODING_ONE_HOT : SCHEMA_ENCODING_PASS;
        column->encoding.otherwise = SCHEMA_NO_VALUE;
        r = make_outputs(column, is_category ? column->n_values : 1);
        if (r)
                return error_trace(r);
        if (!is_category)
                return error_trace(add_output(column, column->name, SCHEMA_NO_VALUE));
        for (size_t i = 0; i < column->n_values; i++) {
                if ((size_t)snprintf(name, sizeof(name), "%s_%s", column->name, column->values[i].text) >= sizeof(name))
                        return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                            "the matrix column \"%s…\" has too long a name; name it by \"encoded\"",
                                            name);
                r = schema_name_check(node, name, fault);
                if (!r)
                        r = add_output(column, name, i);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int read_map_entry(const struct config_node *entry, struct fault *fault, struct schema_column *column,
                          bool *is_mapped) {
        const char *key = config_key(entry);
        double number = 0.0;
        enum value_number kind;
        int64_t integer = 0;
        size_t place;
        int r;

        kind = value_number_read(key, strlen(key), &integer, &number);
        if (kind == VALUE_NUMBER_INT)
                number = (double)integer;
        if (kind == VALUE_NUMBER_NONE || !(fabs(number) <= 0x1p53))
                return config_fault(entry, fault, SCHEMA_BROKEN_RULE,
                                    "a number is expected before the colon, not \"%s\"", key);
        /* the matrix holds float32: two numbers must not become one there */
        number = (double)(float)number;
        r = schema_place_read(column, entry, fault, &place);
        if (r)
                return error_trace(r);
        if (is_mapped[place])
                return config_fault(entry, fault, SCHEMA_BROKEN_RULE, "value \"%s\" has a number already",
                                    column->values[place].text);
        for (size_t i = 0; i < column->n_values; i++)
                if (is_mapped[i] && islessequal(fabs(column->encoding.numbers[i] - number), 0.0))
                        return config_fault(entry, fault, SCHEMA_BROKEN_RULE, "%s stands for \"%s\" already", key,
                                            column->values[i].text);
        is_mapped[place] = true;
        column->encoding.numbers[place] = number;
        return 0;
}

static int read_map(const struct config_node *encoded, const struct config_node *map, struct fault *fault,
                    struct schema_column *column) {
        _cleanup_(free_pointer) bool *is_mapped = calloc(column->n_values, sizeof(bool));
        const char *name;
        int r;

        column->encoding.kind = SCHEMA_ENCODING_MAP;
        column->encoding.otherwise = SCHEMA_NO_VALUE;
        column->encoding.numbers = calloc(column->n_values, sizeof(*column->encoding.numbers));
        if (!is_mapped || !column->encoding.numbers)
                return error_origin(-ENOMEM, "reading %s", column->name);
        r = config_get_text(encoded, "name", column->name, fault, &name);
        if (!r)
                r = schema_name_check(encoded, name, fault);
        if (r)
                return error_trace(r);
        if (column->type == VALUE_TYPE_CATEGORY_INT && !strcmp(name, column->name))
                return config_fault(encoded, fault, SCHEMA_BROKEN_RULE,
                                    "a number under \"%s\" would be raw or encoded; give the matrix column a \"name\"",
                                    name);
        for (const struct config_node *entry = config_first(map); entry; entry = config_next(entry)) {
                r = read_map_entry(entry, fault, column, is_mapped);
                if (r)
                        return error_trace(r);
        }
        for (size_t i = 0; i < column->n_values; i++)
                if (!is_mapped[i])
                        return config_fault(map, fault, SCHEMA_BROKEN_RULE, "value \"%s\" has no number",
                                            column->values[i].text);
        r = make_outputs(column, 1);
        return error_trace(r ? r : add_output(column, name, SCHEMA_NO_VALUE));
}

static int read_one_hot(const struct config_node *encoded, const struct config_node *map, struct fault *fault,
                        struct schema_column *column) {
        _cleanup_(free_pointer) bool *is_listed = calloc(column->n_values, sizeof(bool));
        const struct config_node *otherwise = config_find(encoded, "otherwise");
        size_t place;
        int r;

        if (!is_listed)
                return error_origin(-ENOMEM, "reading %s", column->name);
        column->encoding.kind = SCHEMA_ENCODING_ONE_HOT;
        column->encoding.otherwise = SCHEMA_NO_VALUE;
        r = make_outputs(column, config_count(map) ? config_count(map) : 1);
        if (!r && otherwise) {
                r = schema_place_read(column, otherwise, fault, &place);
                if (!r)
                        is_listed[column->encoding.otherwise = place] = true;
        }
        if (r)
                return error_trace(r);
        for (const struct config_node *entry = config_first(map); entry; entry = config_next(entry)) {
                r = schema_name_check(entry, config_key(entry), fault);
                if (!r)
                        r = schema_place_read(column, entry, fault, &place);
                if (r)
                        return error_trace(r);
                if (is_listed[place])
                        return config_fault(entry, fault, SCHEMA_BROKEN_RULE, "value \"%s\" stands there twice",
                                            column->values[place].text);
                is_listed[place] = true;
                r = add_output(column, config_key(entry), place);
                if (r)
                        return error_trace(r);
        }
        for (size_t i = 0; i < column->n_values; i++)
                if (!is_listed[i])
                        return config_fault(map, fault, SCHEMA_BROKEN_RULE,
                                            "value \"%s\" has no column and is not \"otherwise\"",
                                            column->values[i].text);
        return 0;
}

int schema_encoding_read(const struct config_node *column_node, struct fault *fault, struct schema_column *column) {
        static const char *const keys[] = { "name", "map", "one_hot", "otherwise" };
        const struct config_node *encoded, *map, *one_hot, *stray;
        int r;

        r = config_get_map(column_node, "encoded", false, fault, &encoded);
        if (r)
                return error_trace(r);
        if (!encoded)
                return error_trace(encode_plainly(column_node, fault, column));
        r = config_check_keys(encoded, keys, N_ELEMENTS(keys), fault);
        if (!r)
                r = config_get_map(encoded, "map", false, fault, &map);
        if (!r)
                r = config_get_map(encoded, "one_hot", false, fault, &one_hot);
        if (r)
                return error_trace(r);
        if (!map == !one_hot)
                return config_fault(encoded, fault, SCHEMA_BROKEN_RULE, "one of \"map\" and \"one_hot\" is expected");
        stray = config_find(encoded, map ? "otherwise" : "name");
        if (stray)
                return config_fault(stray, fault, SCHEMA_BROKEN_RULE, "%s",
                                    map ? "\"otherwise\" belongs to one_hot" : "\"name\" belongs to map");
        return error_trace(map ? read_map(encoded, map, fault, column) : read_one_hot(encoded, one_hot, fault, column));
}
