/* Mongo field: a walk over bytes that may be anything. */

#include "common/source/mongo/mongo_field.h"

#include "common/base/cleanup.h"

enum {
        LENGTH_BYTES = 4,
        DOCUMENT_BYTES_MIN = LENGTH_BYTES + 1,
        OBJECT_ID_BYTES = 12,
};

/* What a value of each type takes when that is fixed, else one of these. */
enum {
        SIZE_UNKNOWN = -1,
        SIZE_OF_TEXT = -2,     /* int32 of the bytes that follow, NUL included */
        SIZE_OF_DOCUMENT = -3, /* int32 of all bytes */
        SIZE_OF_BINARY = -4,   /* int32 of the bytes that follow the subtype */
        SIZE_OF_REGEX = -5,    /* two texts without length */
        SIZE_OF_POINTER = -6,  /* as a text, then an ObjectId */
};

static const struct {
        const char *name;
        int size;
} types[256] = {
        [MONGO_TYPE_DOUBLE] = { "a double", 8 },
        [MONGO_TYPE_STRING] = { "a string", SIZE_OF_TEXT },
        [MONGO_TYPE_OBJECT] = { "an object", SIZE_OF_DOCUMENT },
        [MONGO_TYPE_ARRAY] = { "an array", SIZE_OF_DOCUMENT },
        [MONGO_TYPE_BINARY] = { "binary data", SIZE_OF_BINARY },
        [MONGO_TYPE_UNDEFINED] = { "undefined", 0 },
        [MONGO_TYPE_OBJECT_ID] = { "an ObjectId", OBJECT_ID_BYTES },
        [MONGO_TYPE_BOOL] = { "a bool", 1 },
        [MONGO_TYPE_DATE] = { "a date", 8 },
        [MONGO_TYPE_NULL] = { "null", 0 },
        [MONGO_TYPE_REGEX] = { "a regular expression", SIZE_OF_REGEX },
        [MONGO_TYPE_DB_POINTER] = { "a DBPointer", SIZE_OF_POINTER },
        [MONGO_TYPE_CODE] = { "JavaScript", SIZE_OF_TEXT },
        [MONGO_TYPE_SYMBOL] = { "a symbol", SIZE_OF_TEXT },
        [MONGO_TYPE_CODE_WITH_SCOPE] = { "JavaScript with a scope", SIZE_OF_DOCUMENT },
        [MONGO_TYPE_INT32] = { "an int32", 4 },
        [MONGO_TYPE_TIMESTAMP] = { "a timestamp", 8 },
        [MONGO_TYPE_INT64] = { "an int64", 8 },
        [MONGO_TYPE_DECIMAL128] = { "a decimal128", 16 },
        [MONGO_TYPE_MAX_KEY] = { "MaxKey", 0 },
        [MONGO_TYPE_MIN_KEY] = { "MinKey", 0 },
};

const char *mongo_field_type_name(uint8_t type) {
        return types[type].name ? types[type].name : "an unknown type";
}

bool mongo_fields_begin(const uint8_t *document, size_t n_bytes, struct mongo_fields *ret_fields) {
        if (n_bytes < DOCUMENT_BYTES_MIN || n_bytes > INT32_MAX || mongo_field_int32(document) != (int32_t)n_bytes ||
            document[n_bytes - 1])
                return false;
        *ret_fields = (struct mongo_fields){ document + LENGTH_BYTES, document + n_bytes - 1 };
        return true;
}

/* A text with its length before it; the number of its bytes with the length, or 0. */
static size_t measure_text(const uint8_t *value, size_t n_left) {
        int32_t n = n_left >= LENGTH_BYTES ? mongo_field_int32(value) : 0;

        if (n < 1 || (size_t)n > n_left - LENGTH_BYTES || value[LENGTH_BYTES + n - 1])
                return 0;
        return LENGTH_BYTES + (size_t)n;
}

static bool measure_document(const uint8_t *value, size_t n_left, size_t *ret_n) {
        int32_t n = n_left >= LENGTH_BYTES ? mongo_field_int32(value) : 0;

        if (n < DOCUMENT_BYTES_MIN || (size_t)n > n_left || value[n - 1])
                return false;
        *ret_n = (size_t)n;
        return true;
}

static bool measure_binary(const uint8_t *value, size_t n_left, size_t *ret_n) {
        int32_t n = n_left > LENGTH_BYTES ? mongo_field_int32(value) : -1;

        if (n < 0 || (size_t)n > n_left - LENGTH_BYTES - 1)
                return false;
        *ret_n = LENGTH_BYTES + 1 + (size_t)n;
        return true;
}

static bool measure_regex(const uint8_t *value, size_t n_left, size_t *ret_n) {
        const uint8_t *first = memchr(value, 0, n_left), *second;

        second = first ? memchr(first + 1, 0, n_left - (size_t)(first + 1 - value)) : NULL;
        if (!second)
                return false;
        *ret_n = (size_t)(second + 1 - value);
        return true;
}

/* The bytes of a value that has no fixed number of them. */
static bool measure(int size, const uint8_t *value, size_t n_left, size_t *ret_n) {
        switch (size) {
        case SIZE_OF_TEXT:
                *ret_n = measure_text(value, n_left);
                return *ret_n;
        case SIZE_OF_DOCUMENT:
                return measure_document(value, n_left, ret_n);
        case SIZE_OF_BINARY:
                return measure_binary(value, n_left, ret_n);
        case SIZE_OF_REGEX:
                return measure_regex(value, n_left, ret_n);
        case SIZE_OF_POINTER:
                *ret_n = measure_text(value, n_left);
                if (!*ret_n || n_left - *ret_n < OBJECT_ID_BYTES)
                        return false;
                *ret_n += OBJECT_ID_BYTES;
                return true;
        default:
                return false;
        }
}

bool mongo_field_measure(uint8_t type, const uint8_t *value, size_t n_left, size_t *ret_n_bytes) {
        int size = types[type].size;

        if (!types[type].name)
                return false;
        if (size < 0)
                return measure(size, value, n_left, ret_n_bytes);
        if ((size_t)size > n_left)
                return false;
        *ret_n_bytes = (size_t)size;
        return true;
}

bool mongo_field_is_fixed(uint8_t type) {
        return types[type].name && types[type].size >= 0;
}

enum mongo_next mongo_fields_next(struct mongo_fields *fields, struct mongo_field *ret_field) {
        const uint8_t *at = fields->at, *name = at + 1, *name_end, *value;
        size_t n_left, n = 0;

        if (at == fields->end)
                return MONGO_NEXT_END;
        name_end = memchr(name, 0, (size_t)(fields->end - name));
        if (!name_end)
                return MONGO_NEXT_BROKEN;
        value = name_end + 1;
        n_left = (size_t)(fields->end - value);
        if (!mongo_field_measure(*at, value, n_left, &n))
                return MONGO_NEXT_BROKEN;
        *ret_field = (struct mongo_field){
                .name = (const char *)name,
                .n_name = (size_t)(name_end - name),
                .type = *at,
                .value = value,
                .n_value = n,
        };
        if (*at == MONGO_TYPE_STRING) {
                ret_field->value += LENGTH_BYTES;
                ret_field->n_value -= LENGTH_BYTES + 1;
        }
        fields->at = value + n;
        return MONGO_NEXT_FIELD;
}

bool mongo_field_find(const uint8_t *document, size_t n_bytes, const char *name, struct mongo_field *ret_field) {
        size_t n_name = strlen(name);
        struct mongo_fields fields;
        struct mongo_field field;

        if (!mongo_fields_begin(document, n_bytes, &fields))
                return false;
        while (mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD) {
                if (field.n_name == n_name && !memcmp(field.name, name, n_name)) {
                        *ret_field = field;
                        return true;
                }
        }
        return false;
}
