#pragma once

/*
 * Lineage
 *
 * Where a model version comes from, as its manifest.json says it beside the list of files (common/store/manifest.h):
 *
 *     "build_id":"…","xgboost":"1.7.4","seed":1,"n_rounds":86,
 *     "split":{"salt":1,"test_ten_thousandths":2500},
 *     "datasets":{"train":{dataset},"test":{dataset}},
 *     "parameters":{…},
 *     "champion":{"version":2,"metrics":{scores}},       what it was compared with; left out when there was none
 *     "metrics":{scores}                                 its own, on all test rows
 */

#include <stddef.h>

#include "common/base/fault.h"
#include "common/base/json_builder.h"
#include "proto/evaluator_to_pusher.h"

/* Writes the members into the object that is open in the builder. */
void lineage_put_json(const struct evaluator_to_pusher *message, const char *build, struct json_builder *json);

/* The split under which a version was trained, from the text of its manifest. 0, FAULT_E_INPUT (JSON_*), or -ENOMEM. */
int lineage_read_split(const void *manifest, size_t n_bytes, struct split *ret_split, struct fault *fault);
