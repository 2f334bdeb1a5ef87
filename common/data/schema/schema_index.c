/* Index of texts: XXH64 and linear probing. */

#include "common/data/schema/schema_index.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/error.h"

struct slot {
        const char *text; /* NULL: free */
        size_t n_bytes;
        size_t place;
};

struct schema_index {
        size_t n_texts, n_max;
        size_t mask;
        struct slot slots[];
};

int schema_index_create(size_t n_max, struct schema_index **ret_index) {
        struct schema_index *index;
        size_t n_slots = 8;

        while (n_slots < n_max * 2)
                n_slots *= 2;
        index = calloc(1, sizeof(*index) + n_slots * sizeof(index->slots[0]));
        if (!index)
                return error_origin(-ENOMEM, "n_texts=%zu making an index", n_max);
        index->n_max = n_max;
        index->mask = n_slots - 1;
        *ret_index = index;
        return 0;
}

struct schema_index *schema_index_destroy(struct schema_index *index) {
        free(index);
        return NULL;
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t locate(const struct schema_index *index, const char *text, size_t n_bytes) {
        size_t at = (size_t)digest_xxh64(text, n_bytes, 0) & index->mask;

        while (index->slots[at].text &&
               (index->slots[at].n_bytes != n_bytes || memcmp(index->slots[at].text, text, n_bytes)))
                at = (at + 1) & index->mask;
        return at;
}

bool schema_index_add(struct schema_index *index, const char *text, size_t n_bytes, size_t place) {
        size_t at = locate(index, text, n_bytes);

        if (index->slots[at].text)
                return false;
        assert(index->n_texts < index->n_max);
        index->slots[at] = (struct slot){ text, n_bytes, place };
        index->n_texts++;
        return true;
}

size_t schema_index_find(const struct schema_index *index, const char *text, size_t n_bytes) {
        size_t at = locate(index, text, n_bytes);

        return index->slots[at].text ? index->slots[at].place : SIZE_MAX;
}
