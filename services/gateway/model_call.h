#pragma once

/* What the calls about models have in common: their bodies, and the aliases in their answers. */

#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "services/gateway/handoff.h"
#include "services/gateway/model_swap.h"

/* who moves, in the history */
#define MODEL_CALL_ACTOR "http"

/* What a body may say: {"version":N,"expect":M,"from":N,"to":N,"reason":"…"}; absent numbers are -1. */
struct model_call {
        struct json *document;
        int64_t version, expect, from, to;
        const char *reason;
};

#define MODEL_CALL_NULL \
        { 0 }

/* Reads a body that has no other fields than the known ones. false: the call has been answered. */
bool model_call_read(struct handoff *handoff, const struct model_swap_options *options, const char *const *known,
                     size_t n_known, struct model_call *ret_call);
void model_call_finish(struct model_call *call);

/* false when the path names another model than the one served: the call has been answered then. */
bool model_call_is_ours(struct handoff *handoff, const struct model_swap_options *options);

/* Into the object that is open. */
void model_call_put_aliases(const struct aliases *aliases, struct json_builder *json);

/* Answers with what stands in the way of a move, for a result that is not 0. */
void model_call_refuse(struct handoff *handoff, int result);
void model_call_refuse_away(struct handoff *handoff);
