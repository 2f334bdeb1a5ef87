/* Random binomial: by waiting times where few succeed, else by rejection; multinomials by conditional binomials. */

#include "common/base/random_binomial.h"

#include <math.h>

/* below this mean the waiting-time method needs few steps */
static const double SMALL_MEAN = 10;

/* Binomial by geometric waiting times (Devroye: Non-Uniform Random Variate Generation, X.4, second waiting-time
 * method); p <= 0.5, n·p small. */
static uint64_t binomial_by_waiting(struct random *random, uint64_t n, double p) {
        double per_failure = log1p(-p);
        uint64_t at = 0, k = 0;

        for (;;) {
                at += (uint64_t)fmin(floor(log1p(-random_uniform(random)) / per_failure), 0x1p62) + 1;
                if (at > n)
                        return k;
                k++;
        }
}

/* The part of log k! that Stirling's formula leaves out. */
static double stirling_rest(double k) {
        double square = (k + 1) * (k + 1);
        int sign;

        if (k < 10)
                return lgamma_r(k + 1, &sign) - (0.5 * log(2 * M_PI) + (k + 0.5) * log(k + 1) - (k + 1));
        return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

/* Binomial by transformed rejection (Hörmann: The generation of binomial random variates, J. Statist. Comput. Simul.
 * 46, 1993, algorithm BTRS); p <= 0.5, n·p >= 10. */
static uint64_t binomial_by_rejection(struct random *random, uint64_t n_tries, double p) {
        double n = (double)n_tries, spq = sqrt(n * p * (1 - p));
        double b = 1.15 + 2.53 * spq, a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
        double v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spq, mode = floor((n + 1) * p);
        double u, v, us, k, bound;

        for (;;) {
                u = random_uniform(random) - 0.5;
                v = random_uniform(random);
                us = 0.5 - fabs(u);
                k = floor((2 * a / us + b) * u + c);
                if (us >= 0.07 && v <= v_r)
                        return (uint64_t)k;
                if (k < 0 || k > n)
                        continue;
                v = log(v * alpha / (a / (us * us) + b));
                bound = (mode + 0.5) * log((mode + 1) / (p / (1 - p) * (n - mode + 1))) +
                        (n + 1) * log((n - mode + 1) / (n - k + 1)) +
                        (k + 0.5) * log(p / (1 - p) * (n - k + 1) / (k + 1)) + stirling_rest(mode) +
                        stirling_rest(n - mode) - stirling_rest(k) - stirling_rest(n - k);
                if (v <= bound)
                        return (uint64_t)k;
        }
}

uint64_t random_binomial(struct random *random, uint64_t n, double p) {
        if (!n || p <= 0)
                return 0;
        if (p >= 1)
                return n;
        if (p > 0.5)
                return n - random_binomial(random, n, 1 - p);
        if ((double)n * p < SMALL_MEAN)
                return binomial_by_waiting(random, n, p);
        return binomial_by_rejection(random, n, p);
}

void random_multinomial(struct random *random, uint64_t n, const uint64_t *weights, size_t n_cells,
                        uint64_t *ret_counts) {
        uint64_t left = 0;

        for (size_t i = 0; i < n_cells; i++)
                left += weights[i];
        for (size_t i = 0; i < n_cells; i++) {
                ret_counts[i] = weights[i] == left ? n : random_binomial(random, n, (double)weights[i] / (double)left);
                n -= ret_counts[i];
                left -= weights[i];
        }
}
