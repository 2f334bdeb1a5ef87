/* Mongo resume: a table of the types in their order. */

#include "common/source/mongo/mongo_resume.h"

#include <math.h>

#include "common/base/cleanup.h"

enum { BRACKET_NUMBER = 2 };

/* Types of one bracket are compared with each other. */
static const struct {
        int code; /* as $type takes it */
        int bracket;
        bool is_rare;
} types[] = {
        { -1, 0, true },
        { 10, 1, false },
        { 1, BRACKET_NUMBER, false },
        { 16, BRACKET_NUMBER, false },
        { 18, BRACKET_NUMBER, false },
        { 19, BRACKET_NUMBER, true },
        { 2, 3, false },
        { 14, 3, true },
        { 3, 4, false },
        { 5, 5, false },
        { 7, 6, false },
        { 8, 7, false },
        { 9, 8, false },
        { 17, 9, false },
        { 12, 10, true },
        { 13, 11, true },
        { 15, 12, true },
        { 127, 13, true },
};

static int find_bracket(bson_type_t type) {
        int code = type == BSON_TYPE_MINKEY ? -1 : (int)type;

        for (size_t i = 0; i < N_ELEMENTS(types); i++)
                if (types[i].code == code)
                        return types[i].bracket;
        return -1;
}

/* NaN stands before all numbers, but nothing is greater than it. */
static bool is_nan(const bson_iter_t *last) {
        bson_decimal128_t decimal;
        char text[BSON_DECIMAL128_STRING];

        if (BSON_ITER_HOLDS_DOUBLE(last))
                return isnan(bson_iter_double(last));
        if (!BSON_ITER_HOLDS_DECIMAL128(last) || !bson_iter_decimal128(last, &decimal))
                return false;
        bson_decimal128_to_string(&decimal, text);
        return !strcmp(text, BSON_DECIMAL128_NAN);
}

static bool append_greater(const bson_iter_t *last, bson_t *filter) {
        bson_t condition;
        bool is_good;

        is_good = BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &condition);
        if (!is_good)
                return false;
        is_good = is_nan(last) ? BSON_APPEND_DOUBLE(&condition, "$gte", -INFINITY)
                               : bson_append_iter(&condition, "$gt", 3, last);
        return bson_append_document_end(filter, &condition) && is_good;
}

static bool append_types(int bracket, bool is_narrow, bson_t *filter) {
        bson_t condition, codes;
        const char *key;
        char scratch[16];
        uint32_t n = 0;
        bool is_good;

        is_good = BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &condition) &&
                  BSON_APPEND_ARRAY_BEGIN(&condition, "$type", &codes);
        for (size_t i = 0; i < N_ELEMENTS(types) && is_good; i++) {
                if (types[i].bracket <= bracket || (types[i].is_rare && is_narrow))
                        continue;
                bson_uint32_to_string(n++, &key, scratch, sizeof(scratch));
                is_good = BSON_APPEND_INT32(&codes, key, types[i].code);
        }
        return is_good && bson_append_array_end(&condition, &codes) && bson_append_document_end(filter, &condition);
}

/* False where the bracket is the last one. */
static bool has_later(int bracket, bool is_narrow) {
        for (size_t i = 0; i < N_ELEMENTS(types); i++)
                if (types[i].bracket > bracket && !(types[i].is_rare && is_narrow))
                        return true;
        return false;
}

bool mongo_resume_append(const bson_iter_t *last, bool is_narrow, bson_t *filter) {
        int bracket = find_bracket(bson_iter_type(last));
        bson_t either, greater, later;
        bool is_good;

        if (bracket < 0)
                return false;
        if (!has_later(bracket, is_narrow))
                return append_greater(last, filter);
        is_good = BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either) &&
                  BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &greater) && append_greater(last, &greater) &&
                  bson_append_document_end(&either, &greater) && BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &later) &&
                  append_types(bracket, is_narrow, &later) && bson_append_document_end(&either, &later);
        return is_good && bson_append_array_end(filter, &either);
}
