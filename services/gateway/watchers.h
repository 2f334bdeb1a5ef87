#pragma once

/*
 * Watchers
 *
 * The streams that want to hear of a run's events, each held. Owned by the thread of line.h.
 */

#include <stdbool.h>

#include "services/gateway/runs.h"
#include "services/gateway/stream.h"

struct watchers {
        struct stream *first;
};

#define WATCHERS_NULL \
        { 0 }

void watchers_add(struct watchers *watchers, struct stream *stream);

/* One that is not there is fine. */
void watchers_remove(struct watchers *watchers, struct stream *stream);

/* Tells those who watch the run; the last event ends their streams. */
void watchers_tell(struct watchers *watchers, const char *run, const struct ledger_event *event, bool is_last);

/* Tells how far stages are, as `stage` events without an id: they are not kept. */
void watchers_tell_progress(struct watchers *watchers, struct runs *runs);

/* To be called each second: sends a comment on streams that were silent for long. */
void watchers_keep_alive(struct watchers *watchers);

/* Ends all streams: the line stops. */
void watchers_end(struct watchers *watchers);
