#pragma once

/*
 * Check programs
 *
 * What doctor finds out about the daemons' programs: whether each is there and accepts the configuration.
 */

#include "cli/findings.h"
#include "common/base/options.h"
#include "proto/pipeline.h"

/* pipeline is NULL when it cannot be read: then each daemon looks for it as it does when it starts. Sets CONVOY_HOME
 * and CONVOY_PIPELINE. */
void check_programs(struct findings *findings, const struct options *options, const struct pipeline *pipeline);
