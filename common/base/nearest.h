#pragma once

/*
 * The nearest word
 *
 * "Did you mean …": the candidate with the least edit distance (insertions, deletions, substitutions, swaps of
 * neighbours; ASCII case and '-' against '_' do not count), when it is near enough to be a typing error.
 */

#include <stddef.h>

#include "common/base/buffer.h"

/* The nearest of the candidates (the first of several), or NULL when none is near. NULL candidates are skipped. */
const char *nearest_find(const char *word, const char *const *candidates, size_t n_candidates);

/* Appends " (did you mean X?)" (when one is near) and "; known are A, B, C" to a sentence that ends at NUL within
 * n_bytes; cut when it does not fit. */
void nearest_explain(const char *word, const char *const *candidates, size_t n_candidates, char *sentence,
                     size_t n_bytes);
