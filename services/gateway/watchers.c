/* Watchers: a list, walked for each event. */

#include "services/gateway/watchers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"

void watchers_add(struct watchers *watchers, struct stream *stream) {
        stream->next = watchers->first;
        watchers->first = stream;
        stream_hold(stream);
}

void watchers_remove(struct watchers *watchers, struct stream *stream) {
        for (struct stream **at = &watchers->first; *at; at = &(*at)->next)
                if (*at == stream) {
                        *at = stream->next;
                        stream_release(stream);
                        return;
                }
}

void watchers_tell(struct watchers *watchers, const char *run, const struct ledger_event *event, bool is_last) {
        int r;

        for (struct stream *stream = watchers->first; stream; stream = stream->next) {
                if (strcmp(stream->run, run) != 0)
                        continue;
                r = stream_tell(stream, event);
                if (r)
                        log_warn("run=%s number=%lld an event was not sent, its stream is ended", run,
                                 (long long)event->number);
                if (is_last)
                        stream_end(stream);
        }
}

static bool is_watched(const struct watchers *watchers, const char *run) {
        for (const struct stream *stream = watchers->first; stream; stream = stream->next)
                if (!strcmp(stream->run, run))
                        return true;
        return false;
}

static int tell_stage(struct watchers *watchers, const struct run_view *view, enum stage stage) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct ledger_event event = { .kind = "stage" };
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        int r;

        run_view_put_stage_json(stage, &view->stages[stage], &json);
        r = json_end(&json);
        if (r)
                return error_trace(r);
        event.data = buffer_text(&text);
        event.n_bytes = text.n_bytes;
        watchers_tell(watchers, view->run_id, &event, false);
        return 0;
}

void watchers_tell_progress(struct watchers *watchers, struct runs *runs) {
        _cleanup_(free_pointer) struct run_view *view = NULL;
        char run[UUID_TEXT_BYTES];
        unsigned news = runs_take_progress(runs, run);
        int r;

        if (!news || !is_watched(watchers, run))
                return;
        view = calloc(1, sizeof(*view));
        r = view ? runs_view(runs, run, view) : -ENOMEM;
        for (int i = 0; !r && i < STAGE_N_WORKERS; i++)
                if (news & 1U << i && view->stages[i].state == RUN_STATE_RUNNING)
                        r = tell_stage(watchers, view, (enum stage)i);
        if (r)
                log_warn("run=%s its progress was not told, ignoring", run);
}

void watchers_keep_alive(struct watchers *watchers) {
        for (struct stream *stream = watchers->first; stream; stream = stream->next)
                if (stream_keep_alive(stream))
                        return;
}

void watchers_end(struct watchers *watchers) {
        struct stream *stream;

        while ((stream = watchers->first)) {
                watchers->first = stream->next;
                stream_end(stream);
                stream_release(stream);
        }
}
