/* Stage work: what `work` may ask and tell. */

#include "services/stage/stage_work.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "services/stage/stage_shared.h"

void stage_progress(struct stage_work *work, int64_t done, int64_t total, const char *unit) {
        struct stage_shared *shared = work->shared;
        bool is_first, is_due;

        pthread_mutex_lock(&shared->lock);
        shared->progress = (struct progress){ .stage = shared->stage, .done = done, .total = total };
        snprintf(shared->progress.unit, sizeof(shared->progress.unit), "%s", unit);
        is_first = !shared->has_begun;
        is_due = clock_monotonic_ms() - shared->told_ms >= STAGE_PROGRESS_MS;
        shared->has_progress = true;
        shared->has_begun = true;
        pthread_mutex_unlock(&shared->lock);
        if (is_due)
                courier_wake(shared->courier);
        if (is_first)
                crash_point_at(stage_name(shared->stage), CRASH_POINT_WORKING);
}

bool stage_is_canceled(struct stage_work *work) {
        struct stage_shared *shared = work->shared;
        int cancel = atomic_load(&shared->cancel);

        return cancel == STAGE_CANCEL_ASKED || (cancel == STAGE_CANCEL_OPEN && atomic_load(&shared->is_stopping));
}

int stage_pass_return(struct stage_work *work, bool is_passed) {
        struct stage_shared *shared = work->shared;
        int open = STAGE_CANCEL_OPEN;

        if (is_passed)
                atomic_store(&shared->cancel, STAGE_CANCEL_PASSED);
        else if (atomic_load(&shared->is_stopping) ||
                 (!atomic_compare_exchange_strong(&shared->cancel, &open, STAGE_CANCEL_PASSED) &&
                  open != STAGE_CANCEL_PASSED))
                return STAGE_E_CANCELED;
        return 0;
}

void stage_count(struct stage_work *work, const char *name, int64_t value) {
        size_t i;

        for (i = 0; i < work->n_counts && strcmp(work->counts[i].name, name) != 0; i++)
                continue;
        if (i == STAGE_TO_GATEWAY_COUNTS_MAX)
                return;
        if (i == work->n_counts)
                work->n_counts++;
        snprintf(work->counts[i].name, sizeof(work->counts[i].name), "%s", name);
        work->counts[i].value = value;
}

int stage_fetch_blob(struct stage_work *work, const char *sha256, const char *what, char ret_path[STORE_PATH_BYTES]) {
        return store_fault(store_fetch_blob(work->store, sha256, ret_path), what, &work->fault);
}

int stage_fetch_schema(struct stage_work *work, const struct order *order, struct schema **ret_schema) {
        _cleanup_(file_unmap) struct file_map map = FILE_MAP_NULL;
        int r;

        r = store_fault(store_map_blob(work->store, order->schema.sha256, &map), "the schema", &work->fault);
        return r ? r : schema_parse("schema.yaml", map.data, map.n_bytes, &work->fault, ret_schema);
}

/* Length first, so that no two lists of parts give the same bytes. */
int stage_key_text(struct buffer *key, const char *name, const char *text) {
        return error_trace(buffer_printf(key, "%s %zu %s\n", name, strlen(text), text));
}

int stage_key_record(struct buffer *key, const char *name, const struct record *record, const void *value) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        int r;

        record_put_json(record, value, &json);
        r = json_end(&json);
        return r ? error_trace(r) : error_trace(stage_key_text(key, name, buffer_text(&text)));
}
