#pragma once

/*
 * Progress
 *
 * A run in words: from the JSON of GET /runs/{id} to lines for people. Pure functions over that JSON, which may lack
 * anything.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/json.h"
#include "proto/heartbeat.h"

#define PROGRESS_BAR_COLUMNS 28

/* Appends one line per stage with its bar, "transformer  [=====>     ] 45,000 of 100,000 rows". Each line is cut at
 * n_columns and ends with "\n". 0 or -ENOMEM. */
int progress_put_bars(const struct json_value *run, size_t n_columns, struct buffer *text);

/* What was told last of a stage; both "" at first. */
struct progress_told {
        char state[16];
        char waits_for[HEARTBEAT_REASON_BYTES];
};

/* Appends a line, "transformer succeeded in 0.12 s, 50,000 rows\n", for each stage whose state is not the one that was
 * told, and one when it begins to wait for something else than it did in that state; PENDING is passed over. told has
 * one element per stage, in their order, and is brought up to date. */
int progress_put_changes(const struct json_value *run, struct progress_told *told, size_t n_told, struct buffer *text);

/* Appends how the run ended: state, metrics of candidate and champion, accepted, promoted, version, reasons, error. */
int progress_put_outcome(const struct json_value *run, struct buffer *text);

/* Appends what the run was given otherwise than the pipeline says, "  train.seed=5\n" each, as `convoy train --set`
 * takes it; nothing when there is nothing. */
int progress_put_overrides(const struct json_value *run, struct buffer *text);

/* Appends a whole number with commas between thousands. */
int progress_put_number(int64_t number, struct buffer *text);
