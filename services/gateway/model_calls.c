/*
 * Model calls: the HTTP calls that read versions and move aliases. Each is an errand to the registry, and answered from
 * there; but while the registry is away, reading tells what is known, and moving is refused. A rollback is another
 * matter: model_rollback.c.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "services/gateway/model_call.h"
#include "services/gateway/model_swap_internal.h"
#include "services/gateway/outer.h"

enum {
        VERSIONS_LISTED_MAX = 100,
        MOVES_LISTED_MAX = 100,
        READ_MS = 10000, /* for the registry to tell all that */
        MOVE_MS = 5000,
};

/* A call on its way to the registry. */
struct visit {
        struct errand errand;
        struct model_swap *swap;
        struct handoff *handoff;
        struct serving_state known; /* what the registry does not know of, and more */

        /* In the thread of errands: answers, and returns false when there is nobody to say anything. */
        bool (*run)(struct visit *visit);
        /* In the swap's thread, instead of it, while the registry is away. */
        void (*stay)(struct model_swap *swap, struct handoff *handoff);
        int ms; /* for the registry to answer */
        bool is_answered;
        struct job job; /* back to the swap's thread */
};

static struct visit *visit_of_job(struct job *job) {
        return OUTER_OF(struct visit, job, job);
}

static void visit_stay(struct job *job, void *context) {
        struct visit *visit = visit_of_job(job);

        visit->stay(context, visit->handoff);
        free(visit);
}

static void visit_discard(struct job *job) {
        struct visit *visit = visit_of_job(job);

        handoff_return_error(visit->handoff, 503, "the gateway is being stopped, try again");
        free(visit);
}

static void visit_run(struct errand *errand) {
        struct visit *visit = (struct visit *)(void *)errand;
        struct store *store = visit->swap->options.registry->store;

        store_set_deadline(store, clock_monotonic_ms() + visit->ms);
        visit->is_answered = visit->run(visit);
        store_set_deadline(store, 0);
}

static void visit_end(struct errand *errand, bool has_run _unused_) {
        struct visit *visit = (struct visit *)(void *)errand;

        if (visit->is_answered) {
                free(visit);
                return;
        }
        visit->job = (struct job){ .run = visit_stay, .discard = visit_discard };
        mailbox_put_always(&visit->swap->mailbox, &visit->job);
}

static void visit(struct model_swap *swap, struct handoff *handoff, int ms, bool (*run)(struct visit *visit),
                  void (*stay)(struct model_swap *swap, struct handoff *handoff)) {
        struct visit *visit;

        if (swap->absence.since_ms) {
                stay(swap, handoff);
                return;
        }
        visit = calloc(1, sizeof(*visit));
        if (!visit) {
                handoff_return_failure(handoff, -ENOMEM);
                return;
        }
        visit->errand = (struct errand){ .run = visit_run, .end = visit_end };
        visit->swap = swap;
        visit->handoff = handoff;
        visit->known = swap->state;
        visit->run = run;
        visit->stay = stay;
        visit->ms = ms;
        errands_put(swap->errands, &visit->errand);
}

/* What only this gateway knows. */
static void put_news(const struct serving_state *known, struct json_builder *json) {
        if (known->n_pending) {
                json_key(json, "pending");
                json_begin_array(json);
                for (size_t i = 0; i < known->n_pending; i++)
                        serving_rollback_put_json(&known->pending[i], json);
                json_end_array(json);
        }
        if (known->dropped.rollback.from != ALIASES_NONE) {
                json_key(json, "dropped");
                serving_dropped_put_json(&known->dropped, json);
        }
}

/*
 * GET /models
 */

/* A page of the versions below `before` (0: from the newest), newest first. One that was never completed, or that
 * cannot be read, is left out, so that a page may be shorter than others. ret_next: where the next page begins, 0 for
 * none. */
static int put_versions(struct model_swap *swap, int64_t before, struct json_builder *json, int64_t *ret_next) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        const struct buffer *row;
        size_t i = 0, n_seen = 0;
        int r;

        r = registry_versions_init(swap->options.registry, &versions);
        if (r)
                return error_trace(r);
        json_key(json, "versions");
        json_begin_array(json);
        while (before && i < versions.n_numbers && versions.numbers[i] >= before)
                i++;
        for (; i < versions.n_numbers && n_seen < VERSIONS_LISTED_MAX; i++, n_seen++) {
                r = version_rows_get(&swap->rows, versions.numbers[i], &row);
                if (r < 0)
                        return error_trace(r);
                if (!r)
                        json_put_raw(json, buffer_text(row), row->n_bytes);
        }
        json_end_array(json);
        *ret_next = i < versions.n_numbers ? versions.numbers[i - 1] : 0;
        return 0;
}

/* The start of the list, as far as the model's own versions. */
static void begin_list(struct json_builder *json, const char *name, const struct aliases *aliases) {
        json_begin_object(json);
        json_key(json, "models");
        json_begin_array(json);
        json_begin_object(json);
        json_key_text(json, "name", name);
        model_call_put_aliases(aliases, json);
}

static int end_list(struct json_builder *json, int64_t last) {
        char next[32];

        json_end_object(json);
        json_end_array(json);
        if (last) {
                snprintf(next, sizeof(next), "%lld", (long long)last);
                json_key_text(json, "next", next);
        }
        json_end_object(json);
        return error_trace(json_end(json));
}

static int write_list(struct visit *visit, struct aliases *aliases, struct buffer *text) {
        const struct model_swap_options *options = &visit->swap->options;
        struct json_builder json;
        int64_t last = 0;
        int r;

        r = registry_read_aliases(options->registry, aliases);
        if (r)
                return error_trace(r);
        json = json_begin(text, JSON_COMPACT);
        begin_list(&json, options->pipeline->parameters.name, aliases);
        put_news(&visit->known, &json);
        version_rows_follow(&visit->swap->rows, aliases);
        r = put_versions(visit->swap, visit->handoff->number, &json, &last);
        return r ? error_trace(r) : error_trace(end_list(&json, last));
}

/* What was read of the registry, or why it was not; false when it does not answer. */
static bool answer_read(struct handoff *handoff, int r) {
        if (!r) {
                handoff_return(handoff, 200);
                return true;
        }
        buffer_clear(&handoff->answer);
        if (r > 0)
                handoff_return_coded(handoff, 503, "REGISTRY_UNREADABLE",
                                     "the registry cannot be read now; the log says more");
        else if (r == -ENOMEM)
                handoff_return_failure(handoff, r);
        return r > 0 || r == -ENOMEM;
}

static bool list_there(struct visit *visit) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        struct handoff *handoff = visit->handoff;

        return answer_read(handoff, aliases ? write_list(visit, aliases, &handoff->answer) : -ENOMEM);
}

/* The versions that are kept here, which is few enough for one page. */
static int write_kept(struct model_swap *swap, int64_t before, struct aliases *aliases, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);
        int64_t versions[SERVING_VERSIONS_MAX];
        size_t n = 0;
        int r;

        serving_state_apply(&swap->state, aliases);
        begin_list(&json, swap->options.pipeline->parameters.name, aliases);
        model_swap_absence_put_json(&swap->absence, &json);
        put_news(&swap->state, &json);
        r = serving_list(swap->serving, versions, &n);
        json_key(&json, "versions");
        json_begin_array(&json);
        for (size_t i = 0; i < n && !r; i++)
                if (!before || versions[i] < before)
                        r = version_row_put(serving_registry(swap->serving), versions[i], &json);
        json_end_array(&json);
        return r < 0 ? error_trace(r) : error_trace(end_list(&json, 0));
}

static void list_here(struct model_swap *swap, struct handoff *handoff) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        int r = aliases ? write_kept(swap, handoff->number, aliases, &handoff->answer) : -ENOMEM;

        if (r)
                handoff_return_failure(handoff, r);
        else
                handoff_return(handoff, 200);
}

void model_call_list(struct job *job, void *context) {
        visit(context, handoff_of_job(job), READ_MS, list_there, list_here);
}

/*
 * GET /models/{m}/history
 */

/* Moves from `before` (0: the last) down, newest first. One that is missing is left out, as in the registry. */
static int write_history(struct visit *visit, int64_t before, struct buffer *text) {
        const struct model_swap_options *options = &visit->swap->options;
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
        put_news(&visit->known, &json);
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

static bool tell_history_there(struct visit *visit) {
        struct handoff *handoff = visit->handoff;

        return answer_read(handoff, write_history(visit, handoff->number, &handoff->answer));
}

/* The last move is all of the history that aliases.json holds. */
static int write_last_move(struct model_swap *swap, int64_t before, struct buffer *text) {
        const struct aliases *aliases = &swap->state.aliases;
        struct json_builder json = json_begin(text, JSON_COMPACT);

        json_begin_object(&json);
        json_key_text(&json, "name", swap->options.pipeline->parameters.name);
        model_swap_absence_put_json(&swap->absence, &json);
        put_news(&swap->state, &json);
        json_key(&json, "moves");
        json_begin_array(&json);
        if (aliases->sequence && (!before || aliases->sequence < before))
                alias_move_put_json(&aliases->last, &json);
        json_end_array(&json);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

static void tell_history_here(struct model_swap *swap, struct handoff *handoff) {
        int r = write_last_move(swap, handoff->number, &handoff->answer);

        if (r)
                handoff_return_failure(handoff, r);
        else
                handoff_return(handoff, 200);
}

void model_call_history(struct job *job, void *context) {
        struct handoff *handoff = handoff_of_job(job);
        struct model_swap *swap = context;

        if (model_call_is_ours(handoff, &swap->options))
                visit(swap, handoff, READ_MS, tell_history_there, tell_history_here);
}

/*
 * Moves
 */

/* Looks at once, so that the answer of the call is already true for predictions, then answers with the aliases. */
static void answer_moved(void *context) {
        handoff_return(context, 200);
}

static void answer_move(struct visit *visit, const struct aliases *aliases) {
        struct handoff *handoff = visit->handoff;
        struct json_builder json = json_begin(&handoff->answer, JSON_COMPACT);
        int r;

        json_begin_object(&json);
        json_key_text(&json, "name", handoff->parameter);
        model_call_put_aliases(aliases, &json);
        json_end_object(&json);
        r = json_end(&json);
        if (r)
                handoff_return_failure(handoff, r);
        else
                model_swap_look(visit->swap, answer_moved, handoff);
}

/* A move as the body asks for it. */
typedef int application(struct registry *registry, const struct handoff *handoff, const struct model_call *call,
                        const struct alias_request *request, struct aliases *ret_aliases);

/* What the moves have in common; the body has been found good. */
static bool move_there(struct visit *visit, const char *const *known, size_t n_known, application *apply) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        _cleanup_(model_call_finish) struct model_call call = MODEL_CALL_NULL;
        const struct model_swap_options *options = &visit->swap->options;
        struct alias_request request = { .actor = MODEL_CALL_ACTOR, .at_ms = clock_realtime_ms() };
        int r;

        if (!model_call_read(visit->handoff, options, known, n_known, &call))
                return true;
        request.reason = call.reason;
        r = aliases ? apply(options->registry, visit->handoff, &call, &request, aliases) : -ENOMEM;
        if (r)
                model_call_refuse(visit->handoff, r);
        else
                answer_move(visit, aliases);
        return true;
}

static void refuse_move(struct model_swap *swap _unused_, struct handoff *handoff) {
        model_call_refuse_away(handoff);
}

static const char *const ALIAS_FIELDS[] = { "version", "expect", "reason" };
static const char *const PIN_FIELDS[] = { "reason" };

static int apply_alias(struct registry *registry, const struct handoff *handoff, const struct model_call *call,
                       const struct alias_request *request, struct aliases *ret_aliases) {
        return registry_set_alias(registry, request, handoff->name, call->version,
                                  call->expect < 0 ? ALIASES_ANY : call->expect, ret_aliases);
}

static int apply_pin(struct registry *registry, const struct handoff *handoff _unused_,
                     const struct model_call *call _unused_, const struct alias_request *request,
                     struct aliases *ret_aliases) {
        return registry_pin(registry, request, true, ret_aliases);
}

static int apply_unpin(struct registry *registry, const struct handoff *handoff _unused_,
                       const struct model_call *call _unused_, const struct alias_request *request,
                       struct aliases *ret_aliases) {
        return registry_pin(registry, request, false, ret_aliases);
}

static bool alias_there(struct visit *visit) {
        return move_there(visit, ALIAS_FIELDS, N_ELEMENTS(ALIAS_FIELDS), apply_alias);
}

static bool pin_there(struct visit *visit) {
        return move_there(visit, PIN_FIELDS, N_ELEMENTS(PIN_FIELDS), apply_pin);
}

static bool unpin_there(struct visit *visit) {
        return move_there(visit, PIN_FIELDS, N_ELEMENTS(PIN_FIELDS), apply_unpin);
}

void model_call_alias(struct job *job, void *context) {
        _cleanup_(model_call_finish) struct model_call call = MODEL_CALL_NULL;
        struct handoff *handoff = handoff_of_job(job);
        struct model_swap *swap = context;
        struct fault fault = FAULT_NULL;

        if (!model_call_read(handoff, &swap->options, ALIAS_FIELDS, N_ELEMENTS(ALIAS_FIELDS), &call))
                return;
        if (call.version > 0) {
                visit(swap, handoff, MOVE_MS, alias_there, refuse_move);
                return;
        }
        fault_in(&fault, "version", -1);
        fault_set(&fault, "FIELD_MISSING", "the call must say which version gets the alias");
        handoff_return_fault(handoff, 422, &fault);
}

/* Wrong calls are told so, also while the registry is away. */
static void visit_to_pin(struct model_swap *swap, struct handoff *handoff, bool (*there)(struct visit *visit)) {
        _cleanup_(model_call_finish) struct model_call call = MODEL_CALL_NULL;

        if (model_call_read(handoff, &swap->options, PIN_FIELDS, N_ELEMENTS(PIN_FIELDS), &call))
                visit(swap, handoff, MOVE_MS, there, refuse_move);
}

void model_call_pin(struct job *job, void *context) {
        visit_to_pin(context, handoff_of_job(job), pin_there);
}

void model_call_unpin(struct job *job, void *context) {
        visit_to_pin(context, handoff_of_job(job), unpin_there);
}
