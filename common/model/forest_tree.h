#pragma once

/*
 * Forest tree
 *
 * One tree of a model file, checked and put in order: nodes stand breadth first from the root, two children side by
 * side behind their parent, and every path ends at a leaf.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/ubjson.h"

/* left > 0: goes to left when value < threshold, else to left + 1; NaN to left when default_left. left 0: a leaf. */
struct forest_node {
        float value; /* threshold, never NaN, or leaf value, finite */
        uint32_t left;
        uint32_t feature; /* below FOREST_FEATURES_MAX */
        uint32_t default_left;
};

struct forest_tree {
        struct forest_node *nodes;
        size_t n_nodes; /* at least 1 */
        size_t depth;   /* edges from the root to the deepest leaf */
        size_t output;  /* left 0 here; the model says it elsewhere */
};

/* Reads the object that comes next. On failure the cursor's error says why. */
bool forest_tree_read(struct ubjson *cursor, size_t n_nodes_max, struct forest_tree *ret_tree);
void forest_tree_finish(struct forest_tree *tree);
