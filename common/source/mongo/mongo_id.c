/* Mongo id: from keys, from contents, from documents. */

#include "common/source/mongo/mongo_id.h"

#include <bson/bson.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/data/value.h"

bool mongo_id_of_key(const struct schema *schema, const struct table *table, size_t row, struct mongo_id *ret_id) {
        const struct column *column = &table->columns[schema->key];

        if (!column_is_present(column, row))
                return false;
        if (column->type == COLUMN_INT64) {
                *ret_id = (struct mongo_id){ .integer = column->int64[row] };
                return true;
        }
        *ret_id = (struct mongo_id){ .is_text = true };
        ret_id->text = column_text(column, row, &ret_id->n_bytes);
        return true;
}

void mongo_id_of_content(const struct digest_content *content, int64_t n, char scratch[MONGO_ID_SCRATCH_BYTES],
                         struct mongo_id *ret_id) {
        digest_content_format(content, scratch);
        snprintf(scratch + DIGEST_CONTENT_BYTES - 1, MONGO_ID_SCRATCH_BYTES - DIGEST_CONTENT_BYTES + 1, "-%" PRId64, n);
        *ret_id = (struct mongo_id){ .is_text = true, .text = scratch, .n_bytes = strlen(scratch) };
}

bool mongo_id_of_field(const struct mongo_field *field, struct mongo_id *ret_id) {
        double number;

        switch (field->type) {
        case MONGO_TYPE_INT32:
                *ret_id = (struct mongo_id){ .integer = mongo_field_int32(field->value) };
                return true;
        case MONGO_TYPE_INT64:
                *ret_id = (struct mongo_id){ .integer = mongo_field_int64(field->value) };
                return true;
        case MONGO_TYPE_DOUBLE:
                number = mongo_field_double(field->value);
                if (!(fabs(number) <= (double)VALUE_INT_MAX) || trunc(number) < number || trunc(number) > number)
                        return false;
                *ret_id = (struct mongo_id){ .integer = (int64_t)number };
                return true;
        case MONGO_TYPE_STRING:
                *ret_id = (struct mongo_id){ .is_text = true,
                                             .text = (const char *)field->value,
                                             .n_bytes = field->n_value };
                return true;
        default:
                return false;
        }
}

struct digest_content mongo_id_digest(const struct mongo_id *id) {
        struct digest_content digest = DIGEST_CONTENT_NULL;

        if (id->is_text)
                digest_content_add_row(&digest, id->text, id->n_bytes);
        else
                digest.low = (uint64_t)id->integer;
        return digest;
}

int mongo_id_append(const struct mongo_id *id, const char *name, bson_t *document) {
        bool is_done;

        if (id->is_text)
                is_done = bson_append_utf8(document, name, -1, id->text, (int)id->n_bytes);
        else if (id->integer >= INT32_MIN && id->integer <= INT32_MAX)
                is_done = bson_append_int32(document, name, -1, (int32_t)id->integer);
        else
                is_done = bson_append_int64(document, name, -1, id->integer);
        return is_done ? 0 : error_origin(-ENOMEM, "writing an _id");
}

char *mongo_id_show(const struct mongo_id *id, char ret_text[VALUE_QUOTE_BYTES]) {
        if (id->is_text)
                return value_quote(id->text, id->n_bytes, ret_text);
        snprintf(ret_text, VALUE_QUOTE_BYTES, "%" PRId64, id->integer);
        return ret_text;
}
