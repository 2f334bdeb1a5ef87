/* What the calls about models have in common. */

#include "services/gateway/model_call.h"

#include <errno.h>
#include <string.h>

#include "common/base/error.h"

void model_call_finish(struct model_call *call) {
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

static int read_body(const struct handoff *handoff, const char *const *known, size_t n_known,
                     struct model_call *ret_call, struct fault *fault) {
        struct model_call call = { .version = -1, .expect = -1, .from = -1, .to = -1, .reason = "" };
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
                model_call_finish(&call);
                return r;
        }
        *ret_call = call;
        return 0;
}

bool model_call_is_ours(struct handoff *handoff, const struct model_swap_options *options) {
        if (!strcmp(handoff->parameter, options->pipeline->parameters.name))
                return true;
        handoff_return_error(handoff, 404, "there is no model %s; this gateway serves %s", handoff->parameter,
                             options->pipeline->parameters.name);
        return false;
}

void model_call_put_aliases(const struct aliases *aliases, struct json_builder *json) {
        json_key(json, "aliases");
        json_begin_object(json);
        for (size_t i = 0; i < aliases->n_aliases; i++)
                if (aliases->aliases[i].version != ALIASES_NONE)
                        json_key_int64(json, aliases->aliases[i].name, aliases->aliases[i].version);
        json_end_object(json);
        json_key_bool(json, "pinned", aliases->is_pinned);
        json_key_int64(json, "sequence", aliases->sequence);
}

bool model_call_read(struct handoff *handoff, const struct model_swap_options *options, const char *const *known,
                     size_t n_known, struct model_call *ret_call) {
        struct fault fault = FAULT_NULL;
        int r;

        if (!model_call_is_ours(handoff, options))
                return false;
        r = read_body(handoff, known, n_known, ret_call, &fault);
        if (r < 0)
                handoff_return_failure(handoff, r);
        else if (r)
                handoff_return_fault(handoff, request_fault_status(&fault), &fault);
        return !r;
}

void model_call_refuse_away(struct handoff *handoff) {
        handoff_return_coded(handoff, 503, "REGISTRY_AWAY",
                             "the registry is away, and only a rollback can be made without it; try again");
}

/* What is wrong with the way to a registry, not with the registry or this machine. */
static bool is_away(int error) {
        return error == -ETIMEDOUT || error == -ECONNREFUSED || error == -ECONNRESET || error == -EHOSTUNREACH ||
               error == -ENETUNREACH || error == -EREMOTEIO || error == -EACCES;
}

void model_call_refuse(struct handoff *handoff, int result) {
        switch (result) {
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
                if (is_away(result))
                        model_call_refuse_away(handoff);
                else if (result < 0)
                        handoff_return_failure(handoff, result);
                else
                        handoff_return_coded(handoff, 503, "REGISTRY_UNREADABLE",
                                             "the registry cannot be read now; the log says more");
        }
}
