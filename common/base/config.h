#pragma once

/*
 * Configuration: YAML with places
 *
 * The only door to libfyaml. A file becomes a tree of maps, lists and scalars that know their line and position; every
 * complaint names file, line, position, key, what was seen and what was expected.
 *
 * Scalars are typed by YAML 1.2's core schema, decimal numbers only: null, ~ and nothing; true and false; 5; 0.5, .inf,
 * .nan; all else is text (so yes and no are text, as is whatever stands in quotes or as a block). With CONFIG_EXPAND,
 * ${NAME} and ${NAME:-default} (the default also where NAME is empty; braces nest) are replaced in scalar values after
 * parsing and before typing: a variable can change a value but never the structure. $${ stands for ${.
 *
 * Refused: duplicate keys, keys that are no scalars, several documents in a file, anchors, aliases and tags (nothing
 * can grow beyond the file), more than CONFIG_BYTES_MAX bytes, CONFIG_NODES_MAX nodes, CONFIG_DEPTH_MAX levels.
 *
 * JSON is YAML, so config_parse() also reads a JSON text with all these checks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"

#define CONFIG_BYTES_MAX (1024 * 1024)
#define CONFIG_NODES_MAX 65536
#define CONFIG_DEPTH_MAX 32

enum config_mode {
        CONFIG_VERBATIM, /* ${ has no meaning: for files that must mean the same everywhere, such as a bundle's schema
                          */
        CONFIG_EXPAND,   /* variables of the environment are expanded */
};

enum config_kind {
        CONFIG_KIND_NULL,
        CONFIG_KIND_BOOL,
        CONFIG_KIND_INT,
        CONFIG_KIND_FLOAT,
        CONFIG_KIND_TEXT,
        CONFIG_KIND_LIST,
        CONFIG_KIND_MAP,
};

struct config;
struct config_node; /* borrowed from its config */
struct json_builder;

/* Reads and parses a file. 0, FAULT_E_INPUT (codes CONFIG_*), or a negative errno; a file that is not there or cannot
 * be read is a fault too, since the user named it. */
int config_load(const char *path, enum config_mode mode, struct fault *fault, struct config **ret_config);

/* The same from memory, which is copied; name stands for the file in complaints. */
int config_parse(const char *name, const void *bytes, size_t n_bytes, enum config_mode mode, struct fault *fault,
                 struct config **ret_config);
struct config *config_destroy(struct config *config);
void config_destroy_pointer(struct config **config);

/* The bytes as they were read, nothing expanded, for digests and copies. Borrowed. */
const void *config_bytes(const struct config *config, size_t *ret_n_bytes);
const struct config_node *config_root(const struct config *config);

/* What a node is. config_key() is NULL but for a map's member. */
enum config_kind config_node_kind(const struct config_node *node);
const char *config_kind_name(enum config_kind kind); /* "a map", "an integer", … */
const char *config_key(const struct config_node *node);

/* Members or elements in the file's order; NULL at the end, for NULL and for scalars. */
const struct config_node *config_first(const struct config_node *node);
const struct config_node *config_next(const struct config_node *node);
size_t config_count(const struct config_node *node);

/* The member of that key or NULL; NULL also for NULL and for what is no map. */
const struct config_node *config_find(const struct config_node *map, const char *key);

/* Value of one node. 0 or FAULT_E_INPUT (CONFIG_WRONG_KIND, CONFIG_OUT_OF_RANGE). A plain 5 or true is no text unless
 * it came out of a variable. An int serves where a float is read; a float must be finite. Limits are inclusive. Text is
 * borrowed. */
int config_as_text(const struct config_node *node, struct fault *fault, const char **ret_value);
int config_as_int(const struct config_node *node, int64_t min, int64_t max, struct fault *fault, int64_t *ret_value);
int config_as_float(const struct config_node *node, double min, double max, struct fault *fault, double *ret_value);
int config_as_bool(const struct config_node *node, struct fault *fault, bool *ret_value);

/* Value of a member. Absent or null: *otherwise (text: otherwise), or FAULT_E_INPUT (CONFIG_MISSING_KEY) when that is
 * NULL.
 *
 *      r = config_get_int(train, "max_depth", 1, 32, &(int64_t){ 5 }, fault, &parameters.max_depth);
 */
int config_get_text(const struct config_node *map, const char *key, const char *otherwise, struct fault *fault,
                    const char **ret_value);
int config_get_int(const struct config_node *map, const char *key, int64_t min, int64_t max, const int64_t *otherwise,
                   struct fault *fault, int64_t *ret_value);
int config_get_float(const struct config_node *map, const char *key, double min, double max, const double *otherwise,
                     struct fault *fault, double *ret_value);

/* Text that is one of the words; ret_index is its place. otherwise is a word or NULL. */
int config_get_choice(const struct config_node *map, const char *key, const char *const *words, size_t n_words,
                      const char *otherwise, struct fault *fault, size_t *ret_index);

/* A member that is a list or a map. Absent: FAULT_E_INPUT when is_required, else 0 and NULL. */
int config_get_list(const struct config_node *map, const char *key, bool is_required, struct fault *fault,
                    const struct config_node **ret_list);
int config_get_map(const struct config_node *map, const char *key, bool is_required, struct fault *fault,
                   const struct config_node **ret_map);

/* 0 when node is a map with no key but these; else FAULT_E_INPUT (CONFIG_WRONG_KIND, CONFIG_UNKNOWN_KEY) naming the
 * first unknown key, the nearest known one and all known ones. NULL node: 0. */
int config_check_keys(const struct config_node *node, const char *const *known, size_t n_known, struct fault *fault);

/* Fills fault with this node's file, line, position and key path, and the sentence: for rules of the caller's own.
 * Returns FAULT_E_INPUT. */
int config_fault(const struct config_node *node, struct fault *fault, const char *code, const char *format, ...)
        _printf_(4, 5);

/* Writes the node with all that is in it as one JSON value; .inf and .nan become null. */
void config_put_json(const struct config_node *node, struct json_builder *builder);
