#pragma once

/*
 * Query
 *
 * One SQL statement with its parameters, for db.h:
 *
 *      r = query_change(db, "DELETE FROM inbox WHERE number = ?", QUERY_VALUES(query_int64(number)));
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

enum {
        _QUERY_E_SUCCESS,
        QUERY_E_NONE,   /* no row found */
        QUERY_E_EXISTS, /* a row of that unique key is there already; nothing changed */
};

struct db;
struct db_statement;

/* A parameter. Text and bytes are borrowed for the call. */
struct query_value {
        enum { QUERY_VALUE_NULL, QUERY_VALUE_INT64, QUERY_VALUE_TEXT, QUERY_VALUE_BYTES } type;
        int64_t integer;
        const void *bytes;
        size_t n_bytes;
};

/* The list and its length, as two arguments. */
#define QUERY_VALUES(...) \
        (const struct query_value[]){ __VA_ARGS__ }, N_ELEMENTS(((const struct query_value[]){ __VA_ARGS__ }))

static inline struct query_value query_int64(int64_t value) {
        return (struct query_value){ .type = QUERY_VALUE_INT64, .integer = value };
}

/* NULL is NULL. */
static inline struct query_value query_text(const char *text) {
        return (struct query_value){ .type = text ? QUERY_VALUE_TEXT : QUERY_VALUE_NULL, .bytes = text };
}

/* No bytes are an empty blob, not NULL. */
static inline struct query_value query_bytes(const void *bytes, size_t n_bytes) {
        return (struct query_value){ .type = QUERY_VALUE_BYTES, .bytes = n_bytes ? bytes : "", .n_bytes = n_bytes };
}

/* Prepares and binds, for queries of many rows, which the caller steps through. */
int query_open(struct db *db, const char *sql, const struct query_value *values, size_t n_values,
               struct db_statement **ret_statement);

/* Runs a change: 0, QUERY_E_EXISTS or a negative errno. */
int query_change(struct db *db, const char *sql, const struct query_value *values, size_t n_values);

/* Finds the first row, to be read from ret_statement before db_release(): 0, QUERY_E_NONE or a negative errno. */
int query_find(struct db *db, const char *sql, const struct query_value *values, size_t n_values,
               struct db_statement **ret_statement);

/* The first column of the first row: 0, QUERY_E_NONE or a negative errno. */
int query_int64_of(struct db *db, const char *sql, const struct query_value *values, size_t n_values,
                   int64_t *ret_value);
