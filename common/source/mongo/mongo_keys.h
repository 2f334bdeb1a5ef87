#pragma once

/*
 * Mongo keys
 *
 * A number for each digest that was met: the row that had a key first, or how many rows had a content. About 35 bytes
 * for each on the average, up to twice that while the table grows.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"

struct mongo_keys_slot {
        struct digest_content digest;
        int64_t number; /* 0: the slot is free */
};

struct mongo_keys {
        struct mongo_keys_slot *slots;
        size_t n_slots; /* 0, or a power of 2 */
        size_t n_used;
};

#define MONGO_KEYS_NULL \
        { 0 }

void mongo_keys_finish(struct mongo_keys *keys);

/* Forgets all digests and keeps the memory. */
void mongo_keys_clear(struct mongo_keys *keys);

/* The digest's number; 0 when it was not met. */
int64_t mongo_keys_get(const struct mongo_keys *keys, const struct digest_content *digest);

/* Sets it, to anything but 0. 0 or -ENOMEM. */
int mongo_keys_put(struct mongo_keys *keys, const struct digest_content *digest, int64_t number);
