/* Model calls: the HTTP calls that read versions and move aliases. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "services/gateway/handoff.h"
#include "services/gateway/model_swap_internal.h"

enum {
        VERSIONS_LISTED_MAX = 100,
        MOVES_LISTED_MAX = 100,
        ACTOR_BYTES = 16,
};

static const char ACTOR[ACTOR_BYTES] = "http";

/* What a body may say: {"version":N,"expect":M,"from":N,"to":N,"reason":"…"}; absent numbers are -1. */
struct call {
        struct json *document;
        int64_t version, expect, from, to;
        const char *reason;
};

static void call_finish(struct call *call) {
        json_destroy(call->document);
}

static int read_number(const struct json_value *body, const char *name, int64_t *number, struct fault *fault) {
        if (!json_get(body, name) || json_is_null(json_get(body, name)))
                return 0;
        return json_need_int(body, name, 0, INT64_MAX, fault, number);
}

static int refuse_unknown_fields(const struct json_value *body, const char *const *known, size_t n_known,
                                 struct fault *fault) {
        struct json_object_iterator iterator = json_iterate_object(body);
        const struct json_value *value;
        const char *key;
        size_t n_key, i;

        while (json_next_member(&iterator, &key, &n_key, &value)) {
                for (i = 0; i < n_known && (strlen(known[i]) != n_key || memcmp(known[i], key, n_key)); i++)
                        continue;
                if (i < n_known)
                        continue;
                fault_in(fault, key, -1);
                return fault_set(fault, "FIELD_UNKNOWN", "the call has no such field");
        }
        return 0;
}

static int call_read(const struct handoff *handoff, const char *const *known, size_t n_known, struct call *ret_call,
                     struct fault *fault) {
        struct call call = { .version = -1, .expect = -1, .from = -1, .to = -1, .reason = "" };
        const struct json_value *body;
        int r = 0;

        if (handoff->body.n_bytes)
                r = json_parse(buffer_text(&handoff->body), handoff->body.n_bytes, fault, &call.document);
        if (r)
                return r;
        body = call.document ? json_root(call.document) : NULL;
        if (call.document && !json_is_object(body))
                r = fault_set(fault, "BODY_NOT_AN_OBJECT", "the body is not a JSON object");
        if (!r)
                r = refuse_unknown_fields(body, known, n_known, fault);
        if (!r)
                r = read_number(body, "version", &call.version, fault);
        if (!r)
                r = read_number(body, "expect", &call.expect, fault);
        if (!r)
                r = read_number(body, "from", &call.from, fault);
        if (!r)
                r = read_number(body, "to", &call.to, fault);
        if (!r && json_get(body, "reason"))
                r = json_need_text(body, "reason", fault, &call.reason);
        if (r) {
                call_finish(&call);
                return r;
        }
        *ret_call = call;
        return 0;
}

static bool is_our_model(struct handoff *handoff, const struct model_swap_options *options) {
        if (!strcmp(handoff->parameter, options->pipeline->parameters.name))
                return true;
        handoff_return_error(handoff, 404, "there is no model %s; this gateway serves %s", handoff->parameter,
                             options->pipeline->parameters.name);
        return false;
}

static void put_aliases(struct json_builder *json, const struct aliases *aliases) {
        json_key(json, "aliases");
        json_begin_object(json);
        for (size_t i = 0; i < aliases->n_aliases; i++)
                if (aliases->aliases[i].version != ALIASES_NONE)
                        json_key_int64(json, aliases->aliases[i].name, aliases->aliases[i].version);
        json_end_object(json);
        json_key_bool(json, "pinned", aliases->is_pinned);
        json_key_int64(json, "sequence", aliases->sequence);
}

/* A page of the versions below `before` (0: from the newest), newest first. One that was never completed, or that
 * cannot be read, is left out, so that a page may be shorter than others. ret_next: where the next page begins, 0 for
 * none. */
static int put_versions(struct model_swap *swap, int64_t before, struct json_builder *json, int64_t *ret_next) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        const struct buffer *row;
        size_t i = 0, n_seen = 0;
        int r;

        r = registry_versions_init(model_swap_options(swap)->registry, &versions);
        if (r)
                return error_trace(r);
        json_key(json, "versions");
        json_begin_array(json);
        while (before && i < versions.n_numbers && versions.numbers[i] >= before)
                i++;
        for (; i < versions.n_numbers && n_seen < VERSIONS_LISTED_MAX; i++, n_seen++) {
                r = version_rows_get(model_swap_version_rows(swap), versions.numbers[i], &row);
                if (r < 0)
                        return error_trace(r);
                if (!r)
                        json_put_raw(json, buffer_text(row), row->n_bytes);
        }
        json_end_array(json);
        *ret_next = i < versions.n_numbers ? versions.numbers[i - 1] : 0;
        return 0;
}

static int write_list(struct model_swap *swap, int64_t before, struct aliases *aliases, struct buffer *text) {
        const struct model_swap_options *options = model_swap_options(swap);
        struct json_builder json;
        int64_t last = 0;
        char next[32];
        int r;

        r = registry_read_aliases(options->registry, aliases);
        if (r)
                return error_trace(r);
        json = json_begin(text, JSON_COMPACT);
        json_begin_object(&json);
        json_key(&json, "models");
        json_begin_array(&json);
        json_begin_object(&json);
        json_key_text(&json, "name", options->pipeline->parameters.name);
        put_aliases(&json, aliases);
        r = put_versions(swap, before, &json, &last);
        if (r)
                return error_trace(r);
        json_end_object(&json);
        json_end_array(&json);
        if (last) {
                snprintf(next, sizeof(next), "%lld", (long long)last);
                json_key_text(&json, "next", next);
        }
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* What was read of the registry, or why it was not. */
static void answer_read(struct handoff *handoff, int r) {
        if (!r) {
                handoff_return(handoff, 200);
                return;
        }
        buffer_clear(&handoff->answer);
        if (r > 0)
                handoff_return_coded(handoff, 503, "REGISTRY_UNREADABLE",
                                     "the registry cannot be read now; the log says more");
        else
                handoff_return_failure(handoff, r);
}

void model_call_list(struct job *job, void *context) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        struct handoff *handoff = handoff_of_job(job);
        int r;

        r = aliases ? write_list(context, handoff->number, aliases, &handoff->answer) : -ENOMEM;
        answer_read(handoff, r);
}

/* Moves from `before` (0: the last) down, newest first. One that is missing is left out, as in the registry. */
static int write_history(const struct model_swap_options *options, int64_t before, struct buffer *text) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        struct json_builder json = json_begin(text, JSON_COMPACT);
        struct alias_move move;
        int64_t sequence;
        char next[32];
        int r;

        if (!aliases)
                return error_origin(-ENOMEM, "listing moves");
        r = registry_read_aliases(options->registry, aliases);
        if (r)
                return error_trace(r);
        sequence = before && before <= aliases->sequence ? before - 1 : aliases->sequence;
        json_begin_object(&json);
        json_key_text(&json, "name", options->pipeline->parameters.name);
        json_key(&json, "moves");
        json_begin_array(&json);
        for (int n = 0; n < MOVES_LISTED_MAX && sequence > 0; n++, sequence--) {
                r = registry_read_move(options->registry, sequence, &move);
                if (r && r != REGISTRY_E_MISSING)
                        return error_trace(r);
                if (!r)
                        alias_move_put_json(&move, &json);
        }
        json_end_array(&json);
        if (sequence > 0) {
                snprintf(next, sizeof(next), "%lld", (long long)sequence + 1);
                json_key_text(&json, "next", next);
        }
        json_end_object(&json);
        return error_trace(json_end(&json));
}

void model_call_history(struct job *job, void *context) {
        const struct model_swap_options *options = model_swap_options(context);
        struct handoff *handoff = handoff_of_job(job);

        if (is_our_model(handoff, options))
                answer_read(handoff, write_history(options, handoff->number, &handoff->answer));
}

/* Looks at once, so that the answer of the call is already true for predictions, then answers with the aliases. */
static void answer_moved(void *context) {
        handoff_return(context, 200);
}

static void answer_move(struct model_swap *swap, struct handoff *handoff, int result, const struct aliases *aliases) {
        struct json_builder json;
        int r;

        switch (result) {
        case 0:
                json = json_begin(&handoff->answer, JSON_COMPACT);
                json_begin_object(&json);
                json_key_text(&json, "name", handoff->parameter);
                put_aliases(&json, aliases);
                json_end_object(&json);
                r = json_end(&json);
                if (r)
                        handoff_return_failure(handoff, r);
                else
                        model_swap_look(swap, answer_moved, handoff);
                return;
        case REGISTRY_E_MISSING:
                handoff_return_error(handoff, 404, "there is no such version");
                return;
        case REGISTRY_E_CONFLICT:
                handoff_return_coded(handoff, 409, "ALIAS_MOVED",
                                     "the alias is not where this call expects it; read GET /models again");
                return;
        case REGISTRY_E_NO_TARGET:
                handoff_return_coded(handoff, 409, "NO_EARLIER_CHAMPION",
                                     "there is no earlier champion to roll back to");
                return;
        case REGISTRY_E_INVALID:
                handoff_return_coded(handoff, 422, "ALIAS_INVALID",
                                     "%s is no alias: lower-case letters, digits, - and _, not latest or v<digits>",
                                     handoff->name);
                return;
        default:
                if (result < 0)
                        handoff_return_failure(handoff, result);
                else
                        handoff_return_coded(handoff, 503, "REGISTRY_UNREADABLE",
                                             "the registry cannot be read now; the log says more");
        }
}

/* What the move calls have in common. */
static void move(struct job *job, void *context, const char *const *known, size_t n_known,
                 int (*apply)(struct registry *registry, const struct handoff *handoff, const struct call *call,
                              const struct alias_request *request, struct aliases *ret_aliases, struct fault *fault)) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        struct handoff *handoff = handoff_of_job(job);
        const struct model_swap_options *options = model_swap_options(context);
        struct alias_request request = { .actor = ACTOR, .at_ms = clock_realtime_ms() };
        struct fault fault = FAULT_NULL;
        struct call call;
        int r;

        if (!is_our_model(handoff, options))
                return;
        if (!aliases) {
                handoff_return_failure(handoff, -ENOMEM);
                return;
        }
        r = call_read(handoff, known, n_known, &call, &fault);
        if (r) {
                if (r < 0)
                        handoff_return_failure(handoff, r);
                else
                        handoff_return_fault(handoff, request_fault_status(&fault), &fault);
                return;
        }
        request.reason = call.reason;
        r = apply(options->registry, handoff, &call, &request, aliases, &fault);
        call_finish(&call);
        if (fault.code[0])
                handoff_return_fault(handoff, 422, &fault);
        else
                answer_move(context, handoff, r, aliases);
}

static int apply_alias(struct registry *registry, const struct handoff *handoff, const struct call *call,
                       const struct alias_request *request, struct aliases *ret_aliases, struct fault *fault) {
        if (call->version <= 0) {
                fault_in(fault, "version", -1);
                return fault_set(fault, "FIELD_MISSING", "the call must say which version gets the alias");
        }
        return registry_set_alias(registry, request, handoff->name, call->version,
                                  call->expect < 0 ? ALIASES_ANY : call->expect, ret_aliases);
}

void model_call_alias(struct job *job, void *context) {
        static const char *const known[] = { "version", "expect", "reason" };

        move(job, context, known, N_ELEMENTS(known), apply_alias);
}

static int apply_rollback(struct registry *registry, const struct handoff *handoff _unused_, const struct call *call,
                          const struct alias_request *request, struct aliases *ret_aliases, struct fault *fault) {
        if (call->from <= 0) {
                fault_in(fault, "from", -1);
                return fault_set(fault, "FIELD_MISSING", "the call must name the champion that it rolls back from");
        }
        return registry_roll_back(registry, request, call->from, call->to < 0 ? ALIASES_NONE : call->to, ret_aliases);
}

void model_call_rollback(struct job *job, void *context) {
        static const char *const known[] = { "from", "to", "reason" };

        move(job, context, known, N_ELEMENTS(known), apply_rollback);
}

static int apply_pin(struct registry *registry, const struct handoff *handoff _unused_,
                     const struct call *call _unused_, const struct alias_request *request, struct aliases *ret_aliases,
                     struct fault *fault _unused_) {
        return registry_pin(registry, request, true, ret_aliases);
}

static int apply_unpin(struct registry *registry, const struct handoff *handoff _unused_,
                       const struct call *call _unused_, const struct alias_request *request,
                       struct aliases *ret_aliases, struct fault *fault _unused_) {
        return registry_pin(registry, request, false, ret_aliases);
}

void model_call_pin(struct job *job, void *context) {
        static const char *const known[] = { "reason" };

        move(job, context, known, N_ELEMENTS(known), apply_pin);
}

void model_call_unpin(struct job *job, void *context) {
        static const char *const known[] = { "reason" };

        move(job, context, known, N_ELEMENTS(known), apply_unpin);
}
