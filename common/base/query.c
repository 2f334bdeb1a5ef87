/* Query: prepare, bind, step. */

#include "common/base/query.h"

#include "common/base/db.h"
#include "common/base/error.h"

int query_open(struct db *db, const char *sql, const struct query_value *values, size_t n_values,
               struct db_statement **ret_statement) {
        struct db_statement *statement;
        int r;

        r = db_prepare(db, sql, &statement);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_values; i++) {
                const struct query_value *value = &values[i];

                switch (value->type) {
                case QUERY_VALUE_NULL:
                        db_bind_null(statement, (int)i + 1);
                        break;
                case QUERY_VALUE_INT64:
                        db_bind_int64(statement, (int)i + 1, value->integer);
                        break;
                case QUERY_VALUE_TEXT:
                        db_bind_text(statement, (int)i + 1, value->bytes);
                        break;
                case QUERY_VALUE_BYTES:
                        db_bind_blob(statement, (int)i + 1, value->bytes, value->n_bytes);
                        break;
                }
        }
        *ret_statement = statement;
        return 0;
}

int query_change(struct db *db, const char *sql, const struct query_value *values, size_t n_values) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = query_open(db, sql, values, n_values, &statement);
        if (r)
                return error_trace(r);
        r = db_step(statement);
        return r == DB_E_EXISTS ? QUERY_E_EXISTS : r == DB_E_ROW ? 0 : error_trace(r);
}

int query_find(struct db *db, const char *sql, const struct query_value *values, size_t n_values,
               struct db_statement **ret_statement) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = query_open(db, sql, values, n_values, &statement);
        if (r)
                return error_trace(r);
        r = db_step(statement);
        if (r < 0)
                return error_trace(r);
        if (r != DB_E_ROW)
                return QUERY_E_NONE;
        *ret_statement = steal(statement);
        return 0;
}

int query_int64_of(struct db *db, const char *sql, const struct query_value *values, size_t n_values,
                   int64_t *ret_value) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = query_find(db, sql, values, n_values, &statement);
        if (r)
                return error_trace(r);
        *ret_value = db_column_int64(statement, 0);
        return 0;
}
