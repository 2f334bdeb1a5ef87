/* The state of serving as JSON. */

#include "services/gateway/serving_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"

static void put_rollback(const struct serving_rollback *rollback, struct json_builder *json) {
        char at[CLOCK_RFC3339_BYTES];

        clock_format_rfc3339(rollback->at_ms, at);
        json_key_text(json, "id", rollback->id);
        json_key_int64(json, "from", rollback->from);
        json_key_int64(json, "to", rollback->to);
        json_key_text(json, "actor", rollback->actor);
        json_key_text(json, "reason", rollback->reason);
        json_key_text(json, "at", at);
}

void serving_rollback_put_json(const struct serving_rollback *rollback, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "action", "rollback");
        put_rollback(rollback, json);
        json_key_bool(json, "recorded", false);
        json_end_object(json);
}

void serving_dropped_put_json(const struct serving_dropped *dropped, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "action", "rollback");
        put_rollback(&dropped->rollback, json);
        json_key_text(json, "error", dropped->sentence);
        json_end_object(json);
}

static void put_pending(const struct serving_state *state, struct json_builder *json) {
        json_key(json, "pending");
        json_begin_array(json);
        for (size_t i = 0; i < state->n_pending; i++) {
                json_begin_object(json);
                put_rollback(&state->pending[i], json);
                json_key_int64(json, "after", state->pending[i].after);
                json_end_object(json);
        }
        json_end_array(json);
}

static void put_dropped(const struct serving_dropped *dropped, struct json_builder *json) {
        if (dropped->rollback.from == ALIASES_NONE)
                return;
        json_key(json, "dropped");
        json_begin_object(json);
        put_rollback(&dropped->rollback, json);
        json_key_int64(json, "after", dropped->rollback.after);
        json_key_text(json, "sentence", dropped->sentence);
        json_key_int64(json, "sequence", dropped->sequence);
        json_end_object(json);
}

int serving_state_format(const struct serving_state *state, const char *registry_uri, struct buffer *ret_text) {
        _cleanup_(buffer_finish) struct buffer aliases = BUFFER_NULL;
        struct json_builder json;
        int r = 0;

        if (state->is_seen && state->aliases.sequence)
                r = aliases_format(&state->aliases, &aliases);
        if (r)
                return error_trace(r);
        json = json_begin(ret_text, JSON_PRETTY);
        json_begin_object(&json);
        json_key_text(&json, "registry", registry_uri);
        json_key_bool(&json, "seen", state->is_seen);
        if (aliases.n_bytes) {
                json_key(&json, "aliases");
                json_put_raw(&json, buffer_text(&aliases), aliases.n_bytes);
        }
        put_pending(state, &json);
        put_dropped(&state->dropped, &json);
        json_end_object(&json);
        r = json_end(&json);
        return r ? error_trace(r) : error_trace(manifest_seal(ret_text));
}

static int copy_text(const struct json_value *object, const char *name, char *ret_text, size_t n_bytes,
                     struct fault *fault) {
        const char *text = "";
        int r;

        r = json_need_text(object, name, fault, &text);
        if (!r && (size_t)snprintf(ret_text, n_bytes, "%s", text) >= n_bytes)
                r = fault_set(fault, "SERVING_MALFORMED", "\"%s\" is too long", name);
        return r;
}

static int parse_rollback(const struct json_value *object, struct serving_rollback *ret_rollback, struct fault *fault) {
        struct serving_rollback rollback = { 0 };
        const char *at = "";
        int r;

        r = copy_text(object, "id", rollback.id, sizeof(rollback.id), fault);
        if (!r)
                r = json_need_int(object, "from", 1, INT64_MAX, fault, &rollback.from);
        if (!r)
                r = json_need_int(object, "to", 1, INT64_MAX, fault, &rollback.to);
        if (!r)
                r = json_need_int(object, "after", 0, INT64_MAX, fault, &rollback.after);
        if (!r)
                r = copy_text(object, "actor", rollback.actor, sizeof(rollback.actor), fault);
        if (!r)
                r = copy_text(object, "reason", rollback.reason, sizeof(rollback.reason), fault);
        if (!r)
                r = json_need_text(object, "at", fault, &at);
        if (!r && !clock_parse_rfc3339(at, &rollback.at_ms))
                r = fault_set(fault, "SERVING_MALFORMED", "\"at\" is no time");
        if (!r)
                *ret_rollback = rollback;
        return r;
}

static int parse_pending(const struct json_value *root, struct serving_state *state, struct fault *fault) {
        const struct json_value *array, *element;
        struct json_array_iterator iterator;
        int r;

        r = json_need_array(root, "pending", fault, &array);
        if (r)
                return r;
        iterator = json_iterate_array(array);
        while (!r && json_next_element(&iterator, &element)) {
                if (state->n_pending == SERVING_PENDING_MAX)
                        return fault_set(fault, "SERVING_MALFORMED", "more than %d rollbacks wait",
                                         SERVING_PENDING_MAX);
                r = parse_rollback(element, &state->pending[state->n_pending++], fault);
        }
        return r;
}

static int parse_dropped(const struct json_value *root, struct serving_dropped *dropped, struct fault *fault) {
        const struct json_value *object = json_get(root, "dropped");
        int r;

        if (!object)
                return 0;
        r = parse_rollback(object, &dropped->rollback, fault);
        if (!r)
                r = copy_text(object, "sentence", dropped->sentence, sizeof(dropped->sentence), fault);
        if (!r)
                r = json_need_int(object, "sequence", 0, INT64_MAX, fault, &dropped->sequence);
        return r;
}

static int parse_aliases(const struct json_value *root, struct aliases *ret_aliases, struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        const struct json_value *object = json_get(root, "aliases");
        int r;

        if (!object)
                return 0;
        json_put_value(&json, object);
        r = json_end(&json);
        return r ? error_trace(r) : aliases_parse(&text, ret_aliases, fault);
}

int serving_state_parse(const struct buffer *text, const char *registry_uri, bool *ret_is_ours,
                        struct serving_state *ret_state, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        _cleanup_(free_pointer) struct serving_state *state = calloc(1, sizeof(*state));
        const char *uri = "";
        int r;

        if (!state)
                return error_origin(-ENOMEM, "reading what is served");
        r = manifest_check_seal(buffer_text(text), text->n_bytes, fault);
        if (!r)
                r = json_parse(buffer_text(text), text->n_bytes, fault, &json);
        if (!r)
                r = json_need_text(json_root(json), "registry", fault, &uri);
        if (!r && strcmp(uri, registry_uri)) {
                *ret_is_ours = false;
                return 0;
        }
        if (!r)
                r = json_need_bool(json_root(json), "seen", fault, &state->is_seen);
        if (!r)
                r = parse_aliases(json_root(json), &state->aliases, fault);
        if (!r)
                r = parse_pending(json_root(json), state, fault);
        if (!r)
                r = parse_dropped(json_root(json), &state->dropped, fault);
        if (r)
                return error_trace(r);
        *ret_is_ours = true;
        *ret_state = *state;
        return 0;
}

void serving_state_apply(const struct serving_state *state, struct aliases *ret_aliases) {
        *ret_aliases = state->aliases;
        for (size_t i = 0; i < state->n_pending; i++) {
                const struct serving_rollback *rollback = &state->pending[i];
                const struct alias_request request = { .id = rollback->id,
                                                       .actor = rollback->actor,
                                                       .reason = rollback->reason,
                                                       .at_ms = rollback->at_ms };

                /* one that does not follow from the others is dropped when the registry hears of it */
                if (aliases_roll_back(ret_aliases, &request, rollback->from, rollback->to, ret_aliases))
                        continue;
        }
}
