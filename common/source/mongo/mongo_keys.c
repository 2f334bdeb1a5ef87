/* Mongo keys: a table with open addressing, at most three quarters full. */

#include "common/source/mongo/mongo_keys.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/random.h"

enum { N_SLOTS_FIRST = 1024 };

void mongo_keys_finish(struct mongo_keys *keys) {
        free(keys->slots);
        *keys = (struct mongo_keys)MONGO_KEYS_NULL;
}

void mongo_keys_clear(struct mongo_keys *keys) {
        if (keys->n_used)
                memset(keys->slots, 0, keys->n_slots * sizeof(*keys->slots));
        keys->n_used = 0;
}

/* Its slot, or the free one where it belongs. */
static struct mongo_keys_slot *find(struct mongo_keys_slot *slots, size_t n_slots,
                                    const struct digest_content *digest) {
        size_t at = random_mix(digest->low ^ random_mix(digest->high)) & (n_slots - 1);

        while (slots[at].number && (slots[at].digest.low != digest->low || slots[at].digest.high != digest->high))
                at = (at + 1) & (n_slots - 1);
        return &slots[at];
}

static int grow(struct mongo_keys *keys) {
        size_t n_slots = keys->n_slots ? 2 * keys->n_slots : N_SLOTS_FIRST;
        struct mongo_keys_slot *slots = calloc(n_slots, sizeof(*slots));

        if (!slots)
                return error_origin(-ENOMEM, "remembering %zu keys", keys->n_used);
        for (size_t i = 0; i < keys->n_slots; i++)
                if (keys->slots[i].number)
                        *find(slots, n_slots, &keys->slots[i].digest) = keys->slots[i];
        free(keys->slots);
        keys->slots = slots;
        keys->n_slots = n_slots;
        return 0;
}

int64_t mongo_keys_get(const struct mongo_keys *keys, const struct digest_content *digest) {
        return keys->n_slots ? find(keys->slots, keys->n_slots, digest)->number : 0;
}

int mongo_keys_put(struct mongo_keys *keys, const struct digest_content *digest, int64_t number) {
        struct mongo_keys_slot *slot;
        int r;

        assert(number);
        if (4 * (keys->n_used + 1) > 3 * keys->n_slots) {
                r = grow(keys);
                if (r)
                        return error_trace(r);
        }
        slot = find(keys->slots, keys->n_slots, digest);
        keys->n_used += !slot->number;
        *slot = (struct mongo_keys_slot){ *digest, number };
        return 0;
}
