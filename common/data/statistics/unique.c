/* Uniqueness of a key: a bitmap where ints are dense, else hashed parts. */

#include "common/data/statistics/unique.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/base/random.h"

/* a bitmap is used up to this range: 16 MiB */
#define DENSE_RANGE (UINT64_C(1) << 27)
/* an index is at most this full: of eight slots */
#define FULL_EIGHTHS 5

struct place {
        size_t table;
        size_t row;
};

struct slot {
        uint64_t hash;
        uint64_t row; /* over all tables, + 1; 0: free */
};

/* One search for keys that occur twice. */
struct key_search {
        const struct column *const *columns;
        const struct table *tables;
        size_t n_tables;
        uint64_t *starts; /* first row of each table, and of all at the end */
        uint64_t seed;    /* of the hash: random, so that keys cannot be chosen to crowd one part */
        size_t n_parts;
        size_t n_slots;
        struct slot **indices;         /* one for each thread, n_slots long */
        struct unique_report *reports; /* one for each part */
};

static void add_example(struct unique_report *report, uint64_t first_row, uint64_t row) {
        size_t at = report->n_examples;

        while (at && report->examples[at - 1].row > row)
                at--;
        if (at == UNIQUE_EXAMPLES)
                return;
        if (report->n_examples < UNIQUE_EXAMPLES)
                report->n_examples++;
        for (size_t i = report->n_examples - 1; i > at; i--)
                report->examples[i] = report->examples[i - 1];
        report->examples[at] = (struct unique_example){ first_row, row };
}

static struct place place_of(const struct key_search *search, uint64_t row) {
        size_t table = 0;

        while (row >= search->starts[table + 1])
                table++;
        return (struct place){ table, (size_t)(row - search->starts[table]) };
}

static bool is_same_key(const struct key_search *search, uint64_t a, uint64_t b) {
        struct place x = place_of(search, a), y = place_of(search, b);
        const struct column *column_x = search->columns[x.table], *column_y = search->columns[y.table];
        size_t n_x, n_y;
        const char *text_x, *text_y;

        if (column_x->type == COLUMN_INT64)
                return column_x->int64[x.row] == column_y->int64[y.row];
        text_x = column_text(column_x, x.row, &n_x);
        text_y = column_text(column_y, y.row, &n_y);
        return n_x == n_y && !memcmp(text_x, text_y, n_x);
}

/* The key's hash; false where it is missing. */
static bool hash_key(const struct column *column, size_t row, uint64_t seed, uint64_t *ret_hash) {
        const char *text;
        size_t n_bytes;

        if (!column_is_present(column, row))
                return false;
        if (column->type == COLUMN_INT64) {
                *ret_hash = random_mix((uint64_t)column->int64[row] ^ seed);
                return true;
        }
        text = column_text(column, row, &n_bytes);
        *ret_hash = digest_xxh64(text, n_bytes, seed);
        return n_bytes > 0;
}

/* False when the index is too full to take another key. */
static bool note_key(const struct key_search *search, struct slot *index, uint64_t hash, uint64_t row, size_t *n_keys,
                     struct unique_report *report) {
        size_t at = (size_t)hash & (search->n_slots - 1);

        for (; index[at].row; at = (at + 1) & (search->n_slots - 1)) {
                if (index[at].hash != hash || !is_same_key(search, index[at].row - 1, row))
                        continue;
                report->n_duplicates++;
                add_example(report, index[at].row - 1, row);
                return true;
        }
        if (*n_keys >= search->n_slots / 8 * FULL_EIGHTHS)
                return false;
        index[at] = (struct slot){ hash, row + 1 };
        ++*n_keys;
        return true;
}

static int check_part(void *context, size_t unit, int worker) {
        const struct key_search *search = context;
        struct unique_report *report = &search->reports[unit];
        struct slot *index = search->indices[worker];
        size_t n_keys = 0;
        uint64_t hash;

        memset(index, 0, search->n_slots * sizeof(*index));
        for (size_t i = 0; i < search->n_tables; i++) {
                for (size_t row = 0; search->columns[i] && row < search->tables[i].n_rows; row++) {
                        if (!hash_key(search->columns[i], row, search->seed, &hash))
                                continue;
                        /* the upper half chooses the part, the lower one the slot */
                        if ((hash >> 32) * search->n_parts >> 32 != unit)
                                continue;
                        if (!note_key(search, index, hash, search->starts[i] + row, &n_keys, report))
                                return -EAGAIN;
                }
        }
        return 0;
}

static void merge_reports(const struct unique_report *reports, size_t n_reports, struct unique_report *report) {
        *report = (struct unique_report){ 0 };
        for (size_t i = 0; i < n_reports; i++) {
                report->n_duplicates += reports[i].n_duplicates;
                for (size_t j = 0; j < reports[i].n_examples; j++)
                        add_example(report, reports[i].examples[j].first_row, reports[i].examples[j].row);
        }
}

static void free_indices(struct slot ***address) {
        for (size_t i = 0; *address && (*address)[i]; i++)
                free((*address)[i]);
        free(*address);
}

static int check_hashed(struct key_search *search, struct unique_report *ret_report) {
        size_t n_threads = (size_t)parallel_n_threads(), n_rows = (size_t)search->starts[search->n_tables], n_room;
        _cleanup_(free_indices) struct slot **indices = calloc(n_threads + 1, sizeof(*indices));
        int r;

        if (!indices)
                return error_origin(-ENOMEM, "looking for duplicate keys");
        search->n_slots = 1024;
        while (search->n_slots * 2 * n_threads * sizeof(struct slot) <= UNIQUE_BYTES &&
               search->n_slots < n_rows * 2 / n_threads)
                search->n_slots *= 2;
        for (size_t i = 0; i < n_threads; i++) {
                indices[i] = malloc(search->n_slots * sizeof(**indices));
                if (!indices[i])
                        return error_origin(-ENOMEM, "looking for duplicate keys");
        }
        search->indices = indices;
        /* parts differ a little in size: plan for half full indices; a part that does not fit doubles their number */
        n_room = search->n_slots / 2;
        search->n_parts = n_rows / n_room + 1 > n_threads ? n_rows / n_room + 1 : n_threads;
        for (;;) {
                _cleanup_(free_pointer) struct unique_report *reports = calloc(search->n_parts, sizeof(*reports));

                if (!reports)
                        return error_origin(-ENOMEM, "looking for duplicate keys");
                search->reports = reports;
                search->seed = random_mix((uint64_t)clock_monotonic_ns());
                r = parallel_for(search->n_parts, check_part, search);
                if (!r)
                        merge_reports(reports, search->n_parts, ret_report);
                if (r != -EAGAIN)
                        return error_trace(r);
                search->n_parts *= 2;
        }
}

static void find_range(const struct key_search *search, int64_t *ret_min, int64_t *ret_max) {
        int64_t min = INT64_MAX, max = INT64_MIN;

        for (size_t i = 0; i < search->n_tables; i++) {
                const struct column *column = search->columns[i];

                for (size_t row = 0; column && row < search->tables[i].n_rows; row++) {
                        if (!column_is_present(column, row))
                                continue;
                        min = column->int64[row] < min ? column->int64[row] : min;
                        max = column->int64[row] > max ? column->int64[row] : max;
                }
        }
        *ret_min = min;
        *ret_max = max;
}

/* The first row that holds each example's key: one more pass, only where there are duplicates. */
static void find_first_rows(const struct key_search *search, struct unique_report *report) {
        for (size_t i = 0; i < report->n_examples; i++) {
                struct place place = place_of(search, report->examples[i].row);
                int64_t key = search->columns[place.table]->int64[place.row];
                bool is_found = false;

                for (size_t table = 0; table < search->n_tables && !is_found; table++) {
                        const struct column *column = search->columns[table];

                        for (size_t row = 0; column && row < search->tables[table].n_rows && !is_found; row++) {
                                is_found = column_is_present(column, row) && column->int64[row] == key;
                                if (is_found)
                                        report->examples[i].first_row = search->starts[table] + row;
                        }
                }
        }
}

static int check_dense(const struct key_search *search, int64_t min, int64_t max, struct unique_report *ret_report) {
        uint64_t range = (uint64_t)max - (uint64_t)min + 1;
        _cleanup_(free_pointer) uint64_t *bits = calloc(range / 64 + 1, sizeof(*bits));
        struct unique_report report = { 0 };

        if (!bits)
                return error_origin(-ENOMEM, "looking for duplicate keys");
        for (size_t i = 0; i < search->n_tables; i++) {
                const struct column *column = search->columns[i];

                for (size_t row = 0; column && row < search->tables[i].n_rows; row++) {
                        uint64_t at, bit;

                        if (!column_is_present(column, row))
                                continue;
                        at = (uint64_t)column->int64[row] - (uint64_t)min;
                        bit = UINT64_C(1) << (at % 64);
                        if (bits[at / 64] & bit) {
                                report.n_duplicates++;
                                add_example(&report, 0, search->starts[i] + row);
                        }
                        bits[at / 64] |= bit;
                }
        }
        find_first_rows(search, &report);
        *ret_report = report;
        return 0;
}

int unique_check(const struct column *const *columns, const struct table *tables, size_t n_tables,
                 struct unique_report *ret_report) {
        _cleanup_(free_pointer) uint64_t *starts = calloc(n_tables + 1, sizeof(*starts));
        struct key_search search = { .columns = columns, .tables = tables, .n_tables = n_tables, .starts = starts };
        int64_t min = 0, max = -1;
        bool is_int = true;

        if (!starts)
                return error_origin(-ENOMEM, "looking for duplicate keys");
        for (size_t i = 0; i < n_tables; i++) {
                starts[i + 1] = starts[i] + tables[i].n_rows;
                is_int &= !columns[i] || columns[i]->type == COLUMN_INT64;
        }
        if (is_int) {
                find_range(&search, &min, &max);
                if (min > max) {
                        *ret_report = (struct unique_report){ 0 };
                        return 0;
                }
                if ((uint64_t)max - (uint64_t)min < DENSE_RANGE)
                        return error_trace(check_dense(&search, min, max, ret_report));
        }
        return error_trace(check_hashed(&search, ret_report));
}
