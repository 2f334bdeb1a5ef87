/* The nearest word: optimal string alignment distance over three rows. */

#include "common/base/nearest.h"

#include <stdio.h>
#include <string.h>

enum { WORD_BYTES_MAX = 64 };

static char fold(char c) {
        if (c >= 'A' && c <= 'Z')
                return (char)(c - 'A' + 'a');
        return c == '-' ? '_' : c;
}

static size_t least(size_t a, size_t b) {
        return a < b ? a : b;
}

static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b) {
        size_t rows[3][WORD_BYTES_MAX + 1];
        size_t *before = rows[0], *above = rows[1], *row = rows[2];

        for (size_t j = 0; j <= n_b; j++) {
                before[j] = 0;
                above[j] = j;
        }
        for (size_t i = 1; i <= n_a; i++) {
                size_t *oldest = before;

                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        row[j] = least(least(above[j], row[j - 1]) + 1,
                                       above[j - 1] + (fold(a[i - 1]) != fold(b[j - 1])));
                        if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                                row[j] = least(row[j], before[j - 2] + 1);
                }
                before = above;
                above = row;
                row = oldest;
        }
        return above[n_b];
}

const char *nearest_find(const char *word, const char *const *candidates, size_t n_candidates) {
        size_t n_word = strlen(word), best = SIZE_MAX;
        const char *nearest = NULL;

        if (n_word > WORD_BYTES_MAX)
                return NULL;
        for (size_t i = 0; i < n_candidates; i++) {
                size_t n, d;

                if (!candidates[i])
                        continue;
                n = strlen(candidates[i]);
                if (n > WORD_BYTES_MAX)
                        continue;
                d = distance(word, n_word, candidates[i], n);
                /* a typing error leaves at least two thirds of the word unchanged */
                if (d < best && d * 3 <= (n > n_word ? n : n_word)) {
                        best = d;
                        nearest = candidates[i];
                }
        }
        return nearest;
}

void nearest_explain(const char *word, const char *const *candidates, size_t n_candidates, char *sentence,
                     size_t n_bytes) {
        const char *nearest = nearest_find(word, candidates, n_candidates), *before = "; known are ";
        size_t n = strlen(sentence);

        if (nearest)
                n += (size_t)snprintf(sentence + n, n_bytes - n, " (did you mean %s?)", nearest);
        for (size_t i = 0; i < n_candidates && n < n_bytes; i++) {
                if (!candidates[i])
                        continue;
                n += (size_t)snprintf(sentence + n, n_bytes - n, "%s%s", before, candidates[i]);
                before = ", ";
        }
}
