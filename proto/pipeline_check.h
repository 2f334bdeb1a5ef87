#pragma once

/*
 * Pipeline, checked
 *
 * pipeline.yaml says more than its own grammar can refuse: it names a schema, columns of it, and rows to be generated.
 * Here the files are held against each other before anything starts, by every daemon and by the command line.
 */

#include "common/data/schema/schema.h"
#include "proto/pipeline.h"

/* Reads the schema, and checks by it the columns that transform names and, where rows are generated, generator.yaml. 0,
 * FAULT_E_INPUT with file, line and position (TRANSFORM_*, what schema_load() and generator_create() say), or a
 * negative errno. The caller destroys the schema; ret_schema may be NULL. */
int pipeline_check(const struct pipeline *pipeline, struct schema **ret_schema, struct fault *fault);
