#pragma once

/*
 * Generated rows as a source: `generate:rows=N,seed=S`
 *
 * rows (1 … 10¹², default 50000) and seed (0 … 2⁶³-1, default 1) may stand in any order. The columns come from
 * generator.yaml in the pipeline's folder. Batches are made ahead, one per thread and at most four, so memory is
 * bounded by four batches.
 */

#include <stdint.h>

#include "common/base/fault.h"
#include "common/source/source.h"

#define SOURCE_GENERATE_SCHEME "generate:"

struct source_generate_request {
        uint64_t n_rows;
        uint64_t seed;
};

/* Reads a URI of this scheme. 0, or FAULT_E_INPUT (SOURCE_URI_INVALID) naming the key and the value. */
int source_generate_parse(const char *uri, struct source_generate_request *ret_request, struct fault *fault);

/* Reads generator.yaml of the pipeline's folder as source_open() would, and hands nothing out: for complaints about it
 * before rows are asked for. As generator_create(). */
int source_generate_check(const char *pipeline_path, const struct schema *schema, struct fault *fault);

/* As source_open(). */
int source_generate_open(const struct source_options *options, struct source **ret_source, struct fault *fault);
