#pragma once

/*
 * Check gateway
 *
 * What doctor learns by asking the gateway: whether it is the one of this home and pipeline, whether all stages live
 * and what they wait for, and whether the champion answers.
 */

#include "cli/findings.h"
#include "common/base/options.h"
#include "proto/pipeline.h"

/* pipeline may be NULL. */
void check_gateway(struct findings *findings, const struct options *options, const struct pipeline *pipeline);
