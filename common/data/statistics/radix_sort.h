#pragma once

/*
 * Sorting doubles
 *
 * Least significant digit first, 11 bits a time, over keys whose order as integers is the order of the numbers; digits
 * in which all numbers agree are skipped. -0.0 stands before 0.0; there must be no NaN.
 */

#include <stddef.h>

/* Sorts values ascending. spare has the same length and is left with garbage. */
void radix_sort(double *values, double *spare, size_t n_values);
