#pragma once

/*
 * Array that grows by one
 *
 * Its room is doubled whenever it holds a power of two of items, from 64 on, so that no capacity is kept beside it.
 * Items may be dropped from its end at any time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Whether the next growth of an array of n items asks for memory. */
static inline bool array_is_full(size_t n) {
        return n >= 64 && !(n & (n - 1));
}

/* The array, moved perhaps, with room for one item behind its n; NULL when there is no memory, and the array is as it
 * was. All growth of an array goes through here, from NULL on. */
static inline void *array_grow(void *items, size_t n, size_t item_bytes) {
        if (!items)
                return reallocarray(NULL, 64, item_bytes);
        return array_is_full(n) ? reallocarray(items, 2 * n, item_bytes) : items;
}
