#pragma once

/*
 * Overrides
 *
 * Where one run's parameters differ from the pipeline's, which may have been edited since, in the shape in which
 * POST /training takes them:
 *
 *      {"train":{"seed":5,"max_depth":"3"},"evaluate":{"mode":"refresh"}}
 */

#include "common/base/json_builder.h"
#include "proto/parameters.h"

/* Appends the object; a section without a difference is left out. */
void overrides_put_json(const struct parameters *of_run, const struct parameters *of_pipeline,
                        struct json_builder *json);
