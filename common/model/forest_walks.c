/* Forest walks: nodes of eight bytes, their leaf values beside them. */

#include "common/model/forest_walks.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/error.h"

enum {
        INTERLEAVED = 8, /* trees that one row walks at once, to hide the latency of each step */
        SLOT_BITS = 13,  /* twice the features: one slot for each default direction */
};

_Static_assert(2 * FOREST_FEATURES_MAX <= 1 << SLOT_BITS, "a node has room for every slot");
_Static_assert(FOREST_TREE_NODES_MAX <= 1 << (32 - SLOT_BITS), "a node has room for the way to every child");

/* A step goes `ahead` nodes on, and one more when the key in its slot is not below the threshold. A leaf goes nowhere,
 * and no key reaches its threshold, so that a walk may take more steps than its tree is deep. */
struct node {
        int32_t threshold;
        uint32_t slot : SLOT_BITS;
        uint32_t ahead : 32 - SLOT_BITS;
};

/* gcc unrolls nothing at -O2 unless told; the nodes' places are to stay in registers. clang does it unasked. */
#ifdef __clang__
#define UNROLLED
#else
#define UNROLLED _Pragma("GCC unroll 8")
#endif

#define KEY_LEAST INT32_MIN
#define KEY_GREATEST (INT32_MAX - 1)
#define THRESHOLD_OF_LEAF INT32_MAX

struct tree {
        size_t root; /* node */
        size_t depth;
        size_t output;
};

struct walks {
        size_t n_features;
        size_t n_trees;
        struct tree *trees; /* padded with empty ones to a multiple of INTERLEAVED */
        struct node *nodes; /* of all trees */
        float *leaves;      /* per node */
};

/* Integers in the order of the floats; both zeros are one. */
static inline int32_t key_of(float value) {
        float sum = value + 0.0f;
        int32_t bits;

        memcpy(&bits, &sum, sizeof(bits));
        return bits < 0 ? bits ^ INT32_MAX : bits;
}

/* The same for a value that may be missing: below or above all others. */
static inline int32_t key_in_slot(float value, uint32_t slot) {
        return isnan(value) ? slot & 1 ? KEY_LEAST : KEY_GREATEST : key_of(value);
}

void walks_add_row(const struct walks *walks, const float *features, float *margins) {
        int32_t keys[2 * FOREST_FEATURES_MAX];

        for (size_t f = 0; f < walks->n_features; f++) {
                keys[2 * f] = key_in_slot(features[f], 0);
                keys[2 * f + 1] = key_in_slot(features[f], 1);
        }
        for (size_t t = 0; t < walks->n_trees; t += INTERLEAVED) {
                const struct tree *trees = walks->trees + t;
                size_t at[INTERLEAVED], depth = 0;

                for (size_t k = 0; k < INTERLEAVED; k++) {
                        at[k] = trees[k].root;
                        depth = trees[k].depth > depth ? trees[k].depth : depth;
                }
                for (; depth; depth--) {
                        UNROLLED
                        for (size_t k = 0; k < INTERLEAVED; k++) {
                                struct node node = walks->nodes[at[k]];

                                at[k] += (size_t)node.ahead + (keys[node.slot] >= node.threshold);
                        }
                }
                for (size_t k = 0; k < INTERLEAVED && t + k < walks->n_trees; k++)
                        margins[trees[k].output] += walks->leaves[at[k]];
        }
}

void walks_add(const struct walks *walks, size_t tree, const float *const *columns, size_t first_row, size_t n_rows,
               float *sums) {
        for (size_t i = 0; i < n_rows; i++) {
                size_t at, next = walks->trees[tree].root;

                do {
                        struct node node = walks->nodes[next];
                        float value = columns[node.slot / 2][first_row + i];

                        at = next;
                        next += (size_t)node.ahead + (key_in_slot(value, node.slot) >= node.threshold);
                } while (next != at);
                sums[i] += walks->leaves[at];
        }
}

static void compile_tree(const struct forest_tree *tree, struct node *nodes, float *leaves) {
        for (size_t i = 0; i < tree->n_nodes; i++) {
                const struct forest_node *from = &tree->nodes[i];
                bool is_leaf = !from->left;

                nodes[i].threshold = is_leaf ? THRESHOLD_OF_LEAF : key_of(from->value);
                nodes[i].ahead = (is_leaf ? 0 : from->left - (uint32_t)i) & ((1U << (32 - SLOT_BITS)) - 1);
                nodes[i].slot = (is_leaf ? 0 : 2 * from->feature + from->default_left) & ((1U << SLOT_BITS) - 1);
                leaves[i] = is_leaf ? from->value : 0;
        }
}

static int compile(struct walks *walks, const struct forest_model *model) {
        size_t n_padded = (model->n_trees + INTERLEAVED - 1) / INTERLEAVED * INTERLEAVED, n_nodes = 1;

        for (size_t t = 0; t < model->n_trees; t++)
                n_nodes += model->trees[t].n_nodes;
        walks->n_features = model->n_features;
        walks->n_trees = model->n_trees;
        walks->trees = calloc(n_padded + 1, sizeof(*walks->trees));
        walks->nodes = calloc(n_nodes, sizeof(*walks->nodes));
        walks->leaves = calloc(n_nodes, sizeof(*walks->leaves));
        if (!walks->trees || !walks->nodes || !walks->leaves)
                return -ENOMEM;

        /* node 0 is the one leaf of all padding trees */
        walks->nodes[0].threshold = THRESHOLD_OF_LEAF;
        n_nodes = 1;
        for (size_t t = 0; t < model->n_trees; t++) {
                compile_tree(&model->trees[t], walks->nodes + n_nodes, walks->leaves + n_nodes);
                walks->trees[t] = (struct tree){ n_nodes, model->trees[t].depth, model->trees[t].output };
                n_nodes += model->trees[t].n_nodes;
        }
        return 0;
}

int walks_create(const struct forest_model *model, struct walks **ret_walks) {
        struct walks *walks = calloc(1, sizeof(*walks));
        int r = walks ? compile(walks, model) : -ENOMEM;

        if (r) {
                walks_destroy(walks);
                return error_origin(r, "Cannot compile a model");
        }
        *ret_walks = walks;
        return 0;
}

struct walks *walks_destroy(struct walks *walks) {
        if (!walks)
                return NULL;
        free(walks->trees);
        free(walks->nodes);
        free(walks->leaves);
        free(walks);
        return NULL;
}
