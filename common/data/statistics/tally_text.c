/* Tally of texts: a hash table over entries in the order of their coming. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/data/statistics/tally.h"

void tally_text_finish(struct tally_text *tally) {
        if (!tally)
                return;
        for (size_t i = 0; i < tally->n_entries; i++)
                free(tally->entries[i].text);
        free(tally->entries);
        free(tally->slots);
        *tally = (struct tally_text)TALLY_TEXT_NULL;
}

static size_t shown_bytes(size_t n_bytes) {
        return n_bytes < TALLY_TEXT_BYTES ? n_bytes : TALLY_TEXT_BYTES;
}

/* The slot of the entry, or the free one where it belongs. */
static size_t locate(const struct tally_text *tally, uint64_t hash, const char *text, size_t n_bytes) {
        size_t at = (size_t)hash & (tally->n_slots - 1);

        for (; tally->slots[at]; at = (at + 1) & (tally->n_slots - 1)) {
                const struct tally_text_entry *entry = &tally->entries[tally->slots[at] - 1];

                if (entry->hash == hash && entry->n_bytes == n_bytes &&
                    !memcmp(entry->text, text, shown_bytes(n_bytes)))
                        break;
        }
        return at;
}

static void index_again(struct tally_text *tally) {
        memset(tally->slots, 0, tally->n_slots * sizeof(*tally->slots));
        for (size_t i = 0; i < tally->n_entries; i++) {
                const struct tally_text_entry *entry = &tally->entries[i];

                tally->slots[locate(tally, entry->hash, entry->text, entry->n_bytes)] = (uint32_t)i + 1;
        }
}

/* Makes room for one more entry; few texts need few slots. */
static int grow(struct tally_text *tally) {
        size_t capacity = tally->capacity ? tally->capacity * 4 : 16;
        struct tally_text_entry *entries;
        uint32_t *slots;

        if (tally->n_entries < tally->capacity)
                return 0;
        entries = realloc(tally->entries, capacity * sizeof(*entries));
        if (!entries)
                return error_origin(-ENOMEM, "n_values=%zu counting texts", capacity);
        tally->entries = entries;
        slots = realloc(tally->slots, capacity * 4 * sizeof(*slots));
        if (!slots)
                return error_origin(-ENOMEM, "n_values=%zu counting texts", capacity);
        tally->slots = slots;
        tally->n_slots = capacity * 4;
        tally->capacity = capacity;
        index_again(tally);
        return 0;
}

static int prune(struct tally_text *tally) {
        _cleanup_(free_pointer) uint64_t *counts = malloc(tally->n_entries * sizeof(*counts));
        uint64_t drop;
        size_t n = 0;

        if (!counts)
                return error_origin(-ENOMEM, "n_values=%zu counting texts", tally->n_entries);
        for (size_t i = 0; i < tally->n_entries; i++)
                counts[i] = tally->entries[i].count;
        drop = tally_select(counts, tally->n_entries, TALLY_KEPT);
        for (size_t i = 0; i < tally->n_entries; i++) {
                if (tally->entries[i].count <= drop) {
                        free(tally->entries[i].text);
                        continue;
                }
                tally->entries[n] = tally->entries[i];
                tally->entries[n++].count -= drop;
        }
        tally->n_entries = n;
        tally->n_dropped += drop;
        tally->is_exact = false;
        index_again(tally);
        return 0;
}

static int add_hashed(struct tally_text *tally, uint64_t hash, const char *text, size_t n_bytes, uint64_t count) {
        struct tally_text_entry *entry;
        size_t at;
        int r;

        r = grow(tally);
        if (r)
                return error_trace(r);
        at = locate(tally, hash, text, n_bytes);
        if (tally->slots[at]) {
                tally->entries[tally->slots[at] - 1].count += count;
                return 0;
        }
        entry = &tally->entries[tally->n_entries];
        *entry = (struct tally_text_entry){ .hash = hash, .count = count, .n_bytes = n_bytes };
        entry->text = malloc(shown_bytes(n_bytes) + 1);
        if (!entry->text)
                return error_origin(-ENOMEM, "counting texts");
        memcpy(entry->text, text, shown_bytes(n_bytes));
        tally->slots[at] = (uint32_t)++tally->n_entries;
        return tally->n_entries > TALLY_EXACT_MAX ? error_trace(prune(tally)) : 0;
}

int tally_text_add(struct tally_text *tally, const char *text, size_t n_bytes, uint64_t count) {
        return error_trace(add_hashed(tally, digest_xxh64(text, n_bytes, 0), text, n_bytes, count));
}

int tally_text_merge(struct tally_text *tally, const struct tally_text *other) {
        tally->is_exact &= other->is_exact;
        tally->n_dropped += other->n_dropped;
        for (size_t i = 0; i < other->n_entries; i++) {
                const struct tally_text_entry *entry = &other->entries[i];
                int r = add_hashed(tally, entry->hash, entry->text, entry->n_bytes, entry->count);

                if (r)
                        return error_trace(r);
        }
        return 0;
}
