/* Sample: each row has a stream of its own, and a label by the logit of its features before some of them go missing. */

#include "tests/unit/model/sample.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xgboost/c_api.h>

#include "common/base/random.h"

const char *const sample_names[SAMPLE_N_FEATURES] = { "flag", "age", "place", "premium", "score", "days" };

static float draw(struct random *random, size_t feature) {
        switch (feature) {
        case 0:
                return (float)random_below(random, 2);
        case 1:
                return (float)(18 + random_below(random, 70));
        case 2:
                return (float)random_below(random, 50);
        case 3:
                return (float)(random_uniform(random) * 50000);
        case 4:
                return (float)(random_uniform(random) - 0.5);
        default:
                return (float)random_below(random, 300);
        }
}

void sample_init(struct sample *sample, size_t n_rows, unsigned seed) {
        size_t n_batch = n_rows * 9 / 10 / 3 + 1, n_train = n_rows * 9 / 10;

        *sample = (struct sample){ .n_rows = n_rows, .distance = n_rows + 24 };
        sample->values = calloc(sample->distance * SAMPLE_N_FEATURES, sizeof(float));
        sample->labels = calloc(n_rows, sizeof(float));
        sample->classes = calloc(n_rows, sizeof(float));
        for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                sample->columns[f] = sample->values + f * sample->distance;
        for (size_t i = 0; i < n_rows; i++) {
                struct random random = random_stream(seed, RANDOM_SALT_GENERATOR, i);
                double x[SAMPLE_N_FEATURES] = { 0 }, z;

                for (size_t f = 0; f < SAMPLE_N_FEATURES; f++) {
                        float value = draw(&random, f);

                        x[f] = (double)value;
                        if (f >= 2 && !random_below(&random, 12))
                                value = NAN;
                        sample->values[f * sample->distance + i] = value;
                }
                z = -2 + 1.5 * x[0] - fabs(x[1] - 42) / 15 + sin(x[2]) + x[3] / 40000 + 4 * x[4] * x[4];
                sample->labels[i] = random_uniform(&random) < 1 / (1 + exp(-z)) ? 1.0f : 0.0f;
                sample->classes[i] = (float)((x[0] > 0) + (z > -2));
        }
        for (size_t first = 0; first < n_train; first += n_batch)
                sample->batches[sample->n_batches++] = (struct booster_batch){
                        .values = sample->values + first,
                        .n_rows = n_train - first < n_batch ? n_train - first : n_batch,
                        .distance_bytes = sample->distance * sizeof(float),
                        .labels = sample->labels + first,
                };
        sample->batches[sample->n_batches] = (struct booster_batch){
                .values = sample->values + n_train,
                .n_rows = n_rows - n_train,
                .distance_bytes = sample->distance * sizeof(float),
                .labels = sample->labels + n_train,
        };
}

void sample_finish(struct sample *sample) {
        free(sample->values);
        free(sample->labels);
        free(sample->classes);
}

void sample_train(const struct sample *sample, const char *const *pairs, struct booster_result *ret_result) {
        struct booster_parameter parameters[16];
        struct fault fault = FAULT_NULL;
        struct booster_input input = { .train = sample->batches,
                                       .n_train = sample->n_batches,
                                       .stop = sample->batches + sample->n_batches,
                                       .n_stop = 1,
                                       .n_features = SAMPLE_N_FEATURES,
                                       .feature_names = sample_names,
                                       .parameters = parameters };
        int r;

        for (; *pairs; pairs += 2)
                parameters[input.n_parameters++] = (struct booster_parameter){ pairs[0], pairs[1] };
        r = booster_train(&input, ret_result, &fault);
        if (r)
                print_error("%d: %s\n", r, fault.message);
        assert_int_equal(r, 0);
}

void oracle_predict(const struct buffer *model, const float *rows, size_t n_rows, size_t n_features, int is_margin,
                    size_t n_outputs, float *ret_values) {
        char array[256], configuration[256];
        DMatrixHandle proxy = NULL;
        BoosterHandle booster = NULL;
        const bst_ulong *shape;
        const float *values;
        bst_ulong n_dimensions;

        assert_int_equal(XGBoosterCreate(NULL, 0, &booster), 0);
        assert_int_equal(XGBoosterLoadModelFromBuffer(booster, model->data, model->n_bytes), 0);
        assert_int_equal(XGProxyDMatrixCreate(&proxy), 0);
        snprintf(array, sizeof(array),
                 "{\"data\":[%" PRIuPTR ",true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
                 (uintptr_t)rows, n_rows, n_features);
        snprintf(configuration, sizeof(configuration),
                 "{\"type\":%d,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":true,"
                 "\"cache_id\":0,\"missing\":NaN}",
                 is_margin);
        assert_int_equal(
                XGBoosterPredictFromDense(booster, array, configuration, proxy, &shape, &n_dimensions, &values), 0);
        assert_int_equal(n_dimensions, 2);
        assert_int_equal(shape[0], n_rows);
        assert_int_equal(shape[1], n_outputs);
        memcpy(ret_values, values, n_rows * n_outputs * sizeof(float));
        XGDMatrixFree(proxy);
        XGBoosterFree(booster);
}
