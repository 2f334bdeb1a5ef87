#pragma once

/*
 * Check store
 *
 * What doctor finds out about the places where artifacts and models lie: that the store can be written, read and
 * cleared, that the registry can be, and that its champion is sound. Whatever is written is removed again.
 */

#include "cli/findings.h"
#include "proto/pipeline.h"

/* s3:// or file:// */
bool check_store_is_far(const char *uri);

/* A store of files in a home that is not there is left alone. limit_ms is for what lies far away. */
void check_store(struct findings *findings, const char *home, const struct pipeline *pipeline, int limit_ms);
void check_registry(struct findings *findings, const char *home, const struct pipeline *pipeline, int limit_ms);
