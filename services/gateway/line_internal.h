#pragma once

/* What line.c gives to line_calls.c, which runs in the same thread. */

#include "services/gateway/line.h"
#include "services/gateway/runs.h"
#include "services/gateway/stream.h"

struct runs *line_runs(struct line *line);
struct ledger *line_ledger(struct line *line);

/* Streams that are told of events. */
void line_add_stream(struct line *line, struct stream *stream);
void line_remove_stream(struct line *line, struct stream *stream);
