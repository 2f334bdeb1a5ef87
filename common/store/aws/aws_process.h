#pragma once

/*
 * credential_process
 *
 * A command that a profile names, and that prints keys. Internal to aws_credentials.
 */

#include "common/store/aws/aws_search.h"

/* The standard output of a command (run by sh) that gives keys as JSON, version 1. Its standard error is discarded,
 * since nobody knows what it holds. It has a minute until it has ended, or as long as the deadline of the search's http
 * leaves it; then it is killed with its process group. Returns as a provider does. */
int aws_process_run(struct aws_search *search, const char *command, struct aws_keys *ret_keys);
