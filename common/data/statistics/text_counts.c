/* Counts of texts: a hash table over entries in the order in which they first occurred. */

#include "common/data/statistics/text_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/data/statistics/value_counts.h"

void text_counts_finish(struct text_counts *texts) {
        if (!texts)
                return;
        for (size_t i = 0; i < texts->n_entries; i++)
                free(texts->entries[i].text);
        free(texts->entries);
        free(texts->slots);
        *texts = (struct text_counts)TEXT_COUNTS_NULL;
}

/* The slot of the entry, or the free one where it belongs. */
static size_t locate(const struct text_counts *texts, uint64_t hash, const char *text, size_t n_bytes) {
        size_t at = (size_t)hash & (texts->n_slots - 1);

        for (; texts->slots[at]; at = (at + 1) & (texts->n_slots - 1)) {
                const struct text_count *entry = &texts->entries[texts->slots[at] - 1];

                if (entry->hash == hash && entry->n_bytes == n_bytes &&
                    !memcmp(entry->text, text, text_counts_shown_bytes(n_bytes)))
                        break;
        }
        return at;
}

static void index_again(struct text_counts *texts) {
        memset(texts->slots, 0, texts->n_slots * sizeof(*texts->slots));
        for (size_t i = 0; i < texts->n_entries; i++) {
                const struct text_count *entry = &texts->entries[i];

                texts->slots[locate(texts, entry->hash, entry->text, entry->n_bytes)] = (uint32_t)i + 1;
        }
}

/* Makes room for one more entry; few texts need few slots. */
static int grow(struct text_counts *texts) {
        size_t capacity = texts->capacity ? texts->capacity * 4 : 16;
        struct text_count *entries;
        uint32_t *slots;

        if (texts->n_entries < texts->capacity)
                return 0;
        entries = realloc(texts->entries, capacity * sizeof(*entries));
        if (!entries)
                return error_origin(-ENOMEM, "n_values=%zu counting texts", capacity);
        texts->entries = entries;
        slots = realloc(texts->slots, capacity * 4 * sizeof(*slots));
        if (!slots)
                return error_origin(-ENOMEM, "n_values=%zu counting texts", capacity);
        texts->slots = slots;
        texts->n_slots = capacity * 4;
        texts->capacity = capacity;
        index_again(texts);
        return 0;
}

static int prune(struct text_counts *texts) {
        _cleanup_(free_pointer) uint64_t *counts = malloc(texts->n_entries * sizeof(*counts));
        uint64_t drop;
        size_t n = 0;

        if (!counts)
                return error_origin(-ENOMEM, "n_values=%zu counting texts", texts->n_entries);
        for (size_t i = 0; i < texts->n_entries; i++)
                counts[i] = texts->entries[i].count;
        drop = value_counts_select(counts, texts->n_entries, VALUE_COUNTS_KEPT);
        for (size_t i = 0; i < texts->n_entries; i++) {
                if (texts->entries[i].count <= drop) {
                        free(texts->entries[i].text);
                        continue;
                }
                texts->entries[n] = texts->entries[i];
                texts->entries[n++].count -= drop;
        }
        texts->n_entries = n;
        texts->n_dropped += drop;
        texts->is_exact = false;
        index_again(texts);
        return 0;
}

static int add_hashed(struct text_counts *texts, uint64_t hash, const char *text, size_t n_bytes, uint64_t count) {
        struct text_count *entry;
        size_t at;
        int r;

        r = grow(texts);
        if (r)
                return error_trace(r);
        at = locate(texts, hash, text, n_bytes);
        if (texts->slots[at]) {
                texts->entries[texts->slots[at] - 1].count += count;
                return 0;
        }
        entry = &texts->entries[texts->n_entries];
        *entry = (struct text_count){ .hash = hash, .count = count, .n_bytes = n_bytes };
        entry->text = malloc(text_counts_shown_bytes(n_bytes) + 1);
        if (!entry->text)
                return error_origin(-ENOMEM, "counting texts");
        memcpy(entry->text, text, text_counts_shown_bytes(n_bytes));
        texts->slots[at] = (uint32_t)++texts->n_entries;
        return texts->n_entries > VALUE_COUNTS_EXACT_MAX ? error_trace(prune(texts)) : 0;
}

int text_counts_add(struct text_counts *texts, const char *text, size_t n_bytes, uint64_t count) {
        return error_trace(add_hashed(texts, digest_xxh64(text, n_bytes, 0), text, n_bytes, count));
}

int text_counts_merge(struct text_counts *texts, const struct text_counts *other) {
        texts->is_exact &= other->is_exact;
        texts->n_dropped += other->n_dropped;
        for (size_t i = 0; i < other->n_entries; i++) {
                const struct text_count *entry = &other->entries[i];
                int r = add_hashed(texts, entry->hash, entry->text, entry->n_bytes, entry->count);

                if (r)
                        return error_trace(r);
        }
        return 0;
}
