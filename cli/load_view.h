#pragma once

/*
 * Load view
 *
 * How a load into MongoDB is shown: a bar on a terminal, lines elsewhere, silent when the summary shall be JSON alone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cli/bars.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "common/source/mongo/mongo_load.h"
#include "common/source/source.h"
#include "proto/pipeline.h"

struct load_view {
        const char *collection; /* borrowed, as the next three */
        const char *path;
        const struct schema *schema;
        const struct pipeline_source *runs_read; /* where the pipeline's runs read */
        enum follow_style style;
        bool is_dropped;
        int64_t started_ms;
        struct bars bars;
        struct progress_told told;
};

void load_view_init(struct load_view *view, const char *collection, const char *path, const struct schema *schema,
                    const struct pipeline_source *runs_read, bool is_json);
void load_view_finish(struct load_view *view);

/* What the load found, and what it removed; and the first picture. n_rows as below. */
void load_view_begin(struct load_view *view, const struct mongo_load_progress *progress, bool is_dropped,
                     int64_t n_rows);

/* How far it is, of n_rows; -1: not known. */
void load_view_draw(struct load_view *view, const struct mongo_load_progress *progress, int64_t n_rows);

/* Leaves the bar, for sentences below it. */
void load_view_leave(struct load_view *view);

/* The summary, in words or as JSON. 0 or -ENOMEM. */
int load_view_end(struct load_view *view, const struct mongo_load_progress *progress, const struct source *source);

/* The same of a load that ended before its end: how far it came, and how it goes on. */
void load_view_end_early(struct load_view *view, const struct mongo_load_progress *progress);
