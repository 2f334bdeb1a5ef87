/* Sketch, as JSON. */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/data/statistics/sketch.h"

static void put_number(const struct sketch *sketch, double value, struct json_builder *json) {
        if (sketch->type == VALUE_TYPE_FLOAT || !(fabs(value) <= 0x1p53))
                json_put_double(json, value);
        else
                json_put_int64(json, (int64_t)value);
}

static void key_number(const struct sketch *sketch, const char *key, double value, struct json_builder *json) {
        json_key(json, key);
        put_number(sketch, value, json);
}

static void put_quantiles(const struct sketch *sketch, const struct number_run *runs, size_t n_runs,
                          struct json_builder *json) {
        static const struct {
                const char *name;
                double share;
        } shown[] = {
                { "0.01", 0.01 }, { "0.05", 0.05 }, { "0.1", 0.1 },   { "0.25", 0.25 }, { "0.5", 0.5 },
                { "0.75", 0.75 }, { "0.9", 0.9 },   { "0.95", 0.95 }, { "0.99", 0.99 },
        };

        json_key(json, "quantiles");
        json_begin_object(json);
        for (size_t i = 0; i < N_ELEMENTS(shown); i++)
                key_number(sketch, shown[i].name, sketch_quantile(runs, n_runs, shown[i].share), json);
        json_end_object(json);
}

/* Bins of equal width between the ends; each holds its lower end, the last one both. */
static void put_histogram(const struct sketch *sketch, const struct number_run *runs, size_t n_runs,
                          struct json_builder *json) {
        uint64_t counts[SKETCH_HISTOGRAM_BINS] = { 0 };
        double low = sketch->min, width = (sketch->max - sketch->min) / SKETCH_HISTOGRAM_BINS;
        size_t n_bins = width > 0.0 ? SKETCH_HISTOGRAM_BINS : 1;

        if (!isfinite(width))
                return;
        for (size_t i = 0; i < n_runs; i++) {
                size_t bin = n_bins > 1 ? (size_t)((runs[i].value - low) / width) : 0;

                counts[bin < n_bins ? bin : n_bins - 1] += runs[i].count;
        }
        json_key(json, "histogram");
        json_begin_array(json);
        for (size_t i = 0; i < n_bins; i++) {
                json_begin_object(json);
                json_key_double(json, "low", low + width * (double)i);
                json_key_double(json, "high", i + 1 == n_bins ? sketch->max : low + width * (double)(i + 1));
                json_key_uint64(json, "count", counts[i]);
                json_end_object(json);
        }
        json_end_array(json);
}

/* Most frequent first; among equals the one that came first, or the least. */
static int compare_runs(const void *a, const void *b) {
        const struct number_run *x = a, *y = b;

        if (x->count != y->count)
                return x->count < y->count ? 1 : -1;
        return x->value < y->value ? -1 : x->value > y->value;
}

static int compare_entries(const void *a, const void *b) {
        const struct text_count *x = *(const struct text_count *const *)a;
        const struct text_count *y = *(const struct text_count *const *)b;
        size_t n_x = text_counts_shown_bytes(x->n_bytes);
        size_t n_y = text_counts_shown_bytes(y->n_bytes);
        int order;

        if (x->count != y->count)
                return x->count < y->count ? 1 : -1;
        order = memcmp(x->text, y->text, n_x < n_y ? n_x : n_y);
        return order ? order : n_x < n_y ? -1 : n_x > n_y;
}

static int put_top_numbers(const struct sketch *sketch, struct json_builder *json) {
        _cleanup_(free_pointer) struct number_run *runs = NULL;
        size_t n = sketch->numbers.n_runs;

        runs = malloc((n + 1) * sizeof(*runs));
        if (!runs)
                return error_origin(-ENOMEM, "n_values=%zu writing statistics", n);
        if (n) {
                memcpy(runs, sketch->numbers.runs, n * sizeof(*runs));
                qsort(runs, n, sizeof(*runs), compare_runs);
        }
        for (size_t i = 0; i < n && i < SKETCH_TOP; i++) {
                json_begin_object(json);
                key_number(sketch, "value", runs[i].value, json);
                json_key_uint64(json, "count", runs[i].count);
                json_end_object(json);
        }
        return 0;
}

static int put_top_texts(const struct sketch *sketch, struct json_builder *json) {
        _cleanup_(free_pointer) const struct text_count **entries = NULL;
        size_t n = sketch->texts.n_entries;

        entries = malloc((n + 1) * sizeof(*entries));
        if (!entries)
                return error_origin(-ENOMEM, "n_values=%zu writing statistics", n);
        for (size_t i = 0; i < n; i++)
                entries[i] = &sketch->texts.entries[i];
        qsort(entries, n, sizeof(*entries), compare_entries);
        for (size_t i = 0; i < n && i < SKETCH_TOP; i++) {
                size_t n_bytes = entries[i]->n_bytes;

                json_begin_object(json);
                json_key(json, "value");
                json_put_text_n(json, entries[i]->text, text_counts_shown_bytes(n_bytes));
                json_key_uint64(json, "count", entries[i]->count);
                json_end_object(json);
        }
        return 0;
}

static int put_numbers(const struct sketch *sketch, struct json_builder *json) {
        _cleanup_(free_pointer) struct number_run *runs = NULL;
        size_t n_runs;
        int r;

        r = sketch_runs(sketch, &runs, &n_runs);
        if (r)
                return error_trace(r);
        json_key_double(json, "mean", sketch->mean);
        json_key_double(json, "deviation", sketch_deviation(sketch));
        key_number(sketch, "min", sketch->min, json);
        key_number(sketch, "max", sketch->max, json);
        put_quantiles(sketch, runs, n_runs, json);
        put_histogram(sketch, runs, n_runs, json);
        return 0;
}

int sketch_put_json(const struct sketch *sketch, struct json_builder *json) {
        uint64_t n_distinct;
        int r = 0;

        json_begin_object(json);
        json_key_text(json, "type", value_type_name(sketch->type));
        json_key_uint64(json, "count", sketch->n_present);
        json_key_uint64(json, "missing", sketch->n_missing);
        if (sketch_n_distinct(sketch, &n_distinct))
                json_key_uint64(json, "distinct", n_distinct);
        json_key_bool(json, "approximate", sketch_is_approximate(sketch));
        if (!sketch_is_text(sketch) && sketch->n_present)
                r = put_numbers(sketch, json);
        if (r)
                return error_trace(r);
        json_key(json, "top");
        json_begin_array(json);
        r = sketch_is_text(sketch) ? put_top_texts(sketch, json) : put_top_numbers(sketch, json);
        json_end_array(json);
        json_end_object(json);
        return error_trace(r);
}
