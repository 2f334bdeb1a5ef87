/* Change: one transaction of the spool. */

#include "services/gateway/change.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/stage_manifest.h"

/* for all that a change asks of the store: the thread has others waiting, and what could not be done is done later */
enum { STORE_MS = 3000 };

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
        change->is_stored = false;
        store_set_deadline(change->store, clock_monotonic_ms() + STORE_MS);
        return error_trace(spool_begin(change->spool));
}

static int put_manifest(struct change *change, const struct run_manifest *run) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES];
        int r;

        stage_manifest_name(run->run_id, STAGE_GATEWAY, name);
        r = run_manifest_write(run, &text);
        if (!r)
                r = store_put(change->store, name, text.data, text.n_bytes);
        return error_trace(r);
}

/* Makes run.json what the ledger says of the run again, and removes that of a run which the ledger does not know: a
 * rebuild of the ledger would else bring about the change whose caller was told that it failed. */
static void restore_manifest(struct change *change, const char *run) {
        _cleanup_(free_pointer) struct run_manifest *manifest = calloc(1, sizeof(*manifest));
        char name[MANIFEST_NAME_BYTES];
        int r;

        r = manifest ? ledger_get_run(change->ledger, run, manifest) : -ENOMEM;
        if (!r) {
                r = put_manifest(change, manifest);
        } else if (r == LEDGER_E_NONE) {
                stage_manifest_name(run, STAGE_GATEWAY, name);
                r = store_remove(change->store, name);
        }
        if (r < 0)
                log_warn("run=%s errno=%d run.json may still tell of a change that was not made, ignoring", run, -r);
}

int change_end(struct change *change, const char *run, int r) {
        if (r)
                spool_rollback(change->spool);
        else
                r = error_trace(spool_commit(change->spool));
        if (r) {
                if (change->is_stored)
                        restore_manifest(change, run);
                return r;
        }
        crash_point_at(stage_name(STAGE_GATEWAY), CRASH_POINT_COMMITTED);
        for (size_t i = 0; i < change->n_events; i++) {
                struct ledger_event event = { .number = change->events[i].number,
                                              .data = buffer_text(&change->events[i].data),
                                              .n_bytes = change->events[i].data.n_bytes };

                snprintf(event.kind, sizeof(event.kind), "%s", change->events[i].kind);
                change->on_event(change->context, run, &event, change->events[i].is_last);
        }
        /* the change is made, whatever comes of the messages: they lie in the outbox, and courier_wait() sends them */
        courier_flush(change->courier);
        return 0;
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
        int r;

        change->is_stored = true;
        r = put_manifest(change, run);
        if (!r)
                crash_point_at(stage_name(STAGE_GATEWAY), CRASH_POINT_STORED);
        return error_trace(r);
}
