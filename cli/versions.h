#pragma once

/*
 * Versions
 *
 * The versions of the model that a gateway serves, with their aliases, as people read them.
 */

#include <stdbool.h>

#include "cli/client.h"

/* Prints all versions, newest first, given the root of the first page of GET /models; the other pages are asked for. As
 * JSON: what GET /models answers, with the versions of all pages. The exit code. */
int versions_print(struct client *client, const struct json_value *first, bool is_json);

/* What stands in an answer about a model beside its versions or moves, as lines: a registry that is away, rollbacks
 * that it has yet to hear of, and the last one that it would not have. Nothing as a rule. */
void versions_print_news(const struct json_value *model);
