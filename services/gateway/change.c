/* Change: one transaction of the spool. */

#include "services/gateway/change.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/error.h"
#include "proto/stage_manifest.h"
#include "services/stage/stage_crash.h"

int change_init(struct change *change, struct fault *fault) {
        char endpoint[SOCKET_ENDPOINT_BYTES];
        int r;

        change->view = calloc(1, sizeof(*change->view));
        if (!change->view)
                return error_origin(-ENOMEM, "creating a view of runs");
        for (int i = 0; i < STAGE_N_WORKERS; i++) {
                r = stage_endpoint((enum stage)i, endpoint, fault);
                if (!r)
                        r = courier_connect(change->courier, stage_name((enum stage)i), endpoint);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

void change_finish(struct change *change) {
        for (size_t i = 0; i < CHANGE_EVENTS_MAX; i++)
                buffer_finish(&change->events[i].data);
        free(change->view);
        change->view = NULL;
}

int change_begin(struct change *change) {
        change->n_events = 0;
        return error_trace(spool_begin(change->spool));
}

int change_end(struct change *change, const char *run, int r) {
        if (r) {
                spool_rollback(change->spool);
                return r;
        }
        r = spool_commit(change->spool);
        if (r)
                return error_trace(r);
        stage_crash_at(STAGE_GATEWAY, STAGE_CRASH_COMMITTED);
        for (size_t i = 0; i < change->n_events; i++) {
                struct ledger_event event = { .number = change->events[i].number,
                                              .data = buffer_text(&change->events[i].data),
                                              .n_bytes = change->events[i].data.n_bytes };

                snprintf(event.kind, sizeof(event.kind), "%s", change->events[i].kind);
                change->on_event(change->context, run, &event, change->events[i].is_last);
        }
        return error_trace(courier_flush(change->courier));
}

/* The next event, empty. */
static struct change_event *open_event(struct change *change, const char *kind) {
        struct change_event *event = &change->events[change->n_events];

        assert(change->n_events < CHANGE_EVENTS_MAX);
        event->is_last = false;
        buffer_clear(&event->data);
        snprintf(event->kind, sizeof(event->kind), "%s", kind);
        return event;
}

static int keep_event(struct change *change, const char *run, struct change_event *event) {
        int r;

        r = ledger_add_event(change->ledger, run, event->kind, &event->data, &event->number);
        if (r)
                return error_trace(r);
        change->n_events++;
        return 0;
}

int change_put_run(struct change *change, const struct run_manifest *run) {
        struct change_event *event = open_event(change, "run");
        struct json_builder json;
        int r;

        r = ledger_put_run(change->ledger, run);
        if (!r)
                r = ledger_get_view(change->ledger, run->run_id, change->view);
        if (r)
                return error_trace(r);
        event->is_last = run_state_is_final(run->state);
        json = json_begin(&event->data, JSON_COMPACT);
        run_view_put_json(change->view, &json);
        r = json_end(&json);
        return r ? error_trace(r) : error_trace(keep_event(change, run->run_id, event));
}

int change_put_stage(struct change *change, const char *run, const struct ledger_stage *stage) {
        struct change_event *event = open_event(change, "stage");
        struct json_builder json;
        int r;

        r = ledger_put_stage(change->ledger, run, stage);
        if (r)
                return error_trace(r);
        json = json_begin(&event->data, JSON_COMPACT);
        run_view_put_stage_json(stage->stage, &stage->row, &json);
        r = json_end(&json);
        return r ? error_trace(r) : error_trace(keep_event(change, run, event));
}

int change_post(struct change *change, enum stage stage, const struct run_manifest *run, enum message_type type,
                const void *message) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct envelope envelope;
        int r;

        envelope_init(&envelope, run->run_id, run->attempt, change->sequence++, run->traceparent);
        r = envelope_pack(&envelope, type, message_record(type), message, &frame);
        if (!r)
                r = courier_post(change->courier, stage_name(stage), run->run_id, frame.data, frame.n_bytes);
        return error_trace(r);
}

int change_store(struct change *change, const struct run_manifest *run) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES];
        int r;

        stage_manifest_name(run->run_id, STAGE_GATEWAY, name);
        r = run_manifest_write(run, &text);
        if (!r)
                r = store_put(change->store, name, text.data, text.n_bytes);
        if (!r)
                stage_crash_at(STAGE_GATEWAY, STAGE_CRASH_STORED);
        return error_trace(r);
}
