/* Rebuild: lists runs/, reads what it finds. */

#include "services/gateway/rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/stage_manifest.h"

struct rebuild {
        struct store *store;
        struct registry *registry;
        struct ledger *ledger;
        struct run_manifest *run;
        struct stage_manifest *stage;
        struct rebuild_counts counts;
};

/* An unreadable manifest is counted and passed over; a failure of the machine is not. */
static int skip_unreadable(struct rebuild *rebuild, int r, const char *name, const struct fault *fault) {
        char text[FAULT_TEXT_BYTES];

        if (r == FAULT_E_INPUT) {
                log_warn("name=%s a manifest cannot be read (%s), ignoring", name,
                         fault_format(fault, text, sizeof(text)));
                rebuild->counts.n_unreadable++;
                return 0;
        }
        return r < 0 ? error_trace(r) : 0;
}

static int read_run(struct rebuild *rebuild, const char *name, struct run_manifest *ret_run, bool *ret_is_read) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        int r;

        *ret_is_read = false;
        r = store_get(rebuild->store, name, &text, NULL);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        r = run_manifest_read(text.data, text.n_bytes, ret_run, &fault);
        *ret_is_read = !r;
        return skip_unreadable(rebuild, r, name, &fault);
}

/* Whether the manifest tells how the stage ended in the run's last attempt: what succeeded is never done again, but a
 * failure or cancel may be of an earlier one. */
static bool is_of_last_attempt(const struct run_manifest *run, const struct stage_manifest *stage) {
        return stage->attempt == run->attempt || stage->end.state == RUN_STATE_SUCCEEDED ||
               stage->end.state == RUN_STATE_SKIPPED;
}

/* ret_goes_on: later stages may have a row, too. */
static int put_stage(struct rebuild *rebuild, const char *run, enum stage stage, bool *ret_goes_on) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct ledger_stage row = { .stage = stage };
        struct fault fault = FAULT_NULL;
        char name[MANIFEST_NAME_BYTES];
        bool has_output;
        int r;

        *ret_goes_on = false;
        stage_manifest_name(run, stage, name);
        r = store_get(rebuild->store, name, &text, NULL);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        r = stage_manifest_read(text.data, text.n_bytes, stage, rebuild->stage, NULL, &has_output, &fault);
        if (r)
                return skip_unreadable(rebuild, r, name, &fault);
        if (!is_of_last_attempt(rebuild->run, rebuild->stage))
                return 0;
        *ret_goes_on = rebuild->stage->end.state == RUN_STATE_SUCCEEDED ||
                       rebuild->stage->end.state == RUN_STATE_SKIPPED;
        row.attempt = rebuild->stage->attempt;
        run_view_end_row(&row.row, &rebuild->stage->end);
        rebuild->counts.n_stages++;
        return error_trace(ledger_put_stage(rebuild->ledger, run, &row));
}

/* Takes over the release that the pusher has left in its manifest, if it has, and ends the run. An unreadable one is
 * told by put_stage(). */
static int take_release(struct rebuild *rebuild, struct run_manifest *run) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const struct stage_to_gateway *end = &rebuild->stage->end;
        struct pusher_to_gateway release = PUSHER_TO_GATEWAY_NULL;
        struct fault fault = FAULT_NULL;
        char name[MANIFEST_NAME_BYTES];
        bool has_release = false;
        int r;

        stage_manifest_name(run->run_id, STAGE_PUSHER, name);
        r = store_get(rebuild->store, name, &text, NULL);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        r = stage_manifest_read(text.data, text.n_bytes, STAGE_PUSHER, rebuild->stage, &release, &has_release, &fault);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        if (end->state != RUN_STATE_SUCCEEDED || !has_release)
                return 0;
        run->has_release = true;
        run->release = release;
        run->state = RUN_STATE_SUCCEEDED;
        run->finished_at = end->finished_at;
        return 0;
}

/* Whether the run has a version: then its pusher goes on to hand it out. */
static int is_past_return(struct rebuild *rebuild, const char *run, bool *ret_is_past) {
        int r;

        *ret_is_past = false;
        r = registry_has_published(rebuild->registry, run, ret_is_past);
        if (r > 0)
                log_warn("run=%s the registry cannot say whether the run has a version, ignoring", run);
        return r < 0 ? error_trace(r) : 0;
}

/* Gives a run that was in flight the state from which it can go on, or in which it ended: messages about it may be
 * lost. */
static int resolve(struct rebuild *rebuild, struct run_manifest *run) {
        bool goes_on = run->state == RUN_STATE_RUNNING;
        int r;

        if (run->state != RUN_STATE_RUNNING && run->state != RUN_STATE_CANCELING)
                return 0;
        r = take_release(rebuild, run);
        if (!r && run->state == RUN_STATE_CANCELING)
                r = is_past_return(rebuild, run->run_id, &goes_on);
        if (r || run->state == RUN_STATE_SUCCEEDED)
                return error_trace(r);
        if (goes_on) {
                run->state = RUN_STATE_PENDING;
                run->attempt++;
        } else {
                run->state = RUN_STATE_CANCELED;
                run->finished_at = clock_realtime_ms();
        }
        return 0;
}

/* The entry of a run's folder. */
static int rebuild_run(void *context, const struct store_entry *entry) {
        struct rebuild *rebuild = context;
        char run[UUID_TEXT_BYTES], name[MANIFEST_NAME_BYTES];
        bool is_read, goes_on = true;
        int r;

        snprintf(run, sizeof(run), "%.*s", (int)strcspn(entry->name, "/"), entry->name);
        if (!uuid_is_valid(run))
                return 0;
        stage_manifest_name(run, STAGE_GATEWAY, name);
        r = read_run(rebuild, name, rebuild->run, &is_read);
        if (r || !is_read)
                return error_trace(r);
        r = resolve(rebuild, rebuild->run);
        if (!r)
                r = ledger_put_run(rebuild->ledger, rebuild->run);
        if (!r && *rebuild->run->idempotency_key)
                r = ledger_put_key(rebuild->ledger, rebuild->run->idempotency_key, rebuild->run->request_sha256, run,
                                   rebuild->run->created_at);
        for (int i = 0; !r && goes_on && i < STAGE_N_WORKERS && rebuild->run->state != RUN_STATE_PENDING; i++)
                r = put_stage(rebuild, run, (enum stage)i, &goes_on);
        if (r)
                return error_trace(r);
        rebuild->counts.n_runs++;
        return 0;
}

int rebuild_ledger(struct store *store, struct registry *registry, struct spool *spool, struct ledger *ledger,
                   struct rebuild_counts *ret_counts) {
        _cleanup_(free_pointer) struct run_manifest *run = calloc(1, sizeof(*run));
        _cleanup_(free_pointer) struct stage_manifest *stage = calloc(1, sizeof(*stage));
        struct rebuild rebuild = { .store = store, .registry = registry, .ledger = ledger, .run = run, .stage = stage };
        int r;

        if (!run || !stage)
                return error_origin(-ENOMEM, "rebuilding the ledger");
        r = spool_begin(spool);
        if (r)
                return error_trace(r);
        /* run ids begin with their time, so the order of names is that of coming */
        r = store_walk(store, "runs", rebuild_run, &rebuild);
        if (r)
                spool_rollback(spool);
        else
                r = spool_commit(spool);
        if (r)
                return error_trace(r < 0 ? r : -EIO);
        *ret_counts = rebuild.counts;
        return 0;
}
