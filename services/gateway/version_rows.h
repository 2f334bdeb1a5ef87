#pragma once

/*
 * Version rows
 *
 * What GET /models tells of each version, as JSON. A version never changes, so that its manifest is read once; the rows
 * are kept in a table of fixed size, in which later ones take the places of earlier ones. Owned by one thread.
 */

#include "common/base/buffer.h"
#include "common/store/registry.h"

#define VERSION_ROWS_MAX 512

struct version_row {
        int64_t version; /* 0: nothing is kept here */
        struct buffer json;
};

struct version_rows {
        struct registry *registry; /* borrowed */
        struct version_row rows[VERSION_ROWS_MAX];
        int64_t retired; /* one of those that went last, as far as is known; 0: none */
};

void version_rows_finish(struct version_rows *rows);

/* Reads each anew: another registry may stand where this one did. */
void version_rows_forget(struct version_rows *rows);

/* Likewise, when versions went since the last call: those that the aliases name as retired. */
void version_rows_follow(struct version_rows *rows, const struct aliases *aliases);

/* The row of a version, borrowed until the next call. 0; REGISTRY_E_MISSING for one that was never completed;
 * REGISTRY_E_CORRUPT for one that cannot be read (told in the log); or a negative errno. */
int version_rows_get(struct version_rows *rows, int64_t version, const struct buffer **ret_json);

/* A row into the array that is open, of a registry that is at hand; one that is not there, or damaged, is left out. 0
 * or a negative errno. */
int version_row_put(struct registry *registry, int64_t version, struct json_builder *json);
