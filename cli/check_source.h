#pragma once

/*
 * Check source
 *
 * What doctor finds out about the place that rows come from: that it is there, that it lets us read, and that its first
 * rows are what the schema says; else what to do about that. Reads little: the first documents of a collection, the
 * first batch of a file.
 */

#include "cli/findings.h"
#include "proto/pipeline.h"

/* Takes some seconds at most, but where the names of hosts are not answered. No user name and no password is told. */
void check_source(struct findings *findings, const struct pipeline *pipeline);
