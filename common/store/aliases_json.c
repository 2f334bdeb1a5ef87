/* Aliases as JSON. What is not set is left out, so a state reads as it would be told. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/store/aliases.h"

static const char *const action_names[] = {
        [ALIAS_ACTION_RELEASE] = "release", [ALIAS_ACTION_SET] = "set",     [ALIAS_ACTION_ROLLBACK] = "rollback",
        [ALIAS_ACTION_PIN] = "pin",         [ALIAS_ACTION_UNPIN] = "unpin", [ALIAS_ACTION_RETIRE] = "retire",
};

static const char *const hindrance_names[] = {
        [ALIAS_HINDRANCE_NONE] = "none",
        [ALIAS_HINDRANCE_MOVED] = "champion_moved",
        [ALIAS_HINDRANCE_PINNED] = "pinned",
        [ALIAS_HINDRANCE_CHALLENGER] = "challenger_wanted",
};

static void build_version(struct json_builder *json, const char *key, int64_t version) {
        if (version != ALIASES_NONE)
                json_key_int64(json, key, version);
}

static void build_text(struct json_builder *json, const char *key, const char *text) {
        if (*text)
                json_key_text(json, key, text);
}

void alias_move_put_json(const struct alias_move *move, struct json_builder *json) {
        char at[CLOCK_RFC3339_BYTES];

        clock_format_rfc3339(move->at_ms, at);
        json_begin_object(json);
        json_key_int64(json, "sequence", move->sequence);
        json_key_text(json, "action", action_names[move->action]);
        build_version(json, "version", move->version);
        if (move->action == ALIAS_ACTION_RELEASE)
                json_key_bool(json, "promoted", move->hindrance == ALIAS_HINDRANCE_NONE);
        if (move->hindrance != ALIAS_HINDRANCE_NONE)
                json_key_text(json, "hindrance", hindrance_names[move->hindrance]);
        build_text(json, "id", move->id);
        build_text(json, "run_id", move->run);
        build_text(json, "actor", move->actor);
        build_text(json, "reason", move->reason);
        json_key_text(json, "at", at);
        json_key(json, "changes");
        json_begin_array(json);
        for (size_t i = 0; i < move->n_changes; i++) {
                json_begin_object(json);
                json_key_text(json, "alias", move->changes[i].name);
                build_version(json, "from", move->changes[i].from);
                build_version(json, "to", move->changes[i].to);
                json_end_object(json);
        }
        json_end_array(json);
        json_end_object(json);
}

int alias_move_format(const struct alias_move *move, struct buffer *ret_text) {
        struct json_builder json = json_begin(ret_text, JSON_PRETTY);

        alias_move_put_json(move, &json);
        return error_trace(json_end(&json));
}

static void build_numbers(struct json_builder *json, const char *key, const int64_t *versions, size_t n_versions) {
        json_key(json, key);
        json_begin_array(json);
        for (size_t i = 0; i < n_versions; i++)
                json_put_int64(json, versions[i]);
        json_end_array(json);
}

static void build_targets(const struct aliases *aliases, struct json_builder *json) {
        if (!aliases->has_targets)
                return;
        build_numbers(json, "rollback_targets", aliases->targets, aliases->n_targets);
        if (aliases->are_targets_cut)
                json_key_bool(json, "rollback_targets_cut", true);
}

int aliases_format(const struct aliases *aliases, struct buffer *ret_text) {
        struct json_builder json = json_begin(ret_text, JSON_PRETTY);

        json_begin_object(&json);
        json_key_int64(&json, "sequence", aliases->sequence);
        json_key_bool(&json, "pinned", aliases->is_pinned);
        json_key(&json, "aliases");
        json_begin_object(&json);
        for (size_t i = 0; i < aliases->n_aliases; i++)
                json_key_int64(&json, aliases->aliases[i].name, aliases->aliases[i].version);
        json_end_object(&json);
        build_targets(aliases, &json);
        if (aliases->n_complete)
                build_numbers(&json, "complete", aliases->complete, aliases->n_complete);
        build_version(&json, "highest_released", aliases->highest_released);
        if (aliases->n_retired)
                build_numbers(&json, "retired", aliases->retired, aliases->n_retired);
        if (aliases->sequence) {
                json_key(&json, "last");
                alias_move_put_json(&aliases->last, &json);
        }
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* The number of the name in the list, or a fault. */
static int parse_name(const struct json_value *object, const char *key, const char *const *names, size_t n_names,
                      struct fault *fault, size_t *ret_number) {
        const char *text;
        int r;

        r = json_need_text(object, key, fault, &text);
        if (r)
                return r;
        for (size_t i = 0; i < n_names; i++) {
                if (strcmp(names[i], text))
                        continue;
                *ret_number = i;
                return 0;
        }
        return fault_set(fault, "ALIASES_MALFORMED", "\"%s\" is '%s', which is none of its values", key, text);
}

/* A text that may be absent, cut to the room there is. */
static int parse_text(const struct json_value *object, const char *key, struct fault *fault, char *ret_text,
                      size_t n_bytes) {
        const char *text = "";
        int r;

        if (json_get(object, key)) {
                r = json_need_text(object, key, fault, &text);
                if (r)
                        return r;
        }
        snprintf(ret_text, n_bytes, "%s", text);
        return 0;
}

static int parse_version(const struct json_value *object, const char *key, struct fault *fault, int64_t *ret_version) {
        *ret_version = ALIASES_NONE;
        return json_get(object, key) ? json_need_int(object, key, 1, INT64_MAX, fault, ret_version) : 0;
}

static int parse_changes(const struct json_value *object, struct fault *fault, struct alias_move *move) {
        const struct json_value *array, *element;
        struct json_array_iterator iterator;
        int r;

        r = json_need_array(object, "changes", fault, &array);
        if (r)
                return r;
        iterator = json_iterate_array(array);
        while (json_next_element(&iterator, &element)) {
                struct alias_change *change = &move->changes[move->n_changes];

                if (move->n_changes++ == ALIASES_CHANGES_MAX)
                        return fault_set(fault, "ALIASES_MALFORMED", "a move changes at most %d aliases",
                                         ALIASES_CHANGES_MAX);
                r = parse_text(element, "alias", fault, change->name, sizeof(change->name));
                if (!r && !alias_is_valid(change->name))
                        r = fault_set(fault, "ALIASES_MALFORMED", "'%.64s' is no alias", change->name);
                if (!r)
                        r = parse_version(element, "from", fault, &change->from);
                if (!r)
                        r = parse_version(element, "to", fault, &change->to);
                if (r)
                        return r;
        }
        return 0;
}

static int parse_move(const struct json_value *object, struct fault *fault, struct alias_move *ret_move) {
        struct alias_move move = { 0 };
        const char *at;
        size_t number = 0;
        int r;

        r = json_need_int(object, "sequence", 1, INT64_MAX, fault, &move.sequence);
        if (!r)
                r = parse_name(object, "action", action_names, N_ELEMENTS(action_names), fault, &number);
        move.action = (enum alias_action)number;
        number = ALIAS_HINDRANCE_NONE;
        if (!r && json_get(object, "hindrance"))
                r = parse_name(object, "hindrance", hindrance_names, N_ELEMENTS(hindrance_names), fault, &number);
        move.hindrance = (enum alias_hindrance)number;
        if (!r)
                r = parse_version(object, "version", fault, &move.version);
        if (!r)
                r = parse_text(object, "id", fault, move.id, sizeof(move.id));
        if (!r)
                r = parse_text(object, "run_id", fault, move.run, sizeof(move.run));
        if (!r)
                r = parse_text(object, "actor", fault, move.actor, sizeof(move.actor));
        if (!r)
                r = parse_text(object, "reason", fault, move.reason, sizeof(move.reason));
        if (!r)
                r = json_need_text(object, "at", fault, &at);
        if (!r && !clock_parse_rfc3339(at, &move.at_ms))
                r = fault_set(fault, "ALIASES_MALFORMED", "\"at\" is '%.64s', which is no time", at);
        if (!r)
                r = parse_changes(object, fault, &move);
        if (!r)
                *ret_move = move;
        return r;
}

int alias_move_parse(const struct buffer *text, struct alias_move *ret_move, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        int r;

        r = json_parse(buffer_text(text), text->n_bytes, fault, &json);
        return r ? error_trace(r) : parse_move(json_root(json), fault, ret_move);
}

static int parse_alias(const char *name, size_t n_name, const struct json_value *value, struct fault *fault,
                       struct aliases *aliases) {
        struct alias *alias = &aliases->aliases[aliases->n_aliases];

        if (aliases->n_aliases == ALIASES_MAX)
                return fault_set(fault, "ALIASES_MALFORMED", "there are more than %d aliases", ALIASES_MAX);
        if (n_name >= sizeof(alias->name) || strlen(name) != n_name || !alias_is_valid(name))
                return fault_set(fault, "ALIASES_MALFORMED", "'%.64s' is no alias", name);
        if (aliases->n_aliases && strcmp(alias[-1].name, name) >= 0)
                return fault_set(fault, "ALIASES_MALFORMED", "alias '%.64s' stands twice or out of order", name);
        if (!json_as_int64(value, &alias->version) || alias->version <= ALIASES_NONE)
                return fault_set(fault, "ALIASES_MALFORMED", "alias '%.64s' points to no version", name);
        memcpy(alias->name, name, n_name + 1);
        aliases->n_aliases++;
        return 0;
}

/* An array of versions, which may be absent. */
static int parse_numbers(const struct json_value *object, const char *name, size_t n_max, struct fault *fault,
                         int64_t *ret_versions, size_t *ret_n_versions) {
        const struct json_value *array, *element;
        struct json_array_iterator iterator;
        size_t n = 0;
        int r;

        if (!json_get(object, name))
                return 0;
        r = json_need_array(object, name, fault, &array);
        if (r)
                return r;
        iterator = json_iterate_array(array);
        for (; json_next_element(&iterator, &element); n++) {
                if (n == n_max)
                        return fault_set(fault, "ALIASES_MALFORMED", "%s has more than %zu versions", name, n_max);
                if (!json_as_int64(element, &ret_versions[n]) || ret_versions[n] <= ALIASES_NONE)
                        return fault_set(fault, "ALIASES_MALFORMED", "%s holds what is no version", name);
        }
        *ret_n_versions = n;
        return 0;
}

/* There is no list once those that were remembered are used up. */
static int parse_targets(const struct json_value *object, struct fault *fault, struct aliases *aliases) {
        int r;

        aliases->has_targets = json_get(object, "rollback_targets");
        r = parse_numbers(object, "rollback_targets", ALIASES_TARGETS_MAX, fault, aliases->targets,
                          &aliases->n_targets);
        if (!r && json_get(object, "rollback_targets_cut"))
                r = json_need_bool(object, "rollback_targets_cut", fault, &aliases->are_targets_cut);
        return r;
}

int aliases_parse(const struct buffer *text, struct aliases *ret_aliases, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct aliases aliases = ALIASES_NULL;
        const struct json_value *object, *value;
        struct json_object_iterator iterator;
        const char *name;
        size_t n_name;
        int r;

        r = json_parse(buffer_text(text), text->n_bytes, fault, &json);
        if (!r)
                r = json_need_int(json_root(json), "sequence", 1, INT64_MAX, fault, &aliases.sequence);
        if (!r)
                r = json_need_bool(json_root(json), "pinned", fault, &aliases.is_pinned);
        if (!r)
                r = json_need_object(json_root(json), "aliases", fault, &object);
        if (r)
                return error_trace(r);
        iterator = json_iterate_object(object);
        while (!r && json_next_member(&iterator, &name, &n_name, &value))
                r = parse_alias(name, n_name, value, fault, &aliases);
        if (!r)
                r = parse_targets(json_root(json), fault, &aliases);
        if (!r)
                r = parse_numbers(json_root(json), "complete", ALIASES_COMPLETE_MAX, fault, aliases.complete,
                                  &aliases.n_complete);
        if (!r)
                r = parse_version(json_root(json), "highest_released", fault, &aliases.highest_released);
        if (!r)
                r = parse_numbers(json_root(json), "retired", ALIASES_RETIRED_MAX, fault, aliases.retired,
                                  &aliases.n_retired);
        if (!r)
                r = json_need_object(json_root(json), "last", fault, &object);
        if (!r)
                r = parse_move(object, fault, &aliases.last);
        if (!r && aliases.last.sequence != aliases.sequence)
                r = fault_set(fault, "ALIASES_MALFORMED", "the last move has another sequence number");
        if (!r)
                *ret_aliases = aliases;
        return r;
}
