#pragma once

/*
 * Work spread over all cores
 *
 * The units 0 … n_units-1 are claimed one at a time by as many threads as the process may use (the CPUs in its affinity
 * mask), the caller among them. Which thread works on a unit is not determined; results must depend on the unit alone.
 */

#include <stddef.h>

/* The CPUs in the affinity mask, at least 1. */
int parallel_n_threads(void);

/* Works on all units; worker is 0 … n_threads-1 and never used by two units at once. Stops claiming after a unit
 * returned nonzero, and returns the first such value by unit number, else 0. When a thread cannot be started the others
 * do its share. */
int parallel_for(size_t n_units, int (*work)(void *context, size_t unit, int worker), void *context);

/* parallel_for() by n_threads, the caller among them (at most 64), for work that waits more than it computes. */
int parallel_for_on(int n_threads, size_t n_units, int (*work)(void *context, size_t unit, int worker), void *context);
