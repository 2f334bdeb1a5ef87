#pragma once

/*
 * Check S3
 *
 * What doctor finds out about a bucket: that it lists, that it writes, that it refuses to write when a condition does
 * not hold (without that, moves of an alias would be lost), that it reads and that it removes. For each refusal the
 * action of IAM that is missing is named.
 */

#include "cli/findings.h"

/* name is that of the findings, "store" or "registry"; uri is s3://…. Whatever is written is removed again. Takes as
 * long as limit_ms, and a little more to clear up. True when all is well, which is for the caller to tell. */
bool check_s3(struct findings *findings, const char *name, const char *uri, int limit_ms);
