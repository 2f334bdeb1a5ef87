#pragma once

/* What line.c gives to line_calls.c, which runs in the same thread. */

#include "services/gateway/line.h"
#include "services/gateway/runs.h"
#include "services/gateway/watchers.h"

struct runs *line_runs(struct line *line);
struct ledger *line_ledger(struct line *line);
const struct pipeline *line_pipeline(const struct line *line);

struct watchers *line_watchers(struct line *line);
