/* Split: one hash of one key. */

#include "common/data/split.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/random.h"

uint64_t split_hash(const struct value *key, uint64_t salt) {
        uint64_t bytes;

        if (key->kind == VALUE_TEXT)
                return digest_xxh64(key->text, key->n_bytes, salt);
        assert(key->kind == VALUE_INT);
        bytes = htole64((uint64_t)key->integer);
        return digest_xxh64(&bytes, sizeof(bytes), salt);
}

static int split_by_content(const struct table *table, uint64_t salt, int64_t ten_thousandths, uint8_t *ret_sides) {
        _cleanup_(free_pointer) struct digest_content *rows = calloc(table->n_rows + 1, sizeof(*rows));
        int r;

        if (!rows)
                return error_origin(-ENOMEM, "splitting rows");
        r = table_digest_rows(table, rows);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < table->n_rows; i++) {
                uint64_t bytes[2] = { htole64(rows[i].low), htole64(rows[i].high) };
                struct value key = { .kind = VALUE_TEXT, .text = (const char *)bytes, .n_bytes = sizeof(bytes) };

                ret_sides[i] = split_is_test(&key, salt, ten_thousandths) ? SPLIT_TEST : SPLIT_TRAIN;
        }
        return 0;
}

int split_table(const struct table *table, const char *key, uint64_t salt, int64_t ten_thousandths,
                uint8_t *ret_sides) {
        const struct column *keys;
        struct value value;

        if (!key)
                return error_trace(split_by_content(table, salt, ten_thousandths, ret_sides));
        keys = table_find(table, key);
        assert(keys && (keys->type == COLUMN_INT64 || keys->type == COLUMN_UTF8));
        for (size_t i = 0; i < table->n_rows; i++) {
                if (!column_is_present(keys, i)) {
                        ret_sides[i] = SPLIT_NO_KEY;
                        continue;
                }
                if (keys->type == COLUMN_INT64) {
                        value = (struct value){ .kind = VALUE_INT, .integer = keys->int64[i] };
                } else {
                        value.kind = VALUE_TEXT;
                        value.text = column_text(keys, i, &value.n_bytes);
                }
                ret_sides[i] = split_is_test(&value, salt, ten_thousandths) ? SPLIT_TEST : SPLIT_TRAIN;
        }
        return 0;
}

uint64_t split_stopping_salt(int64_t seed) {
        struct random random = random_stream((uint64_t)seed, RANDOM_SALT_STOPPING_SLICE, 0);

        return random_next(&random);
}
