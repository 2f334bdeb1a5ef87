/* One tree of a model file: arrays over its nodes, in which the trainer may have left holes, put into a dense order. */

#include "common/model/forest_tree.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/model/forest.h"

/* As the file has it: arrays of one length. */
struct raw_tree {
        struct ubjson_integers left, right, features, default_left, split_types, categories;
        struct ubjson_floats values;
        double n_leaf_values;
};

static bool read_tree_parameters(struct ubjson *cursor, struct raw_tree *raw) {
        struct ubjson_scope scope;
        struct ubjson_text key;

        if (!ubjson_open_object(cursor, &scope))
                return false;
        while (ubjson_next_key(cursor, &scope, &key)) {
                if (ubjson_text_is(key, "size_leaf_vector"))
                        ubjson_read_number_or_text(cursor, &raw->n_leaf_values);
                else
                        ubjson_skip(cursor);
        }
        return !cursor->error;
}

static bool read_raw_tree(struct ubjson *cursor, struct raw_tree *raw) {
        const struct {
                const char *key;
                struct ubjson_integers *integers;
        } arrays[] = {
                { "left_children", &raw->left },     { "right_children", &raw->right },
                { "split_indices", &raw->features }, { "default_left", &raw->default_left },
                { "split_type", &raw->split_types }, { "categories_nodes", &raw->categories },
        };
        struct ubjson_scope scope;
        struct ubjson_text key;
        struct ubjson_integers *integers;

        if (!ubjson_open_object(cursor, &scope))
                return false;
        while (ubjson_next_key(cursor, &scope, &key)) {
                integers = NULL;
                for (size_t i = 0; i < N_ELEMENTS(arrays); i++)
                        if (ubjson_text_is(key, arrays[i].key))
                                integers = arrays[i].integers;
                if (integers)
                        ubjson_read_integers(cursor, integers);
                else if (ubjson_text_is(key, "split_conditions"))
                        ubjson_read_floats(cursor, &raw->values);
                else if (ubjson_text_is(key, "tree_param"))
                        read_tree_parameters(cursor, raw);
                else
                        ubjson_skip(cursor);
        }
        return !cursor->error;
}

static void raw_tree_finish(struct raw_tree *raw) {
        free(raw->left.values);
        free(raw->right.values);
        free(raw->features.values);
        free(raw->default_left.values);
        free(raw->split_types.values);
        free(raw->categories.values);
        free(raw->values.values);
}

static bool raw_tree_is_sound(struct ubjson *cursor, const struct raw_tree *raw) {
        size_t n = raw->left.n;

        if (!n || raw->right.n != n || raw->features.n != n || raw->default_left.n != n || raw->values.n != n ||
            (raw->split_types.n && raw->split_types.n != n))
                return ubjson_fail(cursor, "the arrays of a tree differ in length");
        if (raw->n_leaf_values > 1)
                return ubjson_fail_unsupported(cursor, "its leaves hold vectors");
        if (raw->categories.n)
                return ubjson_fail_unsupported(cursor, "it splits by categories");
        return true;
}

/* Fills node i of the new order from node `from` of the file, and enqueues its children. */
static bool place_node(struct ubjson *cursor, const struct raw_tree *raw, struct forest_tree *tree, size_t i,
                       int32_t *order) {
        int32_t from = order[i], left = raw->left.values[from], right = raw->right.values[from];
        struct forest_node *node = &tree->nodes[i];
        int32_t n = (int32_t)raw->left.n;

        node->value = raw->values.values[from];
        if (left == -1 && right == -1)
                return isfinite(node->value) || ubjson_fail(cursor, "a leaf is not finite");
        if (left < 0 || right < 0 || left >= n || right >= n || left == right)
                return ubjson_fail(cursor, "a node's child is out of range");
        /* on a cycle nodes would be enqueued without end */
        if (tree->n_nodes + 2 > raw->left.n)
                return ubjson_fail(cursor, "a node is reached twice");
        if (isnan(node->value) || raw->features.values[from] < 0 || raw->features.values[from] >= FOREST_FEATURES_MAX)
                return ubjson_fail(cursor, "a split has no feature or no threshold");
        if (raw->split_types.n && raw->split_types.values[from])
                return ubjson_fail_unsupported(cursor, "it splits by categories");
        node->feature = (uint32_t)raw->features.values[from];
        node->default_left = raw->default_left.values[from] != 0;
        node->left = (uint32_t)tree->n_nodes;
        order[tree->n_nodes++] = left;
        order[tree->n_nodes++] = right;
        return true;
}

bool forest_tree_read(struct ubjson *cursor, size_t n_nodes_max, struct forest_tree *ret_tree) {
        _cleanup_(raw_tree_finish) struct raw_tree raw = { 0 };
        _cleanup_(free_pointer) int32_t *order = NULL;
        struct forest_tree tree = { .n_nodes = 1 };
        size_t level_end = 1;

        if (!read_raw_tree(cursor, &raw) || !raw_tree_is_sound(cursor, &raw))
                return false;
        if (raw.left.n > n_nodes_max)
                return ubjson_fail(cursor, "it has too many nodes");
        if (raw.left.n > FOREST_TREE_NODES_MAX)
                return ubjson_fail_unsupported(cursor, "one of its trees has too many nodes");
        assert(raw.left.n > 0);
        order = calloc(raw.left.n, sizeof(*order));
        tree.nodes = calloc(raw.left.n, sizeof(*tree.nodes));
        if (!order || !tree.nodes) {
                free(tree.nodes);
                return ubjson_fail_memory(cursor);
        }
        for (size_t i = 0; i < tree.n_nodes; i++) {
                if (i == level_end) {
                        level_end = tree.n_nodes;
                        tree.depth++;
                }
                if (!place_node(cursor, &raw, &tree, i, order)) {
                        free(tree.nodes);
                        return false;
                }
        }
        *ret_tree = tree;
        return true;
}

void forest_tree_finish(struct forest_tree *tree) {
        free(tree->nodes);
        *tree = (struct forest_tree){ 0 };
}
