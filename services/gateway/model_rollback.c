/*
 * Model rollback: POST /models/{m}:rollback. The registry is asked first, for as long as a caller can be kept waiting
 * who has wrong answers going out; then it is done here, under the same id, and recorded by a later look.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/uuid.h"
#include "services/gateway/model_call.h"
#include "services/gateway/model_swap_internal.h"

enum { PATIENCE_MS = 500 };

/* The registry's part. */
struct rollback {
        struct errand errand;
        struct registry *registry;
        struct serving_rollback asked; /* to ALIASES_NONE: the default */
        int result;
        struct aliases aliases; /* after it */
};

static void rollback_run(struct errand *errand) {
        struct rollback *rollback = (struct rollback *)(void *)errand;
        const struct serving_rollback *asked = &rollback->asked;
        const struct alias_request request = {
                .id = asked->id, .actor = asked->actor, .reason = asked->reason, .at_ms = asked->at_ms
        };

        store_set_deadline(rollback->registry->store, clock_monotonic_ms() + PATIENCE_MS);
        rollback->result = registry_roll_back(rollback->registry, &request, asked->from, asked->to, &rollback->aliases);
        store_set_deadline(rollback->registry->store, 0);
}

/* What came of one that nobody waited for is found by the next look, by its id. */
static void rollback_end(struct errand *errand, bool has_run _unused_) {
        free(errand);
}

static void answer_taken(void *context) {
        handoff_return(context, 200);
}

static int write_answer(struct handoff *handoff, const struct aliases *aliases, bool is_recorded,
                        const struct model_swap_absence *absence) {
        struct json_builder json = json_begin(&handoff->answer, JSON_COMPACT);

        json_begin_object(&json);
        json_key_text(&json, "name", handoff->parameter);
        model_call_put_aliases(aliases, &json);
        json_key_bool(&json, "recorded", is_recorded);
        if (!is_recorded)
                model_swap_absence_put_json(absence, &json);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* As far as the registry is known to be the one of which it was kept. */
static bool is_at_hand(struct model_swap *swap, const struct aliases *aliases) {
        int64_t version = aliases_find(aliases, ALIASES_CHAMPION);

        return !swap->is_doubted && model_look_may_follow(&swap->state.aliases, aliases) &&
               (model_swap_find_mapped(swap, version) || serving_has(swap->serving, version, NULL));
}

/* The registry has made the move: it is answered when the loops have the version. */
static void follow_registry(struct model_swap *swap, struct handoff *handoff, const struct aliases *aliases) {
        struct model_swap_waiter *waiter;
        int r;

        r = write_answer(handoff, aliases, true, &swap->absence);
        waiter = r ? NULL : calloc(1, sizeof(*waiter));
        if (!waiter) {
                handoff_return_failure(handoff, r ? r : -ENOMEM);
                return;
        }
        *waiter = (struct model_swap_waiter){ .done = answer_taken, .context = handoff };
        /* a version that is at hand needs no look, which might hang; else that is what brings it, or compares it */
        if (is_at_hand(swap, aliases)) {
                model_swap_adopt(swap, aliases, NULL, waiter);
                return;
        }
        waiter->next = swap->asked;
        swap->asked = waiter;
        model_swap_send_look(swap);
}

/*
 * Without the registry
 */

/* The state that the rollback leads to, its target resolved; false when it cannot be, and the call has been answered.
 */
static bool decide(struct model_swap *swap, struct handoff *handoff, struct serving_rollback *asked,
                   struct serving_state *next, struct aliases *ret_aliases) {
        const struct alias_request request = {
                .id = asked->id, .actor = asked->actor, .reason = asked->reason, .at_ms = asked->at_ms
        };

        if (!swap->state.is_seen) {
                model_call_refuse_away(handoff);
                return false;
        }
        if (swap->state.n_pending == SERVING_PENDING_MAX) {
                handoff_return_coded(handoff, 503, "REGISTRY_AWAY",
                                     "%d rollbacks wait for the registry to be back, which is all that are kept",
                                     SERVING_PENDING_MAX);
                return false;
        }
        serving_state_apply(&swap->state, ret_aliases);
        if (aliases_find(ret_aliases, ALIASES_CHAMPION) != asked->from) {
                model_call_refuse(handoff, REGISTRY_E_CONFLICT);
                return false;
        }
        if (asked->to == ALIASES_NONE)
                asked->to = aliases_target(ret_aliases);
        if (asked->to == ALIASES_NONE) {
                model_call_refuse(handoff, REGISTRY_E_NO_TARGET);
                return false;
        }
        if (aliases_roll_back(ret_aliases, &request, asked->from, asked->to, ret_aliases)) {
                model_call_refuse(handoff, REGISTRY_E_CONFLICT);
                return false;
        }
        *next = swap->state;
        asked->after = next->aliases.sequence;
        next->pending[next->n_pending++] = *asked;
        next->dropped.rollback.from = ALIASES_NONE;
        return true;
}

/* The target, or NULL when it is not at hand, and the call has been answered. */
static struct model *find_target(struct model_swap *swap, struct handoff *handoff, int64_t version) {
        struct model *model = model_swap_find_mapped(swap, version);
        struct fault fault = FAULT_NULL;
        int r = 0;

        if (!model)
                r = model_look_load_kept(swap->serving, version, &model, &fault);
        if (r < 0)
                handoff_return_failure(handoff, r);
        else if (r)
                handoff_return_coded(handoff, 503, "REGISTRY_AWAY",
                                     "the registry is away, and version %lld is not kept here", (long long)version);
        return model;
}

static void roll_back_here(struct model_swap *swap, struct handoff *handoff, struct serving_rollback *asked) {
        _cleanup_(free_pointer) struct serving_state *next = calloc(1, sizeof(*next));
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        _cleanup_(free_pointer) struct model_swap_waiter *waiter = calloc(1, sizeof(*waiter));
        struct model *model;
        int r;

        if (!next || !aliases || !waiter) {
                handoff_return_failure(handoff, -ENOMEM);
                return;
        }
        if (!decide(swap, handoff, asked, next, aliases) || !(model = find_target(swap, handoff, asked->to)))
                return;
        r = write_answer(handoff, aliases, false, &swap->absence);
        /* what is not durable would be undone by a start */
        if (!r)
                r = serving_save(swap->serving, next);
        if (r) {
                if (model_swap_find_mapped(swap, asked->to) != model)
                        server_shared_unref(&model->super);
                handoff_return_failure(handoff, r);
                return;
        }
        swap->state = *next;
        model_swap_note_pending(swap);
        log_info("from=%" PRId64 " to=%" PRId64 " rolled back without the registry, which hears of it when it is back",
                 asked->from, asked->to);
        *waiter = (struct model_swap_waiter){ .done = answer_taken, .context = handoff };
        model_swap_share(swap, model, steal(waiter));
}

/*
 * The call
 */

/* What the body asks for; false when the call has been answered. */
static bool read_asked(struct model_swap *swap, struct handoff *handoff, struct serving_rollback *asked) {
        static const char *const known[] = { "from", "to", "reason" };
        _cleanup_(model_call_finish) struct model_call call = MODEL_CALL_NULL;
        struct fault fault = FAULT_NULL;
        char id[UUID_TEXT_BYTES];
        int r;

        if (!model_call_read(handoff, &swap->options, known, N_ELEMENTS(known), &call))
                return false;
        if (call.from <= 0) {
                fault_in(&fault, "from", -1);
                fault_set(&fault, "FIELD_MISSING", "the call must name the champion that it rolls back from");
                handoff_return_fault(handoff, 422, &fault);
                return false;
        }
        r = uuid_make_v7(id);
        if (r) {
                handoff_return_failure(handoff, r);
                return false;
        }
        *asked = (struct serving_rollback){ .from = call.from,
                                            .to = call.to < 0 ? ALIASES_NONE : call.to,
                                            .at_ms = clock_realtime_ms() };
        snprintf(asked->id, sizeof(asked->id), "%s", id);
        snprintf(asked->actor, sizeof(asked->actor), "%s", MODEL_CALL_ACTOR);
        snprintf(asked->reason, sizeof(asked->reason), "%s", call.reason);
        return true;
}

/* Asks the registry. false when it has nothing to say in time, or is known to be away. */
static bool roll_back_there(struct model_swap *swap, struct handoff *handoff, struct rollback **rollback) {
        enum errands_result result;

        /* what waits to be recorded comes first */
        if (swap->absence.since_ms || swap->state.n_pending)
                return false;
        result = errands_wait(swap->errands, &(*rollback)->errand, PATIENCE_MS);
        if (result == ERRANDS_DONE && (*rollback)->result < 0)
                model_swap_note_away(swap, (*rollback)->result);
        if (result == ERRANDS_RUNS_ON) {
                model_swap_note_away(swap, 0);
                steal(*rollback);
        }
        if (result != ERRANDS_DONE || (*rollback)->result < 0)
                return false;
        if ((*rollback)->result)
                model_call_refuse(handoff, (*rollback)->result);
        else
                follow_registry(swap, handoff, &(*rollback)->aliases);
        return true;
}

void model_call_rollback(struct job *job, void *context) {
        _cleanup_(free_pointer) struct rollback *rollback = calloc(1, sizeof(*rollback));
        struct handoff *handoff = handoff_of_job(job);
        struct model_swap *swap = context;
        struct serving_rollback asked;

        if (!rollback) {
                handoff_return_failure(handoff, -ENOMEM);
                return;
        }
        if (!read_asked(swap, handoff, &asked))
                return;
        rollback->errand = (struct errand){ .run = rollback_run, .end = rollback_end };
        rollback->registry = swap->options.registry;
        rollback->asked = asked;
        if (!roll_back_there(swap, handoff, &rollback))
                roll_back_here(swap, handoff, &asked);
}
