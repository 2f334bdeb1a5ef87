/* Split: one hash of one key. */

#include "common/data/split.h"

#include <assert.h>
#include <endian.h>

#include "common/base/digest.h"
#include "common/base/random.h"

uint64_t split_hash(const struct value *key, uint64_t salt) {
        uint64_t bytes;

        if (key->kind == VALUE_TEXT)
                return digest_xxh64(key->text, key->n_bytes, salt);
        assert(key->kind == VALUE_INT);
        bytes = htole64((uint64_t)key->integer);
        return digest_xxh64(&bytes, sizeof(bytes), salt);
}

uint64_t split_stopping_salt(int64_t seed) {
        struct random random = random_stream((uint64_t)seed, RANDOM_SALT_STOPPING_SLICE, 0);

        return random_next(&random);
}
