/* Configuration, read: kinds, limits, and complaints that name the place, what was seen and what was expected. */

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/config.h"
#include "common/base/config_node.h"
#include "common/base/json_builder.h"
#include "common/base/nearest.h"

static bool is_one_of(const char *text, const char *const *words, size_t n_words) {
        for (size_t i = 0; i < n_words; i++)
                if (!strcmp(text, words[i]))
                        return true;
        return false;
}

static size_t n_digits(const char *text) {
        return strspn(text, "0123456789");
}

/* [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )? */
static bool is_decimal(const char *text) {
        size_t n;

        text += *text == '-' || *text == '+';
        n = n_digits(text);
        text += n;
        if (*text == '.') {
                text++;
                n += n_digits(text);
                text += n_digits(text);
        }
        if (!n)
                return false;
        if (*text == 'e' || *text == 'E') {
                text++;
                text += *text == '-' || *text == '+';
                if (!n_digits(text))
                        return false;
                text += n_digits(text);
        }
        return !*text;
}

void config_node_type(struct config_node *node) {
        static const char *const NULLS[] = { "", "~", "null", "Null", "NULL" };
        static const char *const TRUTHS[] = { "true", "True", "TRUE", "false", "False", "FALSE" };
        static const char *const INFINITIES[] = { ".inf", ".Inf", ".INF" };
        static const char *const NANS[] = { ".nan", ".NaN", ".NAN" };
        const char *text = node->text, *unsigned_text = text + (*text == '-' || *text == '+');

        if (is_one_of(text, NULLS, N_ELEMENTS(NULLS))) {
                node->kind = CONFIG_KIND_NULL;
        } else if (is_one_of(text, TRUTHS, N_ELEMENTS(TRUTHS))) {
                node->kind = CONFIG_KIND_BOOL;
                node->truth = *text == 't' || *text == 'T';
        } else if (is_one_of(unsigned_text, INFINITIES, N_ELEMENTS(INFINITIES))) {
                node->kind = CONFIG_KIND_FLOAT;
                node->number = *text == '-' ? -INFINITY : INFINITY;
        } else if (is_one_of(text, NANS, N_ELEMENTS(NANS))) {
                node->kind = CONFIG_KIND_FLOAT;
                node->number = NAN;
        } else if (is_decimal(text)) {
                node->number = strtod(text, NULL);
                errno = 0;
                node->integer = strtoll(text, NULL, 10);
                node->kind = !unsigned_text[n_digits(unsigned_text)] && !errno ? CONFIG_KIND_INT : CONFIG_KIND_FLOAT;
        }
}

enum config_kind config_node_kind(const struct config_node *node) {
        return node->kind;
}

const char *config_kind_name(enum config_kind kind) {
        static const char *const NAMES[] = {
                [CONFIG_KIND_NULL] = "nothing",      [CONFIG_KIND_BOOL] = "true or false",
                [CONFIG_KIND_INT] = "an integer",    [CONFIG_KIND_FLOAT] = "a number",
                [CONFIG_KIND_TEXT] = "a text",       [CONFIG_KIND_LIST] = "a list",
                [CONFIG_KIND_MAP] = "a map of keys",
        };

        return NAMES[kind];
}

const char *config_key(const struct config_node *node) {
        return node->key;
}

const struct config_node *config_first(const struct config_node *node) {
        return node ? node->first : NULL;
}

const struct config_node *config_next(const struct config_node *node) {
        return node ? node->next : NULL;
}

size_t config_count(const struct config_node *node) {
        return node ? node->n_children : 0;
}

const struct config_node *config_find(const struct config_node *map, const char *key) {
        if (!map || map->kind != CONFIG_KIND_MAP)
                return NULL;
        for (const struct config_node *member = map->first; member; member = member->next)
                if (!strcmp(member->key, key))
                        return member;
        return NULL;
}

/* "train.max_depth", "columns[3].name": from the root down. */
static void write_path(const struct config_node *node, char *path, size_t n_bytes) {
        size_t n, index = 0;

        if (!node->parent) {
                path[0] = 0;
                return;
        }
        write_path(node->parent, path, n_bytes);
        n = strlen(path);
        if (node->key) {
                snprintf(path + n, n_bytes - n, "%s%s", n ? "." : "", node->key);
                return;
        }
        for (const struct config_node *element = node->parent->first; element != node; element = element->next)
                index++;
        snprintf(path + n, n_bytes - n, "[%zu]", index);
}

/* Names the place of node, or of its member key when that is not NULL. */
static void place(const struct config_node *node, const char *key, struct fault *fault) {
        char path[sizeof(fault->column)];
        size_t n;

        write_path(node, path, sizeof(path));
        n = strlen(path);
        if (key)
                snprintf(path + n, sizeof(path) - n, "%s%s", n ? "." : "", key);
        fault_at(fault, node->config->name, node->line, node->position);
        fault_in(fault, path, -1);
}

int config_fault(const struct config_node *node, struct fault *fault, const char *code, const char *format, ...) {
        char sentence[sizeof(fault->message)];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        place(node, NULL, fault);
        return fault_set(fault, code, "%s", sentence);
}

/* A value out of variables may be a secret, so its name is shown and not its value. */
static int refuse(const struct config_node *node, const char *code, const char *expected, struct fault *fault) {
        const char *kind = config_kind_name(node->kind);

        if (node->is_expanded)
                return config_fault(node, fault, code, "expected %s, got %s from %.64s", expected, kind, node->written);
        if (node->kind == CONFIG_KIND_TEXT)
                return config_fault(node, fault, code, "expected %s, got the text \"%.64s\"", expected, node->text);
        if (node->kind == CONFIG_KIND_INT || node->kind == CONFIG_KIND_FLOAT || node->kind == CONFIG_KIND_BOOL)
                return config_fault(node, fault, code, "expected %s, got %.64s", expected, node->text);
        return config_fault(node, fault, code, "expected %s, got %s", expected, kind);
}

int config_as_text(const struct config_node *node, struct fault *fault, const char **ret_value) {
        bool is_scalar = node->kind == CONFIG_KIND_BOOL || node->kind == CONFIG_KIND_INT ||
                         node->kind == CONFIG_KIND_FLOAT;

        if (node->kind != CONFIG_KIND_TEXT && !(is_scalar && node->is_expanded))
                return refuse(node, "CONFIG_WRONG_KIND", is_scalar ? "a text (put it in quotes)" : "a text", fault);
        *ret_value = node->text;
        return 0;
}

int config_as_int(const struct config_node *node, int64_t min, int64_t max, struct fault *fault, int64_t *ret_value) {
        char expected[128] = "an integer";

        if (min > INT64_MIN && max < INT64_MAX)
                snprintf(expected, sizeof(expected), "an integer from %" PRId64 " to %" PRId64, min, max);
        else if (min > INT64_MIN)
                snprintf(expected, sizeof(expected), "an integer of at least %" PRId64, min);
        else if (max < INT64_MAX)
                snprintf(expected, sizeof(expected), "an integer of at most %" PRId64, max);
        if (node->kind != CONFIG_KIND_INT)
                return refuse(node, "CONFIG_WRONG_KIND", expected, fault);
        if (node->integer < min || node->integer > max)
                return refuse(node, "CONFIG_OUT_OF_RANGE", expected, fault);
        *ret_value = node->integer;
        return 0;
}

int config_as_float(const struct config_node *node, double min, double max, struct fault *fault, double *ret_value) {
        char expected[128] = "a number";

        if (min > -DBL_MAX && max < DBL_MAX)
                snprintf(expected, sizeof(expected), "a number from %.15g to %.15g", min, max);
        else if (min > -DBL_MAX)
                snprintf(expected, sizeof(expected), "a number of at least %.15g", min);
        else if (max < DBL_MAX)
                snprintf(expected, sizeof(expected), "a number of at most %.15g", max);
        if (node->kind != CONFIG_KIND_INT && node->kind != CONFIG_KIND_FLOAT)
                return refuse(node, "CONFIG_WRONG_KIND", expected, fault);
        if (!isfinite(node->number) || node->number < min || node->number > max)
                return refuse(node, "CONFIG_OUT_OF_RANGE", expected, fault);
        *ret_value = node->number;
        return 0;
}

int config_as_bool(const struct config_node *node, struct fault *fault, bool *ret_value) {
        if (node->kind != CONFIG_KIND_BOOL)
                return refuse(node, "CONFIG_WRONG_KIND", "true or false", fault);
        *ret_value = node->truth;
        return 0;
}

/* The member, unless it is absent or stands there without a value. */
static const struct config_node *find_value(const struct config_node *map, const char *key) {
        const struct config_node *member = config_find(map, key);

        return member && member->kind != CONFIG_KIND_NULL ? member : NULL;
}

static int refuse_missing(const struct config_node *map, const char *key, const char *expected, struct fault *fault) {
        const struct config_node *member = config_find(map, key);

        place(member ? member : map, member ? NULL : key, fault);
        return fault_set(fault, "CONFIG_MISSING_KEY", "%s is %s; expected %s", key,
                         member ? "there without a value" : "missing", expected);
}

int config_get_text(const struct config_node *map, const char *key, const char *otherwise, struct fault *fault,
                    const char **ret_value) {
        const struct config_node *member = find_value(map, key);

        if (member)
                return config_as_text(member, fault, ret_value);
        if (!otherwise)
                return refuse_missing(map, key, "a text", fault);
        *ret_value = otherwise;
        return 0;
}

int config_get_int(const struct config_node *map, const char *key, int64_t min, int64_t max, const int64_t *otherwise,
                   struct fault *fault, int64_t *ret_value) {
        const struct config_node *member = find_value(map, key);

        if (member)
                return config_as_int(member, min, max, fault, ret_value);
        if (!otherwise)
                return refuse_missing(map, key, "an integer", fault);
        *ret_value = *otherwise;
        return 0;
}

int config_get_float(const struct config_node *map, const char *key, double min, double max, const double *otherwise,
                     struct fault *fault, double *ret_value) {
        const struct config_node *member = find_value(map, key);

        if (member)
                return config_as_float(member, min, max, fault, ret_value);
        if (!otherwise)
                return refuse_missing(map, key, "a number", fault);
        *ret_value = *otherwise;
        return 0;
}

int config_get_choice(const struct config_node *map, const char *key, const char *const *words, size_t n_words,
                      const char *otherwise, struct fault *fault, size_t *ret_index) {
        const struct config_node *member = find_value(map, key);
        const char *word = otherwise;
        int r;

        if (!member && !otherwise)
                return refuse_missing(map, key, "a word", fault);
        if (member) {
                r = config_as_text(member, fault, &word);
                if (r)
                        return r;
        }
        for (size_t i = 0; i < n_words; i++)
                if (!strcmp(word, words[i])) {
                        *ret_index = i;
                        return 0;
                }
        r = refuse(member ? member : map, "CONFIG_WRONG_KIND", "one of the known words", fault);
        nearest_explain(word, words, n_words, fault->message, sizeof(fault->message));
        return r;
}

static int get_container(const struct config_node *map, const char *key, enum config_kind kind, bool is_required,
                         struct fault *fault, const struct config_node **ret_node) {
        const struct config_node *member = find_value(map, key);

        if (!member && is_required)
                return refuse_missing(map, key, config_kind_name(kind), fault);
        if (member && member->kind != kind)
                return refuse(member, "CONFIG_WRONG_KIND", config_kind_name(kind), fault);
        *ret_node = member;
        return 0;
}

int config_get_list(const struct config_node *map, const char *key, bool is_required, struct fault *fault,
                    const struct config_node **ret_list) {
        return get_container(map, key, CONFIG_KIND_LIST, is_required, fault, ret_list);
}

int config_get_map(const struct config_node *map, const char *key, bool is_required, struct fault *fault,
                   const struct config_node **ret_map) {
        return get_container(map, key, CONFIG_KIND_MAP, is_required, fault, ret_map);
}

int config_check_keys(const struct config_node *node, const char *const *known, size_t n_known, struct fault *fault) {
        if (!node)
                return 0;
        if (node->kind != CONFIG_KIND_MAP)
                return refuse(node, "CONFIG_WRONG_KIND", config_kind_name(CONFIG_KIND_MAP), fault);
        for (const struct config_node *member = node->first; member; member = member->next) {
                if (is_one_of(member->key, known, n_known))
                        continue;
                place(member, NULL, fault);
                fault_at(fault, node->config->name, member->key_line, member->key_position);
                fault_set(fault, "CONFIG_UNKNOWN_KEY", "unknown key %.64s", member->key);
                nearest_explain(member->key, known, n_known, fault->message, sizeof(fault->message));
                return FAULT_E_INPUT;
        }
        return 0;
}

/* Recurses as deep as the file nests, which the loader has bounded. */
void config_put_json(const struct config_node *node, struct json_builder *builder) {
        switch (node->kind) {
        case CONFIG_KIND_NULL:
                json_put_null(builder);
                return;
        case CONFIG_KIND_BOOL:
                json_put_bool(builder, node->truth);
                return;
        case CONFIG_KIND_INT:
                json_put_int64(builder, node->integer);
                return;
        case CONFIG_KIND_FLOAT:
                json_put_double(builder, node->number);
                return;
        case CONFIG_KIND_TEXT:
                json_put_text(builder, node->text);
                return;
        case CONFIG_KIND_LIST:
                json_begin_array(builder);
                for (const struct config_node *element = node->first; element; element = element->next)
                        config_put_json(element, builder);
                json_end_array(builder);
                return;
        case CONFIG_KIND_MAP:
                json_begin_object(builder);
                for (const struct config_node *member = node->first; member; member = member->next) {
                        json_key(builder, member->key);
                        config_put_json(member, builder);
                }
                json_end_object(builder);
                return;
        }
}
