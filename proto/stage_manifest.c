/* Stage manifest: the messages before and after a stage, and how it ended. */

#include "proto/stage_manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"

/* what stands around the messages */
struct stage_manifest_head {
        int64_t manifest;
        char run_id[UUID_TEXT_BYTES];
        int64_t attempt;
        char build_id[MANIFEST_BUILD_BYTES];
        char cache_key[DIGEST_SHA256_BYTES];
        struct stage_to_gateway end;
};

static const struct record_field head_fields[] = {
        RECORD_INT(stage_manifest_head, manifest, MANIFEST_VERSION, MANIFEST_VERSION),
        RECORD_TEXT(stage_manifest_head, run_id, UUID),
        RECORD_INT(stage_manifest_head, attempt, 1, INT32_MAX),
        RECORD_TEXT(stage_manifest_head, build_id, ANY),
        RECORD_TEXT_OR_NONE(stage_manifest_head, cache_key, SHA256),
        RECORD_MAP(stage_manifest_head, end, stage_to_gateway),
};

static const struct record head_record = RECORD(stage_manifest_head, head_fields);

void stage_manifest_name(const char *run, enum stage stage, char ret_name[MANIFEST_NAME_BYTES]) {
        snprintf(ret_name, MANIFEST_NAME_BYTES, "runs/%s/%s.json", run,
                 stage == STAGE_GATEWAY ? "run" : stage_name(stage));
}

static int put_message(const char *key, enum message_type type, const void *message, struct json_builder *json) {
        char path[RECORD_PATH_BYTES];

        if (!message)
                return 0;
        if (!record_is_valid(message_record(type), message, path))
                return error_origin(-EPROTO, "%s: field %s would not be read", message_name(type), path);
        json_key(json, key);
        json_begin_object(json);
        json_key_text(json, "type", message_name(type));
        json_key(json, "body");
        record_put_json(message_record(type), message, json);
        json_end_object(json);
        return 0;
}

int stage_manifest_write(const struct stage_manifest *manifest, const void *input, const void *output,
                         struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_PRETTY);
        struct stage_manifest_head head = { .manifest = MANIFEST_VERSION,
                                            .attempt = manifest->attempt,
                                            .end = manifest->end };
        char path[RECORD_PATH_BYTES];
        int r;

        memcpy(head.run_id, manifest->run, sizeof(head.run_id));
        memcpy(head.build_id, manifest->build, sizeof(head.build_id));
        memcpy(head.cache_key, manifest->cache_key, sizeof(head.cache_key));
        if (!record_is_valid(&head_record, &head, path))
                return error_origin(-EPROTO, "stage manifest: field %s would not be read", path);

        json_begin_object(&json);
        record_put_json_fields(&head_record, &head, &json);
        r = put_message("input", stage_receives(head.end.stage), input, &json);
        if (!r)
                r = put_message("output", stage_emits(head.end.stage), output, &json);
        if (r)
                return r;
        if (manifest->n_details)
                json_key_raw(&json, "details", manifest->details, manifest->n_details);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* The emitted message into memory of its own; NULL where there is none. */
static int get_output(const struct json_value *root, enum message_type type, void **ret_output, struct fault *fault) {
        const struct json_value *output = json_get(root, "output");
        const char *name = json_text(json_get(output, "type"));
        _cleanup_(free_pointer) void *message = NULL;
        int r;

        if (!output)
                return 0;
        if (!name || strcmp(name, message_name(type))) {
                fault_in(fault, "output.type", -1);
                return fault_set(fault, "RECORD_FIELD", "is not %s", message_name(type));
        }
        message = calloc(1, message_record(type)->n_bytes);
        if (!message)
                return error_origin(-ENOMEM, "no memory for %s", name);
        r = record_get_json(message_record(type), json_get(output, "body"), message, fault);
        if (!r)
                *ret_output = steal(message);
        return r;
}

int stage_manifest_read(const void *text, size_t n_bytes, enum stage stage, struct stage_manifest *ret_manifest,
                        void *ret_output, bool *ret_has_output, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        _cleanup_(free_pointer) void *output = NULL;
        struct stage_manifest_head head = { 0 };
        int r;

        r = json_parse(text, n_bytes, fault, &json);
        if (!r)
                r = record_get_json(&head_record, json_root(json), &head, fault);
        if (!r && head.end.stage != stage) {
                fault_in(fault, "end.stage", -1);
                r = fault_set(fault, "RECORD_FIELD", "is %s and not %s", stage_name(head.end.stage), stage_name(stage));
        }
        if (!r && ret_output)
                r = get_output(json_root(json), stage_emits(stage), &output, fault);
        if (r)
                return r;

        *ret_manifest = (struct stage_manifest){ .attempt = head.attempt, .end = head.end };
        memcpy(ret_manifest->run, head.run_id, sizeof(head.run_id));
        memcpy(ret_manifest->build, head.build_id, sizeof(head.build_id));
        memcpy(ret_manifest->cache_key, head.cache_key, sizeof(head.cache_key));
        if (output)
                memcpy(ret_output, output, message_record(stage_emits(stage))->n_bytes);
        if (ret_output)
                *ret_has_output = output;
        return 0;
}
