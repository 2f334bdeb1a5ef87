#pragma once

/*
 * Bundle
 *
 * What turns raw rows into decisions, loaded from a model version's files and never changed afterwards, so threads may
 * share it: schema.yaml (what a row is), transform.json (features), model.ubj (forest) and threshold.json (where a
 * margin begins to count as positive). Nothing in these files can run code. Where the bytes come from, and that they
 * are the published ones, is for the caller to ensure (registry.h).
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/model/features.h"
#include "common/model/forest.h"
#include "common/model/threshold.h"

#define BUNDLE_SCHEMA "schema.yaml"
#define BUNDLE_TRANSFORM "transform.json"
#define BUNDLE_MODEL "model.ubj"
#define BUNDLE_THRESHOLD "threshold.json"

struct bundle_bytes {
        const void *data;
        size_t n_bytes;
};

/* The four files; borrowed for the call. */
struct bundle_parts {
        struct bundle_bytes schema, transform, model, threshold;
};

struct bundle {
        struct schema *schema;
        struct features *features;
        struct forest *forest;
        struct threshold threshold;
};

#define BUNDLE_NULL \
        { 0 }

/* FAULT_E_INPUT, its file one of the four names, when a part cannot be read or the parts do not fit each other: the
 * forest wants other features than the transform gives, by number or by name (BUNDLE_FEATURES), or does not answer yes
 * or no (BUNDLE_OBJECTIVE). Or a negative errno. */
int bundle_load(const struct bundle_parts *parts, struct bundle *ret_bundle, struct fault *fault);
void bundle_finish(struct bundle *bundle);

/* threshold.json: appended, and read. FAULT_E_INPUT for one that is not finite or not of this form. */
int bundle_save_threshold(const struct threshold *threshold, struct buffer *json);
int bundle_load_threshold(const void *json, size_t n_bytes, struct threshold *ret_threshold, struct fault *fault);

/* Margins of all rows of the tables, in their order, spread over all cores; ret_margins has room for the sum of their
 * rows. FAULT_E_INPUT naming column and row (counted from the first table's first) when a row cannot be transformed. */
int bundle_score(const struct bundle *bundle, const struct table *tables, size_t n_tables, float *ret_margins,
                 struct fault *fault);
