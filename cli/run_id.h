#pragma once

/*
 * Run id
 *
 * How a person names a run: by its id, or by as many of its first characters as no other run has, eight at least. Ids
 * begin with their time, so those of one minute have the first eight in common.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cli/client.h"
#include "common/base/fault.h"
#include "common/base/uuid.h"
#include "common/store/store.h"

#define RUN_ID_PREFIX_LEAST 8

/* for --help */
#define RUN_ID_HELP "RUN is a run's id, or as many of its first characters as name only one, at least 8.\n"

/* True for an id, and for what one may begin with. */
bool run_id_is_possible(const char *text);

/* Of the ids that are offered one after the other, those that begin with text, which is possible. */
struct run_id_search {
        const char *text; /* borrowed */
        size_t n_found;
        char found[UUID_TEXT_BYTES]; /* the first */
        char others[4 * UUID_TEXT_BYTES];
};

void run_id_offer(struct run_id_search *search, const char *id);

/* 0 with the only one; FAULT_E_INPUT: RUN_UNKNOWN, or RUN_AMBIGUOUS naming the first of them. */
int run_id_conclude(const struct run_id_search *search, char ret_id[UUID_TEXT_BYTES], struct fault *fault);

/* Among the gateway's runs; an id is taken as it is. The exit code, after an explanation when it is not 0. */
int run_id_find(struct client *client, const char *text, char ret_id[UUID_TEXT_BYTES]);

/* Among the runs that the store knows. 0, FAULT_E_INPUT as run_id_conclude(), or a negative errno. */
int run_id_find_in_store(struct store *store, const char *text, char ret_id[UUID_TEXT_BYTES], struct fault *fault);
