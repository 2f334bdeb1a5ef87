/* CSV scanner. */

#include "common/data/csv/csv_scanner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/error.h"

enum {
        FIRST_BYTES = 1024 * 1024, /* of memory, and so of a read(2) */
};

int csv_scanner_init(struct csv_scanner *scanner, int fd, const char *name) {
        *scanner = (struct csv_scanner){ .fd = fd, .capacity = FIRST_BYTES };
        scanner->name = strdup(name);
        scanner->data = malloc(scanner->capacity + CSV_BLOCK_BYTES);
        if (!scanner->name || !scanner->data)
                return error_origin(-ENOMEM, "opening %s", name);
        memset(scanner->data, 0, CSV_BLOCK_BYTES);
        return 0;
}

void csv_scanner_finish(struct csv_scanner *scanner) {
        free(scanner->name);
        free(scanner->data);
        *scanner = (struct csv_scanner){ 0 };
}

/* Bit i: byte i is a comma, a quote, a line end or NUL. */
#ifdef __SSE2__
static uint64_t block_mask(const uint8_t *bytes, bool *ret_is_wide) {
        const __m128i comma = _mm_set1_epi8(','), quote = _mm_set1_epi8('"'), feed = _mm_set1_epi8('\n'),
                      carriage = _mm_set1_epi8('\r'), zero = _mm_setzero_si128();
        uint64_t mask = 0;
        int wide = 0;

        for (int i = 0; i < CSV_BLOCK_BYTES; i += 16) {
                __m128i part = _mm_loadu_si128((const void *)(bytes + i));
                __m128i line = _mm_or_si128(_mm_cmpeq_epi8(part, feed), _mm_cmpeq_epi8(part, carriage));
                __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(part, comma), _mm_cmpeq_epi8(part, quote));

                mark = _mm_or_si128(_mm_or_si128(mark, line), _mm_cmpeq_epi8(part, zero));
                mask |= (uint64_t)(unsigned)_mm_movemask_epi8(mark) << i;
                wide |= _mm_movemask_epi8(part);
        }
        *ret_is_wide = wide;
        return mask;
}
#else
static uint64_t block_mask(const uint8_t *bytes, bool *ret_is_wide) {
        uint64_t mask = 0;
        uint8_t wide = 0;

        for (int i = 0; i < CSV_BLOCK_BYTES; i++) {
                uint8_t byte = bytes[i];

                mask |= (uint64_t)(byte == ',' || byte == '"' || byte == '\n' || byte == '\r' || !byte) << i;
                wide |= byte;
        }
        *ret_is_wide = wide & 0x80;
        return mask;
}
#endif

void csv_scanner_load(struct csv_scanner *scanner, size_t at) {
        scanner->block = at;
        scanner->mask = block_mask(scanner->data + at, &scanner->is_block_wide);
        scanner->is_wide |= scanner->is_block_wide;
}

/* Reads more behind the data, after moving the record in hand to the front or growing the memory. */
int csv_scanner_fill(struct csv_scanner *scanner) {
        size_t n_kept = scanner->n_data - scanner->at;
        uint8_t *data;
        ssize_t n;

        if (scanner->at) {
                memmove(scanner->data, scanner->data + scanner->at, n_kept);
        } else if (scanner->n_data == scanner->capacity) {
                data = realloc(scanner->data, 2 * scanner->capacity + CSV_BLOCK_BYTES);
                if (!data)
                        return error_origin(-ENOMEM, "reading %s", scanner->name);
                scanner->data = data;
                scanner->capacity *= 2;
        }
        scanner->at = 0;
        scanner->n_data = n_kept;
        do
                n = read(scanner->fd, scanner->data + n_kept, scanner->capacity - n_kept);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(-errno, "reading %s", scanner->name);
        scanner->n_data += (size_t)n;
        scanner->n_read += n;
        scanner->is_end = !n;
        memset(scanner->data + scanner->n_data, 0, CSV_BLOCK_BYTES);
        scanner->is_wide = false;
        csv_scanner_load(scanner, 0);
        return 0;
}
