#pragma once

/*
 * Split
 *
 * Which rows are held out: a row belongs to test when XXH64(key bytes, salt) mod 10000 is below the test share in
 * ten-thousandths. Key bytes are the eight of an int64, little-endian, or the UTF-8 of a text key. So where a row falls
 * depends on its key alone: appending rows, or another order, never moves a row to the other side.
 *
 * Where the schema has no key, rows are split by their content: the sixteen bytes of the row's digest (table.h) stand
 * for the key, so equal rows fall to the same side.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/data/table.h"
#include "common/data/value.h"

/* what the hash is reduced to: shares are whole ten-thousandths */
#define SPLIT_PARTS 10000

/* key is VALUE_INT or VALUE_TEXT (asserted). */
uint64_t split_hash(const struct value *key, uint64_t salt);

static inline bool split_is_test(const struct value *key, uint64_t salt, int64_t ten_thousandths) {
        return (int64_t)(split_hash(key, salt) % SPLIT_PARTS) < ten_thousandths;
}

enum split_side {
        SPLIT_TRAIN,
        SPLIT_TEST,
        SPLIT_NO_KEY, /* the row's key is missing */
};

/* Splits all rows of a table by its column named key, an INT64 or UTF8 one (asserted), or by content when key is NULL.
 * ret_sides is n_rows long. 0 or -ENOMEM. */
int split_table(const struct table *table, const char *key, uint64_t salt, int64_t ten_thousandths, uint8_t *ret_sides);

/* The salt by which the early-stopping slice is cut from the train rows, with split_is_test(): a salt of its own, since
 * otherwise the slice would depend on the test split; and a different one for each seed. */
uint64_t split_stopping_salt(int64_t seed);
