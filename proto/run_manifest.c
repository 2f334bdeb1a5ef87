/* Run manifest: the request and the end of a run. */

#include "proto/run_manifest.h"

#include <errno.h>

#include "common/base/error.h"
#include "proto/stage_manifest.h"

static const struct record_field run_failure_fields[] = {
        RECORD_CHOICE(run_failure, stage, stage_names, STAGE_N),
        RECORD_MAP(run_failure, error, run_error),
};

static const struct record run_failure_record = RECORD(run_failure, run_failure_fields);

static const struct record_field run_manifest_fields[] = {
        RECORD_TEXT(run_manifest, run_id, UUID),
        RECORD_INT(run_manifest, attempt, 1, INT32_MAX),
        RECORD_CHOICE(run_manifest, state, run_state_names, RUN_STATE_N),
        RECORD_TIME(run_manifest, created_at),
        RECORD_TIME_OR_NONE(run_manifest, began_at),
        RECORD_TIME_OR_NONE(run_manifest, finished_at),
        RECORD_TEXT_OR_NONE(run_manifest, traceparent, TRACEPARENT),
        RECORD_TEXT_OR_NONE(run_manifest, idempotency_key, ANY),
        RECORD_TEXT_OR_NONE(run_manifest, request_sha256, SHA256),
        RECORD_MAP(run_manifest, order, order),
        RECORD_TEXT_OR_NONE(run_manifest, ends_run, CODE),
        RECORD_MAP_OR_NONE(run_manifest, release, pusher_to_gateway),
        RECORD_MAP_OR_NONE(run_manifest, failure, run_failure),
};

static const struct record run_manifest_record = RECORD(run_manifest, run_manifest_fields);

int run_manifest_write(const struct run_manifest *manifest, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_PRETTY);
        char path[RECORD_PATH_BYTES];

        if (!record_is_valid(&run_manifest_record, manifest, path))
                return error_origin(-EPROTO, "run manifest: field %s would not be read", path);
        json_begin_object(&json);
        json_key_int64(&json, "manifest", MANIFEST_VERSION);
        record_put_json_fields(&run_manifest_record, manifest, &json);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

int run_manifest_read(const void *text, size_t n_bytes, struct run_manifest *ret_manifest, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        _cleanup_(free_pointer) struct run_manifest *manifest = NULL;
        int64_t version;
        int r;

        manifest = calloc(1, sizeof(*manifest));
        if (!manifest)
                return error_origin(-ENOMEM, "no memory for a run's manifest");
        r = json_parse(text, n_bytes, fault, &json);
        if (!r)
                r = json_need_int(json_root(json), "manifest", MANIFEST_VERSION, MANIFEST_VERSION, fault, &version);
        if (!r)
                r = record_get_json(&run_manifest_record, json_root(json), manifest, fault);
        if (!r)
                *ret_manifest = *manifest;
        return r;
}
